"""Formulas of office programs as one line of text."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lxml.etree import _Element

_FORMS = {  # what stands before each part of a formula that has parts
    "f": {"num": "", "den": "/"},
    "sSup": {"e": "", "sup": "^"},
    "sSub": {"e": "", "sub": "_"},
    "sSubSup": {"e": "", "sub": "_", "sup": "^"},
    "limLow": {"e": "", "lim": "_"},
    "limUpp": {"e": "", "lim": "^"},
    "nary": {"sub": "_", "sup": "^", "e": " "},
    "rad": {"deg": "", "e": "√"},
}


def linear(node: "_Element") -> str:
    """The formula in Office Math as one line, such as `x^2 = (a+b)/2` and `√c`."""
    name = str(node.tag).rpartition("}")[2]
    if name == "t":
        return node.text or ""
    if name == "naryPr":
        return next(
            (str(value) for sign in node if str(sign.tag).endswith("}chr") for value in sign.attrib.values()), "∫"
        )
    if name == "d":
        return f"({''.join(map(linear, node))})"
    before = _FORMS.get(name, {})
    said = []
    for inner in node:
        text = linear(inner)
        sign = before.get(str(inner.tag).rpartition("}")[2], "")
        grouped = text if not before or len(text) < 2 or text.isalnum() else f"({text})"
        said.append(f"{sign}{grouped}" if text else "")
    return "".join(said)
