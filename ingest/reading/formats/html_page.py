"""A page of HTML made ready to become Markdown: without what is no content, and with what Markdown has no sign for."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from selectolax.lexbor import LexborHTMLParser, LexborNode

from ingest.reading.formats.html_formulas import write_formulas
from ingest.reading.formats.html_generators import take_furniture
from ingest.reading.formats.html_lists import divide_lists, nest_definitions, open_lists
from ingest.reading.formats.html_navigation import (
    HEADINGS,
    is_needed,
    neighbours,
    outermost,
    take_controls,
    take_menus,
    take_notices,
)
from ingest.reading.formats.html_tables import line, prepare_tables
from ingest.reading.formats.marks import lowered, raised
from ingest.reading.raw import Removal

_DEEPEST = 500  # levels that are left to become Markdown
_SHOWN = 300  # characters of something removed: enough to know it by
_LONGEST = 200  # characters of an address
_NEAR = 3  # elements around a link
_BANNER = re.compile(
    r"(?i)(?:^|[\s_-])(?:cookies?|gdpr)[-_]?(?:banner|consent|notice|bar|popup|message|policy)(?:$|[\s_-])"
)
_NUMBERED = (
    "pre span[class*=lineno i], div.line span.lineno, pre a[class*=lineno i], pre span.line-number, "
    "pre td.hljs-ln-numbers, td[class*=lineno i]:has(pre), td.gutter:has(pre)"
)
_NUMBERS = re.compile(r"[\d\s]*\d[\d\s]*")
_TYPED, _WHOLE = ("code", "tt", "samp"), ("td", "th", "pre", "li", "dt", *HEADINGS)  # where no block may begin
_BLOCKS = ", ".join((*HEADINGS, "p", "div", "section", "table", "ul", "ol", "dl", "pre"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    tree: LexborHTMLParser
    title: str
    removed: tuple[Removal, ...]
    language: str  # the tag that the page names

    def html(self) -> str:
        return (self.tree.body.html if self.tree.body else self.tree.html) or ""


def prepare(html: str) -> Page:
    """The page with its title, and what of it a reader could see and is left out."""
    tree = LexborHTMLParser(html.replace("\0", ""))
    title, beside = line(tree.css_first("head > title")), neighbours(tree)
    generator = _named(tree.css_first("meta[name=generator i]"), "content")
    language = _named(tree.css_first("html[lang], body[lang]"), "lang")
    _remove(tree.css("head, script, style, template, noscript, input[type=hidden]"))
    write_formulas(tree)
    _headings(tree)
    numbers = _removal("line numbers", _line_numbers(tree))
    removed = [
        replace(numbers, lines=()),
        _removal("hints in programs", _programs(tree)),
        _removal("drawings with text", [node for node in tree.css("svg") if node.css_first("text")]),
        _removed("furniture of generated pages", take_furniture(tree, generator)),
        _removed("navigation", take_menus(tree, title, beside)),
        _removed("notices", take_notices(tree, generator)),
        _removed("controls of the page", take_controls(tree)),
        _removal("cookie banners", _banners(tree)),
        _removal("deleted text", tree.css("del")),
    ]
    _drawings(tree)
    _controls(tree)
    open_lists(tree)
    divide_lists(tree)
    _summaries(tree)
    _raised(tree)
    _lowered(tree)
    _pictures(tree)
    removed.append(_removed(f"addresses longer than {_LONGEST} characters", _links(tree)))
    _labels(tree)
    _terms(tree)
    nest_definitions(tree)
    _unmark(tree)
    title = title or line(tree.css_first("h1"))
    prepare_tables(tree)
    _typed_lines(tree)
    return Page(
        tree=tree, title=title, removed=tuple(removal for removal in removed if removal.count), language=language
    )


def flatten(page: Page) -> None:
    """Takes the tags, not the text, of the elements that lie too deep to become Markdown."""
    for node in list(_deep(page.tree.root)):
        node.insert_before(" ")
        node.unwrap()


def _deep(root: LexborNode | None) -> Iterator[LexborNode]:
    node, depth = root, 0
    while node is not None:
        if depth > _DEEPEST and node.is_element_node:
            yield node
        if below := node.first_child:
            node, depth = below, depth + 1
            continue
        while node is not None and node.next is None:
            node, depth = node.parent, depth - 1
        node = node.next if node is not None else None


def _named(node: LexborNode | None, attribute: str) -> str:
    return "" if node is None else node.attributes.get(attribute) or ""


def _remove(nodes: Iterable[LexborNode]) -> None:
    for node in nodes:
        node.decompose()


def _removal(what: str, nodes: list[LexborNode]) -> Removal:
    """Removes the nodes; those without text leave nothing to report."""
    texts = [line(node) for node in nodes]
    _remove(nodes)
    return _removed(what, texts)


def _removed(what: str, texts: Iterable[str]) -> Removal:
    shown = tuple(text[:_SHOWN] for text in texts if text)
    return Removal(what=what, count=len(shown), lines=shown)


# --- what is no content ---------------------------------------------------------------------------------------------


def _line_numbers(tree: LexborHTMLParser) -> list[LexborNode]:
    """The numbers beside the lines of a program, by the page's own word for them."""
    named = [node for node in tree.css(_NUMBERED) if _NUMBERS.fullmatch(node.text())]
    return outermost(named, _NUMBERED)


