"""AsciiDoc to Markdown, line by line: no library that is kept reads it without Ruby."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ingest.reading.formats.asciidoc_table import table
from ingest.reading.formats.html import from_html
from ingest.reading.raw import Content, decode

_ATTRIBUTE = re.compile(r":(!?[\w-]+!?):(?:[ \t]+(.*))?$")
_UNDERLINES = "=-~^+"  # below a heading, by its level
_HEADING = re.compile(r"(={1,6}|#{1,6})[ \t]+(\S.*)$")
_VERBATIM = re.compile(r"(-{4,}|\.{4,}|`{3,}\w*)$")
_PASSED = re.compile(r"\+{4,}$")
_COMMENTED = re.compile(r"/{4,}$")
_WRAPPER = re.compile(r"(?:={4,}|\*{4,}|_{4,}|--|\+)$")
_TABLE = re.compile(r"[|,:!]={3,}$")
_BLOCK_ATTRIBUTES = re.compile(r"\[(?!\[)([^\[\]]{0,1000})\]$|\[\[[^\[\]]*\]\]$")
_CONDITION = re.compile(r"(?:ifdef|ifndef|ifeval|endif)::[^\[]*\[(.*)\]$|toc::\[\]$|<<<$")
_INCLUDE = re.compile(r"include::([^\[]*)\[.*\]$")
_ITEM = re.compile(r"[ \t]*(\*{1,6}|\.{1,6}|-|\d{1,4}\.)[ \t]+(\S.*)$")
_TERM = re.compile(r"[ \t]*(\S.*?)(:{2,4}|;;)(?:[ \t]+(.*))?$")
_ADMONITION = re.compile(r"(NOTE|TIP|IMPORTANT|WARNING|CAUTION)(?::[ \t]+(.*))?$")
_TITLE = re.compile(r"\.([^\s.].*)$")
_REFERENCE = re.compile(r"\{([\w-]{1,60})\}")
_CODE = re.compile(r"(`[^`\n]*`)")
_LITERAL = re.compile(r"\A`\+(.+)\+`\Z")
_INLINE = (
    ("[", re.compile(r"(?:link:|(?=https?://|mailto:))([^\s\[\]<>]{1,500})\[([^\]\n]*)\]"), r"[\2](\1)"),
    ("[", re.compile(r"\[\]\(([^()\s]*)\)"), r"\1"),
    ("<<", re.compile(r"<<[^<>,\n]{1,200},\s*([^<>\n]{1,500})>>"), r"\1"),
    ("<<", re.compile(r"<<#?([^<>,\n]{1,200})>>"), r"\1"),
    ("[", re.compile(r"xref:([^\s\[\]]{1,200})\[\]"), r"\1"),
    (
        "[",
        re.compile(r"(?:xref|kbd|btn|pass|stem|latexmath|asciimath|indexterm2?):[^\s\[\]]{0,200}\[([^\]\n]*)\]"),
        r"\1",
    ),
    ("[", re.compile(r"menu:([^\s\[\]]{1,200})\[([^\]\n]*)\]"), r"\1 > \2"),
    ("[", re.compile(r"footnote(?:ref)?:[^\s\[\]]{0,200}\[([^\]\n]*)\]"), r" (\1)"),
    ("[", re.compile(r"(?:image|video|audio)::?[^\s\[\]]{1,500}\[(?:alt=)?\"?([^\],\"\n]*)[^\]\n]*\]"), r"\1"),
    ("#", re.compile(r"(?:\[[.\w#-]{1,100}\])?##([^#\n]{1,500})##"), r"\1"),
    ("#", re.compile(r"(?:\[[.\w-]{1,100}\]|(?<![\w#]))#(?=\S)([^#\n]{1,500})(?<=\S)#(?!\w)"), r"\1"),
    ("^", re.compile(r"\^([^\s^]{1,100})\^"), r"^\1"),
    ("~", re.compile(r"(?<=[A-Za-z)])~(\d{1,9})~"), r"\1"),
    ("~", re.compile(r"~([^\s~]{1,100})~"), r"_\1"),
    ("((", re.compile(r"\(\(\(?([^()\n]{1,200})\)\)\)?"), r"\1"),
    ("[", re.compile(r"\[\[[^\[\]\n]{1,200}\]\]|anchor:[\w-]{1,200}\[[^\]\n]*\]"), ""),
    ("+", re.compile(r"[ \t]\+$"), ""),
)  # fmt: skip
_BUILT_IN = {
    "nbsp": " ",
    "empty": "",
    "sp": " ",
    "plus": "+",
    "lt": "<",
    "gt": ">",
    "amp": "&",
    "asterisk": "*",
    "vbar": "|",
}


@dataclass(slots=True)
class _State:
    """What the lines above say about those below."""

    attributes: dict[str, str]
    block: list[str] = field(default_factory=list)  # the attributes in brackets above a block
    title: str = ""


def read(path: Path) -> Content:
    return from_asciidoc(decode(path.read_bytes()))


def from_asciidoc(text: str) -> Content:
    """The text as Markdown: headings, lists, tables and code; attributes that it defines are put in, comments go, and
    files that it includes are named."""
    state = _State(attributes=dict(_BUILT_IN))
    lines = text.replace("\r\n", "\n").split("\n")
    result = "\n".join(_translated(lines, state))
    return Content(title=state.title, text=re.sub(r"\n{3,}", "\n\n", result))


def _translated(lines: list[str], state: _State) -> Iterator[str]:
    position = 0
    while position < len(lines):
        line = lines[position].rstrip()
        position += 1
        if position < len(lines) and _is_underlined(lines, position):
            yield from _line(f"{'=' * (1 + _UNDERLINES.index(lines[position][0]))} {line}", state)
            position += 1
        elif _COMMENTED.match(line) or _VERBATIM.match(line) or _PASSED.match(line) or _TABLE.match(line):
            end = next((number for number in range(position, len(lines)) if _closes(line, lines[number])), len(lines))
            yield from _block(line, lines[position:end], state)
            position = end + 1
        elif (attribute := _ATTRIBUTE.match(line)) is not None:
            value = attribute[2] or ""
            while value.endswith("\\") and position < len(lines):
                value = f"{value[:-1].rstrip()} {lines[position].strip()}"
                position += 1
            state.attributes[attribute[1].lower()] = _replaced(value, state)[:10_000]
        elif state.block and state.block[0].partition("%")[0] in ("source", "listing", "literal") and line:
            end = next((number for number in range(position, len(lines)) if not lines[number].strip()), len(lines))
            yield from _block("----", lines[position - 1 : end], state)
            position = end
        else:
            yield from _line(line, state)


def _is_underlined(lines: list[str], below: int) -> bool:
    """Whether the line above the given one is a heading: alone, and about as long as the line of signs below it."""
    line, signs = lines[below - 1].rstrip(), lines[below].rstrip()
    if (
        line.startswith(".")
        or len(signs) < 2
        or signs[0] not in _UNDERLINES
        or signs.strip(signs[0])
        or abs(len(signs) - len(line)) > 1
    ):
        return False
    before = lines[below - 2].strip() if below > 1 else ""
    return bool(re.search(r"\w", line)) and (not before or before.startswith(("[", "//", ":")))


def _closes(opening: str, line: str) -> bool:
    return line.rstrip() == (re.sub(r"\w+$", "", opening) if opening.startswith("`") else opening)


def _block(opening: str, lines: list[str], state: _State) -> Iterator[str]:
    attributes, state.block = state.block, []
    if opening.startswith("//"):
        return
    if _TABLE.match(opening):
        yield from ["", *table(opening, [_inline(line, state) for line in lines], attributes), ""]
    elif opening.startswith("++"):
        yield from ["", from_html("\n".join(lines)).text, ""]
    else:
        language = opening.strip("`") if opening.startswith("`") else ""
        if len(attributes) > 1 and attributes[0].partition("%")[0] == "source" and "=" not in attributes[1]:
            language = attributes[1]
        fence = "```"
        while any(line.startswith(fence) for line in lines):
            fence += "`"
        yield from ["", f"{fence}{language.strip()}", *lines, fence, ""]


def _line(line: str, state: _State) -> Iterator[str]:
    if line.startswith("//") and not line.startswith("///"):
        return
    if attributes := _BLOCK_ATTRIBUTES.match(line):
        parts = re.findall(r'(?:[^,"]|"[^"]*")+', attributes[1] or "") or [""]
        state.block = [part.strip().strip('"') for part in parts]
        if state.block[0] in ("quote", "verse") and (said := ", ".join(filter(None, state.block[1:]))):
            yield from ["", f"{_inline(said, state)}:", ""]
        if named := _ADMONITION.match(state.block[0]):
            yield from ["", f"**{named[1].capitalize()}**", ""]
            state.block = []
        return
    if condition := _CONDITION.match(line):
        if condition[1]:
            yield _inline(condition[1], state)
        return
    if line and not _TITLE.match(line):
        state.block = []
    if _WRAPPER.match(line):
        yield ""
    elif heading := _HEADING.match(line):
        words = _inline(heading[2], state)
        state.title = state.title or words
        yield from ["", f"{'#' * len(heading[1])} {words}", ""]
    elif included := _INCLUDE.match(line):
        yield f"Included file: {included[1]}"
    elif (item := _ITEM.match(line)) is not None:
        depth = len(item[1]) - 1 if item[1][0] in "*." else 0
        mark = "-" if item[1][0] in "*-" else item[1] if item[1][0].isdigit() else "1."
        yield f"{'   ' * depth}{mark} {_inline(item[2], state)}"
    elif admonition := _ADMONITION.match(line):
        yield f"**{admonition[1].capitalize()}:** {_inline(admonition[2] or '', state)}"
    elif title := _TITLE.match(line):
        yield from ["", f"**{_inline(title[1], state)}**", ""]
    elif (term := _TERM.match(line)) is not None and "::" not in term[1]:
        yield from ["", f"**{_inline(term[1], state)}**: {_inline(term[3] or '', state)}".rstrip()]
    else:
        yield "---" if line == "'''" else _inline(line, state)


def _replaced(text: str, state: _State) -> str:
    return _REFERENCE.sub(lambda match: state.attributes.get(match[1].lower(), match[0]), text)


def _inline(text: str, state: _State) -> str:
    """A line of text; what stands between backticks stays as it is, but for the pluses that say so."""
    parts = _CODE.split(_replaced(text, state))
    for number in range(0, len(parts), 2):
        for sign, pattern, shown in _INLINE:
            if sign in parts[number]:
                parts[number] = pattern.sub(shown, parts[number])
    return "".join(_LITERAL.sub(r"`\1`", part) for part in parts)
