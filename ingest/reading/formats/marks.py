"""Markdown for what was no Markdown: headings, tables, and lines that must not be taken for marks."""

import re
from collections.abc import Sequence

_MARK = re.compile(r"^( {0,3})(?=#{1,6}(?:[ \t]|$)|```|~~~)", re.MULTILINE)
_SAID = re.compile(r"[^\W_]|[-+]")
_SIMPLE = re.compile(r"[-+−]?\w+(?:\.\d+)?")


def plain(text: str) -> str:
    """The text, with a backslash before what would make one of its lines a heading or the fence of code."""
    return _MARK.sub(r"\1\\", text)


def heading(level: int, text: str) -> str:
    """A heading of the level, from 1, with the text on one line; nothing where there is no text."""
    flat = " ".join(text.split())
    return f"{'#' * min(max(level, 1), 6)} {flat}" if flat else ""


def table(rows: Sequence[Sequence[str]]) -> str:
    """The rows as a Markdown table, whose first row is its head. Cells are put on one line each; empty rows go."""
    filled = [cells for row in rows if any(cells := [_cell(cell) for cell in row])]
    width = max(map(len, filled), default=0)
    lines = [f"| {' | '.join([*cells, *[''] * (width - len(cells))])} |" for cells in filled]
    return "\n".join([*lines[:1], f"|{' --- |' * width}", *lines[1:]]) if lines else ""


def raised(text: str) -> str:
    """10^-5, notes in brackets, and 1st, ® and such as they are."""
    flat = " ".join(text.split())
    if flat.startswith("[") or flat in ("st", "nd", "rd", "th") or not _SAID.search(flat):
        return flat
    return "^" + _grouped(flat)


def lowered(text: str, before: str, after: str) -> str:
    """H2O as it is, between the signs before and after it, and what is no number with a sign: log_2 8, x_(i+1)."""
    flat = " ".join(text.split())
    if flat.isdigit() and (before[-1:].isalpha() or before[-1:] in (")", "]")) and not after[:1].isdigit():
        return flat
    return f"_{_grouped(flat)}{' ' if after[:1].isalnum() else ''}" if flat else ""


def script(text: str, *, is_raised: bool) -> str:
    """What is raised or lowered in a formula, in which signs such as primes stand without a mark."""
    flat = " ".join(text.split())
    if not _SAID.search(flat):
        return flat
    return f"{'^' if is_raised else '_'}{_grouped(flat)}"


def _grouped(text: str) -> str:
    return text if _SIMPLE.fullmatch(text) else f"({text})"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