def _banners(tree: LexborHTMLParser) -> list[LexborNode]:
    """What is named as a banner about cookies and stands outside of the page's main part."""
    selector = ", ".join(f'[{name}*="{word}" i]' for name in ("id", "class") for word in ("cookie", "gdpr"))
    main = {node.mem_id for part in tree.css("main, article") for node in part.css(selector)}
    named = [node for node in tree.css(selector) if node.mem_id not in main and _is_banner(node)]
    return outermost(named, selector)


def _is_banner(node: LexborNode) -> bool:
    names = f"{node.attributes.get('id') or ''} {node.attributes.get('class') or ''}"
    return (
        node.tag not in ("html", "body")
        and _BANNER.search(names) is not None
        and not node.css_first("h1, main, article")
    )


# --- what Markdown has no sign for ----------------------------------------------------------------------------------


def _headings(tree: LexborHTMLParser) -> None:
    """Headings by their role as headings by their tag."""
    for node in tree.css("[role=heading]"):
        inside = node.css(", ".join((*HEADINGS, "p", "div", "table", "ul", "pre")))
        if node.tag not in HEADINGS and all(block.mem_id == node.mem_id for block in inside):
            level = node.attributes.get("aria-level") or ""
            heading = tree.create_node(f"h{level}" if level in tuple("123456") else "h2")
            heading.insert_child(line(node))
            node.insert_before(heading)
            node.decompose()


def _programs(tree: LexborHTMLParser) -> list[LexborNode]:
    """Programs of which each line is a block of its own, as Doxygen writes them, as code; gives what is shown where
    somebody points at a name in them."""
    shown: list[LexborNode] = []
    for node in tree.css("div.fragment"):
        rows, hints = node.css("div.line"), node.css("div.ttc")
        if rows and line(node) == " ".join(filter(None, map(line, [*rows, *hints]))):
            code = tree.create_node("pre")
            code.insert_child("\n".join(row.text().rstrip() for row in rows))
            node.insert_before(code)
            _remove(rows)
            shown.append(node)
    return shown


def _typed_lines(tree: LexborHTMLParser) -> None:
    """Code whose lines end with line breaks, as code of several lines."""
    inside = {node.mem_id for node in tree.css(", ".join(f"{outer} {name}" for outer in _WHOLE for name in _TYPED))}
    for node in tree.css(", ".join(f"{name}:has(br)" for name in _TYPED)):
        if node.mem_id not in inside:
            for end in node.css("br"):
                end.replace_with("\n")
            code = tree.create_node("pre")
            code.insert_child("\n".join(row.rstrip() for row in node.text().strip("\n").splitlines() if row.strip()))
            node.replace_with(code)


def _labels(tree: LexborHTMLParser) -> None:
    """`Note`, `Warning` and such in bold, in one paragraph with what they are about."""
    for node in tree.css("p.admonition-title"):
        text = line(node)
        label = tree.create_node("strong")
        label.insert_child(text if text.endswith((":", ".", "!", "?")) else f"{text}:")
        following = node.next
        while following is not None and not following.is_element_node:
            following = following.next
        if text and following is not None and following.tag == "p" and following.first_child is not None:
            first = following.first_child
            first.insert_before(label)
            first.insert_before(" ")
            node.decompose()


def _terms(tree: LexborHTMLParser) -> None:
    """The terms of a list of definitions in bold, unless they are code: Markdown has no such lists."""
    for node in tree.css("dt"):
        text = line(node)
        if "\n" in node.text() and not node.css_first(_BLOCKS):
            node.inner_html = " ".join((node.inner_html or "").split())
        marked = any(line(part) == text for part in node.css("code, strong, b, kbd, samp"))
        if text and not marked and not node.css_first(_BLOCKS):
            for part in node.css("em, i, var, strong, b"):
                part.unwrap()
            node.inner_html = f"<strong>{node.inner_html}</strong>"


