"""Files to raw documents."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.reading.raw import RawDocument, Skipped
from ingest.reading.sources import Listing, SourceFile, fingerprint, list_files, read, unique
from rag_flywheel.config import Config, Source

Write = Callable[[str, str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def file(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return file


def listing(folder: Path, *sources: str) -> Listing:
    return list_files(Config(file=folder / "config.yaml", sources=sources))


def names(found: Listing) -> list[str]:
    return [file.name for file in found.files]


def read_one(path: Path) -> RawDocument:
    documents, skipped = read(SourceFile(name=path.name, path=path, source=Source(path=".")))
    assert skipped == []
    assert len(documents) == 1
    return documents[0]


def reason(path: Path) -> str:
    documents, skipped = read(SourceFile(name=path.name, path=path, source=Source(path=".")))
    assert documents == []
    assert [left_out.name for left_out in skipped] == [path.name]
    return skipped[0].reason


# --- which files ----------------------------------------------------------------------------------------------------


def test_a_folder_gives_its_files_of_known_suffixes_at_any_depth_in_order_and_counts_the_others(
    tmp_path: Path, write: Write
) -> None:
    for name in ("docs/b.md", "docs/a.TXT", "docs/deep/er/c.html", "docs/logo.png", "docs/.git/config.md"):
        write(name, "x")
    found = listing(tmp_path, "docs")
    assert names(found) == ["docs/a.TXT", "docs/b.md", "docs/deep/er/c.html"]
    assert (found.skipped, found.ignored) == ((), 1)


def test_a_glob_matches_within_a_segment_and_two_stars_match_any_depth(tmp_path: Path, write: Write) -> None:
    for name in ("m/a1.md", "m/a2.md", "m/b1.md", "m/x/a3.md", "m/x/y/a4.md"):
        write(name, "x")
    assert names(listing(tmp_path, "m/a*.md")) == ["m/a1.md", "m/a2.md"]
    assert names(listing(tmp_path, "m/**/a*.md")) == ["m/a1.md", "m/a2.md", "m/x/a3.md", "m/x/y/a4.md"]
    assert names(listing(tmp_path, "m/*/a?.md")) == ["m/x/a3.md"]
    assert names(listing(tmp_path, "m/[ab]1.md")) == ["m/a1.md", "m/b1.md"]
    assert names(listing(tmp_path, "m/**")) == names(listing(tmp_path, "m"))


def test_signs_of_a_pattern_in_the_name_of_the_configs_folder_are_no_pattern(tmp_path: Path, write: Write) -> None:
    write("we[i]rd*/docs/a.md", "x")
    assert names(listing(tmp_path / "we[i]rd*", "docs/*.md")) == ["docs/a.md"]
    assert names(listing(tmp_path / "we[i]rd*", "docs")) == ["docs/a.md"]


def test_a_name_that_is_no_utf8_can_still_be_stored(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    Path(os.fsdecode(os.fsencode(tmp_path / "docs") + b"/caf\xe9.md")).write_text("x")
    assert names(listing(tmp_path, "docs")) == ["docs/caf\ufffd.md"]


def test_a_file_that_two_sources_name_is_listed_once(tmp_path: Path, write: Write) -> None:
    write("docs/a.md", "x")
    assert names(listing(tmp_path, "docs", "docs/a.md", "docs/*.md")) == ["docs/a.md"]


def test_a_file_outside_of_the_configs_folder_keeps_a_relative_name(tmp_path: Path, write: Write) -> None:
    outside = write("elsewhere/a.md", "x")
    (tmp_path / "project").mkdir()
    assert names(listing(tmp_path / "project", "../elsewhere/a.md")) == ["../elsewhere/a.md"]
    assert names(listing(tmp_path / "project", str(outside))) == ["../elsewhere/a.md"]


def test_sources_that_give_nothing_are_reported_by_their_entry(tmp_path: Path, write: Write) -> None:
    write("image.png", "x")
    write("pictures/a.png", "x")
    found = listing(tmp_path, "nowhere", "none/*.md", "image.png", "pictures")
    assert [left_out.name for left_out in found.skipped] == ["nowhere", "none/*.md", "image.png", "pictures"]
    assert "suffix .png" in found.skipped[2].reason
    assert ".docx" in found.skipped[2].reason
    assert found.ignored == 1


def test_a_loop_of_symbolic_links_ends(tmp_path: Path, write: Write) -> None:
    write("docs/a.md", "x")
    for name in ("one", "two", "three"):
        os.symlink(tmp_path / "docs", tmp_path / "docs" / name)
    assert names(listing(tmp_path, "docs")) == ["docs/a.md"]
    assert names(listing(tmp_path, "docs/**/*.md")) == ["docs/a.md"]


def test_a_linked_folder_and_a_linked_file_are_followed(tmp_path: Path, write: Write) -> None:
    write("real/a.md", "x")
    (tmp_path / "docs").mkdir()
    os.symlink(tmp_path / "real", tmp_path / "docs" / "linked")
    os.symlink(tmp_path / "real" / "a.md", tmp_path / "docs" / "b.md")
    os.symlink(tmp_path / "gone.md", tmp_path / "docs" / "broken.md")
    assert names(listing(tmp_path, "docs")) == ["docs/b.md", "docs/linked/a.md"]


def test_something_that_is_no_regular_file_is_not_opened(tmp_path: Path, write: Write) -> None:
    write("docs/a.md", "x")
    os.mkfifo(tmp_path / "docs" / "pipe.md")
    assert names(listing(tmp_path, "docs")) == ["docs/a.md"]


def test_the_fingerprint_changes_with_the_bytes_and_with_nothing_else(tmp_path: Path, write: Write) -> None:
    path = write("docs/a.md", "one")
    before = fingerprint(listing(tmp_path, "docs").files)
    os.utime(path, (0, 0))
    assert fingerprint(listing(tmp_path, "docs").files) == before
    write("docs/a.md", "two")
    assert fingerprint(listing(tmp_path, "docs").files) != before


def test_a_file_that_vanished_has_an_empty_fingerprint_and_is_reported_when_it_is_read(tmp_path: Path) -> None:
    gone = SourceFile(name="gone.md", path=tmp_path / "gone.md", source=Source(path="."))
    assert fingerprint([gone]) == {"gone.md": ""}
    documents, skipped = read(gone)
    assert (documents, [left_out.name for left_out in skipped]) == ([], ["gone.md"])


def test_listing_and_fingerprinting_load_no_reader() -> None:
    code = (
        "import ingest.reading.sources, sys; "
        "print([m for m in ('llama_index', 'bs4', 'pypdfium2', 'lxml', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- formats --------------------------------------------------------------------------------------------------------


def test_markdown_keeps_its_headings_and_takes_its_title_from_the_first(write: Write) -> None:
    document = read_one(write("a.md", "Intro\n\n```\n# no heading\n```\n\n# Pump manual #\n\n## Reset\n\nHold it.\n"))
    assert document.title == "Pump manual"
    assert document.text.startswith("Intro\n\n```\n# no heading")
    assert "## Reset" in document.text


def test_markdowns_front_matter_gives_the_title_and_is_no_text(write: Write) -> None:
    document = read_one(write("a.md", '---\ntitle: "The pump"\ntags: [x]\n---\n# Other\n\nText.\n'))
    assert document.title == "The pump"
    assert "tags" not in document.text


def test_an_underlined_markdown_heading_becomes_one_with_signs(write: Write) -> None:
    document = read_one(write("a.md", "Pump\n====\n\nText.\n\nReset\n-----\n\nMore.\n\n- item\n---\n"))
    assert document.title == "Pump"
    assert document.text == "# Pump\n\nText.\n\n## Reset\n\nMore.\n\n- item\n---"


def test_plain_text_is_titled_by_its_files_name(write: Write) -> None:
    assert read_one(write("pump manual.txt", "Hold it.")).title == "pump manual"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1"])
def test_text_is_decoded_whatever_its_encoding(write: Write, encoding: str) -> None:
    text = "Für Füße: größere Schläuche, naïve cafés."
    assert read_one(write("a.txt", text.encode(encoding))).text == text


def test_a_cyrillic_code_page_is_recognised(write: Write) -> None:
    text = "Нажмите и удерживайте кнопку питания в течение пяти секунд, затем отпустите её. " * 3
    assert read_one(write("a.txt", text.encode("cp1251"))).text == text


def test_bytes_that_are_no_text_are_reported(write: Write) -> None:
    assert "no text" in reason(write("a.txt", bytes(range(256)) * 4))
    assert "no text" in reason(write("b.md", bytes(range(1, 256)) * 4))
    assert "no text" in reason(write("c.html", b"\x00\x01" * 50))


def test_an_empty_file_of_every_kind_is_reported(write: Write) -> None:
    for suffix in ("md", "txt", "html", "pdf", "docx", "pptx", "csv", "jsonl"):
        assert reason(write(f"a.{suffix}", "")) == "is empty"
    assert reason(write("blank.txt", " \n ")) == "holds no text"


HTML = """<!doctype html><html><head><title>Pump  site</title><style>p {}</style></head><body>
<nav><a href=/>Home</a></nav><div id="cookie-banner">We use cookies</div><p hidden>draft</p>
<h1>Pump</h1><p>It has <b>two</b>
modes.</p><h2>Reset <em>it</em></h2><ul><li>Hold.</li><li><p>Release.</p></li></ul>
<pre>line 1
  # line 2</pre><table><tr><th>Mode</th><th>Watts</th></tr><tr><td>Eco</td><td>5</td></tr></table>
