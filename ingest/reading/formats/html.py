"""HTML to Markdown-like text: the page's own content, with its headings."""

import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.reading.raw import Content, Unreadable, decode

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

_NO_CONTENT = (
    "script",
    "style",
    "noscript",
    "template",
    "svg",
    "iframe",
    "object",
    "nav",
    "head",
    "button",
    "select",
    "textarea",
)
_BLOCKS = (
    "p", "div", "section", "article", "main", "aside", "header", "footer", "ul", "ol", "dl", "dt", "dd", "table", "tr",
    "blockquote", "figure", "figcaption", "caption", "details", "summary", "address", "hr",
)  # fmt: skip
_BANNER = re.compile(
    r"cookie[-_]?(?:banner|consent|notice|bar|popup|message|policy-banner)|gdpr[-_]?(?:banner|consent)", re.I
)


def read(path: Path) -> Content:
    from bs4 import BeautifulSoup, XMLParsedAsHTMLWarning

    data = path.read_bytes()
    if b"\0" in data and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable("holds zero bytes, so it is no text")
    declared = re.search(rb"<meta[^>]+charset=[\"']?([\w-]+)", data[:4096], re.IGNORECASE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", XMLParsedAsHTMLWarning)  # XHTML reads well as HTML
        soup = BeautifulSoup(_decode_declared(data, declared[1].decode("ascii") if declared else ""), "html.parser")
    heading = soup.find("h1")
    title = (soup.title.get_text(" ", strip=True) if soup.title else "") or (
        heading.get_text(" ", strip=True) if heading else ""
    )
    return Content(title=" ".join(title.split()), text=_as_markdown(soup))


def _decode_declared(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding) if encoding else decode(data)
    except (LookupError, UnicodeDecodeError):
        return decode(data)


def _as_markdown(soup: "BeautifulSoup") -> str:
    """The page's own content: headings with #, items with -, cells divided by |, preformatted text fenced."""
    from bs4.element import NavigableString

    for tag in soup.find_all(_NO_CONTENT):
        tag.decompose()
    for tag in soup.find_all(_is_no_content):
        tag.decompose()
    kept = {id(string) for tag in soup.find_all("pre") for string in tag.find_all(string=True)}
    for string in soup.find_all(string=True):
        if type(string) is NavigableString and id(string) not in kept:  # comments and such are subclasses
            string.replace_with(re.sub(r"\s+", " ", string))
    for tag in soup.find_all(re.compile(r"^h[1-6]$")):
        heading = " ".join(tag.get_text(" ").split())
        tag.replace_with(f"\n\n{'#' * int(tag.name[1])} {heading}\n\n" if heading else "")
    for tag in soup.find_all("pre"):
        tag.replace_with(f"\n\n```\n{tag.get_text().strip(chr(10))}\n```\n\n")
    for tag in soup.find_all("br"):
        tag.replace_with("\n")
    for tag in soup.find_all("li"):
        tag.insert_before("\n- ")
    for tag in soup.find_all(("td", "th")):
        if tag.find_next_sibling(("td", "th")):
            tag.insert_after(" | ")
    in_items = {id(tag) for item in soup.find_all("li") for tag in item.find_all(_BLOCKS)}
    for tag in soup.find_all(_BLOCKS):
        if id(tag) not in in_items:
            tag.insert_before("\n" if tag.name == "tr" else "\n\n")
        tag.insert_after("\n" if id(tag) in in_items or tag.name == "tr" else "\n\n")
    main = soup.find("main")
    text = main.get_text() if main and main.get_text(strip=True) else soup.get_text()
    return re.sub(r"\n- +", "\n- ", text)


def _is_no_content(tag: "Tag") -> bool:
    """Whether a reader does not see it, or sees it on every page of the site."""
    names = f"{tag.get('id', '')} {' '.join(map(str, tag.get_attribute_list('class')))}"
    return tag.has_attr("hidden") or tag.get("aria-hidden") == "true" or _BANNER.search(names) is not None
