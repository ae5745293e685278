"""Formulas in a PDF: each is on one line, with signs for what is raised, lowered, or above a line."""

from pathlib import Path

import pytest
from reportlab.pdfgen.canvas import Canvas

from ingest.reading.formats import pdf

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:reportlab.*")

LINE = "The mean of what the sensors tell in an hour is shown on the panel of the pump."


class _Setter:
    """Sets words one after the other, as programs for formulas do."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas

    def put(self, text: str, x: float, y: float, size: float = 11, font: str = "Helvetica-Oblique") -> None:
        self._canvas.setFont(font, size)
        self._canvas.drawString(x, y, text)

    def sign(self, text: str, x: float, y: float, size: float = 11) -> None:
        self.put(text, x, y, size, "Symbol")

    def bar(self, left: float, right: float, y: float) -> None:
        self._canvas.rect(left, y, right - left, 0.4, fill=1, stroke=0)


def read(path: Path, draw: object) -> list[str]:
    assert callable(draw)
    canvas = Canvas(str(path))
    canvas.setFont("Helvetica", 11)
    canvas.drawString(72, 740, LINE)
    canvas.drawString(72, 640, LINE)
    draw(_Setter(canvas))
    canvas.save()
    return [line for line in pdf.read(path).text.split("\n") if line]


def test_what_is_raised_and_lowered_stands_behind_its_letter_on_one_line(tmp_path: Path) -> None:
    def draw(page: _Setter) -> None:
        page.sign("β", 200, 700)
        page.put("i", 207, 697, 7)
        page.put("2", 207, 705, 7)
        page.put("=", 218, 700)
        page.sign("α", 230, 700)
        page.put("n", 238, 697, 7)

    assert read(tmp_path / "a.pdf", draw) == [LINE, "β_i^2 = α_n", LINE]


def test_a_fraction_is_on_one_line(tmp_path: Path) -> None:
    def draw(page: _Setter) -> None:
        page.put("m", 200, 700)
        page.put("=", 213, 700)
        page.put("a + b", 230, 708)
        page.bar(229, 259, 703)
        page.sign("α", 241, 693)

    assert read(tmp_path / "a.pdf", draw) == [LINE, "m = (a + b)/α", LINE]


def test_the_limits_of_a_sum_stand_behind_its_sign(tmp_path: Path) -> None:
    def draw(page: _Setter) -> None:
        page.put("s", 200, 700)
        page.put("=", 213, 700)
        page.sign("∑", 230, 698, 15)
        page.put("n", 234, 714, 7)
        page.put("i=1", 231, 688, 7)
        page.sign("α", 246, 700)
        page.put("i", 254, 697, 7)

    assert read(tmp_path / "a.pdf", draw) == [LINE, "s = ∑_(i=1)^n α_i", LINE]


def test_the_number_of_a_formula_stands_at_its_end_and_makes_no_table(tmp_path: Path) -> None:
    def draw(page: _Setter) -> None:
        for number, y in enumerate((705, 685), 1):
            page.sign("α", 200, y)
            page.put("=", 213, y)
            page.put("b", 225, y)
            page.put(f"({number})", 500, y, font="Helvetica")

    assert read(tmp_path / "a.pdf", draw) == [LINE, "α = b (1)", "α = b (2)", LINE]


def test_a_head_above_a_line_in_a_table_is_no_fraction(tmp_path: Path) -> None:
    def draw(page: _Setter) -> None:
        page.sign("α", 400, 720)
        page.put("Size", 200, 700, font="Helvetica")
        page.bar(198, 330, 696)
        page.put("15", 200, 685, font="Helvetica")

    text = read(tmp_path / "a.pdf", draw)
    assert "Size" in text
    assert "15" in text


def test_the_number_of_a_note_stays_with_its_word_beside_formulas(tmp_path: Path) -> None:
    def draw(page: _Setter) -> None:
        page.sign("α", 400, 720)
        page.put("See the panel", 72, 700, font="Helvetica")
        page.put("4", 143, 704, 7, font="Helvetica")

    assert "See the panel^4" in read(tmp_path / "a.pdf", draw)


def test_a_page_of_formulas_that_is_turned_as_a_whole_is_read(tmp_path: Path) -> None:
    canvas = Canvas(str(tmp_path / "a.pdf"))
    canvas.rotate(90)
    for number in range(4):
        canvas.setFont("Symbol", 11)
        canvas.drawString(200, -60 - 20 * number, "αβγδ")
    canvas.save()
    assert pdf.read(tmp_path / "a.pdf").text.count("αβγδ") == 4
