"""PDF, Word and PowerPoint to text, through LlamaIndex's readers."""

import importlib
import logging
import re
import zipfile
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

from ingest.reading.raw import PAGE_BREAK, Unreadable


def read_pdf(path: Path) -> tuple[str, str]:
    from pypdf import PdfReader
    from pypdf.errors import FileNotDecryptedError, PyPdfError
    from tenacity import RetryError

    try:
        pages = [page.text for page in _llama_readers().PDFReader().load_data(path)]
    except RetryError as error:  # the reader's own wrapper around whatever went wrong
        cause = error.last_attempt.exception()
        if isinstance(cause, FileNotDecryptedError):
            raise Unreadable("is encrypted; save it without a password") from error
        raise Unreadable(f"is a damaged PDF ({type(cause).__name__})") from error
    try:
        metadata = PdfReader(path).metadata
        title = (metadata.title if metadata else None) or ""
    except (PyPdfError, ValueError, TypeError, AttributeError, KeyError):
        title = ""  # the pages were read, so a damaged title is no reason to leave the document out
    if re.search(r"(?i)^(?:untitled|microsoft word\b.*|.*\.\w{3,4})$", title.strip()):
        title = ""
    return title, f"\n{PAGE_BREAK}\n".join(pages) if any(page.strip() for page in pages) else ""


def read_docx(path: Path) -> tuple[str, str]:
    try:
        documents = _llama_readers().DocxReader().load_data(path)
        title = _office_title(path)
    except (zipfile.BadZipFile, KeyError, ElementTree.ParseError, RuntimeError, ValueError, EOFError) as error:
        raise Unreadable(f"is no Word document, damaged, or encrypted ({type(error).__name__})") from error
    return title, "\n\n".join(document.text for document in documents)


def read_pptx(path: Path) -> tuple[str, str]:
    reader = _llama_readers().PptxReader(num_workers=0, raise_on_error=True)
    try:
        slides = reader.load_data(path)
        title = _office_title(path)
    except (zipfile.BadZipFile, KeyError, ElementTree.ParseError, RuntimeError, ValueError, EOFError) as error:
        raise Unreadable(f"is no PowerPoint file, damaged, or encrypted ({type(error).__name__})") from error
    titles = [str(slide.metadata["title"]).strip() for slide in slides]
    bodies = [_slide_body(slide.text, of) for slide, of in zip(slides, titles, strict=True)]
    text = "\n\n".join(f"## {of}\n\n{body}" if of else body for of, body in zip(titles, bodies, strict=True))
    return title or next(filter(None, titles), ""), text


def _slide_body(text: str, title: str) -> str:
    """What the reader made of a slide, without the title that it repeats and the rules that it draws."""
    parts = [part.strip() for part in text.split("\n-----\n") if not part.startswith("Title: ")]
    return "\n\n".join(part.removeprefix(title).strip() for part in parts)


def _office_title(path: Path) -> str:
    with zipfile.ZipFile(path) as archive:
        if "docProps/core.xml" not in archive.namelist():
            return ""
        core = ElementTree.fromstring(archive.read("docProps/core.xml"))
    title = core.findtext("{http://purl.org/dc/elements/1.1/}title") or ""
    return "" if title.strip() in ("Word Document", "PowerPoint Presentation") else title.strip()


def _llama_readers() -> ModuleType:
    """LlamaIndex's readers. Importing them sets the root logger up, which is put back: that is the program's to do.

    The one for slides logs what it fails on, which may be text, so it is silenced; its errors are reported anyway.
    """
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    readers = importlib.import_module("llama_index.readers.file")
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("llama_index.readers.file.slides").setLevel(logging.CRITICAL)
    return readers
