"""PDF to Markdown, page by page."""

from collections.abc import Callable
from pathlib import Path

import pytest
from reportlab.lib import colors
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph, SimpleDocTemplate, Table

from ingest.cleaning.furniture import without_furniture
from ingest.reading.formats import pdf
from ingest.reading.raw import PAGE_BREAK, Unreadable

# reportlab still uses what Python will drop; that is not ours to change.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:reportlab.*")

Draw = Callable[[Canvas], None]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.pdf"


def drawn(path: Path, *pages: Draw, title: str = "", encrypt: StandardEncryption | None = None) -> Path:
    canvas = Canvas(str(path), encrypt=encrypt)
    canvas.setTitle(title)
    for draw in pages:
        draw(canvas)
        canvas.showPage()
    canvas.save()
    return path


def written(*lines: str, left: float = 72, top: float = 720, size: float = 12) -> Draw:
    def draw(canvas: Canvas) -> None:
        canvas.setFont("Helvetica", size)
        for number, line in enumerate(lines):
            canvas.drawString(left, top - 1.2 * size * number, line)

    return draw


def both(*draws: Draw) -> Draw:
    def draw(canvas: Canvas) -> None:
        for each in draws:
            each(canvas)

    return draw


LEFT = [f"Left {number} is a line of text that fills it" for number in range(6)]
RIGHT = [f"Right {number} is a line of text that fills it" for number in range(6)]


def test_a_pdf_keeps_its_pages_and_its_title(path: Path) -> None:
    content = pdf.read(drawn(path, written("Hold the button."), written("Release it."), title="Pump manual"))
    assert content.title == "Pump manual"
    assert content.text == f"Hold the button.\n{PAGE_BREAK}\nRelease it."
    assert content.removed == ()


@pytest.mark.parametrize("title", ["untitled", "(anonymous)", "Microsoft Word - a.doc", "a.indd"])
def test_what_a_program_gave_for_a_title_is_none(path: Path, title: str) -> None:
    assert pdf.read(drawn(path, written("Text"), title=title)).title == ""


def test_columns_are_read_one_after_the_other_whatever_was_drawn_first(path: Path) -> None:
    def crossing(canvas: Canvas) -> None:
        for number, (left, right) in enumerate(zip(LEFT, RIGHT, strict=True)):
            canvas.drawString(320, 700 - 14 * number, right)
            canvas.drawString(72, 700 - 14 * number, left)

    text = pdf.read(drawn(path, both(written("After the columns", top=500), crossing))).text
    assert [line for line in text.split("\n") if line] == [*LEFT, *RIGHT, "After the columns"]


def test_a_table_keeps_its_cells_apart_with_and_without_rules(path: Path) -> None:
    columns = (["Model", "Sloop A", "Ketch"], ["Power", "5 W", "7 W"], ["Weight", "", "9 kg"])
    draw = both(*(written(*column, left=72 + 120 * number) for number, column in enumerate(columns)))
    assert pdf.read(drawn(path, draw)).text.split("\n") == [
        "| Model | Power | Weight |",
        "| --- | --- | --- |",
        "| Sloop A | 5 W |  |",
        "| Ketch | 7 W | 9 kg |",
    ]
    cells = [["Day", "Cars", "Vans"], ["Monday", "4", "9"], ["Sunday", "first\nsecond", "5"]]
    SimpleDocTemplate(str(path)).build([Table(cells, style=[("GRID", (0, 0), (-1, -1), 1, colors.black)])])
    assert pdf.read(path).text.split("\n")[2:] == ["| Monday | 4 | 9 |", "| Sunday | first second | 5 |"]


def test_the_last_cell_of_a_table_keeps_its_second_line_and_the_text_below_is_none(path: Path) -> None:
    left = written("HB-IO", "HB-HT")
    right = written("The sensor of pressure", "The sensor of heat, which has", "many settings.", left=192)
    draw = both(left, right, written("An example follows.", top=640))
    assert [line for line in pdf.read(drawn(path, draw)).text.split("\n") if line][2:] == [
        "| HB-HT | The sensor of heat, which has |",
        "|  | many settings. |",
        "An example follows.",
    ]


