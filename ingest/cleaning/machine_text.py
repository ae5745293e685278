"""What only machines read: encoded files, hex dumps, minified programs, drawings. What a reader may copy stays."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from ingest.reading.raw import Removal

LONG = 500  # characters; a checksum, a licence key, a token, a public key of RSA are shorter
DUMPED = 8  # lines of a hex dump
MINIFIED = 1000  # characters of a line
SPACES, SIGNS = 0.06, 0.03  # blanks and braces in a minified line: at most, and at least

_IMAGE = re.compile(r"!\[([^\[\]\n]{0,300})\]\(<?data:[^()\s]*\)")
_DATA_URI = re.compile(r"\bdata:[\w/+.-]{0,100}(?:;[\w=.-]{0,100}){0,5},[\w+/=%~.-]{100,}")
_ENCODED = re.compile(  # a run of base64 or hexadecimal digits, wrapped or not
    r"[A-Za-z0-9+/_-]{40,}(?:\n[ \t>]{0,20}[A-Za-z0-9+/_-]{40,})*"
    r"(?:\n[ \t>]{0,20}[A-Za-z0-9+/_-]{1,80}(?![^\s=]))?={0,2}"
)
_DUMP = re.compile(r"[ \t]*(?:0x)?([0-9A-Fa-f]{4,16}):?(?:[ \t]+(?:[0-9A-Fa-f]{2}){1,8}){4,}\b[^\n]*")
STEPS = (8, 16, 32)  # bytes in a line of a hex dump


def without_machine_text(text: str) -> tuple[str, tuple[Removal, ...]]:
    """The text without it, and how many pieces of what were taken out. Linear in the length of the text."""
    counts: Counter[str] = Counter()
    text, images = _IMAGE.subn(r"\1", text)
    text, uris = _DATA_URI.subn("", text)
    counts["data URIs"] = images + uris
    text = _without_drawings(text, counts)
    text = _ENCODED.sub(lambda found: _unless_encoded(found[0], counts), text)
    text = "\n".join(_without_lines(text.split("\n"), counts))
    return text, tuple(Removal(what=what, count=count) for what, count in sorted(counts.items()) if count)


def _unless_encoded(run: str, counts: Counter[str]) -> str:
    kinds = any(map(str.isupper, run)), any(map(str.islower, run)), any(map(str.isdigit, run))
    encoded = all(kinds) or (kinds[2] and set(run.lower()) <= set("0123456789abcdef\n \t"))
    if len(run) < LONG or not encoded:
        return run
    counts["encoded data"] += 1
    return ""


def _without_drawings(text: str, counts: Counter[str]) -> str:
    """Without SVG, but where it is shown as code."""
    kept, at = [], 0
    fenced = False
    while (start := text.find("<svg", at)) >= 0 and (end := text.find("</svg>", start) + len("</svg>")) > start:
        fenced ^= text.count("```", at, start) % 2 == 1
        code = fenced or text[start - 1 : start] == "`"
        kept.append(text[at : end if code else start])
        counts["drawings"] += not code
        at = end
    return "".join([*kept, text[at:]])


def _without_lines(lines: list[str], counts: Counter[str]) -> Iterator[str]:
    """Without hex dumps and minified programs."""
    dump: list[str] = []
    for line in lines:
        if len(line) < MINIFIED and _DUMP.fullmatch(line):
            dump.append(line)
            continue
        yield from _unless_dump(dump, counts)
        dump = []
        if _is_minified(line):
            counts["minified lines"] += 1
        else:
            yield line
    yield from _unless_dump(dump, counts)


def _unless_dump(lines: list[str], counts: Counter[str]) -> list[str]:
    offsets = [int(found[1], 16) for line in lines if (found := _DUMP.fullmatch(line))]
    steps = {later - earlier for earlier, later in pairwise(offsets)}
    if len(lines) < DUMPED or len(steps) != 1 or not steps <= set(STEPS):
        return lines  # a table of numbers
    counts["hex dumps"] += 1
    return []


def _is_minified(line: str) -> bool:
    if len(line) < MINIFIED or not line.isascii() or line.lstrip().startswith("|"):
        return False
    return line.count(" ") <= SPACES * len(line) and sum(map(line.count, "{}();")) >= SIGNS * len(line)
