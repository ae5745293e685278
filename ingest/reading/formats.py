"""Which reader a file is for by its suffix, and the readers of text, Markdown, CSV and JSON lines.

Headings come out as in Markdown, and the pages of a PDF divided by a form feed. LlamaIndex reads PDF (`pdf`), Word and
PowerPoint (`office`). Its readers for Markdown and HTML lose the headings, and the one for CSV
stops at a ragged row; all three expect UTF-8. So these are read here.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from ingest.reading.html import read_html
from ingest.reading.office import read_docx, read_pptx
from ingest.reading.pdf import read_pdf
from ingest.reading.raw import RawDocument, Skipped, Unreadable, decode
from rag_flywheel.domain import DocumentId


def read(name: str, path: Path) -> tuple[list[RawDocument], list[Skipped]]:
    """The documents of the file at `path`, whose suffix must be one of SUFFIXES, and what could not be read."""
    try:
        if path.stat().st_size == 0:
            raise Unreadable("is empty")
        if path.suffix.lower() == ".jsonl":
            return _read_lines(name, path)
        title, text = _READERS[path.suffix.lower()](path)
        if not text.strip():
            raise Unreadable(
                "holds no text" + ("; scanned pages need OCR first" if path.suffix.lower() == ".pdf" else "")
            )
    except Unreadable as error:
        return [], [Skipped(name=name, reason=str(error))]
    except OSError as error:
        return [], [Skipped(name=name, reason=f"cannot be opened: {error.strerror or type(error).__name__}")]
    document = RawDocument(document_id=DocumentId(name), title=title.strip() or path.stem, text=text, source=name)
    return [document], []


def _read_text(path: Path) -> tuple[str, str]:
    return path.stem, decode(path.read_bytes())


_FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n(?P<fields>(?:[^\n]*\n){0,60}?)(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)")
_TITLE_FIELD = re.compile(r"^title:[ \t]*(?P<quote>[\"']?)(?P<title>.+?)(?P=quote)[ \t]*$", re.MULTILINE)
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(?P<heading>.+?)[ \t#]*$")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")


def _read_markdown(path: Path) -> tuple[str, str]:
    text = decode(path.read_bytes())
    front = _FRONT_MATTER.match(text)
    titled = _TITLE_FIELD.search(front["fields"]) if front else None
    lines = list(_with_atx_headings(text[front.end() :] if front else text))
    heading = next((match["heading"] for line, code in lines if not code and (match := _HEADING.match(line))), "")
    return titled["title"] if titled else heading, "\n".join(line for line, _ in lines)


def _with_atx_headings(text: str) -> Iterator[tuple[str, bool]]:
    """Lines, and whether each is code; a heading that is underlined becomes one that begins with #."""
    fence = ""
    lines = text.splitlines()
    taken = False
    for number, line in enumerate(lines):
        if taken:
            taken = False
            continue
        mark = _FENCE.match(line)
        if mark and (not fence or mark[1].startswith(fence)):
            fence = "" if fence else mark[1]
        below = lines[number + 1] if number + 1 < len(lines) else ""
        alone = number == 0 or not lines[number - 1].strip()
        if not fence and not mark and alone and re.match(r"\w", line) and re.fullmatch(r"={3,}|-{3,}", below.rstrip()):
            taken = True
            line = f"{'#' if below[0] == '=' else '##'} {line}"
        yield line, bool(fence or mark)


def _read_csv(path: Path) -> tuple[str, str]:
    """Each row as `column: value` lines, so that a row still says what its values are when it stands alone."""
    text = decode(path.read_bytes())
    try:
        delimiter = csv.Sniffer().sniff(text[:8192], ",;\t|").delimiter
    except csv.Error:
        delimiter = ","
    try:
        rows = [
            row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if any(map(str.strip, row))
        ]
    except csv.Error as error:
        raise Unreadable(f"is no CSV: {error}") from error
    if len(rows) < 2:
        return path.stem, ""
    columns = [name.strip() or f"column {number}" for number, name in enumerate(rows[0], start=1)]
    columns += [f"column {number}" for number in range(len(columns) + 1, max(map(len, rows)) + 1)]
    return path.stem, "\n\n".join(
        "\n".join(
            f"{column}: {' '.join(value.split())}" for column, value in zip(columns, row, strict=False) if value.strip()
        )
        for row in rows[1:]
    )


def _read_lines(name: str, path: Path) -> tuple[list[RawDocument], list[Skipped]]:
    documents: list[RawDocument] = []
    skipped: list[Skipped] = []
    for number, line in enumerate(path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            documents.append(_read_line(name, line))
        except Unreadable as error:
            skipped.append(Skipped(name=f"{name}:{number}", reason=str(error)))
    return documents, skipped


def _read_line(name: str, line: bytes) -> RawDocument:
    try:
        value = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        raise Unreadable("is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise Unreadable(f"is no JSON: {error.msg} at character {error.pos}") from None
    except RecursionError:
        raise Unreadable("is nested too deep") from None
    if not isinstance(value, dict):
        raise Unreadable(f"should be an object with _id and text, found a {type(value).__name__}")
    document_id, title, text = value.get("_id"), value.get("title") or "", value.get("text")
    if isinstance(document_id, bool) or not isinstance(document_id, str | int) or not str(document_id).strip():
        raise Unreadable("needs an `_id` that is a string or a whole number")
    if not isinstance(text, str) or not text.strip():
        raise Unreadable("needs a `text` that is a string and not empty")
    if not isinstance(title, str):
        raise Unreadable("has a `title` that is no string")
    return RawDocument(document_id=DocumentId(str(document_id)), title=title.strip(), text=text, source=name)


_READERS: dict[str, Callable[[Path], tuple[str, str]]] = {
    ".md": _read_markdown,
    ".txt": _read_text,
    ".html": read_html,
    ".htm": read_html,
    ".csv": _read_csv,
    ".pdf": read_pdf,
    ".docx": read_docx,
    ".pptx": read_pptx,
}
SUFFIXES = frozenset(_READERS) | {".jsonl"}
