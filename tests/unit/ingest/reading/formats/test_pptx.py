"""PowerPoint to Markdown."""

from pathlib import Path

import pytest
from lxml import etree
from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from ingest.reading.formats import pptx
from ingest.reading.raw import Unreadable

PLACE = (Inches(1), Inches(1), Inches(3), Inches(2))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.pptx"


def test_slides_become_sections_under_their_titles_with_notes(path: Path) -> None:
    deck = Presentation()
    for title, body in (("Reset", "Hold the button."), ("Clean", "Rinse it.")):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text, slide.placeholders[1].text = title, body
    slide.placeholders[1].text_frame.add_paragraph().text = "With water"
    slide.placeholders[1].text_frame.paragraphs[1].level = 1
    slide.notes_slide.notes_text_frame.text = "Say it twice."
    slide.element.set("show", "0")
    deck.slides.add_slide(deck.slide_layouts[6])
    deck.save(str(path))
    content = pptx.read(path)
    assert content.title == "Reset"
    assert content.text.split("\n\n") == [
        "## Reset",
        "Hold the button.",
        "## Clean (hidden slide)",
        "Rinse it.\n- With water",
        "Notes: Say it twice.",
    ]


def test_a_title_may_be_the_last_shape_and_groups_may_be_nested(path: Path) -> None:
    deck = Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    slide.shapes.title.text = "Where it stands"
    inner = slide.shapes.add_group_shape().shapes.add_group_shape()
    inner.shapes.add_textbox(*PLACE).text_frame.text = "In two groups"
    tree = slide.shapes._spTree
    tree.append(slide.shapes.title._element)
    deck.save(str(path))
    assert pptx.read(path).text == "## Where it stands\n\nIn two groups"


def test_tables_charts_and_pictures_have_words(path: Path) -> None:
    deck = Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    table = slide.shapes.add_table(2, 2, *PLACE).table
    table.cell(0, 0).text, table.cell(1, 0).text, table.cell(1, 1).text = "Fees", "Boat", "3"
    table.cell(0, 0).merge(table.cell(0, 1))
    data = CategoryChartData()
    data.categories = ["May", "June"]
    data.add_series("Boats", (3, 4.5))
    chart = slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, *PLACE, data).chart
    chart.has_title = True
    chart.chart_title.text_frame.text = "Boats by month"
    deck.save(str(path))
    assert pptx.read(path).text.split("\n\n") == [
        "| Fees | Fees |\n| --- | --- |\n| Boat | 3 |",
        "Boats by month",
        "|  | Boats |\n| --- | --- |\n| May | 3 |\n| June | 4.5 |",
    ]


def test_what_cannot_be_read_is_named_as_such(path: Path) -> None:
    for data, reason in {b"no zip": "no PowerPoint file", b"PK\x03\x04 cut": "damaged"}.items():
        path.write_bytes(data)
        with pytest.raises(Unreadable, match=reason):
            pptx.read(path)


def test_a_shape_that_cannot_be_read_costs_no_other_and_is_listed(path: Path) -> None:
    deck = Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    slide.shapes.add_textbox(*PLACE).text_frame.text = "Before"
    table = slide.shapes.add_table(1, 2, *PLACE)
    slide.shapes.add_textbox(*PLACE).text_frame.text = "Behind"
    next(table._element.iter("{*}tc")).set("gridSpan", "many")
    deck.slides.add_slide(deck.slide_layouts[6])
    deck.slides._sldIdLst[1].set("{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id", "rId99")
    deck.save(str(path))
    content = pptx.read(path)
    assert content.text == "Before\n\nBehind"
    assert [(each.count, each.lines) for each in content.removed] == [(2, ("slide 1: a shape", "slide 2: all of it"))]


def test_charts_of_any_kind_have_their_titles_names_and_exact_numbers(path: Path) -> None:
    deck = Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    data = CategoryChartData(number_format="0%")
    data.categories = ["May", "June"]
    data.add_series("Full", (0.25, None))
    frame = slide.shapes.add_chart(XL_CHART_TYPE.LINE, *PLACE, data)
    frame.chart.value_axis.axis_title.text_frame.text = "Share of boats"
    data = CategoryChartData()
    data.categories = ["a"]
    data.add_series("Sales", (1234567.25,))
    strange = slide.shapes.add_chart(XL_CHART_TYPE.PIE, *PLACE, data).chart
    plot = next(strange._chartSpace.iter("{*}pieChart"))
    plot.tag = plot.tag.replace("pieChart", "ofPieChart")
    deck.save(str(path))
    content = pptx.read(path)
    assert content.removed == ()
    assert content.text.split("\n\n") == [
        "Share of boats",
        "|  | Full |\n| --- | --- |\n| May | 25% |\n| June |  |",
        "|  | Sales |\n| --- | --- |\n| a | 1234567.25 |",
    ]


def test_formulas_and_what_stands_in_two_forms_are_read(path: Path) -> None:
    deck = Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    box = slide.shapes.add_textbox(*PLACE)
    box.text_frame.text = "Speed is"
    math = "http://schemas.openxmlformats.org/officeDocument/2006/math"
    other = "http://schemas.microsoft.com/office/drawing/2010/main"
    formula = etree.fromstring(
        f'<a14:m xmlns:a14="{other}" xmlns:m="{math}"><m:oMath><m:f><m:num><m:r><m:t>s</m:t></m:r></m:num>'
        "<m:den><m:r><m:t>t</m:t></m:r></m:den></m:f></m:oMath></a14:m>"
    )
    box.text_frame.paragraphs[0]._p.append(formula)
    compatibility = "http://schemas.openxmlformats.org/markup-compatibility/2006"
    both = etree.SubElement(slide.shapes._spTree, f"{{{compatibility}}}AlternateContent")
    etree.SubElement(both, f"{{{compatibility}}}Choice", Requires="a14").append(box._element)
    etree.SubElement(both, f"{{{compatibility}}}Fallback")
    deck.save(str(path))
    assert pptx.read(path).text == "Speed iss/t"
