"""Which reader a file is for, by its suffix. Every format becomes Markdown; a reader is imported when it is needed."""

import contextlib
import importlib
from collections.abc import Callable, Iterator
from pathlib import Path

from ingest.reading.formats import lines
from ingest.reading.raw import Content, Part, RawDocument, Skipped, Unreadable
from rag_flywheel.domain import DocumentId

_READERS = {
    ".md": "markdown",
    ".markdown": "markdown",
    ".mdx": "markdown",
    ".rst": "rst",
    ".adoc": "asciidoc",
    ".asciidoc": "asciidoc",
    ".txt": "text",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".epub": "epub",
    ".ipynb": "notebook",
    ".eml": "mail",
    ".csv": "csv",
    ".tsv": "csv",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".xlsb": "xlsx",
    ".xls": "xlsx",
    ".ods": "xlsx",
    ".pdf": "pdf",
    ".docx": "docx",
    ".docm": "docx",
    ".pptx": "pptx",
}
"""The module of this package whose `read(path) -> Content` is for files with the suffix."""
SUFFIXES = frozenset(_READERS) | lines.SUFFIXES


def parts(path: Path) -> Iterator[Part | None]:
    """What of the file may be read by itself: its parts, where it holds a document a line, else None for all of it."""
    divided = False
    if path.suffix.lower() in lines.SUFFIXES:
        with contextlib.suppress(OSError):  # whoever reads it is told
            for part in lines.parts(path):
                divided = True
                yield part
    if not divided:
        yield None


def read(name: str, path: Path, part: Part | None = None) -> tuple[list[RawDocument], list[Skipped]]:
    """The documents of the file at `path`, whose suffix must be one of SUFFIXES, and what could not be read.

    Of a file with a document a line, a `part` may be read by itself.
    """
    suffix = path.suffix.lower()
    try:
        if path.stat().st_size == 0:
            raise Unreadable("is empty")
        if suffix in lines.SUFFIXES:
            return lines.read(name, path, part)
        reader: Callable[[Path], Content] = importlib.import_module(f"{__name__}.{_READERS[suffix]}").read
        content = reader(path)
        if not content.text.strip():
            raise Unreadable("holds no text" + ("; scanned pages need OCR first" if suffix == ".pdf" else ""))
    except Unreadable as error:
        return [], [Skipped(name=name, reason=str(error))]
    except OSError as error:
        return [], [Skipped(name=name, reason=f"cannot be opened: {error.strerror or type(error).__name__}")]
    title = content.title.strip() or path.stem
    document = RawDocument(
        document_id=DocumentId(name),
        title=title,
        text=content.text,
        source=name,
        removed=content.removed,
        language=content.language,
        groups=content.groups,
    )
    return [document], []
