"""Menus of a page of HTML: what leads to other pages and says nothing itself."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from selectolax.lexbor import LexborHTMLParser, LexborNode

HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_NAMES = ("nav", "breadcrumb", "pagination", "sidebar")  # what the names of menus hold
_NAMED = ", ".join(f"[{attribute}*={name} i]" for attribute in ("class", "id") for name in _NAMES)
_MARKED = f"nav, footer, [role=navigation], {_NAMED}"
_MENU = re.compile(  # whole names
    r"(?i)(?:[\w-]*[-_])?(?:\w*nav(?:bar|igation|header|footer)?|breadcrumbs?|pagination)|nav[-_]?(?:panel|links)"
)
_SIDEBAR = re.compile(r"(?i)(?:\w+[-_]?)?sidebar")
_NEIGHBOURS = frozenset(
    ["prev", "previous", "next", "up", "home", "start", "first", "last", "top", "contents", "toc", "index"]
)
_BLOCKS = frozenset(["table", "ul", "ol", "dl", "div", "p", "center", "section", "header", "footer", "aside"])
_CONTENT = frozenset((*HEADINGS, "pre", "form", "main", "article", "body", "html"))
_MAIN = "main, [role=main]"
_ASIDE = "footer, aside, article, details, dialog, [role=contentinfo], [role=complementary], [role=dialog]"
_OPERATING = "button, [role=menu], [role=menubar], [role=toolbar], [role=search], search, input[type=search], kbd"
_REACHES = re.compile(r"(?i)\s*(?:mailto|tel|sms):")
_YEAR = r"\b(?:19|20)\d\d\b"
_MADE = r"\b(?:created|generated|built|made|powered|produced|converted)\b[^.]{0,60}\b(?:by|with|using)\b"
_NOTICE = re.compile(  # a holder with years and no other number, their rights, the page's date, and the program's mark
    rf"(?i)(?:copyright\s+)?(?:©|\(c\)(?=\s*{_YEAR})|copyright(?=\s+{_YEAR}))"
    rf"(?:[^\d.!?]|{_YEAR}|\.(?!(?<!\b\w\.)\s)){{0,120}}(?:\.?\s*all rights reserved)?"
    r"(?:\.?[\s|]*last (?:updated|modified|changed)\b[^.!?]{1,40})?"
    rf"(?:\.?[\s|]*{_MADE}[^.]{{0,40}}(?:\.\d[^.]{{0,20}})*)?\.?"
)
_MARK = re.compile(rf"(?i){_MADE}")
_NUMBERED = re.compile(r"(?!\b(?:(?:19|20)\d\d|\d\.\d)\b)(?<!\.)\b\d")  # no year or version: to call, hours
_NAME = re.compile(r"[^\W\d_]{4,}")
_LONG_NAME = 100  # characters; no menu is called by more
_SHORT = 400  # characters of what operates a page
_LABEL = re.compile(r"[^\W\d_]+:|[\W_]+")  # `Next:`, and what divides links
_LONGEST = 2000  # characters of a menu that is proven by its links
_TIMES = 3  # that links stand on a page, at least
_PAGES = re.compile(r"(?i)(?:^|/)[^/.]*(?:\.(?:x?html?|php|aspx?|jsp|md))?$")
_SIGNS = re.compile(r"[\W_]+\Z")  # what a heading ends with that leads to itself
_START = re.compile(r"(?i)(?:\./)?index\.x?html?")  # the first page of a folder
_MOST = 5  # such menus at each end of a page


def neighbours(tree: LexborHTMLParser) -> dict[str, str]:
    """The pages that the page says to stand beside and above it, with their titles where it gives them."""
    links = (link for link in tree.css("head > link[rel][href]") if _is_neighbour(link))
    return {link.attributes.get("href") or "": link.attributes.get("title") or "" for link in links}


def take_menus(tree: LexborHTMLParser, title: str, beside: Mapping[str, str]) -> list[str]:
    """Removes the menus and gives their texts: those that the page calls so, unless most of their words are no links;
    what only leads to the page's neighbours, by links that it marks as such or at its two ends; what stands at both
    ends and holds only links, or three times on the page; and around the main part that the page names what is mostly
    links to pages.

    A page of nothing else, such as a table of contents, keeps them.
    """
    marked = list(_marked(tree))
    if tree.body is None or sum(len(_words(menu)) for menu in marked) >= len(_words(tree.body)):
        return []
    texts = [_taken(menu) for menu in marked]
    titles = {word.casefold() for text in (title, *beside.values()) for word in text.split()}
    texts += [_taken(menu) for menu in (*_between(tree.body, beside, titles), *_around_main(tree))]
    texts += [_taken(menu) for menu in _repeated(tree.body)]
    for last in (False, True):
        for _ in range(_MOST):
            menu = _at_end(tree.body, lambda node: _leads_beside(node, beside, titles), last=last)
            if menu is None or len(_words(menu)) == len(_words(tree.body)):
                break
            texts.append(_taken(menu))
    ends = [_at_end(tree.body, _is_only_links, last=last) for last in (False, True)]
    if ends[0] and ends[1] and ends[0].mem_id != ends[1].mem_id and _words(ends[0]) == _words(ends[1]):
        texts += [_taken(menu) for menu in ends if menu]
    return texts


def _marked(tree: LexborHTMLParser) -> Iterator[LexborNode]:
    """The outermost blocks that the page calls menus, or sidebars with one, most of whose words are links, or the
    page's title, at which the way there ends."""
    titles = tree.css("h1")
    title = _SIGNS.sub("", " ".join(_words(titles[0]))) if titles else ""
    found = [node for node in tree.css(_MARKED) if _is_menu(node, len(titles)) and _is_mostly_links(node, title)]
    inside: set[int] = set()
    for node in found:  # as they stand in the page, the outer ones first
        if node.mem_id not in inside:
            inside |= {inner.mem_id for inner in node.css(_MARKED)}
            yield node


