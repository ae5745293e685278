"""HTML and components that stand in Markdown: the tags go, and what they hold and show stays."""

import re
from collections.abc import Iterator, Sequence

from ingest.reading.formats.html import from_html
from ingest.reading.formats.html_navigation import is_needed
from ingest.reading.formats.markdown_pieces import Edit, Piece

_HTML = re.compile(
    "a|abbr|acronym|address|area|article|aside|audio|b|base|basefont|bdi|bdo|big|blink|blockquote|body|br|button|canvas|"
    "caption|center|cite|code|col|colgroup|data|datalist|dd|del|details|dfn|dialog|dir|div|dl|dt|em|embed|fieldset|"
    "figcaption|figure|font|footer|form|frame|frameset|h[1-6]|head|header|hgroup|hr|html|i|iframe|img|input|ins|kbd|"
    "label|legend|li|link|main|map|mark|marquee|math|menu|meta|meter|nav|nobr|noscript|object|ol|optgroup|option|output|"
    "p|param|picture|pre|progress|q|rb|rp|rt|rtc|ruby|s|samp|script|search|section|select|slot|small|source|span|strike|"
    "strong|style|sub|summary|sup|svg|table|tbody|td|template|textarea|tfoot|th|thead|time|title|tr|track|tt|u|ul|var|"
    "video|wbr",
    re.IGNORECASE,
)
"""The elements of HTML, those of its past too. Any other name in angle brackets is a component or meant literally."""
_STRUCTURES = re.compile(
    r"<(?:table|tr|td|th|ul|ol|li|dl|dt|dd|pre|p|h[1-6]|blockquote|script|style|svg|math|select|figure)\b",
    re.IGNORECASE,
)
"""Blocks that only a parser of HTML reads rightly. Between other tags the text is Markdown."""
_TAG = re.compile(r"<!--.*?(?:-->|\Z)|<(/?)([a-zA-Z][\w.:-]*)((?:\s+[^<>]*)?)>", re.DOTALL)
_PICTURE = re.compile(rb"\s*\[?!\[")
_SHORTCODE = re.compile(r"\{\{[<%]\s*/?[\w-]+(?:\s[^{}]*)?[>%]\}\}")
_SHOWN = ("title", "label", "header", "heading", "summary", "caption", "alt", "description")
_FIELD = ("path", "query", "body", "header", "name", "type", "default", "label", "title")  # of a parameter of an API
_ATTRIBUTE = re.compile(r"""([\w-]+)\s*=\s*(?:\{\s*)?(?:"([^"]*)"|'([^']*)'|`([^`]*)`|([^\s"'{}`<>]+))""")


def edits(source: bytes, pieces: Sequence[Piece]) -> Iterator[Edit]:
    """Edits for all HTML among the pieces. What looks like a tag and is none, such as `<your-name>`, is text."""
    html = [piece for piece in pieces if piece.kind in ("tag", "html")]
    closed = frozenset(tag[2] for piece in html for tag in _TAG.finditer(piece.text) if tag[1])
    yield from _in_text(source, [piece for piece in html if piece.kind == "tag"], closed)
    yield from _blocks(source, [piece for piece in html if piece.kind == "html"], closed)


def _in_text(source: bytes, tags: Sequence[Piece], closed: frozenset[str]) -> Iterator[Edit]:
    links: list[str] = []
    empty: set[int] = set()  # where links start and end that show nothing
    for start, end in _empty_links(source, tags):
        empty |= {start, end}
    for piece in tags:
        if piece.start in empty:
            yield piece.start, piece.end, b""
            continue
        tag = _TAG.fullmatch(piece.text)
        if tag is None or not tag[2] or not _is_markup(tag, closed):
            if tag is None or not tag[2]:  # a comment or a processing instruction
                yield piece.start, piece.end, b""
            continue
        name = tag[2].lower()
        if name == "a":
            shown = _link(tag, links)
        elif name == "br":
            shown = " " if piece.within else "" if source[piece.end : piece.end + 1] in (b"\n", b"") else "\n"
        elif name in ("sup", "sub") and not tag[1]:
            number = re.match(rb"\d+</sub>", source[piece.end : piece.end + 20])
            is_formula = number and source[piece.start - 1 : piece.start].isalpha()
            sign = "^" if name == "sup" else "_"
            shown = "" if is_formula or _PICTURE.match(source, piece.end) else sign
        elif name in ("del", "s", "strike"):
            shown = "~~"
        else:
            shown = _apart(_shown(tag), source[piece.end : piece.end + 1].decode("latin-1"))
        yield piece.start, piece.end, shown.encode()


