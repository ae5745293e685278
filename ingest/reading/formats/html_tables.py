"""Tables of HTML made ready to become Markdown: each row says what its cells are, below one row of headers."""

from itertools import takewhile

from selectolax.lexbor import LexborHTMLParser, LexborNode

from ingest.reading.formats.html_navigation import HEADINGS

_REPEATED = 200  # characters of a cell that stands again in each row that it spans
_WIDEST = 100  # columns that one cell may span
_PARTS = "caption, thead, tbody, tfoot, tr, td, th"
_BLOCKS = ("table", "pre", "dl", *HEADINGS)  # that no cell of Markdown can hold
_LONG = ", ".join((*_BLOCKS, "p + p", "ul", "ol", "form"))  # what no row keeps apart in one line


def line(node: LexborNode | None) -> str:
    """All that it says, in one line."""
    return " ".join(node.text(separator=" ").split()) if node is not None else ""


def prepare_tables(tree: LexborHTMLParser) -> None:
    """Tables for the layout become blocks, and the others have a cell in each column of each row."""
    _grids(tree)
    _layout_tables(tree)
    for table in tree.css("table"):
        heads = _heads(table)
        _fill_spans(tree, table)
        _join_heads(heads)
        _name_no_columns(tree, table)


def _grids(tree: LexborHTMLParser) -> None:
    """Grids of blocks that name their last columns, as Javadoc writes them, as tables."""
    for grid in tree.css("div:has(> div.col-last)"):
        if any(cell.tag != "div" or "col-" not in (cell.attributes.get("class") or "") for cell in grid.iter()):
            continue
        html = "<tr>"
        for cell in grid.iter():
            names = (cell.attributes.get("class") or "").split()
            tag = "th" if "table-header" in names else "td"
            html += f"<{tag}>{cell.inner_html or ''}</{tag}>" + "</tr><tr>" * ("col-last" in names)
        table = tree.create_node("table")
        table.inner_html = html.removesuffix("<tr>")
        grid.replace_with(table)


def _heads(table: LexborNode) -> list[LexborNode]:
    """The rows of headers: those that the page calls so, else the first ones of headers alone, if others follow."""
    rows = table.css("tr")
    first = list(takewhile(_is_head, rows))
    return table.css("thead tr") or (first if len(first) < len(rows) else [])


def _is_head(row: LexborNode) -> bool:
    return all(cell.tag == "th" for cell in _cells(row))


def _layout_tables(tree: LexborHTMLParser) -> None:
    """Tables whose cells hold what no cell of Markdown can (headings, code, tables) become those blocks, in order; rows
    of several cells between the rows with headings stay tables."""
    layout = {table.mem_id: table for table in tree.css("table[role=presentation], table[role=none]")}
    divided: dict[int, LexborNode] = {}
    headed: dict[int, set[int]] = {}  # the rows with headings of each table
    nested: set[int] = set()
    for block in tree.css(", ".join(f"table {name}" for name in _BLOCKS)):
        if (table := _around(block, "table")) is None or table.mem_id in layout:
            continue
        divided[table.mem_id] = table
        if block.tag == "table":
            nested.add(table.mem_id)
        elif block.tag in HEADINGS and (row := _around(block, "tr")) is not None:
            headed.setdefault(table.mem_id, set()).add(row.mem_id)
    for number in headed.keys() - nested:
        _part_rows(tree, divided[number], headed[number])
    layout |= divided
    parts = [part for part in tree.css(_PARTS) if (table := _around(part, "table")) and table.mem_id in layout]
    for part in [*parts, *layout.values()]:
        part.insert_before(tree.create_node("div"))
        part.insert_after(tree.create_node("div"))
        part.unwrap()


def _part_rows(tree: LexborHTMLParser, table: LexborNode, headed: set[int]) -> None:
    """The rows of a table that need not become blocks as tables of their own."""
    own: LexborNode | None = None
    for row in table.css("tr"):
        if not line(row):
            row.decompose()
            continue
        if row.mem_id in headed or len(_cells(row)) < 2 or row.css_first(_LONG) is not None:
            own = None
            continue
        if own is None:
            row.insert_before(tree.create_node("table"))
            own = row.prev
        if own is not None:
            own.insert_child(row)
            row.decompose()