def _is_menu(node: LexborNode, titles: int) -> bool:
    """Whether the page calls it so, or it is a foot of links; and it holds neither the main part nor all of the page's
    titles. A sidebar is one with a menu or links to parts of this page, or whose words are mostly those of a list of
    choices."""
    if node.tag == "nav" or node.attributes.get("role") == "navigation":
        return True
    if node.tag == "footer":
        return _leads_away(node) and _NUMBERED.search(node.text()) is None
    if node.tag in ("html", "body", "main", "article") or node.css_first(f"{_MAIN}, article"):
        return False
    if 0 < titles == len(node.css("h1")):
        return False
    if _is_named(node):
        return True
    if not any(map(_SIDEBAR.fullmatch, _names(node))):
        return False
    inner = (menu for menu in node.css(_MARKED) if menu.mem_id != node.mem_id)
    return len(node.css('a[href^="#"]')) >= _TIMES or any(map(_is_named, inner)) or _is_mostly_menus(node)


def _is_mostly_menus(node: LexborNode) -> bool:
    menus = outermost(node.css("[role=menu]"), "[role=menu]")
    return bool(menus) and 2 * sum(len(_words(menu)) for menu in menus) >= len(_words(node))


def _is_named(node: LexborNode) -> bool:
    """Whether the page calls the very element a menu."""
    is_nav = node.tag == "nav" or node.attributes.get("role") == "navigation"
    return is_nav or any(map(_MENU.fullmatch, _names(node)))


def _names(node: LexborNode) -> list[str]:
    said = f"{node.attributes.get('id') or ''} {node.attributes.get('class') or ''}".split()
    return [name for name in said if len(name) <= _LONG_NAME]


def _around_main(tree: LexborHTMLParser) -> list[LexborNode]:
    """Blocks beside the only main part, which holds most of the words, that are mostly links to pages."""
    mains = outermost(tree.css(_MAIN), _MAIN)
    if tree.body is None or len(mains) != 1 or 2 * len(_words(mains[0])) < len(_words(tree.body)):
        return []
    found: list[LexborNode] = []
    node: LexborNode | None = mains[0]
    while node is not None and node.tag != "body" and node.parent is not None:
        blocks = [block for block in node.parent.iter() if block.mem_id != node.mem_id]
        found += [block for block in blocks if _leads_away(block)]
        node = node.parent
    return found


def _leads_away(block: LexborNode) -> bool:
    """Whether it is mostly links, and to pages alone, since addresses to write to or call are content."""
    if block.tag in HEADINGS or block.css_first("h1") is not None:
        return False
    targets = [link.attributes.get("href") or "" for link in block.css("a[href]")]
    return bool(targets) and not any(map(_REACHES.match, targets)) and _is_mostly_links(block)