def _empty_links(source: bytes, tags: Sequence[Piece]) -> Iterator[tuple[int, int]]:
    """Links that hold nothing but pictures without words, by where their two tags begin."""
    first: Piece | None = None
    at = 0
    for piece in tags:
        tag = _TAG.fullmatch(piece.text)
        name = tag[2].lower() if tag and tag[2] else ""
        blank = first is not None and not source[at : piece.start].strip()
        if tag and name == "a" and not tag[1]:
            first = piece
        elif name == "a" and blank and first is not None:
            yield first.start, piece.start
            first = None
        elif not blank or tag is None or _shown(tag):
            first = None
        at = piece.end


def _blocks(source: bytes, blocks: Sequence[Piece], closed: frozenset[str]) -> Iterator[Edit]:
    """Tables, lists and such become Markdown; of other blocks only the tags go, for what they hold is Markdown."""
    for block in blocks:
        text = _TAG.sub(lambda tag: _as_html(tag, closed), _SHORTCODE.sub("", block.text))
        text = from_html(text).text if _STRUCTURES.search(text) else _TAG.sub(_stripped, text)
        line = source.rfind(b"\n", 0, block.start) + 1
        inside = re.sub(rb"[^>\s]", b" ", source[line : block.start])
        lines = text.strip("\n").encode().split(b"\n")
        yield block.start, block.end, (b"\n" + inside).join(lines) + b"\n"


def _is_markup(tag: re.Match[str], closed: frozenset[str]) -> bool:
    """Whether it is an element of HTML, or a component: one that is closed and named as such."""
    if _HTML.fullmatch(tag[2]):
        return True
    return (tag[2] in closed or tag[3].endswith("/")) and (tag[2][0].isupper() or bool(set("-.:") & set(tag[2])))


def _shown(tag: re.Match[str]) -> str:
    """What a tag shows of its own: a title or label of a component, what a picture shows, the words of a field."""
    name = tag[2].lower()
    if tag[1]:
        return ""
    attributes = {key.lower(): next(filter(None, values), "") for key, *values in _ATTRIBUTE.findall(tag[3])}
    if name == "img":
        return attributes.get("alt", "")
    if name == "input":
        return attributes.get("value", "") or attributes.get("placeholder", "")
    if _HTML.fullmatch(name) and tag[2] == name:
        return ""
    names = _FIELD if name.endswith("field") else _SHOWN
    shown = [attributes[key] for key in names if attributes.get(key)]
    if not shown and name.endswith("item"):
        shown = [attributes.get("value", "")]  # what tabs without a label show
    return f"**{' – '.join(shown)}**" if any(shown) else ""


def _link(tag: re.Match[str], open_links: list[str]) -> str:
    """The sign that Markdown has for the beginning or the end of a link, where its target is worth keeping."""
    if tag[1]:
        target = open_links.pop() if open_links else ""
        return (f"](<{target}>)" if " " in target else f"]({target})") if target else ""
    attributes = {key.lower(): next(filter(None, values), "") for key, *values in _ATTRIBUTE.findall(tag[3])}
    target = attributes.get("href", "")
    open_links.append(target if is_needed(target, "download" in attributes) else "")
    return "[" if open_links[-1] else ""


def _as_html(tag: re.Match[str], closed: frozenset[str]) -> str:
    """The tag for a parser of HTML, which does not know components and would take names for tags."""
    if tag[2] is None or (_HTML.fullmatch(tag[2]) and not (tag[2][0].isupper() and tag[2] != tag[2].upper())):
        return tag[0]
    if not _is_markup(tag, closed):
        return tag[0].replace("<", "&lt;").replace(">", "&gt;")
    shown = _shown(tag)
    return f"\n\n{shown}\n\n" if shown else ""


def _stripped(tag: re.Match[str]) -> str:
    if tag[2] is None:
        return ""
    if tag[2].lower() == "summary":
        return "**\n\n" if tag[1] else "**"
    return "\n" if tag[2].lower() == "br" else _apart(_shown(tag), tag.string[tag.end() : tag.end() + 1])


def _apart(shown: str, after: str) -> str:
    """What a tag shows, apart from the words after it."""
    return f"{shown} " if shown.endswith("**") and after.isalnum() else shown
