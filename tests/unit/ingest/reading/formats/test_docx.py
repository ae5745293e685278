"""Word to Markdown."""

import zipfile
from pathlib import Path

import pytest
from docx import Document

from ingest.reading.formats import docx
from ingest.reading.raw import Content, Unreadable

SPACES = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" '
    'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing"'
)


def run(text: str, properties: str = "") -> str:
    return f"<w:r><w:rPr>{properties}</w:rPr><w:t xml:space='preserve'>{text}</w:t></w:r>"


def paragraph(text: str, properties: str = "") -> str:
    inner = text if text.startswith("<") else run(text)
    return f"<w:p><w:pPr>{properties}</w:pPr>{inner}</w:p>"


def cell(text: str, properties: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{text if text.startswith('<') else paragraph(text)}</w:tc>"


def row(*cells: str) -> str:
    return f"<w:tr>{''.join(each if each.startswith('<w:tc') else cell(each) for each in cells)}</w:tr>"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.docx"


def read(path: Path, body: str, **parts: str) -> Content:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", f"<w:document {SPACES}><w:body>{body}</w:body></w:document>")
        for name, inner in parts.items():
            archive.writestr(f"word/{name}.xml", f"<w:{name} {SPACES}>{inner}</w:{name}>")
    return docx.read(path)


def blocks(path: Path, body: str, **parts: str) -> list[str]:
    return read(path, body, **parts).text.split("\n\n")


def test_headings_tables_and_the_title_of_a_real_document(path: Path) -> None:
    word = Document()
    word.core_properties.title = "Pump manual"
    word.add_heading("Reset", 1)
    word.add_paragraph("Hold the button.")
    word.add_heading("Modes", 2)
    table = word.add_table(2, 2)
    for number, text in enumerate(("Mode", "Power", "Eco", "5 W")):
        table.cell(number // 2, number % 2).text = text
    word.add_paragraph("first", style="List Number")
    word.add_paragraph("second", style="List Number")
    word.add_paragraph("point", style="List Bullet")
    word.save(str(path))
    content = docx.read(path)
    assert content.title == "Pump manual"
    assert content.text.split("\n\n") == [
        "# Reset",
        "Hold the button.",
        "## Modes",
        "| Mode | Power |\n| --- | --- |\n| Eco | 5 W |",
        "1. first\n2. second\n- point",
    ]


def test_a_heading_is_one_by_its_style_those_it_is_based_on_or_its_outline_level(path: Path) -> None:
    styles = (
        '<w:style w:styleId="berschrift2"><w:name w:val="heading 2"/></w:style>'
        '<w:style w:styleId="Mine"><w:name w:val="Mine"/><w:basedOn w:val="berschrift2"/></w:style>'
        '<w:style w:styleId="Out"><w:name w:val="Out"/><w:pPr><w:outlineLvl w:val="2"/></w:pPr></w:style>'
        '<w:style w:styleId="Loop"><w:name w:val="Loop"/><w:basedOn w:val="Loop"/></w:style>'
        '<w:style w:styleId="Titel"><w:name w:val="Title"/></w:style>'
    )
    body = "".join(
        paragraph(text, f'<w:pStyle w:val="{style}"/>')
        for text, style in (("T", "Titel"), ("A", "berschrift2"), ("B", "Mine"), ("C", "Out"), ("D", "Loop"))
    ) + paragraph("E", '<w:outlineLvl w:val="0"/>')
    content = read(path, body, styles=styles)
    assert content.text.split("\n\n") == ["# T", "## A", "## B", "### C", "D", "# E"]
    assert content.title == "T"


def test_tracked_changes_are_read_as_if_accepted(path: Path) -> None:
    body = (
        paragraph(f"<w:del>{run('old ')}</w:del><w:ins>{run('new ')}</w:ins>{run('text')}")
        + f"<w:moveFrom>{paragraph('Gone cellar.')}</w:moveFrom>"
        + paragraph(f"<w:moveFrom>{run('Gone too.')}</w:moveFrom>")
        + paragraph(f"<w:moveTo>{run('Came here.')}</w:moveTo>")
        + paragraph("Joined ", "<w:rPr><w:del/></w:rPr>")
        + paragraph("to this.")
        + f"<w:tbl>{row('a', 'b')}<w:tr><w:trPr><w:del/></w:trPr>{cell('x')}{cell('y')}</w:tr></w:tbl>"
    )
    assert blocks(path, body) == ["new text", "Came here.", "Joined to this.", "| a | b |\n| --- | --- |"]


def test_notes_stand_behind_the_paragraph_that_calls_them_and_comments_are_counted(path: Path) -> None:
    body = (
        paragraph(run("Free for pupils") + '<w:r><w:footnoteReference w:id="2"/></w:r>')
        + paragraph(run("End") + '<w:r><w:endnoteReference w:id="2"/></w:r>')
    )  # fmt: skip
    content = read(
        path,
        body,
        footnotes=f'<w:footnote w:id="2">{paragraph("Below nineteen.")}</w:footnote>',
        endnotes=f'<w:endnote w:id="2">{paragraph("Of 2024.")}</w:endnote>',
        comments=f'<w:comment w:id="1">{paragraph("Check this!")}</w:comment>',
    )
    assert content.text.split("\n\n") == ["Free for pupils[^1]", "[^1]: Below nineteen.", "End[^2]", "[^2]: Of 2024."]
    assert [(removal.what, removal.count) for removal in content.removed] == [("comments", 1)]


def test_signs_hidden_text_fields_and_controls(path: Path) -> None:
    body = (
        paragraph(
            "<w:r><w:t>T</w:t><w:noBreakHyphen/><w:t>20</w:t><w:tab/><w:t>so</w:t><w:softHyphen/><w:t>ft</w:t></w:r>"
        )
        + paragraph(run("seen") + run(" unseen", "<w:vanish/>") + run(" again", '<w:vanish w:val="0"/>'))
        + paragraph('<w:r><w:sym w:font="Wingdings" w:char="F0FC"/><w:t> done</w:t></w:r>')
        + paragraph(f"<w:r><w:fldChar/><w:instrText>PAGE</w:instrText></w:r>{run('7')}")
        + f"<w:sdt><w:sdtPr/><w:sdtContent>{paragraph('In a control.')}</w:sdtContent></w:sdt>"
    )
    content = read(path, body)
    assert content.text.split("\n\n") == ["T-20 soft", "seen again", "✓ done", "7", "In a control."]
    assert [(removal.what, removal.count) for removal in content.removed] == [("hidden text", 1)]


def test_lists_count_as_their_numbering_says(path: Path) -> None:
    def level(depth: int, form: str, text: str) -> str:
        return (
            f'<w:lvl w:ilvl="{depth}"><w:start w:val="1"/><w:numFmt w:val="{form}"/><w:lvlText w:val="{text}"/></w:lvl>'
        )

    numbering = (
        f'<w:abstractNum w:abstractNumId="5">{level(0, "decimal", "%1.")}{level(1, "lowerLetter", "%1.%2)")}'
        '</w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="5"/></w:num>'
    )
    body = "".join(
        paragraph(text, f'<w:numPr><w:ilvl w:val="{depth}"/><w:numId w:val="1"/></w:numPr>')
        for text, depth in (("one", 0), ("deep", 1), ("deeper", 1), ("two", 0), ("again", 1))
    )
    assert blocks(path, body, numbering=numbering) == [
        "1. one\n  1.a) deep\n  1.b) deeper\n2. two\n  2.a) again"
    ]  # fmt: skip


def test_merged_cells_repeat_and_nested_tables_become_lines(path: Path) -> None:
    span, start, on = '<w:gridSpan w:val="2"/>', '<w:vMerge w:val="restart"/>', "<w:vMerge/>"
    nested = f"<w:tbl>{row('p', 'q')}{row('r', 's')}</w:tbl>"
    body = (
        f"<w:tbl>{row('Kind', cell('Fees', span))}{row(cell('Boat', start), '1', '2')}{row(cell('', on), '3', '4')}"
        f"{row('In', cell(nested), '')}</w:tbl>"
    )
    assert read(path, body).text.split("\n") == [
        "| Kind | Fees | Fees |",
        "| --- | --- | --- |",
        "| Boat | 1 | 2 |",
        "| Boat | 3 | 4 |",
        "| In | p, q; r, s; |  |",
    ]
    assert blocks(path, f"<w:tbl>{row(cell(paragraph('Framed.') + paragraph('Text.')))}</w:tbl>") == [
        "Framed.",
        "Text.",
    ]


def test_text_boxes_pictures_and_formulas_have_words(path: Path) -> None:
    box = f"<w:drawing><w:txbxContent>{paragraph('In the box.')}</w:txbxContent></w:drawing>"
    forms = f"<mc:Choice>{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback>"
    formula = (
        "<m:oMath><m:sSup><m:e><m:r><m:t>x</m:t></m:r></m:e><m:sup><m:r><m:t>2</m:t></m:r></m:sup></m:sSup></m:oMath>"
    )
    body = (
        paragraph(run("Beside") + f"<w:r><mc:AlternateContent>{forms}</mc:AlternateContent></w:r>")
        + paragraph('<w:r><w:drawing><wp:inline><wp:docPr descr="Plan of the port"/></wp:inline></w:drawing></w:r>')
        + paragraph(f"{run('Take ')}{formula}{run('.')}")
    )
    assert blocks(path, body) == ["Beside", "In the box.", "[Plan of the port]", "Take x^2."]


def test_links_keep_their_targets_and_heads_and_feet_stand_once_at_the_end(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        body = paragraph(f'<w:hyperlink r:id="r1">{run("Terms")}</w:hyperlink>') + paragraph("Known line")
        archive.writestr("word/document.xml", f"<w:document {SPACES}><w:body>{body}</w:body></w:document>")
        link = '<Relationship Id="r1" Target="https://example.org/t" TargetMode="External"/>'
        archive.writestr("word/_rels/document.xml.rels", f"<Relationships>{link}</Relationships>")
        for number in (1, 2):
            head = paragraph("Port office, Quay 5") + paragraph("Known line")
            archive.writestr(f"word/header{number}.xml", f"<w:hdr {SPACES}>{head}</w:hdr>")
    text = docx.read(path).text
    assert text.split("\n\n") == ["[Terms](https://example.org/t)", "Known line", "Port office, Quay 5"]


def test_a_line_that_begins_like_a_heading_of_markdown_is_none(path: Path) -> None:
    assert blocks(path, paragraph("# apt install pump")) == ["\\# apt install pump"]


def test_what_cannot_be_read_is_named_as_such(path: Path) -> None:
    for data, reason in (
        (b"no zip", "no Word document"),
        (b"PK\x03\x04 cut", "damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "encrypted"),
    ):
        path.write_bytes(data)
        with pytest.raises(Unreadable, match=reason):
            docx.read(path)
    deep = "<w:sdt><w:sdtContent>" * 20_000 + "</w:sdtContent></w:sdt>" * 20_000
    with pytest.raises(Unreadable, match="damaged"):
        read(path, deep)


def test_a_table_or_a_part_that_cannot_be_read_costs_no_other_and_is_listed(path: Path) -> None:
    many = "<w:gridSpan w:val='many'/>"
    bad = f"<w:tbl>{row(cell('Lost', many), 'x')}</w:tbl>"
    content = read(path, paragraph("Before") + bad + paragraph("Behind"), footnotes="<w:footnote>", header1="&none;")
    assert content.text == "Before\n\nBehind"
    assert [(each.what, each.count) for each in content.removed] == [("parts that could not be read", 3)]


def test_charts_and_diagrams_are_read_where_they_stand(path: Path) -> None:
    chart = "http://schemas.openxmlformats.org/drawingml/2006/chart"
    series = "<c:ser><c:tx><c:v>Boats</c:v></c:tx><c:cat><c:pt idx='0'><c:v>May</c:v></c:pt></c:cat>"
    series += "<c:val><c:pt idx='0'><c:v>3.5</c:v></c:pt></c:val></c:ser>"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    with zipfile.ZipFile(path, "w") as archive:
        body = paragraph(f"<w:r><w:drawing><c:chart xmlns:c='{chart}' r:id='rId1'/></w:drawing></w:r>")
        archive.writestr(
            "word/document.xml",
            f"<w:document {SPACES}><w:body>{paragraph('Sold')}{body}{paragraph('More')}</w:body></w:document>",
        )
        archive.writestr("word/charts/chart1.xml", f"<c:chartSpace xmlns:c='{chart}'>{series}</c:chartSpace>")
        archive.writestr(
            "word/_rels/document.xml.rels",
            f"<R><Relationship Id='rId1' Type='{office}/chart' Target='charts/chart1.xml'/></R>",
        )
    assert docx.read(path).text.split("\n\n") == ["Sold", "|  | Boats |\n| --- | --- |\n| May | 3.5 |", "More"]


def test_raised_lowered_and_struck_text_has_signs(path: Path) -> None:
    high, low = '<w:vertAlign w:val="superscript"/>', '<w:vertAlign w:val="subscript"/>'
    body = paragraph(
        run("10") + run("-", high) + run("5", high) + run(" s, H") + run("2", low) + run("O, x") + run("i+1", low)
        + run(", 1") + run("st", high) + run(" day, ") + run("20 €", "<w:strike/>") + run(" 15 €")
    )  # fmt: skip
    assert blocks(path, body) == ["10^-5 s, H2O, x_(i+1), 1st day, ~~20 €~~ 15 €"]