def _between(body: LexborNode, beside: Mapping[str, str], titles: set[str]) -> list[LexborNode]:
    """Blocks within the page that only lead to the neighbours of a part of it: pages of several parts have them."""
    return _blocks(body, "a[rel][href], a[accesskey][href]", lambda node: _leads_beside(node, beside, titles))


def _repeated(body: LexborNode) -> list[LexborNode]:
    """Blocks of links alone that stand several times on the page with the same words, but for the first."""
    found = [menu for menu in _blocks(body, "a[href]", _is_only_links) if not any(map(_needed, menu.css("a[href]")))]
    times = Counter(" ".join(_words(menu)) for menu in found)
    seen: set[str] = set()
    again: list[LexborNode] = []
    for menu in found:
        words = " ".join(_words(menu))
        if times[words] >= _TIMES and words in seen:
            again.append(menu)
        seen.add(words)
    return again


def _needed(link: LexborNode) -> bool:
    return is_needed(link.attributes.get("href") or "", "download" in link.attributes)


def _blocks(body: LexborNode, links: str, is_menu: Callable[[LexborNode], bool]) -> list[LexborNode]:
    """The largest blocks around the links that are menus of at least two links."""
    judged: dict[int, bool | None] = {}  # nothing yet, of one with a single link
    found: dict[int, LexborNode] = {}
    for link in body.css(links):
        node, menu = link.parent, None
        while node is not None and node.tag not in _CONTENT:
            if node.mem_id not in judged:
                leads = len(node.text()) <= _LONGEST and is_menu(node)
                judged[node.mem_id] = None if leads and len(node.css("a[href]")) < 2 else leads
            if judged[node.mem_id] is False:
                break
            menu = node if judged[node.mem_id] and node.tag in _BLOCKS else menu
            node = node.parent
        if menu is not None:
            found[menu.mem_id] = menu
    return list(found.values())


def take_notices(tree: LexborHTMLParser, generator: str) -> list[str]:
    """Removes the copyright notice with which the page ends, and the mark of the program that made it, by the name that
    the page gives it in its head; and gives the texts. Feet that say more stay."""
    texts: list[str] = []
    program = (_NAME.search(generator) or [""])[0].casefold()
    while tree.body is not None and len(texts) < _MOST:
        found, node = None, _outermost_text(tree.body, last=True)
        while node is not None and node.tag not in _CONTENT and len(node.text()) <= _SHORT:
            text = " ".join(_words(node))
            is_mark = program and program in text.casefold() and _MARK.search(text) and _is_foot(node)
            if is_mark or _NOTICE.fullmatch(text):
                found = node
            node = node.parent
        if found is None or len(_words(found)) == len(_words(tree.body)):
            break
        texts.append(_taken(found))
    return texts


def _is_foot(node: LexborNode) -> bool:
    names = f"{node.attributes.get('id') or ''} {node.attributes.get('class') or ''}"
    return node.tag in ("footer", "address") or "footer" in names.casefold().split()


def take_controls(tree: LexborHTMLParser) -> list[str]:
    """Removes what is there to operate the page, such as its settings and keys, and gives the texts.

    That is a short block with buttons, menus or keys which stands outside of the page's main part, where the page
    names one that holds most of its words: HTML defines it to be what the page itself is about. Feet and asides stay.
    """
    mains = outermost(tree.css(_MAIN), _MAIN)
    if tree.body is None or len(mains) != 1 or 2 * len(_words(mains[0])) < len(_words(tree.body)):
        return []
    kept = {node.mem_id for node in tree.css(f"{_MAIN}, {_ASIDE}")}
    inside = {node.mem_id for outer in tree.css(f"{_MAIN}, {_ASIDE}") for node in outer.css(_OPERATING)}
    around = set(_above(mains[0]))
    lengths: dict[int, int] = {}  # of blocks that are looked at for each control in them
    judged: set[int] = set()
    texts: list[str] = []
    for control in tree.css(_OPERATING):
        if control.mem_id in inside or control.mem_id in kept or control.parent is None:
            continue
        block = control
        while (outer := block.parent) is not None and outer.mem_id not in around:
            if lengths.setdefault(outer.mem_id, -1) < 0:
                lengths[outer.mem_id] = len(" ".join(_words(outer)))
            if lengths[outer.mem_id] > _SHORT:
                break
            block = outer
        if block.mem_id in judged:
            continue
        judged.add(block.mem_id)
        if len(" ".join(_words(block))) <= _SHORT and block.css_first(_ASIDE) is None:
            texts.append(_taken(block))
    return texts


