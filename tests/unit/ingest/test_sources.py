"""Files to raw documents."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.reading.raw import PAGE_BREAK, RawDocument, Skipped
from ingest.reading.sources import Listing, SourceFile, fingerprint, list_files, read, unique
from rag_flywheel.config import Config, Source

# reportlab and pypdf still use what Python and cryptography will drop; neither is ours to change.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:reportlab.*"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:pypdf.*"),
]

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
        "print([m for m in ('llama_index', 'bs4', 'pypdf', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- formats --------------------------------------------------------------------------------------------------------


def test_plain_text_is_titled_by_its_files_name(write: Write) -> None:
    assert read_one(write("pump manual.txt", "Hold it.")).title == "pump manual"


def test_an_empty_file_of_every_kind_is_reported(write: Write) -> None:
    for suffix in ("md", "txt", "html", "pdf", "docx", "pptx", "csv", "jsonl"):
        assert reason(write(f"a.{suffix}", "")) == "is empty"
    assert reason(write("blank.txt", " \n ")) == "holds no text"


def test_each_row_of_a_csv_names_its_columns_also_where_rows_are_ragged(write: Write) -> None:
    document = read_one(write("modes.csv", "mode,watts\nEco,5\nTurbo\nMax,9,extra\n\n"))
    assert document.title == "modes"
    assert document.text == "mode: Eco\nwatts: 5\n\nmode: Turbo\n\nmode: Max\nwatts: 9\ncolumn 3: extra"


def test_a_csv_with_semicolons_is_recognised(write: Write) -> None:
    assert (
        read_one(write("a.csv", "mode;watts\nEco;5,5\nMax;9,5\n")).text
        == "mode: Eco\nwatts: 5,5\n\nmode: Max\nwatts: 9,5"
    )


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


# --- office ---------------------------------------------------------------------------------------------------------


def make_pdf(path: Path, pages: list[str], title: str = "", password: str = "") -> Path:
    from reportlab.lib.pdfencrypt import StandardEncryption
    from reportlab.pdfgen.canvas import Canvas

    canvas = Canvas(str(path), encrypt=StandardEncryption(password, ownerPassword="o") if password else None)
    canvas.setTitle(title)
    for page in pages:
        for number, line in enumerate(page.split("\n")):
            canvas.drawString(72, 720 - 20 * number, line)
        canvas.showPage()
    canvas.save()
    return path


def test_a_pdf_keeps_its_pages_and_its_title(tmp_path: Path) -> None:
    document = read_one(make_pdf(tmp_path / "a.pdf", ["Hold the button.", "Release it."], title="Pump manual"))
    assert document.title == "Pump manual"
    assert [page.strip() for page in document.text.split(PAGE_BREAK)] == ["Hold the button.", "Release it."]


def test_a_pdf_without_a_real_title_is_titled_by_its_files_name(tmp_path: Path) -> None:
    assert read_one(make_pdf(tmp_path / "pump.pdf", ["Text"], title="untitled")).title == "pump"


def test_pdfs_that_are_encrypted_damaged_or_without_text_are_reported(tmp_path: Path, write: Write) -> None:
    assert "encrypted" in reason(make_pdf(tmp_path / "locked.pdf", ["Text"], password="p"))
    assert "damaged PDF" in reason(write("broken.pdf", "%PDF-1.4 and then nothing"))
    assert "OCR" in reason(make_pdf(tmp_path / "scan.pdf", [""]))


def test_a_word_document_is_read_with_its_title(tmp_path: Path) -> None:
    from docx import Document

    word = Document()
    word.core_properties.title = "Pump manual"
    word.add_heading("Reset", 1)
    word.add_paragraph("Hold the button.")
    table = word.add_table(1, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "Eco", "5 W"
    word.save(str(tmp_path / "a.docx"))
    document = read_one(tmp_path / "a.docx")
    assert document.title == "Pump manual"
    for part in ("Reset", "Hold the button.", "Eco", "5 W"):
        assert part in document.text


def test_slides_become_sections_under_their_titles(tmp_path: Path) -> None:
    from pptx import Presentation

    slides = Presentation()
    for title, body in (("Reset", "Hold the button."), ("Clean", "Rinse it.")):
        slide = slides.slides.add_slide(slides.slide_layouts[1])
        slide.shapes.title.text, slide.placeholders[1].text = title, body
    slides.save(str(tmp_path / "a.pptx"))
    document = read_one(tmp_path / "a.pptx")
    assert document.title == "Reset"
    assert document.text.split() == ["##", "Reset", "Hold", "the", "button.", "##", "Clean", "Rinse", "it."]


def test_damaged_office_files_are_reported(write: Write) -> None:
    assert "no Word document" in reason(write("a.docx", "no zip"))
    assert "no PowerPoint file" in reason(write("a.pptx", "no zip"))


def test_the_office_readers_leave_the_programs_logging_alone() -> None:
    code = (
        "import logging; from ingest.reading.llama import llama_readers; llama_readers().PptxReader; "
        "print(logging.getLogger().handlers, logging.getLogger().level == logging.WARNING)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] True"


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
