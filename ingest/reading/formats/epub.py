"""EPUB: the chapters in the order of reading, each through the reader for HTML."""

import posixpath
import zipfile
from pathlib import Path
from urllib.parse import unquote

from lxml import etree

from ingest.reading.formats.html import decode_html, from_html
from ingest.reading.raw import Content, Unreadable

_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True)
_MARKUP = (".xhtml", ".html", ".htm", ".xml")


def read(path: Path) -> Content:
    """The book as Markdown. A chapter that is missing or damaged does not take the others with it."""
    try:
        with zipfile.ZipFile(path) as archive:
            package = _package(archive)
            title, chapters = _contents(archive, package)
            contents = [content for name in chapters if (content := _chapter(archive, name))]
    except (zipfile.BadZipFile, KeyError, RuntimeError, NotImplementedError, EOFError, etree.XMLSyntaxError) as error:
        raise Unreadable(f"is no EPUB, damaged, or protected ({type(error).__name__})") from error
    return Content(
        title=title or next((content.title for content in contents if content.title), ""),
        text="\n\n".join(content.text for content in contents),
        removed=tuple(removal for content in contents for removal in content.removed),
        language=next((content.language for content in contents if content.language), ""),
    )


def _package(archive: zipfile.ZipFile) -> str:
    container = _parse(archive.read("META-INF/container.xml"))
    package = container.find(".//{*}rootfile")
    if package is None or not package.get("full-path"):
        raise Unreadable("is a damaged EPUB: it names no package")
    return unquote(str(package.get("full-path")))


def _contents(archive: zipfile.ZipFile, package: str) -> tuple[str, list[str]]:
    """The book's title and the files of its chapters. Text that the order of reading leaves out comes last."""
    root = _parse(archive.read(package))
    title = root.find(".//{http://purl.org/dc/elements/1.1/}title")
    folder = posixpath.dirname(package)
    files = {
        str(item.get("id")): (posixpath.normpath(posixpath.join(folder, unquote(item.get("href") or ""))), item)
        for item in root.iterfind(".//{*}manifest/{*}item")
    }
    read_first = [str(reference.get("idref")) for reference in root.iterfind(".//{*}spine/{*}itemref")]
    order = dict.fromkeys(files[number][0] for number in read_first if number in files)
    for name, item in files.values():
        markup = (item.get("media-type") or "") in ("application/xhtml+xml", "text/html")
        if markup and "nav" not in (item.get("properties") or "").split():
            order.setdefault(name)
    return " ".join((title.text or "").split()) if title is not None else "", list(order)


def _parse(data: bytes) -> etree._Element:
    root = etree.fromstring(data, _PARSER)
    if root is None:
        raise Unreadable("is a damaged EPUB: its description cannot be read")
    return root


def _chapter(archive: zipfile.ZipFile, name: str) -> Content | None:
    try:
        data = archive.read(name)
    except KeyError:
        return None
    return from_html(decode_html(data), xml=True) if name.lower().endswith(_MARKUP) else None
