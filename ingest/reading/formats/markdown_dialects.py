"""What dialects of Markdown add to it: admonitions, tabs, components' imports, template tags. Their marks become
readable or go; what they hold stays."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from ingest.reading.formats.markdown_pieces import Edit
from ingest.reading.raw import Removal

_INDENTED = re.compile(r'( *)(?:!!!|\?\?\?\+?|(===)[!+]?) +([\w-]+(?: [\w-]+)*)? *(?:"([^"\n]*)")?[ \t]*\n?')
_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})")
_COLONS = re.compile(rb"^([ \t>]*):{3,}[ \t]*(?:\{?[ \t]*[.#]?([\w-]+))?([^\n]*)$", re.MULTILINE)
_CALLOUT = re.compile(rb"^([ \t>]*>[ \t]*)\[!([\w-]+)\][+-]?", re.MULTILINE)
_TEMPLATE = re.compile(rb"^[ \t>]*(?:\{\{[<%][^\n]{1,2000}[>%]\}\}|\{%[^\n]{1,2000}%\})[ \t]*$", re.MULTILINE)
_IMPORT = re.compile(
    rb"^import[ \t]+(?:((?:[^\n;'\"{}]|\{[^{};'\"]{0,2000}\})*?)[ \t]+from[ \t]+)?['\"][^'\"\n]+['\"];?[ \t]*$",
    re.MULTILINE,
)
_EXPORT = re.compile(rb"^export[ \t]+(?:const|let|var|function|default|async)\b", re.MULTILINE)
_SHOWN = re.compile(rb"""\b(?:title|label|caption|alt|summary|name|header|text)=["']([^"'\n]*)["']""")
_DATA = re.compile(
    rb"^ {0,3}\[[^\[\]\n]{1,999}\]:[ \t]*(?:<?data:[^\n]*|(?:#|<>)(?:[ \t]+[(\"'][^\n]*)?)$", re.MULTILINE
)
"""Definitions of links that nothing shows: of pictures written as data, and comments, which lead nowhere."""
_ATTRIBUTES = re.compile(rb"^[ \t>]*\{(?::|[ \t]*[.#][\w-])[^{}\n]{0,200}\}[ \t]*$", re.MULTILINE)
_LABEL = re.compile(rb"\{\{[<%][ \t]*([\w-]+)[ \t]+(?:[\w-]+[ \t]+)?\"([^\"\n]*)\"[ \t]*[%>]\}\}")
_CLOSED = re.compile(rb"\{\{[<%][ \t]*/[ \t]*([\w-]+)")
_EXPRESSION = re.compile(rb"([\w:-]+)=(\{(?:[^{}]|\{[^{}]*\})*\})")
_STRING = re.compile(rb"""\"([^\"\n]*)\"|'([^'\n]*)'|`([^`]*)`""")
_FOR_MACHINES = re.compile(rb"(?i)class(?:name)?|style|sx|d|on[A-Z]\w*|\w*(?:url|href|src|path|code)")
_PROSE = 3  # words of a string in a program that make it something to read
_COMPONENT = re.compile(
    rb"<[A-Z][\w.]*((?:\s+[\w:-]+(?:=(?:\"[^\"]*\"|'[^']*'|\{(?:[^{}]|\{[^{}]*\})*\}))?|\s+\{\.\.\.[^{}]*\})*)\s*/?>"
)
"""A tag as JSX has it, with expressions in braces, which a parser of HTML would not take for a tag."""
_BRACES = re.compile(rb"\{(?:[^{}]|\{[^{}]*\})*\}")
_COMMENT_OPENS, _COMMENT_CLOSES = b"{/*", b"*/}"


def without_indented_marks(text: str) -> str:
    """The text with what `!!! note "Title"`, `??? "Title"` and `=== "Tab"` hold moved out to their own level."""
    if not re.search(r"^ *(?:!!!|\?\?\?|===)", text, re.MULTILINE):
        return text
    lines = text.splitlines(keepends=True)
    result: list[str] = []
    levels: list[int] = []  # the indents of the marks that are open
    fence = ""
    for number, line in enumerate(lines):
        indent = len(line) - len(line.lstrip(" "))
        while line.strip() and levels and indent < levels[-1] + 4:
            levels.pop()
            fence = ""
        moved = line[4 * len(levels) :] if line.strip() else line
        mark = _FENCE.match(moved)
        if mark and (not fence or mark[1].startswith(fence)):
            fence = "" if fence else mark[1]
        opens = None if fence or mark else _INDENTED.fullmatch(line)
        if opens and (opens[3] or opens[4]) and not (opens[2] and opens[3]) and _is_indented(lines, number, indent + 4):
            words = " ".join(filter(None, (opens[3], opens[4])))
            named = f"{opens[3].capitalize()}: {opens[4]}" if opens[3] and opens[4] else words[:1].upper() + words[1:]
            result += ["\n", f"{moved[: indent - 4 * len(levels)]}**{named}**\n", "\n"]
            levels.append(indent)
        else:
            result.append(moved)
    return "".join(result)