def _name_no_columns(tree: LexborHTMLParser, table: LexborNode) -> None:
    """An empty row of headers where nothing says that the first row is one: Markdown would take it for that, and each
    part of a long table would repeat it."""
    rows = table.css("tr")
    if len(rows) < 2 or table.css_first("thead tr, caption"):
        return
    cells = _cells(rows[0])
    if any(cell.tag == "th" or _is_bold(cell) for cell in cells if line(cell)):
        return
    head = tree.create_node("tr")
    for _ in range(max(len(_cells(row)) for row in rows)):
        head.insert_child(tree.create_node("th"))
    rows[0].insert_before(head)


def _is_bold(cell: LexborNode) -> bool:
    return any(line(part) == line(cell) for part in cell.css("b, strong, em, i"))


def _around(part: LexborNode, tag: str) -> LexborNode | None:
    node = part.parent
    while node is not None and node.tag != tag:
        node = node.parent
    return node


def _fill_spans(tree: LexborHTMLParser, table: LexborNode) -> None:
    """Each row says what its cells are: one that spans rows or heads columns stands in all of them."""
    for node in table.css("td br, th br, td li + li, th li + li, td p + p, th p + p"):
        node.insert_before("; " if node.tag == "li" else " ")
    if not table.css_first("[rowspan], [colspan]"):
        return
    rows = table.css("tr")
    width = max(sum(min(_number(cell, "colspan"), _WIDEST) or 1 for cell in _cells(row)) for row in rows) if rows else 0
    open_cells: dict[int, tuple[int, str]] = {}  # by column: in how many more rows, and what it says
    for number, row in enumerate(rows):
        column = 0
        last: LexborNode | None = None
        for cell in _cells(row):
            while column in open_cells:
                cell.insert_before(_cell(tree, _take(open_cells, column)))
                column += 1
            left = len(rows) - number
            wide, high = min(_number(cell, "colspan"), _WIDEST) or 1, min(_number(cell, "rowspan") or left, left)
            text = line(cell)
            text = text if len(text) <= _REPEATED else ""
            last = cell
            for name in ("colspan", "rowspan"):
                if name in cell.attributes:
                    del cell.attrs[name]
            for offset in range(wide):
                if offset:
                    copy = _cell(tree, text if cell.tag == "th" else "")
                    last.insert_after(copy)
                    last = last.next or last
                if high > 1 and column < width:  # no row is wider than one that has all of its cells
                    open_cells[column] = (high - 1, text)
                column += 1
        while column in open_cells:
            row.insert_child(_cell(tree, _take(open_cells, column)))
            column += 1


def _join_heads(heads: list[LexborNode]) -> None:
    """One row of headers, which each part of a long table can repeat, of several: `Power Min | Power Max`."""
    rows = [_cells(row) for row in heads]
    if len(rows) < 2 or len({len(row) for row in rows}) > 1:
        return
    for column in zip(*rows, strict=True):
        texts = list(dict.fromkeys(filter(None, map(line, column))))
        for inside in list(column[0].iter(include_text=True)):
            inside.decompose()
        column[0].insert_child(" ".join(texts))
    for row in heads[1:]:
        row.decompose()


def _take(open_cells: dict[int, tuple[int, str]], column: int) -> str:
    rows, text = open_cells.pop(column)
    if rows > 1:
        open_cells[column] = (rows - 1, text)
    return text


def _cell(tree: LexborHTMLParser, text: str) -> LexborNode:
    cell = tree.create_node("td")
    cell.insert_child(text)
    return cell


def _cells(row: LexborNode) -> list[LexborNode]:
    return [cell for cell in row.iter() if cell.tag in ("td", "th")]


def _number(cell: LexborNode, name: str) -> int:
    value = (cell.attributes.get(name) or "1").strip()
    return int(value[:6]) if value.isascii() and value.isdigit() else 1
