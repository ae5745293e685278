"""Texts in Markdown as HTML: without any HTML of their own, without pictures, and with markers that lead to sources."""

import functools
import re
from collections.abc import Mapping
from html import escape

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from rag_flywheel.domain.markers import NUMBERS

_MARKER = re.compile(rf"\[({NUMBERS})\]")
_BEFORE = re.compile(rf"\s{{0,8}}\[{NUMBERS}\]")
CELLS = 10_000  # of all tables of a text, at most: a row of one bar has as many cells as the table's head


def rendered(text: str, sources: Mapping[int, str] | None = None) -> Markup:
    """The HTML of a text. `sources` are URLs by the numbers of its markers."""
    parser = _parser(tables=_cells(text) <= CELLS)
    tokens = parser.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):  # below those of the page
            token.tag = f"h{min(int(token.tag[1:]) + 2, 6)}"
        if token.type == "inline" and token.children is not None and sources:
            token.children = [piece for child in token.children for piece in _led(child, sources)]
    return Markup(parser.renderer.render(tokens, parser.options, {}))  # noqa: S704  # what it made, of escaped texts


def without_markers(text: str) -> str:
    """The text, as somebody would write it who cites nothing."""
    return _BEFORE.sub("", text)


def _led(token: Token, sources: Mapping[int, str]) -> list[Token]:
    """A text with its markers as links; anything else as it is."""
    if token.type != "text":
        return [token]
    pieces, at = [], 0
    for found in _MARKER.finditer(token.content):
        known = [number for number in map(int, found[1].split(",")) if number in sources]
        if known:
            before = re.sub(r" $", "\N{NO-BREAK SPACE}", token.content[at : found.start()])  # no number stands alone
            pieces += [_text(before), *(_link(number, sources[number]) for number in known)]
            at = found.end()
    return [*pieces, _text(token.content[at:])]


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)


def _link(number: int, url: str) -> Token:
    link = f'<a class="cite" href="{escape(url)}" aria-label="Source {number}">{number}</a>'
    return Token("html_inline", "", 0, content=link)


def _cells(text: str) -> int:
    """At least as many cells as its tables have."""
    lines = text.splitlines()
    return len(lines) * max((line.count("|") + 1 for line in lines if "|" in line), default=0)


@functools.cache
def _parser(*, tables: bool) -> MarkdownIt:
    made = MarkdownIt("commonmark", {"html": False}).disable("image")
    return made.enable("table") if tables else made
