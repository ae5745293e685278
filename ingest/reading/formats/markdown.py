"""Markdown: front matter to a title, underlined headings to those with #."""

import re
from collections.abc import Iterator
from pathlib import Path

from ingest.reading.raw import Content, decode

_FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n(?P<fields>(?:[^\n]*\n){0,60}?)(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)")
_TITLE_FIELD = re.compile(r"^title:[ \t]*(?P<quote>[\"']?)(?P<title>.+?)(?P=quote)[ \t]*$", re.MULTILINE)
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(?P<heading>.+?)[ \t#]*$")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")


def read(path: Path) -> Content:
    text = decode(path.read_bytes())
    front = _FRONT_MATTER.match(text)
    titled = _TITLE_FIELD.search(front["fields"]) if front else None
    lines = list(_with_atx_headings(text[front.end() :] if front else text))
    heading = next((match["heading"] for line, code in lines if not code and (match := _HEADING.match(line))), "")
    return Content(title=titled["title"] if titled else heading, text="\n".join(line for line, _ in lines))


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
