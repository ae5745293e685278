"""Lists of HTML made ready to become Markdown: their numbers, headings in them, and definitions in definitions."""

from selectolax.lexbor import LexborHTMLParser, LexborNode

from ingest.reading.formats.html_navigation import HEADINGS

_HEADINGS = ", ".join(HEADINGS)
_DEEPEST = 4  # lists of definitions in each other
_LARGEST = 999_999_999  # that Markdown takes


def open_lists(tree: LexborHTMLParser) -> None:
    """Lists whose items hold headings become what they hold: a heading in an item would be none of the text's."""
    for items in tree.css(f"ul:has(> li :is({_HEADINGS}))"):
        for entry in [node for node in items.iter() if node.tag == "li"]:
            entry.insert_before(tree.create_node("div"))
            entry.insert_after(tree.create_node("div"))
            entry.unwrap()
        items.unwrap()


def nest_definitions(tree: LexborHTMLParser) -> None:
    """Definitions that hold others, as a class its methods, become items of lists: Markdown has no other sign for what
    belongs to what."""
    outer = "dl:has(> dd dl)"
    for definitions in reversed(tree.css(f"{outer}, {outer} dl")):  # inner ones first
        entries = [node for node in definitions.iter(include_text=True) if not node.is_text_node or node.text().strip()]
        if any(entry.tag not in ("dt", "dd") or entry.css_first(_HEADINGS) for entry in entries):
            continue
        if _depth(definitions) > _DEEPEST:
            continue
        html = ""
        for before, entry in zip([None, *entries], entries, strict=False):
            opens = before is None or (before.tag, entry.tag) == ("dd", "dt")
            inside = entry.inner_html or ""
            in_blocks = entry.tag == "dd" and inside.lstrip().startswith("<")
            html += "<li>" * opens + (inside if in_blocks else f"<p>{inside}</p>")
        items = tree.create_node("ul")
        items.inner_html = html
        definitions.replace_with(items)


def _depth(definitions: LexborNode) -> int:
    """In how many other lists of definitions it lies."""
    depth, outer = 0, definitions.parent
    while outer is not None:
        depth, outer = depth + (outer.tag == "dl"), outer.parent
    return depth


def divide_lists(tree: LexborHTMLParser) -> None:
    """Lists begin anew where an item says its number, and at each item where they count down: Markdown counts up."""
    for items in reversed(tree.css("ol[reversed], ol:has(> li[value])")):  # inner ones first, since items are copied
        backwards = "reversed" in items.attributes
        entries = [node for node in items.iter() if node.tag == "li"]
        start = _number(items, "start")
        counted = start if start is not None else len(entries) if backwards else 1
        last = items
        for place, entry in enumerate(entries):
            own = _number(entry, "value")
            number = counted if own is None else own
            if place and (backwards or number != counted):
                last.insert_after(tree.create_node("ol"))
                last = last.next or last
            if not place or (backwards or number != counted):
                last.attrs["start"] = str(number)
            if last.mem_id != items.mem_id:
                last.insert_child(entry)
                entry.decompose()
            counted = max(number - 1, 0) if backwards else number + 1


def _number(node: LexborNode, name: str) -> int | None:
    value = (node.attributes.get(name) or "").strip()
    return int(value[:10]) if value.isascii() and value.isdigit() and int(value[:10]) <= _LARGEST else None