<script>alert(1)</script></body></html>"""


def test_html_becomes_markdown_of_what_a_reader_sees(write: Write) -> None:
    document = read_one(write("a.html", HTML))
    assert document.title == "Pump site"
    assert [line.rstrip() for line in document.text.splitlines() if line.strip()] == [
        "# Pump",
        "It has two modes.",
        "## Reset it",
        "- Hold.",
        "- Release.",
        "```",
        "line 1",
        "  # line 2",
        "```",
        "Mode | Watts",
        "Eco | 5",
    ]


def test_html_is_titled_by_its_heading_where_it_has_no_title(write: Write) -> None:
    assert read_one(write("a.htm", "<h1>Pump</h1><p>Text</p>")).title == "Pump"


def test_html_is_decoded_as_it_declares(write: Write) -> None:
    page = '<meta charset="windows-1251"><p>Насос</p>'.encode("cp1251")
    assert read_one(write("a.html", page)).text.strip() == "Насос"


def test_html_that_is_nested_absurdly_deep_is_still_read(write: Write) -> None:
    assert read_one(write("a.html", "<div>" * 3000 + "deep" + "</div>" * 3000)).text.strip() == "deep"


def test_jsonl_gives_one_document_a_line_under_its_own_id(write: Write) -> None:
    path = write(
        "c.jsonl", '\ufeff{"_id": "s1", "title": "T", "text": "One"}\n\n{"_id": 2, "text": "Two", "metadata": {}}\r\n'
    )
    documents, skipped = read(SourceFile(name="data/c.jsonl", path=path, source=Source(path=".")))
    assert skipped == []
    assert [(document.document_id, document.title, document.text, document.source) for document in documents] == [
        ("s1", "T", "One", "data/c.jsonl"),
        ("2", "", "Two", "data/c.jsonl"),
    ]


def test_broken_jsonl_lines_are_reported_by_number_without_their_text_and_the_others_are_read(write: Write) -> None:
    lines = [
        b'{"_id": "1", "text": "good"}',
        b'{"_id": "2", "text": "secret',
        b'["secret"]',
        b'{"text": "secret"}',
        b'{"_id": "5"}',
        b'{"_id": "6", "text": "secret \xff"}',
        b'{"_id": "7", "text": "x", "title": ["secret"]}',
        b'{"_id": true, "text": "secret"}',
        b"[" * 100_000,
        json.dumps({"_id": "10", "text": "good too"}).encode(),
    ]
    documents, skipped = read(
        SourceFile(name="c.jsonl", path=write("c.jsonl", b"\n".join(lines)), source=Source(path="."))
    )
    assert [document.document_id for document in documents] == ["1", "10"]
    assert [left_out.name for left_out in skipped] == [f"c.jsonl:{number}" for number in range(2, 10)]
    assert not any("secret" in left_out.reason for left_out in skipped)


def test_a_second_document_with_the_same_id_is_reported_and_left_out() -> None:
    first = RawDocument(document_id="a", title="", text="one", source="x.jsonl")  # type: ignore[arg-type]
    second = RawDocument(document_id="a", title="", text="two", source="y.jsonl")  # type: ignore[arg-type]
    kept, skipped = unique([first, second])
    assert kept == [first]
    assert [left_out.name for left_out in skipped] == ["a in y.jsonl"]
    assert "x.jsonl" in skipped[0].reason


def test_one_bad_file_among_good_ones_stops_nothing(tmp_path: Path, write: Write) -> None:
    write("docs/a.md", "# Good\n\ntext")
    write("docs/b.docx", "broken")
    write("docs/c.txt", "good")
    results = [read(file) for file in listing(tmp_path, "docs").files]
    assert [[document.document_id for document in documents] for documents, _ in results] == [
        ["docs/a.md"],
        [],
        ["docs/c.txt"],
    ]
    assert [type(left_out) for _, skipped in results for left_out in skipped] == [Skipped]
