"""A document a line."""

import json
from pathlib import Path

import pytest

from ingest.reading.formats import lines
from ingest.reading.raw import RawDocument, Skipped

WORDS = "zanzibar and some more words"


def read(path: Path, *written: str | bytes) -> tuple[list[RawDocument], list[Skipped]]:
    path.write_bytes(b"\n".join(line if isinstance(line, bytes) else line.encode() for line in written))
    return lines.read("d.jsonl", path, None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "d.jsonl"


def test_a_number_of_any_length_in_another_field_costs_nothing(path: Path) -> None:
    (document,), skipped = read(path, f'{{"_id": 7, "text": "{WORDS}", "hash": {"9" * 5000}, "ratio": NaN}}')
    assert (document.document_id, document.text) == ("7", WORDS)
    assert skipped == []


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (f'{{"_id": {"1" * 5000}, "text": "{WORDS}"}}', "more than 1000"),
        (f'{{"_id": "{"a" * 1001}", "text": "{WORDS}"}}', "more than 1000"),
        (rf'{{"_id": "a\ud800", "text": "{WORDS}"}}', "halves of characters"),
        (rf'{{"_id": "a\u001b[2J", "text": "{WORDS}"}}', "control characters"),
        (rf'{{"_id": "a\nb", "text": "{WORDS}"}}', "control characters"),
        (f'{{"_id": Infinity, "text": "{WORDS}"}}', "string or a whole number"),
        (f'{{"_id": 1.5, "text": "{WORDS}"}}', "string or a whole number"),
        (f'{{"_id": true, "text": "{WORDS}"}}', "string or a whole number"),
        (f'{{"text": "{WORDS}"}}', "string or a whole number"),
        (f'{{"_id": "a", "text": "{WORDS}", "text": "other"}}', "names `text` twice"),
        ('{"_id": "a", "text": ' + "[" * 100_000, "nested too deep"),
        ('{"_id": "a", "text": 5}', "needs a `text`"),
        (f'{{"_id": "a", "title": ["zanzibar"], "text": "{WORDS}"}}', "`title` that is no string"),
        (f'["{WORDS}"]', "found a list"),
        ("5", "found a number"),
        (f'{{"_id": "a", "text": "{WORDS}', "is no JSON"),
        (b'{"_id": "a", "text": "zanzibar \xe9"}', "is not UTF-8"),
    ],
)
def test_a_bad_line_is_named_by_its_number_without_its_text_and_the_next_is_read(
    path: Path, line: str | bytes, why: str
) -> None:
    (good,), (bad,) = read(path, "", line, f'{{"_id": "good", "text": "{WORDS}"}}')
    assert good.document_id == "good"
    assert bad.name == "d.jsonl:2"
    assert why in bad.reason
    assert "zanzibar" not in bad.reason


def test_the_parts_of_a_large_file_are_its_whole_lines_in_order(path: Path) -> None:
    longest = 3 << 20
    sizes = [100, 700_000, 400_000, longest, 10, 10, 900_000, 1 << 20, 50]
    written = [json.dumps({"_id": str(number), "text": "w" * size}) for number, size in enumerate(sizes)]
    path.write_text("\n".join(written), encoding="utf-8")
    parts = list(lines.parts(path))
    assert len(parts) > 4
    assert [part.start for part in parts] == [0, *(part.end for part in parts[:-1])]
    assert parts[-1].end == path.stat().st_size
    assert [part.first for part in parts] == [1, *(part.last + 1 for part in parts[:-1])]
    documents = [document for part in parts for document in lines.read("d.jsonl", path, part)[0]]
    assert [(document.document_id, len(document.text)) for document in documents] == [
        (str(number), size) for number, size in enumerate(sizes)
    ]


def test_a_line_that_is_longer_than_a_part_is_read_alone(path: Path) -> None:
    path.write_text("a\n" + "b" * (5 << 20) + "\nc\nd\n", encoding="utf-8")
    assert [part.lines for part in lines.parts(path)] == ["1", "2", "3-4"]


def test_what_is_added_at_the_end_leaves_the_other_parts_as_they_were(path: Path) -> None:
    path.write_text((json.dumps({"_id": "a", "text": WORDS * 100}) + "\n") * 1000, encoding="utf-8")
    before = list(lines.parts(path))
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps({"_id": "b", "text": WORDS}) + "\n")
    after = list(lines.parts(path))
    assert after[:-1] == before[:-1]
    assert after[-1] != before[-1]


def test_a_bad_line_in_a_later_part_has_its_number_in_the_file(path: Path) -> None:
    good = json.dumps({"_id": "a", "text": WORDS * 100})
    path.write_text("\n".join([*[good] * 1000, "bad", *[good] * 3]), encoding="utf-8")
    skipped = [left_out for part in lines.parts(path) for left_out in lines.read("d.jsonl", path, part)[1]]
    assert [left_out.name for left_out in skipped] == ["d.jsonl:1001"]
