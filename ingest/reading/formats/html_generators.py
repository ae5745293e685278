"""What Doxygen and Sphinx put around a page's own words, by the names that they themselves give to it."""

from selectolax.lexbor import LexborHTMLParser, LexborNode

from ingest.reading.formats.html_navigation import outermost
from ingest.reading.formats.html_tables import line

_SPHINX = (  # links between the documentation and the code, how to download a gallery's page, and who made it
    "a.viewcode-back, a.viewcode-link, a:has(> span.viewcode-link), "
    "div.sphx-glr-download-link-note, p.sphx-glr-signature"
)
_DOXYGEN = "#titlearea, #nav-path, .header > .summary, div.qindex, div.levels, span.legend"
_DOXYGEN_TITLE = ".header > .headertitle > .title"


def take_furniture(tree: LexborHTMLParser, generator: str) -> list[str]:
    """Removes what the page's generator names as its own and a reader only steers by; gives the texts.

    The banner of a project says on its first page, which Doxygen names after it, what the project is: it stays there.
    """
    nodes = tree.css(_SPHINX)
    if generator.startswith("Doxygen"):
        title, project = tree.css_first(_DOXYGEN_TITLE), line(tree.css_first("#projectname"))
        _diagrams(tree)
        is_first = title is None or (bool(project) and line(title).startswith(project.split()[0]))
        own = [node for node in tree.css(_DOXYGEN) if not (is_first and node.attributes.get("id") == "titlearea")]
        nodes += [*own, *(link for link in tree.css('a[href*="#"]') if _leads_on(link))]
        if title is not None:
            _head(tree, title)
    texts = []
    for node in outermost(nodes, f"{_SPHINX}, {_DOXYGEN}, a"):
        texts.append(line(node))
        node.decompose()
    return texts


def _leads_on(link: LexborNode) -> bool:
    """Whether it is the `More...` behind a short description. Doxygen gives links to what is named a class."""
    return "class" not in link.attributes and line(link).endswith(("...", "…"))


def _diagrams(tree: LexborHTMLParser) -> None:
    """Pictures of what a class is made of or a file needs, as the line above them and the names that they lead to."""
    for node in tree.css("div.dyncontent:has(img)"):
        if node.css_first("table, ul, p, pre") is None:
            names = (area.attributes.get("alt") or area.attributes.get("title") or "" for area in node.css("area"))
            above, shown = node.prev, ", ".join(dict.fromkeys(filter(None, map(str.strip, names))))
            while above is not None and not above.is_element_node:
                above = above.prev
            if above is not None and "dynheader" in (above.attributes.get("class") or "").split():
                if shown:
                    text = tree.create_node("p")
                    text.insert_child(f"{line(above)} {shown}")
                    above.insert_before(text)
                above.decompose()
                node.decompose()


def _head(tree: LexborHTMLParser, title: LexborNode) -> None:
    """The page's title as a heading, and the groups that it belongs to below it."""
    groups = title.css_first("div.ingroups")
    belongs = line(groups)
    if groups is not None:
        groups.decompose()
    if title.css_first("h1, h2, h3, p, table") is None and line(title):
        heading = tree.create_node("h1")
        heading.insert_child(line(title))
        title.insert_before(heading)
        if belongs:
            title.inner_html = ""
            title.insert_child(belongs)
        else:
            title.decompose()
