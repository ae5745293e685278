"""Numbers of lists of HTML that do not count up from where their list starts."""

from selectolax.lexbor import LexborHTMLParser, LexborNode

_LARGEST = 999_999_999  # that Markdown takes


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