def test_lines_of_a_program_with_their_numbers_have_no_header(path: Path) -> None:
    draw = both(written("8", "9", "10"), written("start the pump", "wait", "stop the pump", left=130))
    assert pdf.read(drawn(path, draw)).text.split("\n") == ["8   start the pump", "9   wait", "10   stop the pump"]


def test_lines_in_a_bigger_font_are_headings_by_their_size(path: Path) -> None:
    styles = getSampleStyleSheet()
    body = Paragraph("The pump is started and stopped by its button. " * 20, styles["Normal"])
    story = [Paragraph("Handbook", styles["Title"]), body, Paragraph("Rates", styles["Heading2"]), body]
    SimpleDocTemplate(str(path)).build(story)
    lines = pdf.read(path).text.split("\n")
    assert [line for line in lines if line.startswith("#")] == ["# Handbook", "## Rates"]


def test_a_title_in_two_fonts_of_one_size_is_one_heading(path: Path) -> None:
    def title(canvas: Canvas) -> None:
        for font, line, top in (("Times-Bold", "All about pumps", 720), ("Courier-Bold", "and their hoses", 698)):
            canvas.setFont(font, 18)
            canvas.drawString(72, top, line)

    body = written(*(f"Line {number} says what there is to say of pumps." for number in range(20)), top=650)
    assert pdf.read(drawn(path, both(title, body))).text.startswith("# All about pumps and their hoses\n")


def test_bullets_and_numbers_stay_with_their_items(path: Path) -> None:
    draw = both(written("1.", "2.", "•", "•"), written("first thing", "second thing", "red", "blue", left=110))
    assert pdf.read(drawn(path, draw)).text.split("\n") == ["1. first thing", "2. second thing", "- red", "- blue"]


def test_a_word_that_a_line_divides_keeps_its_hyphen_and_its_lines(path: Path) -> None:
    assert pdf.read(drawn(path, written("Hold the but-", "ton for 10-", "15 seconds."))).text == (
        "Hold the but-\nton for 10-\n15 seconds."
    )


def test_turned_text_is_kept(path: Path) -> None:
    def turned(canvas: Canvas) -> None:
        canvas.rotate(90)
        canvas.drawString(300, -40, "Turned note")

    text = pdf.read(drawn(path, both(written("Upright text here"), turned), turned)).text
    assert text == f"Upright text here\n\nTurned note\n{PAGE_BREAK}\nTurned note"


def test_turned_text_stands_at_its_height_on_the_page_and_parts_no_sentence(path: Path) -> None:
    def turned(canvas: Canvas) -> None:
        canvas.rotate(90)
        canvas.drawString(300, -40, "Pressure")

    below = written("It was hot", "that day.", top=200)
    draw = both(written("What the pump", "shows."), below, written("7", top=40), turned)
    lines = [line for line in pdf.read(drawn(path, draw)).text.split("\n") if line]
    assert lines == ["What the pump", "shows.", "Pressure", "It was hot", "that day.", "7"]


def test_turned_text_of_every_page_stands_at_its_end_and_once_when_cleaned(path: Path) -> None:
    def page(number: int) -> Draw:
        def turned(canvas: Canvas) -> None:
            for left, text in ((20, f"From a library, page {number}"), (40, "DRAFT"), (60, f"Axis {'abcdef'[number]}")):
                canvas.saveState()
                canvas.rotate(90)
                canvas.drawString(300, -left, text)
                canvas.restoreState()

        body = [f"The {word} of pump {'abcdef'[number]} is told here." for word in ("flow", "heat", "size") * 4]
        return both(written(*body), written(*reversed(body), top=200), turned)

    text = pdf.read(drawn(path, *map(page, range(6)))).text
    for number, each in enumerate(text.split(PAGE_BREAK)):
        lines = [line for line in each.split("\n") if line]
        assert lines[12] == f"Axis {'abcdef'[number]}"
        assert sorted(lines[-2:]) == ["DRAFT", f"From a library, page {number}"]
    kept, _ = without_furniture(text)
    assert (kept.count("From a library"), kept.count("DRAFT"), kept.count("Axis")) == (1, 1, 6)


