"""The rows of an export of another tool: a JSON list, JSON lines, a reply of its API, or CSV."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag_flywheel.errors import InvalidInput

FILE_AT_MOST = 256_000_000  # bytes
ROW_AT_MOST = 1_000_000  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A row that is not taken, and why. The reason holds nothing of what it says."""

    file: str
    line: int  # of CSV and JSON lines; of a list the number of the item; from 1
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    file: str
    line: int
    fields: Mapping[str, Any]

    def problem(self, reason: str) -> Problem:
        return Problem(file=self.file, line=self.line, reason=reason)


def rows(file: Path) -> Iterator[Row | Problem]:
    """Every row, or why it is none. Raises InvalidInput for a file that cannot be read, or is too large."""
    try:
        size = file.stat().st_size
        if size > FILE_AT_MOST:
            limit = FILE_AT_MOST // 1_000_000
            raise InvalidInput(f"{file} has {size // 1_000_000} MB; at most {limit} are read: export a part at a time")
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{file} cannot be read as UTF-8 text: {type(error).__name__}") from error
    found = _of_csv(text) if file.suffix.lower() == ".csv" else _of_json(text)
    for line, fields in found:
        if isinstance(fields, dict):
            yield Row(file=file.name, line=line, fields=fields)
        else:
            reason = fields if isinstance(fields, str) else f"expected an object, found a {type(fields).__name__}"
            yield Problem(file=file.name, line=line, reason=reason)


Found = Iterator[tuple[int, Any]]
"""The number of each row, and the row, or why there is none."""


def _of_csv(text: str) -> Found:
    csv.field_size_limit(ROW_AT_MOST)
    reader = csv.DictReader(io.StringIO(text, newline=""))
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield reader.line_num, f"not CSV: {error}"
            continue
        if None in row or None in row.values():
            yield reader.line_num, f"expected {len(reader.fieldnames or ())} columns, found another number"
        else:
            yield reader.line_num, row


def _of_json(text: str) -> Found:
    """A whole document where it is one, else one a line."""
    whole = text.lstrip()[:1] == "["
    if not whole:
        first = text.lstrip().partition("\n")[0]
        try:
            json.loads(first)
        except (ValueError, RecursionError):
            whole = True  # an object over several lines, or no JSON at all
    if whole:
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            document = None
        if document is not None:
            yield from enumerate(_listed(document), start=1)
            return
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield from ((number, row) for row in _of_line(line))


def _of_line(line: str) -> list[Any]:
    if len(line) > ROW_AT_MOST:
        return [f"has {len(line)} characters; at most {ROW_AT_MOST} are read"]
    try:
        return _listed(json.loads(line))
    except json.JSONDecodeError as error:
        return [f"not JSON: {error.msg} at character {error.pos}"]
    except (ValueError, RecursionError):
        return ["not JSON that can be read: it is too deep, or a number is too long"]


def _listed(document: Any) -> list[Any]:
    """The items of a list, or of a page of an API."""
    items = document.get("data") if isinstance(document, dict) else document
    return items if isinstance(items, list) else [document]