def _unmark(tree: LexborHTMLParser) -> None:
    """Emphasis in emphasis has no sign of its own, nor has what says what a picture shows in several blocks, and what
    only sets letters divides no words."""
    for node in tree.css("font"):
        node.unwrap()
    for node in tree.css("em em, em i, i em, i i, strong strong, strong b, b strong, b b"):
        node.unwrap()
    for node in tree.css("figcaption"):
        if node.css_first("p + p, p + div, ul, ol, pre, table"):
            node.unwrap()


def _controls(tree: LexborHTMLParser) -> None:
    """What a form shows as text: the words on its buttons, in its fields and of its options."""
    for node in tree.css("input"):
        shown = node.attributes.get("value") or node.attributes.get("placeholder") or node.attributes.get("alt") or ""
        kind = (node.attributes.get("type") or "text").lower()
        node.replace_with(f" {shown} " if kind not in ("checkbox", "radio", "password", "range", "color") else " ")
    for node in tree.css("textarea[placeholder]"):
        node.insert_before(f" {node.attributes.get('placeholder') or ''} ")
    for node in tree.css("option + option, optgroup + optgroup, optgroup + option, button + button"):
        node.insert_before(" / ")
    for node in tree.css("optgroup[label]"):
        node.insert_before(f"{node.attributes.get('label') or ''}: ")


def _summaries(tree: LexborHTMLParser) -> None:
    """A line that opens what is below becomes bold, which no heading or other block can."""
    for node in tree.css("summary"):
        if node.css_first(_BLOCKS):
            node.unwrap()


def _drawings(tree: LexborHTMLParser) -> None:
    """Drawings as what they are said to show, but for those that only adorn a link or a button."""
    adorning = {node.mem_id for node in tree.css("a svg, button svg, summary svg, [aria-hidden=true] svg")}
    for node in outermost(tree.css("svg"), "svg"):
        adorns = node.mem_id in adorning or node.attributes.get("aria-hidden") == "true"
        said = [] if adorns else [node.attributes.get("aria-label") or "", *map(line, node.css("title, desc"))]
        node.replace_with(" ".join(dict.fromkeys(filter(None, said))))


def _pictures(tree: LexborHTMLParser) -> None:
    """Pictures and films as what they are said to show."""
    for node in tree.css("img, area"):
        node.replace_with(" ".join((node.attributes.get("alt") or node.attributes.get("title") or "").split()))
    for node in tree.css("iframe, object, embed, video, audio, canvas"):
        node.insert_before(f" {node.attributes.get('title') or ''} ")
        node.insert_after(" ")
        node.unwrap()


def _links(tree: LexborHTMLParser) -> list[str]:
    """Links as their text; their targets stay where a reader could need them in an answer. Those that would be needed
    but take the place of what the page says are left out whole, since a part of an address leads elsewhere.
    """
    long = []
    anchors = [link for heading in tree.css(", ".join((*HEADINGS, "dt"))) for link in heading.css('a[href*="#"]')]
    anchors += [link for link in tree.css('a[href^="#"]') if _leads_to_itself(link)]
    _remove({link.mem_id: link for link in anchors if not any(map(str.isalnum, link.text()))}.values())
    for link in tree.css("a"):
        target = (link.attributes.get("href") or "").strip()
        if not is_needed(target, "download" in link.attributes) or target.split(":", 1)[-1].strip("/") in link.text():
            link.unwrap()
        elif len(target) > _LONGEST:
            long.append(target)
            link.unwrap()
    return long


def _leads_to_itself(link: LexborNode) -> bool:
    """Whether it leads to where it stands, so that readers can copy the address."""
    target, node = (link.attributes.get("href") or "")[1:], link.parent
    for _ in range(_NEAR):
        if node is not None and node.attributes.get("id") == target:
            return True
        node = node.parent if node is not None else None
    return False


def _raised(tree: LexborHTMLParser) -> None:
    """10<sup>-5</sup> as 10^-5, and notes in brackets."""
    for node in tree.css("sup"):
        text = " ".join(node.text().split())
        linked = node.parent is not None and node.parent.tag == "a"
        if linked or node.css_first('a[href*="#"]'):
            node.replace_with(text if text.startswith(("[", "(")) else f"[{text}]" if text else "")
        else:
            node.replace_with(raised(text))


def _lowered(tree: LexborHTMLParser) -> None:
    """H<sub>2</sub>O as H2O, and log<sub>2</sub> 8 as log_2 8."""
    for node in tree.css("sub"):
        before, after = (beside.text() if beside is not None else "" for beside in (node.prev, node.next))
        if node.text().strip():
            node.replace_with(lowered(node.text(), before, after))