def test_a_numbered_title_in_higher_letters_is_a_heading_and_no_table(path: Path) -> None:
    def titled(number: str, title: str, top: float, size: float) -> Draw:
        return both(written(number, top=top, size=size), written(title, left=130, top=top, size=size))

    body = [f"Line {number} says what there is to say of pumps." for number in range(9)]
    draw = both(titled("4", "Pumps", 720, 18), titled("4.1", "Filling", 690, 15), written(*body, top=650))
    lines = [line for line in pdf.read(drawn(path, draw)).text.split("\n") if line]
    assert lines == ["# 4 Pumps", "## 4.1 Filling", *body]


def test_a_table_of_contents_is_lines_and_none_of_them_a_header(path: Path) -> None:
    titles = ("Filling", "Starting", "Cleaning")
    draw = both(written("1.1", "1.2", "1.3"), written(*(f"{title} . . . . . . . . 4" for title in titles), left=130))
    assert pdf.read(drawn(path, draw)).text.split("\n") == [
        f"1.{number}   {title} ... 4" for number, title in enumerate(titles, 1)
    ]


def test_slanted_text_stands_where_it_is_read(path: Path) -> None:
    def slanted(canvas: Canvas) -> None:
        canvas.saveState()
        canvas.skew(0, 15)
        canvas.drawString(-110, 690, "Hold it until it clicks.")
        canvas.restoreState()

    draw = both(written("First press the button."), slanted, written("Then let go.", top=660))
    lines = [line for line in pdf.read(drawn(path, draw)).text.split("\n") if line]
    assert lines == ["First press the button.", "Hold it until it clicks.", "Then let go."]


def test_a_line_that_begins_like_a_heading_of_markdown_is_none(path: Path) -> None:
    assert pdf.read(drawn(path, written("# apt install pump", "```"))).text == "\\# apt install pump\n\\```"


def picture(canvas: Canvas) -> None:
    from PIL import Image

    canvas.drawImage(ImageReader(Image.new("RGB", (20, 20), "red")), 72, 500, 200, 200)


def test_pages_that_hold_only_pictures_are_named_and_blank_ones_are_not(path: Path) -> None:
    content = pdf.read(drawn(path, written("Text"), picture, written(""), picture))
    assert [(removal.what.split(";")[0], removal.count, removal.lines) for removal in content.removed] == [
        ("pages that hold only pictures", 2, ("page 2", "page 4"))
    ]


def test_what_cannot_be_read_is_named_as_such(path: Path) -> None:
    for draws, encrypt, reason in (
        ([written("Text")], StandardEncryption("p", ownerPassword="o"), "encrypted"),
        ([picture], None, "only pictures; run OCR"),
        ([written("")], None, "holds no text"),
    ):
        drawn(path, *draws, encrypt=encrypt)
        with pytest.raises(Unreadable, match=reason):
            pdf.read(path)
    for broken in (b"%PDF-1.4 and then nothing", b"no PDF"):
        path.write_bytes(broken)
        with pytest.raises(Unreadable, match="damaged PDF, or none"):
            pdf.read(path)


def test_a_pdf_that_only_its_owner_may_change_is_read(path: Path) -> None:
    drawn(path, written("Free to read"), encrypt=StandardEncryption("", ownerPassword="o", canPrint=0))
    assert pdf.read(path).text == "Free to read"


def test_signs_that_a_font_gives_letters_make_no_headings_and_no_tables(path: Path) -> None:
    music = both(
        written("h P v u 4 2 h h h P", "h h", "h h", "T", "T", left=72, top=700, size=20),
        *(written("h h h", "h h P", "h h u", left=left, top=500) for left in (72, 172, 272)),
    )
    body = written(*["The body of the text goes on and on and on, as it must."] * 20, top=440)
    text = pdf.read(drawn(path, both(music, body))).text
    assert "#" not in text
    assert "|" not in text
    assert "h P v u 4 2 h h h P" in text


def test_short_headings_of_words_and_signs_stay(path: Path) -> None:
    names = ("C++", "5.2.2", "Q&A", "A", "Setting up", "IRC")
    body = "The body of the text goes on and on and on, as it must, and on and on and on."
    pages = [both(written(name, size=18), written(*[body] * 8, top=680)) for name in names]
    text = pdf.read(drawn(path, *pages)).text
    assert [line for line in text.split("\n") if line.startswith("#")] == [f"# {name}" for name in names]


