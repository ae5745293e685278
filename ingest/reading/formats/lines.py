"""JSON lines: a document a line, `{_id, title, text}`."""

import json
from pathlib import Path

from ingest.reading.raw import RawDocument, Skipped, Unreadable
from rag_flywheel.domain import DocumentId


def read_lines(name: str, path: Path) -> tuple[list[RawDocument], list[Skipped]]:
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
