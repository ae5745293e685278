"""HTML to Markdown: what a reader of the page sees, at once or after a click, by an HTML5 parser."""

import re
from collections import Counter
from pathlib import Path

from ingest.reading.formats.html_page import Page, flatten, prepare
from ingest.reading.raw import Content, decode

_DEEPEST = 800  # elements open at once: a parser looks through them for many a tag, so its work would grow as a square
_DEEPEST_OF_A_KIND = 100  # fewer, so that a page that never closes its <font>s still has tables and headings
_UNNESTED = re.compile(
    "area|base|body|br|col|colgroup|dd|dt|embed|head|hr|html|img|input|li|link|meta|optgroup|option|p|param|rb|rp|rt|"
    "rtc|script|source|style|tbody|td|textarea|tfoot|th|thead|title|tr|track|wbr",
    re.IGNORECASE,
)
"""Elements that hold no other ones, or that end where the next of their kind begins: many in a row are not deep."""
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
_DECLARED = re.compile(
    rb"<meta[^<>]{0,300}?charset\s*=\s*[\"']?\s*([\w.:-]+)|<\?xml[^<>]{0,300}?encoding=[\"']([\w.:-]+)", re.IGNORECASE
)
_VOID = "area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr"
_SELF_CLOSED = re.compile(rf"<(?!(?:{_VOID})[\s/])([a-zA-Z][\w:-]*)((?:\s[^<>]*)?)/>")
_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)


def read(path: Path) -> Content:
    data = path.read_bytes()
    return from_html(decode_html(data), xml=path.suffix.lower() == ".xhtml" or data.lstrip().startswith(b"<?xml"))


def from_html(text: str, *, xml: bool = False) -> Content:
    """The page as Markdown. In XML, unlike in HTML, an element may be closed by its own `/>`."""
    if xml:
        text = _CDATA.sub(lambda match: match[1].replace("&", "&amp;").replace("<", "&lt;"), text)
        text = _SELF_CLOSED.sub(r"<\1\2></\1>", text)
    page = prepare(_shallow(text))
    return Content(title=page.title, text=_markdown(page), removed=page.removed, language=page.language)


def decode_html(data: bytes) -> str:
    """The text as browsers read it: by its byte order mark, else as it declares, where ISO-8859-1 and ASCII mean
    Windows-1252. What is UTF-8 throughout is UTF-8 whatever it declares, and so is what says in ASCII to be UTF-16."""
    import webencodings

    declared = _DECLARED.search(re.sub(rb"<!--.*?-->", b"", data[:4096], flags=re.DOTALL))
    encoding = webencodings.lookup((declared[1] or declared[2]).decode("ascii")) if declared else None
    if encoding is None or encoding.name.startswith("utf-") or b"\0" in data:
        return decode(data)
    if encoding.name != "iso-2022-jp":  # all of its bytes are ASCII
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            pass
    return webencodings.decode(data, encoding)[0]


def _shallow(text: str) -> str:
    """The page without the tags that nest absurdly deep: each becomes a line break."""
    opened: Counter[str] = Counter()
    cut: Counter[str] = Counter()
    depth = 0

    def shallow(tag: re.Match[str]) -> str:
        nonlocal depth
        name = tag[2].lower()
        if _UNNESTED.fullmatch(name):
            return tag[0]
        if not tag[1]:
            if opened[name] < _DEEPEST_OF_A_KIND and depth < _DEEPEST:
                opened[name] += 1
                depth += 1
                return tag[0]
            cut[name] += 1
            return "<br"
        if cut[name]:
            cut[name] -= 1
            return "</wbr"
        if opened[name]:
            opened[name] -= 1
            depth -= 1
        return tag[0]

    shallower = _TAG.sub(shallow, text)
    return shallower if cut else text


def _markdown(page: Page) -> str:
    import html_to_markdown

    options = html_to_markdown.ConversionOptions(
        hidden_content="reachable",  # what a page shows on a click
        preprocessing=html_to_markdown.PreprocessingOptions(enabled=False),
        extract_metadata=False,
        compact_tables=True,
        bullets="-",
    )
    result = html_to_markdown.convert(page.html(), options)
    if any(str(warning.kind) == "depth_limit_exceeded" for warning in result.warnings):
        flatten(page)  # it leaves out what lies too deep
        result = html_to_markdown.convert(page.html(), options)
    return result.content or ""
