"""What Word's styles and lists say of a paragraph: headings, numbers, hidden text."""

import re
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lxml.etree import _Element

_DEEPEST = 20  # styles that are based on one another: a file can make a circle of them


def local(node: "_Element") -> str:
    """The name of an element without its namespace, for there are two of Word's; empty for a comment."""
    return node.tag.rpartition("}")[2] if isinstance(node.tag, str) else ""


def attribute(node: "_Element | None", name: str) -> str:
    if node is None:
        return ""
    return next((str(value) for key, value in node.attrib.items() if str(key).rpartition("}")[2] == name), "")


def child(node: "_Element | None", name: str) -> "_Element | None":
    return next((inner for inner in node if local(inner) == name), None) if node is not None else None


def descend(node: "_Element | None", *names: str) -> "_Element | None":
    for name in names:
        node = child(node, name)
    return node


def _on(node: "_Element | None") -> bool:
    return node is not None and attribute(node, "val") not in ("0", "false", "off")


class Styles:
    """The file's styles; without any, their ids are what the program that wrote them calls them."""

    def __init__(self, part: "_Element | None") -> None:
        nodes = [node for node in (() if part is None else part) if local(node) == "style"]
        self._styles = {attribute(node, "styleId"): node for node in nodes}

    def heading_level(self, properties: "_Element | None") -> int | None:
        """1 for the highest level and for a title; None for a paragraph that is no heading."""
        own = attribute(child(properties, "outlineLvl"), "val")
        if own.isdigit():
            return int(own) + 1 if int(own) < 9 else None
        name = attribute(child(properties, "pStyle"), "val")
        for style in self._chain(name):
            named = re.fullmatch(r"heading ?([1-9])", attribute(child(style, "name"), "val").lower())
            outline = attribute(descend(style, "pPr", "outlineLvl"), "val")
            if outline.isdigit():
                return int(outline) + 1 if int(outline) < 9 else None
            if named:
                return int(named[1])
            if attribute(child(style, "name"), "val").lower() == "title":
                return 1
        bare = re.fullmatch(r"heading ?([1-9])|title", name.lower()) if name not in self._styles else None
        return int(bare[1] or 1) if bare else None

    def list_level(self, properties: "_Element | None") -> tuple[str, int]:
        """The list that the paragraph is an item of, by its id, and how deep; an empty id where it is none."""
        nodes = [
            properties,
            *(child(style, "pPr") for style in self._chain(attribute(child(properties, "pStyle"), "val"))),
        ]
        for node in nodes:
            number = child(node, "numPr")
            if child(number, "numId") is not None:
                depth = attribute(child(number, "ilvl"), "val")
                return attribute(child(number, "numId"), "val"), int(depth) if depth.isdigit() else 0
        return "", 0

    def hides(self, properties: "_Element | None") -> bool:
        """Whether text with these properties is not shown."""
        own = child(properties, "vanish")
        if own is not None:
            return _on(own)
        chain = self._chain(attribute(child(properties, "rStyle"), "val"))
        return any(_on(descend(style, "rPr", "vanish")) for style in chain)

    def look(self, run: "_Element") -> str:
        """How a run of text stands out: superscript, subscript or strike; empty where it does in no such way."""
        properties = child(run, "rPr") if local(run) == "r" else None
        if properties is None or self.hides(properties):
            return ""
        place = attribute(child(properties, "vertAlign"), "val")
        struck = any(_on(child(properties, name)) for name in ("strike", "dstrike"))
        return place if place in ("superscript", "subscript") else "strike" if struck else ""

    def _chain(self, name: str) -> list["_Element"]:
        """The style and those that it is based on."""
        chain: list[_Element] = []
        while name in self._styles and len(chain) < _DEEPEST:
            chain.append(self._styles[name])
            name = attribute(child(chain[-1], "basedOn"), "val")
        return chain


class Numbering:
    """The file's lists, and how far each has counted."""

    def __init__(self, part: "_Element | None") -> None:
        nodes = [] if part is None else list(part)
        abstract = {attribute(node, "abstractNumId"): node for node in nodes if local(node) == "abstractNum"}
        self._counts: dict[str, dict[int, int]] = defaultdict(dict)
        self._counter: dict[str, str] = {}
        self._levels: dict[str, dict[int, _Element]] = {}
        for node in nodes:
            if local(node) != "num":
                continue
            number, kind = attribute(node, "numId"), attribute(child(node, "abstractNumId"), "val")
            overrides = [inner for inner in node if local(inner) == "lvlOverride"]
            of_kind = abstract.get(kind)
            levels = [inner for inner in (() if of_kind is None else of_kind) if local(inner) == "lvl"]
            levels += [level for level in (child(inner, "lvl") for inner in overrides) if level is not None]
            self._levels[number] = {int(attribute(level, "ilvl") or 0): level for level in levels}
            self._counter[number] = f"{number} alone" if overrides else kind

    def label(self, number: str, depth: int) -> tuple[str, int]:
        """What stands before the next item of the list (`2.`, `b)`, `1.3`, or `-`), and how deep; empty without one."""
        level = self._levels.get(number, {}).get(depth)
        if level is None:
            return ("-" if number not in ("", "0") else ""), depth
        form = attribute(child(level, "numFmt"), "val") or "decimal"
        text = attribute(child(level, "lvlText"), "val")
        counts = self._counts[self._counter[number]]
        start = attribute(child(level, "start"), "val")
        counts[depth] = counts[depth] + 1 if depth in counts else int(start or 1)
        for deeper in [known for known in counts if known > depth]:
            del counts[deeper]
        if form in ("bullet", "none") or not text:
            return ("-" if form == "bullet" else ""), depth

        def shown(match: re.Match[str]) -> str:
            place = int(match[1]) - 1
            of_level = self._levels[number].get(place)
            return _formatted(counts.get(place, 1), attribute(child(of_level, "numFmt"), "val"))

        return re.sub(r"%([1-9])", shown, text), depth


def _formatted(count: int, form: str) -> str:
    match form:
        case "lowerLetter" | "upperLetter":
            letter = chr(ord("a") + (count - 1) % 26) * min((count - 1) // 26 + 1, 9)
            return letter if form == "lowerLetter" else letter.upper()
        case "lowerRoman" | "upperRoman" if 0 < count < 4000:
            roman = ""
            for value, sign in _ROMAN:
                roman += sign * (count // value)
                count %= value
            return roman if form == "lowerRoman" else roman.upper()
        case "decimalZero":
            return f"{count:02}"
        case _:
            return str(count)


_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"),
    (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
