"""EPUB."""

import zipfile
from pathlib import Path

import pytest

from ingest.reading.formats.epub import read
from ingest.reading.raw import Unreadable

CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OPS/book.opf"/></rootfiles></container>'
)
PACKAGE = """<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/">
<metadata><dc:title>Pump  manual</dc:title></metadata><manifest>
<item id="n" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
<item id="b" href="b%20c.xhtml" media-type="application/xhtml+xml"/>
<item id="a" href="text/a.xhtml" media-type="application/xhtml+xml"/>
<item id="z" href="gone.xhtml" media-type="application/xhtml+xml"/>
<item id="p" href="p.png" media-type="image/png"/></manifest>
<spine><itemref idref="a"/><itemref idref="z"/><itemref idref="b"/></spine></package>"""


def book(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def test_chapters_come_in_the_order_of_reading_and_one_that_is_missing_takes_no_other_along(tmp_path: Path) -> None:
    files = {
        "META-INF/container.xml": CONTAINER,
        "OPS/book.opf": PACKAGE,
        "OPS/nav.xhtml": "<nav>Contents</nav>",
        "OPS/text/a.xhtml": '<?xml version="1.0"?><html><head><title/></head><h1>First</h1><p>é</p></html>',
        "OPS/b c.xhtml": "<html><body><h1>Second</h1></body></html>",
    }
    content = read(book(tmp_path / "a.epub", files))
    assert content.title == "Pump manual"
    assert [line for line in content.text.split("\n") if line] == ["# First", "é", "# Second"]


@pytest.mark.parametrize(
    "files", [{}, {"META-INF/container.xml": "<x/>"}, {"META-INF/container.xml": CONTAINER, "OPS/book.opf": ""}]
)
def test_a_damaged_book_is_reported(tmp_path: Path, files: dict[str, str]) -> None:
    with pytest.raises(Unreadable, match="EPUB"):
        read(book(tmp_path / "a.epub", files))


def test_what_is_no_archive_is_reported(tmp_path: Path) -> None:
    (tmp_path / "a.epub").write_bytes(b"no zip")
    with pytest.raises(Unreadable, match="no EPUB"):
        read(tmp_path / "a.epub")
