"""Jupyter notebooks: text cells as Markdown, code cells as code, and what the code printed."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest.reading.formats.html import from_html
from ingest.reading.formats.markdown import from_markdown
from ingest.reading.raw import Content, Removal, Unreadable, decode

_MOST_OUTPUT = 4000  # characters of what one cell printed; the rest is progress bars and data


def read(path: Path) -> Content:
    try:
        notebook = json.loads(decode(path.read_bytes()))
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"is no notebook: no JSON ({type(error).__name__})") from error
    if not isinstance(notebook, dict):
        raise Unreadable("is no notebook: an object is missing")
    cells = _dicts(notebook.get("cells")) or [
        cell for sheet in _dicts(notebook.get("worksheets")) for cell in _dicts(sheet.get("cells"))
    ]
    language = _dict(_dict(notebook.get("metadata")).get("kernelspec")).get("language")
    code = language if isinstance(language, str) and language.isalnum() else "python"
    title, parts, cut = "", [], 0
    for cell in cells:
        source = _text(cell.get("source") if "source" in cell else cell.get("input"))
        if cell.get("cell_type") == "code":
            printed = list(_outputs(cell))
            cut += sum(len(text) > _MOST_OUTPUT for text, _ in printed)
            parts += [
                _fenced(source, code),
                *(text[:_MOST_OUTPUT] if shown else _fenced(text[:_MOST_OUTPUT]) for text, shown in printed),
            ]
        else:
            level = "#" * min(6, cell["level"]) + " " if isinstance(cell.get("level"), int) else ""
            content = from_markdown(level + source)
            title = title or content.title
            parts.append(content.text.strip("\n"))
    removed = (Removal(what="long outputs of code, cut", count=cut),) if cut else ()
    return Content(title=title, text="\n\n".join(filter(None, parts)) + "\n", removed=removed)


def _outputs(cell: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    """What the cell printed, and whether that is Markdown: tables and formulas are; pictures show nothing."""
    for output in _dicts(cell.get("outputs")):
        data = _dict(output.get("data"))
        html = _text(data.get("text/html"))
        if "<table" in html and len(html) < 1_000_000:
            yield from_html(html).text.strip("\n"), True
        elif text := _text(data.get("text/markdown")):
            yield from_markdown(text).text.strip("\n"), True
        elif text := _text(output.get("text")) or _text(data.get("text/plain")):
            yield text.strip("\n"), False
        elif text := _text(data.get("text/latex")):
            yield text.strip("\n"), True
        elif output.get("output_type") in ("error", "pyerr"):
            yield f"{_text(output.get('ename'))}: {_text(output.get('evalue'))}", False


def _fenced(text: str, language: str = "") -> str:
    if not text.strip():
        return ""
    fence = "`" * 3
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(value: object) -> str:
    """Text that is stored in one piece or as a list of its lines."""
    if isinstance(value, list):
        return "".join(part for part in value if isinstance(part, str))
    return value if isinstance(value, str) else ""