def _above(node: LexborNode) -> Iterator[int]:
    """The ids of the elements around it."""
    outer = node.parent
    while outer is not None:
        yield outer.mem_id
        outer = outer.parent


def outermost(nodes: list[LexborNode], selector: str) -> list[LexborNode]:
    """Those that lie in no other one that the selector matches."""
    inner = {node.mem_id for outer in nodes for node in outer.css(selector) if node.mem_id != outer.mem_id}
    return [node for node in nodes if node.mem_id not in inner]


def _taken(menu: LexborNode) -> str:
    text = " ".join(_words(menu))
    menu.decompose()
    return text


def _words(node: LexborNode) -> list[str]:
    shown = [picture.attributes.get("alt") or "" for picture in node.css("img")]
    return " ".join((node.text(separator=" "), *shown)).split()


def _is_neighbour(link: LexborNode) -> bool:
    return not _NEIGHBOURS.isdisjoint((link.attributes.get("rel") or "").lower().split())


def _is_mostly_links(node: LexborNode, title: str = "") -> bool:
    links = node.css(", ".join(("a", "button", "label", "summary", *HEADINGS)))
    words = _words(node)
    here = len(title.split()) if title and " ".join(words).count(title) == 1 and not node.css_first("h1") else 0
    return 2 * sum(len(_words(link)) for link in links) >= len(words) - here


def _at_end(body: LexborNode, is_menu: Callable[[LexborNode], bool], *, last: bool) -> LexborNode | None:
    """The largest block that is a menu and with which the page begins or ends."""
    node = _outermost_text(body, last=last)
    found = None
    while node is not None and node.tag not in _CONTENT and len(node.text()) <= _LONGEST and is_menu(node):
        if node.tag in _BLOCKS and node.css_first("a[href]") is not None:
            found = node
        node = node.parent
    return found


def _outermost_text(body: LexborNode, *, last: bool) -> LexborNode | None:
    """The element that holds the first or last of what the page shows."""
    node: LexborNode | None = body
    while node is not None:
        alternative = node.attributes.get("alt") if node.tag == "img" else ""
        if (alternative or (node.text() if node.is_text_node else "")).strip():
            return node.parent
        below = node.last_child if last else node.first_child
        while below is None and node is not None and node.mem_id != body.mem_id:
            below = node.prev if last else node.next
            node = node.parent
        node = below
    return None


def _leads_beside(node: LexborNode, beside: Mapping[str, str], titles: set[str]) -> bool:
    """Whether its links lead to the page's neighbours, or have a key to go there by, and what is no link names them or
    says which one it is."""
    links = node.css("a[href]")
    if not all(
        _is_neighbour(link)
        or (target := link.attributes.get("href") or "") in beside
        or _START.fullmatch(target)
        or "accesskey" in link.attributes
        for link in links
    ):
        return False
    named = {word.casefold() for link in links for word in (link.attributes.get("title") or "").split()}
    return _says_only(node, links, titles | named)


def _is_only_links(node: LexborNode) -> bool:
    return _says_only(node, node.css("a[href]"), set())


def _says_only(node: LexborNode, links: list[LexborNode], words: set[str]) -> bool:
    """Whether it says nothing but the words, those of the links, labels, and what divides these."""
    if any(part.tag in _CONTENT for part in node.css(", ".join(_CONTENT))):
        return False
    known = words.union(word.casefold() for link in links for word in _words(link))
    return all(_LABEL.fullmatch(word) or word.casefold() in known for word in _words(node))


def is_needed(target: str, download: bool) -> bool:
    """Whether it says more than that there is another page: an address on the web or for mail, a number, a file."""
    scheme, colon, _ = target.partition(":")
    if colon and scheme.isalpha():
        return scheme.lower() in ("http", "https", "ftp", "mailto", "tel", "sms")
    path = target.partition("#")[0].partition("?")[0]
    return bool(path) and (download or not _PAGES.search(path))
