"""Drawings in a PDF: their words are labels on a line of their own, and no text, table, or heading."""

from collections.abc import Callable
from pathlib import Path

import pytest
from reportlab.pdfgen.canvas import Canvas

from ingest.reading.formats import pdf

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:reportlab.*")

ABOVE = "The pump is driven by a motor which stands on the floor of the room beside the tank."
BELOW = "Figure 3: how the parts of the pump stand to each other"


def page(path: Path, draw: Callable[[Canvas], None]) -> str:
    """What is read of a page with a drawing between two lines of text."""
    canvas = Canvas(str(path))
    canvas.setFont("Helvetica", 11)
    canvas.drawString(72, 740, ABOVE)
    canvas.drawString(72, 560, BELOW)
    draw(canvas)
    canvas.save()
    return pdf.read(path).text


def parts(canvas: Canvas) -> None:
    canvas.setFont("Helvetica", 18)
    for number, name in enumerate(("Motor", "Pump", "Tank")):
        canvas.roundRect(100 + 130 * number, 620, 100, 50, 8)
        canvas.drawString(120 + 130 * number, 640, name)
        if number:
            canvas.line(70 + 130 * number, 645, 100 + 130 * number, 652)


def lines(text: str) -> list[str]:
    return [line for line in text.split("\n") if line]


def test_labels_of_an_embedded_drawing_are_one_line_where_it_stands(tmp_path: Path) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.beginForm("drawing")
        parts(canvas)
        canvas.endForm()
        canvas.doForm("drawing")

    assert lines(page(tmp_path / "a.pdf", draw)) == [ABOVE, "Figure: Motor, Pump, Tank", BELOW]


def test_labels_of_a_drawing_on_the_page_itself_are_one_line_where_it_stands(tmp_path: Path) -> None:
    assert lines(page(tmp_path / "a.pdf", parts)) == [ABOVE, "Figure: Motor, Pump, Tank", BELOW]


def test_a_chart_names_its_words_before_its_numbers_and_turned_words_too(tmp_path: Path) -> None:
    def chart(canvas: Canvas) -> None:
        canvas.beginForm("chart")
        canvas.setFont("Helvetica", 9)
        for number in range(4):
            canvas.rect(120 + 60 * number, 620, 30, 20 + 20 * number)
            canvas.drawString(130 + 60 * number, 605, str(2020 + number))
        canvas.drawString(200, 590, "Year")
        canvas.rotate(90)
        canvas.drawString(630, -100, "Pumps sold")
        canvas.endForm()
        canvas.doForm("chart")

    text = page(tmp_path / "a.pdf", chart)
    assert lines(text) == [ABOVE, "Figure: Year, Pumps sold, 2020, 2021, 2022, 2023", BELOW]


def test_sentences_in_a_box_with_round_corners_stay_text(tmp_path: Path) -> None:
    said = ["Switch off the motor before you open the tank.", "Wait until the light of the pump goes out."]

    def box(canvas: Canvas) -> None:
        for bent in range(3):
            canvas.roundRect(70 + bent, 610, 400, 60, 8)
        for number, line in enumerate(said):
            canvas.drawString(90, 645 - 14 * number, line)

    assert lines(page(tmp_path / "a.pdf", box)) == [ABOVE, *said, BELOW]


def test_a_table_in_a_box_with_round_corners_stays_a_table(tmp_path: Path) -> None:
    rows = [["Model", "Power", "Weight"], ["Sloop", "5 W", "7 kg"], ["Ketch", "6 W", "9 kg"], ["Yawl", "7 W", "8 kg"]]

    def table(canvas: Canvas) -> None:
        for bent in range(3):
            canvas.roundRect(90 + bent, 600, 380, 90, 8)
        for down, row in enumerate(rows):
            for across, cell in enumerate(row):
                canvas.drawString(100 + 120 * across, 670 - 16 * down, cell)

    assert "| Sloop | 5 W | 7 kg |" in page(tmp_path / "a.pdf", table)


def test_the_points_of_a_chart_are_counted_and_left_out(tmp_path: Path) -> None:
    def chart(canvas: Canvas) -> None:
        canvas.beginForm("chart")
        canvas.setFont("ZapfDingbats", 9)
        for number in range(6):
            canvas.line(100, 600, 120 + 20 * number, 680)
            canvas.drawString(150 + 40 * number, 610 + 10 * number, "●")
        canvas.setFont("Helvetica", 9)
        canvas.drawString(200, 590, "Hours")
        canvas.endForm()
        canvas.doForm("chart")

    text = page(tmp_path / "a.pdf", chart)
    assert lines(text) == [ABOVE, "Figure: Hours", BELOW]
    [removal] = pdf.read(tmp_path / "a.pdf").removed
    assert (removal.what, removal.count) == ("points of drawings", 6)
