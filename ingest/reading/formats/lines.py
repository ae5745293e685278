"""JSON lines: a document a line, `{_id, title, text}`."""

import hashlib
import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard

from ingest.reading.raw import Part, RawDocument, Skipped, Unreadable
from rag_flywheel.domain import DocumentId, wrong_name
from rag_flywheel.domain.groups import group_names

SUFFIXES = frozenset({".jsonl", ".ndjson"})
ID_LENGTH = 1000
"""Characters in a document's id, at most: as long as an address on the web may sensibly be."""

_BLOCK = 1 << 20
_BOM = b"\xef\xbb\xbf"


def parts(path: Path) -> Iterator[Part]:
    """The file divided at ends of lines, every megabyte or so; a longer line is a part of its own.

    No more than that is in memory at a time. Raises OSError.
    """
    start = end = 0
    first, digest = 1, hashlib.sha256()
    with path.open("rb") as stream:
        block = stream.read(_BLOCK)
        while block:
            cut = (block.find(b"\n") if end > start else block.rfind(b"\n")) + 1
            whole, rest = (block[:cut], block[cut:]) if cut else (block, b"")
            digest.update(whole)
            end += len(whole)
            if cut:
                last = first + whole.count(b"\n") - 1
                yield Part(start=start, end=end, first=first, last=last, digest=digest.hexdigest())
                start, first, digest = end, last + 1, hashlib.sha256()
            # What follows the end of a long line may hold ends of lines itself, else more must be read.
            block = rest if b"\n" in rest else rest + stream.read(_BLOCK)
        if end > start:
            yield Part(start=start, end=end, first=first, last=first, digest=digest.hexdigest())


def read(name: str, path: Path, part: Part | None) -> tuple[list[RawDocument], list[Skipped]]:
    """The documents of a file, or of a part of it, and the lines that could not be read. Raises OSError."""
    with path.open("rb") as stream:
        stream.seek(part.start if part else 0)
        data = stream.read(part.end - part.start if part else -1)
    documents: list[RawDocument] = []
    skipped: list[Skipped] = []
    first = part.first if part else 1
    for number, line in enumerate((data.removeprefix(_BOM) if first == 1 else data).split(b"\n"), start=first):
        if not line.strip():
            continue
        try:
            documents.append(_document(name, line))
        except Unreadable as error:
            skipped.append(Skipped(name=f"{name}:{number}", reason=str(error)))
    return documents, skipped


def _document(name: str, line: bytes) -> RawDocument:
    try:
        # Pairs, so that a key that stands there twice is seen; a number is kept as it is written, however long.
        value = json.loads(line.decode("utf-8"), object_pairs_hook=tuple, parse_int=_Whole)
    except UnicodeDecodeError:
        raise Unreadable("is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise Unreadable(f"is no JSON: {error.msg} at character {error.pos}") from None
    except RecursionError:
        raise Unreadable("is nested too deep") from None
    if not isinstance(value, tuple):
        raise Unreadable(f"should be an object with _id and text, found {_KINDS.get(type(value), 'a single value')}")
    keys = [key for key, _ in value]
    if twice := next((key for key in ("_id", "title", "text", "groups") if keys.count(key) > 1), ""):
        raise Unreadable(f"names `{twice}` twice")
    fields = dict(value)
    title, text = fields.get("title") or "", fields.get("text")
    if not _is_text(text) or not text.strip():
        raise Unreadable("needs a `text` that is a string and not empty")
    if not _is_text(title):
        raise Unreadable("has a `title` that is no string")
    return RawDocument(
        document_id=_id(fields.get("_id")),
        title=title.strip(),
        text=text,
        source=name,
        groups=_groups(fields.get("groups")),
    )


class _Whole(str):
    """A whole number as it is written."""


_KINDS = {list: "a list", str: "a string", _Whole: "a number", float: "a number", bool: "a truth value"}


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and not isinstance(value, _Whole)


def _groups(value: object) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else [value]
    try:
        if any(isinstance(each, _Whole) for each in listed):
            raise ValueError("groups are a list of names")
        return group_names(value)
    except ValueError as error:
        raise Unreadable(f"has `groups` that do not say who may read it: {error}") from None


def _id(value: object) -> DocumentId:
    if not isinstance(value, str) or not value.strip():
        raise Unreadable("needs an `_id` that is a string or a whole number")
    if len(value) > ID_LENGTH:
        raise Unreadable(f"has an `_id` of {len(value)} characters, more than {ID_LENGTH}")
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in value):
        raise Unreadable("has an `_id` with control characters, ends of lines or halves of characters")
    if (wrong := wrong_name(value)) is not None:
        raise Unreadable(f"has an `_id` that no document can have: it {wrong}")
    return DocumentId(value)
