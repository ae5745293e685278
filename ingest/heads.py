"""What a part of a text needs above it to be read alone: what leads to it, and the lines that it is indented under."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

Span = tuple[int, int]
"""Characters of the text: the first, and the one after the last."""

_RULE = re.compile(r"(?=.*[-=+─━═]{3})[-=+|:*\s\u2500-\u257f]+")  # a line that only divides
_DRAWN = re.compile(r"[\u2500-\u257f]|\+-{3}|^\s*\|.*\|\s*$")
_ITEM = re.compile(r"\s*(?:[-*+•‣◦]|\(?\w{1,3}[.)])\s")
_WORD = re.compile(r"\w")
_LINE_END = re.compile("\n")
_TAB = 8
_LONGEST = 200  # characters of lines that name what is indented below them
_BRIEF = 80  # characters of a line of code that are enough to know it by
_LOOKED_AT = 1000  # characters of a line, for its indent and its width


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Lines of a text that a piece beginning below them repeats."""

    start: int
    end: int
    above: "Head | None" = None
    is_frame: bool = False  # a table's header, or a fence: without it what stands below is no table and no code
    frame: "Head | None" = None  # the nearest one above
    tail: str = ""  # what a piece needs after it that ends before `until`
    until: int = 0


def head(start: int, end: int, above: Head | None) -> Head:
    return Head(start=start, end=end, above=above, frame=frame_of(above))


def frame_of(under: Head | None) -> Head | None:
    """The nearest header or fence, itself included."""
    return under if under is None or under.is_frame else under.frame


def upwards(under: Head | None) -> Iterator[Head]:
    """What stands above, the nearest first."""
    while under is not None:
        yield under
        under = under.above


def line_heads(text: str, rows: Sequence[Span], outer: Head | None) -> list[Head | None]:
    """What each line of a program, of its output or of a drawn table stands under.

    That is the nearest line above that is indented less, as functions, keys and options are; else the header with a
    rule below it, up to the next empty line; and at last the first line, such as the command with this output.
    """
    found: list[Head | None] = []
    open_: list[tuple[int, Head]] = []
    base, header, ruled = outer, None, False
    before: Span | None = None
    for start, end in rows:
        line = text[start:end].rstrip()
        indent, says = _indent(line), _WORD.search(line) is not None
        if before is not None and text.count("\n", before[1], start) > 1:
            header, ruled, before = None, False, None
        while open_ and open_[-1][0] >= indent + (not says):
            open_.pop()
        own = start, start + len(line if len(line) <= _BRIEF else line[: max(line.rfind(" ", 0, _BRIEF), indent + 1)])
        if _RULE.fullmatch(line) and before is not None and not ruled:
            header, ruled = head(*before, base if base is None or base.end <= before[0] else outer), True
            found.append(header)
        else:
            found.append(open_[-1][1] if open_ else header or base)
        if says:
            open_.append((indent, head(*own, found[-1])))
            base = open_[-1][1] if base is outer else base
        elif before is not None and open_ and open_[-1][0] == indent and open_[-1][1].end == before[1]:
            open_[-1] = indent, head(open_[-1][1].start, own[1], open_[-1][1].above)  # `{` goes with what it opens
        before = own
    return found


def is_drawn(rows: Sequence[str]) -> bool:
    """Whether the lines are a table that is drawn with signs."""
    return len(rows) > 2 and all(_DRAWN.search(row) for row in rows)


def text_heads(text: str, start: int, end: int) -> Callable[[int], Head | None]:
    """What any place of a plain text stands under: the nearest lines that are indented less and name what is below.

    A line names it where it ends though the first word of the next one had room, or where it begins a paragraph that
    goes on deeper, as terms, options and titles do. The lines of a wrapped sentence do not.
    """
    starts: list[int] = []
    found: list[Head | None] = []
    open_: list[tuple[int, Head | None]] = []
    for rows in _stretches(text, start, end):
        shown = [text[first : min(last, first + _LOOKED_AT)].expandtabs(_TAB).rstrip() for first, last in rows]
        width = max(map(len, shown))
        group: tuple[int, int] | None = None  # where the lines begin that name it, and their indent
        ended = True  # the line above, on purpose
        for place, ((first, _), line) in enumerate(zip(rows, shown, strict=True)):
            after = shown[place + 1] if place + 1 < len(shown) else ""
            if _RULE.fullmatch(line):
                continue
            indent = _indent(line)
            level = min(indent, _indent(after)) if after and not place else indent
            while open_ and open_[-1][0] >= level:
                open_.pop()
            above = open_[-1][1] if open_ else None
            starts.append(first)
            found.append(above)
            own = text[first : rows[place][1]].rstrip()
            goes_on = place > 0 and _indent(shown[place - 1]) == indent
            begins = group[0] if goes_on and group is not None and group[1] == indent else first
            room = not after or len(line) + 1 + len(after.split(None, 1)[0]) <= width
            deeper = _indent(after) > indent and _ITEM.match(line) is None
            names = ended and (room or deeper or _RULE.fullmatch(after) is not None) and not (goes_on and group is None)
            ended = room
            group = (begins, indent) if names and first + len(own) - begins <= _LONGEST else None
            open_.append((level, head(begins, first + len(own), above) if group else above))

    def under(at: int) -> Head | None:
        place = bisect_right(starts, at) - 1
        return found[place] if place >= 0 else None

    return under


def _stretches(text: str, start: int, end: int) -> Iterator[list[Span]]:
    """The lines between empty ones."""
    edges = [start, *(match.end() for match in _LINE_END.finditer(text, start, end)), end]
    rows: list[Span] = []
    for row in pairwise(edges):
        if text[slice(*row)].strip():
            rows.append(row)
        elif rows:
            yield rows
            rows = []
    if rows:
        yield rows


def _indent(line: str) -> int:
    line = line[:_LOOKED_AT]
    return len(line[: len(line) - len(line.lstrip())].expandtabs(_TAB))