def test_leaders_are_cut_short_and_page_numbers_stay(path: Path) -> None:
    lines = ("Pitches " + ". " * 40 + "16", "Rests" + "." * 60 + " xi", "It ran: ........", "and so on...", "1.2.3.4")
    assert pdf.read(drawn(path, written(*lines))).text.split("\n") == [
        "Pitches ... 16", "Rests ... xi", "It ran: ........", "and so on...", "1.2.3.4",
    ]  # fmt: skip


def test_raised_and_lowered_numbers_in_words_have_signs(path: Path) -> None:
    said = (
        "Wait 10<super>-5</super> s for H<sub>2</sub>O or x<sub>i+1</sub>, the 1<super>st</super> of L<super>A</super>."
    )
    SimpleDocTemplate(str(path)).build([Paragraph(said, getSampleStyleSheet()["Normal"])])
    text = pdf.read(path).text
    for word in ("10^-5", "H2", "x_(i+1)", "1st", "LA"):
        assert word in text


def typed(*lines: str, top: float) -> Draw:
    def draw(canvas: Canvas) -> None:
        canvas.setFont("Courier", 10)
        for number, line in enumerate(lines):
            canvas.drawString(90, top - 12 * number, line)

    return draw


CODE = ["for pump in pumps:", "    pump.stop()  # at once", "print('all of them stand still')"]


def test_lines_in_the_letters_of_a_typewriter_are_code_with_its_indent(path: Path) -> None:
    above, below = ["The pumps are stopped", "one after the other:"], ["Wait for the lamps,", "then open the valves."]
    draw = both(written(*above), typed(*CODE, top=680), written(*below, top=620))
    lines = [line for line in pdf.read(drawn(path, draw)).text.split("\n") if line]
    assert lines == [*above, "```", *CODE, "```", *below]


def test_a_page_full_of_code_is_code_in_a_file_of_other_letters(path: Path) -> None:
    prose = written(*(f"Line {number} says what there is to say of pumps." for number in range(9)))
    text = pdf.read(drawn(path, prose, typed(*CODE, top=700))).text
    assert text.endswith("```\n" + "\n".join(CODE) + "\n```")


def test_the_points_of_a_drawing_are_left_out_and_counted_by_page(path: Path) -> None:
    def points(canvas: Canvas) -> None:
        canvas.setFont("ZapfDingbats", 8)
        for number in range(4):
            canvas.drawString(90, 500 - 13 * number, "l l   l")

    content = pdf.read(drawn(path, both(written("Pressure by day", "● open"), points)))
    assert content.text == "Pressure by day\n- open"
    assert [(each.what, each.count, each.lines) for each in content.removed] == [
        ("points of drawings", 12, ("page 1: 12",))
    ]


def test_a_line_of_signs_that_is_a_score_stays_whole(path: Path) -> None:
    def score(canvas: Canvas) -> None:
        canvas.setFont("ZapfDingbats", 12)
        canvas.drawString(72, 705, "n n n n n n n n n n")

    content = pdf.read(drawn(path, both(written("Difficulty, out of ten:"), score)))
    assert content.text == "Difficulty, out of ten:\n■ ■ ■ ■ ■ ■ ■ ■ ■ ■"
    assert not content.removed


def test_a_file_that_is_typed_as_a_whole_is_no_code(path: Path) -> None:
    assert "```" not in pdf.read(drawn(path, typed(*CODE, "and the text goes on like this", top=700))).text


def test_rows_of_numbers_are_no_code_and_a_title_above_a_text_begins_no_table(path: Path) -> None:
    numbers = both(*(written("100 200", "300 400", "500 600", left=72 + 150 * column) for column in range(2)))
    assert "```" not in pdf.read(drawn(path, numbers)).text
    head = both(written("Manual"), written("CHAPTER 3", left=400))
    page = both(head, written("The commands are listed here.", "They take a name.", top=700), written("2.1", top=660))
    text = pdf.read(drawn(path, both(page, written("Names", left=110, top=660)))).text
    assert "|" not in text
