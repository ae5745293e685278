"""What a part of a text needs above it to be read alone: what leads to it, and the lines that it is indented under."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import regex

Span = tuple[int, int]
"""Characters of the text: the first, and the one after the last."""

_LEADS = re.compile(r"[:：]\W*\Z")
_MARKS = 20  # characters that may close a sentence
_NAMES = regex.compile(r"(?:[^\n]{1,79}\n){0,2}[^\n]{0,79}[^\n.!?…,;\p{Sentence_Break=STerm}]\s*")
_TERM = re.compile(r"(?!\*[^*])(?:(?:`[^`\n]+`|\*{1,2}[^*\n]+\*{1,2})(?:[ ,/|]*|[ \t]*\n))+\s*")  # code, or bold
_QUOTED = re.compile(r"^[ \t]*(?:>[ \t]?)+", re.MULTILINE)
_RULE = re.compile(r"(?=.*[-=+─━═]{3})[-=+|:*\s\u2500-\u257f]+")  # a line that only divides
_DRAWN = re.compile(r"[\u2500-\u257f]|\+-{3}|^\s*\|.*\|\s*$")
_DRAWN_INDENT = " \t│├└─"
_PROMPT = re.compile(r"\s*[^\s\"'({\[<]{0,60}(?:[$#%>]|>>>|PS [^>\n]{0,60}>) \S")
_COLUMNS = re.compile(r"\S {3,}\S")  # a row of a listing, under which nothing stands
_COLUMN = re.compile(r"(?<=\S)(?:\t| {3,})\s*\S.*", re.DOTALL)  # what stands beside a term
_ITEM = re.compile(r"\s*(?:[-*+•‣◦]|\(?\w{1,3}[.)])\s")
_GOES_ON = re.compile(r"[ \t>]*\|[ \t]*\|")
_WORD = re.compile(r"\w")
_LINE_END = re.compile("\n")
GAP = "..."
_TAB = 8
_LONGEST = 200  # characters of lines that name what is indented below them
_HIGHEST = 12  # lines of a row of a drawn table
_PROGRAM, _MOST = 8, 0.8  # lines of a program, at least, and the share of those that end as such
_CLOSED = re.compile(r"[>{};(\[\])]\s*\Z")
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
    is_code: bool = False  # below which something left out would be another program, if nothing said so


def head(start: int, end: int, above: Head | None, *, is_code: bool = False) -> Head:
    return Head(start=start, end=end, above=above, frame=frame_of(above), is_code=is_code)


def frame_of(under: Head | None) -> Head | None:
    """The nearest header or fence, itself included."""
    return under if under is None or under.is_frame else under.frame


def upwards(under: Head | None) -> Iterator[Head]:
    """What stands above, the nearest first."""
    while under is not None:
        yield under
        under = under.above


def leads(text: str) -> bool:
    """Whether a text leads to what follows: `like this:`."""
    return _LEADS.search(text[-_MARKS:]) is not None


def names(text: str) -> bool:
    """Whether a paragraph is a few short lines above what they name."""
    return _NAMES.fullmatch(text) is not None


def stays_open(text: str) -> bool:
    """Whether a paragraph ends within a sentence, which code or a list below it goes on."""
    last = text.rstrip()[-1:]
    return last == "," or last.islower()


def is_item(text: str) -> bool:
    """Whether a paragraph of a plain text is an item of a list."""
    return _ITEM.match(text) is not None


def is_term(text: str) -> bool:
    """Whether a paragraph is what the others below it are about, up to the next such one."""
    return _TERM.fullmatch(_QUOTED.sub("", text)) is not None and not leads(text)


def is_label(text: str) -> bool:
    """Whether a paragraph of code or bold alone leads to what is below it, such as `**Output:**`: that is no term."""
    return _TERM.fullmatch(_QUOTED.sub("", text)) is not None and leads(text)


def gap_below(text: str, head: Head, start: int) -> str:
    """The line that says that code is left out between the head and what is shown next, or nothing."""
    if not head.is_code or not text[head.end : start].strip():
        return ""
    line = text[text.rfind("\n", 0, start) + 1 : start] + text[start : start + _LOOKED_AT]
    return line[: len(line) - len(line.lstrip(" \t>"))] + GAP + "\n"


def line_heads(text: str, rows: Iterable[Span], outer: Head | None) -> dict[int, Head | None]:
    """What each line of a program, of its output or of a drawn table stands under, by where it starts.

    That is the nearest line above that is indented less, as functions, keys and folders are; else the header with a
    rule below it, up to the next empty line; and at last the command with this output, or the remark above.
    """
    found: dict[int, Head | None] = {}
    open_: list[tuple[int, Head]] = []
    base, header = outer, None
    top: int | None = None  # where the rows of a drawn table begin that may be its header
    before: Span | None = None
    for start, end in rows:
        line = text[start:end].rstrip()
        if not line:
            continue
        own = start, start + len(line)
        indent, says, drawn = _indent(line, _DRAWN_INDENT), _WORD.search(line) is not None, _DRAWN.search(line)
        if before is not None and text.count("\n", before[1], start) > 1:
            header = top = before = None
        is_rule = not says and _RULE.fullmatch(line) is not None
        while open_ and not is_rule and open_[-1][0] >= indent + (not says):
            open_.pop()
        prompts = says and not open_ and _PROMPT.match(line) is not None
        if is_rule and header is None and before is not None and (top is not None or not drawn):
            first = before[0] if top is None else top
            header = found[start] = head(first, before[1], found[first])
        else:
            above = open_[-1][1] if open_ else outer if prompts else base
            found[start] = header if header is not None and (above is None or above.start < header.start) else above
        if says:
            own_head = head(start, start + _brief(line), found[start], is_code=True)
            if _COLUMNS.search(line) is None:
                open_.append((indent, own_head))
            base = own_head if prompts else base
            top = (start if top is None else top) if drawn else None
        elif open_ and not is_rule and open_[-1][0] == indent and not text[open_[-1][1].end : start].strip():
            opened = open_[-1][1]
            open_[-1] = indent, head(opened.start, own[1], opened.above, is_code=True)  # `{` goes with what it opens
        before = own
    return found


def _brief(line: str) -> int:
    """How much of a line of code is enough to know it by."""
    if len(line) <= _BRIEF:
        return len(line)
    return max(line.rfind(" ", 0, _BRIEF), len(line) - len(line.lstrip()) + 1)


def is_drawn(rows: Sequence[str]) -> bool:
    """Whether the lines are a table that is drawn with signs, but for a title."""
    return len(rows) > 2 and all(_DRAWN.search(row) for row in rows[1:])


def is_program(rows: Sequence[str]) -> bool:
    """Whether most lines of a plain text end as those of programs and of XML do."""
    return len(rows) >= _PROGRAM and sum(_CLOSED.search(row) is not None for row in rows) >= _MOST * len(rows)


def between_rules(text: str, rows: Sequence[Span]) -> list[Span]:
    """The rows of a drawn table, of a few lines each, where rules divide them; else its lines."""
    found: list[Span] = []
    first = 0
    for place, row in enumerate(rows):
        if _RULE.fullmatch(text[slice(*row)].strip()) or place == len(rows) - 1:
            some = rows[first : place + 1]
            found += [(some[0][0], row[1])] if len(some) <= _HIGHEST else some
            first = place + 1
    return found


def continued(text: str, rows: Sequence[Span]) -> list[list[Span]]:
    """The rows of a table, each with those below it whose first cell is empty: they are about the same."""
    groups: list[list[Span]] = []
    for row in rows:
        if groups and _GOES_ON.match(text, row[0]):
            groups[-1].append(row)
        else:
            groups.append([row])
    return groups


def text_heads(text: str, start: int, end: int) -> Callable[[int], Head | None]:
    """What any place of a plain text stands under: the nearest lines that are indented less and name what is below.

    A line names it where it ends though the first word of the next one had room, or where it begins a paragraph that
    goes on deeper, as terms, options and titles do. The lines of a wrapped sentence do not.
    """
    starts: list[int] = []
    found: list[Head | None] = []
    named: list[Head | None] = []  # what a line itself names, for what stands behind that in the line
    open_: list[tuple[int, Head | None]] = []
    for rows in _stretches(text, start, end):
        shown = [text[first : min(last, first + _LOOKED_AT)].expandtabs(_TAB).rstrip() for first, last in rows]
        width = max(map(len, shown))
        group: tuple[int, int] | None = None  # where the lines begin that name it, and their indent
        ended = True  # the line above, on purpose
        for place, ((first, _), line) in enumerate(zip(rows, shown, strict=True)):
            after = shown[place + 1] if place + 1 < len(shown) else ""
            if _RULE.fullmatch(line):
                if not place:  # it divides what is above from what is below
                    starts.append(first)
                    found.append(None)
                    named.append(None)
                continue
            indent = _indent(line)
            level = min(indent, _indent(after)) if after and not place else indent
            while open_ and open_[-1][0] >= level:
                open_.pop()
            above = open_[-1][1] if open_ else None
            starts.append(first)
            found.append(above)
            own = _COLUMN.sub("", text[first : rows[place][1]].rstrip())
            goes_on = place > 0 and _indent(shown[place - 1]) == indent
            begins = group[0] if goes_on and group is not None and group[1] == indent else first
            room = not after or len(line) + 1 + len(after.split(None, 1)[0]) <= width
            deeper = _indent(after) > indent and _ITEM.match(line) is None
            names = ended and (room or deeper or _RULE.fullmatch(after) is not None) and not (goes_on and group is None)
            ended = room
            group = (begins, indent) if names and first + len(own) - begins <= _LONGEST else None
            named.append(head(begins, first + len(own), above) if group else None)
            open_.append((level, named[-1] or above))

    def under(at: int) -> Head | None:
        place = bisect_right(starts, at) - 1
        if place < 0:
            return None
        own = named[place]
        return own if own is not None and own.end <= at else found[place]

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


def _indent(line: str, signs: str = " \t") -> int:
    line = line[:_LOOKED_AT]
    return len(line[: len(line) - len(line.lstrip(signs))].expandtabs(_TAB))
