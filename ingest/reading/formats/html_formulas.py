"""Formulas of HTML pages (MathML) as text."""

from selectolax.lexbor import LexborHTMLParser

_OPERATORS = (("msup", "^"), ("msub", "_"), ("msubsup", "_"), ("mfrac", "/"))


def write_formulas(tree: LexborHTMLParser) -> None:
    """Formulas as one line of text, once: pages hold them for the eye beside those for programs that read aloud."""
    for node, sign in ((node, sign) for tag, sign in _OPERATORS for node in tree.css(tag)):
        parts = list(node.iter())
        for part in parts[1:]:
            part.insert_before(sign)
        for part in parts:
            if len(part.text(separator="").strip()) > 1:
                part.insert_before("(")
                part.insert_after(")")
    for node in tree.css("msqrt"):
        node.insert_before("√(")
        node.insert_after(")")
    for node in tree.css("math"):
        around = node.parent
        for twin in (node.prev, node.next, around and around.prev, around and around.next):
            if twin is not None and twin.is_element_node and twin.attributes.get("aria-hidden") == "true":
                twin.decompose()
        source = node.css_first('annotation[encoding*="tex" i]')
        for note in node.css("annotation, annotation-xml") if source is None else []:
            note.decompose()
        text = source.text() if source is not None else node.attributes.get("alttext") or node.text()
        node.replace_with(" ".join(text.split()))