def _is_indented(lines: Sequence[str], number: int, least: int) -> bool:
    """Whether the text after the line belongs to it. Only the next few lines are looked at."""
    after = next((line for line in lines[number + 1 : number + 4] if line.strip()), "")
    return len(after) - len(after.lstrip(" ")) >= least


def marks(source: bytes, left_alone: Sequence[tuple[int, int]], *, mdx: bool) -> tuple[list[Edit], tuple[Removal, ...]]:
    """Edits for the marks outside of the places that are left alone, and the template tags that went."""
    starts = [start for start, _ in left_alone]

    def found(pattern: re.Pattern[bytes]) -> Iterator[re.Match[bytes]]:
        for match in pattern.finditer(source):
            before = bisect_right(starts, match.start()) - 1
            if before < 0 or match.start() >= left_alone[before][1]:
                yield match

    edits = [(match.start(), match.end(), _named(match)) for match in found(_COLONS)]
    edits += [
        (match.start(), match.end(), match[1] + b"**" + match[2].capitalize() + b"**") for match in found(_CALLOUT)
    ]
    edits += [(match.start(), match.end(), b"") for pattern in (_DATA, _ATTRIBUTES) for match in found(pattern)]
    templates = list(found(_TEMPLATE))
    closed = {name for match in templates for name in _CLOSED.findall(match[0])}
    edits += [(match.start(), match.end(), _label(match[0], closed)) for match in templates]
    edits += [(match.start(), match.end(), b"") for match in found(_IMPORT) if mdx or _is_used(match[1] or b"", source)]
    if mdx:
        edits += _exports(source, [match.start() for match in found(_EXPORT)])
        components = [match for match in found(_COMPONENT) if b"{" in match[1]]
        edits += [(match.start(), match.end(), _props(match[1])) for match in components]
        edits += _comments(source, starts, left_alone)
    lines = tuple(match[0].decode().strip()[:300] for match in templates)
    return edits, (Removal(what="template tags", count=len(lines), lines=lines),) if lines else ()


def _named(mark: re.Match[bytes]) -> bytes:
    """`:::note Title` as a bold line; what closes it, as nothing."""
    kind = (mark[2] or b"").replace(b"callout-", b"")
    rest = mark[3] or b""
    title = b" ".join(_SHOWN.findall(rest)) or rest.strip(b" \t[]{}")
    if b"=" in title and not _SHOWN.search(rest):
        title = b""  # attributes that do not show
    words = kind.capitalize() + b": " + title if kind and title else kind.capitalize() or title
    return mark[1] + (b"**" + words + b"**\n" + mark[1] if words else b"")


def _label(tags: bytes, closed: set[bytes]) -> bytes:
    """What template tags show of their own: `title="..."`, and the label of one that holds text, as `tab "Linux"`."""
    labels = [label for name, label in _LABEL.findall(tags) if name in closed]
    return b" ".join([*_SHOWN.findall(tags), *labels])


def _props(attributes: bytes) -> bytes:
    """What a component shows of its own: titles, labels and such, and the sentences that its expressions hold."""
    sentences = [
        sentence
        for name, expression in _EXPRESSION.findall(attributes)
        if not _FOR_MACHINES.fullmatch(name)
        for sentence in map(b"".join, _STRING.findall(expression))
        if len(sentence.split()) >= _PROSE
    ]
    return b"\n\n".join(filter(None, [b" ".join(_SHOWN.findall(_BRACES.sub(b"", attributes))), *sentences]))


def _is_used(names: bytes, source: bytes) -> bool:
    """Whether the text has components of the names that an import brings in: only then it is an import."""
    return any(b"<" + name in source for name in re.findall(rb"\b[A-Z]\w*", names)[:20])


def _exports(source: bytes, starts: Sequence[int]) -> Iterator[Edit]:
    """Pieces of code: each to a blank line outside of its braces."""
    end = 0
    for start in starts:
        if start < end:
            continue
        end = source.find(b"\n\n", start) if end < len(source) else end
        end = len(source) if end < 0 else end
        if source.count(b"{", start, end) > source.count(b"}", start, end):
            closing = source.find(b"\n}", end)
            if closing < 0:
                return  # no code that could be told from text
            line = source.find(b"\n", closing + 1)
            end = line if line >= 0 else len(source)
        yield start, end, b""


def _comments(source: bytes, starts: Sequence[int], left_alone: Sequence[tuple[int, int]]) -> Iterator[Edit]:
    position = source.find(_COMMENT_OPENS)
    while position >= 0:
        before = bisect_right(starts, position) - 1
        end = source.find(_COMMENT_CLOSES, position)
        if end < 0:
            return
        if before < 0 or position >= left_alone[before][1]:
            yield position, end + len(_COMMENT_CLOSES), b""
        position = source.find(_COMMENT_OPENS, end)
