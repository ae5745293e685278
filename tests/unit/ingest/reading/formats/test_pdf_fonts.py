"""Fonts that do not say which characters their signs stand for."""

from pathlib import Path

import pytest

from ingest.reading.formats import pdf
from ingest.reading.raw import Content

SENTENCE = "The pump is started and stopped by the button on its side"
MUSIC = ("hhhh hPhN uhhu", "4 hh hP v hhhh", "NhPh hhhu hvvh")
GLYPHS = " ".join(f"/shape{code}" for code in range(32, 127))
PROCEDURES = " ".join(f"/shape{code} 4 0 R" for code in range(32, 127))


def written(path: Path, *lines: tuple[str, str]) -> Path:
    """A page of the lines, each in the font `named` or in `numbered`, whose glyphs have numbers and no known names."""
    drawn = [f"BT /{font} 12 Tf 72 {720 - 20 * at} Td ({text}) Tj ET" for at, (font, text) in enumerate(lines)]
    page, glyph = "\n".join(drawn), "600 0 0 0 500 700 d1 0 0 500 700 re f"
    widths = " ".join(["600"] * 95)
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 5 0 R"
        " /Resources << /Font << /named 6 0 R /numbered 7 0 R >> >> >>",
        f"<< /Length {len(glyph)} >>\nstream\n{glyph}\nendstream",
        f"<< /Length {len(page)} >>\nstream\n{page}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        "<< /Type /Font /Subtype /Type3 /FontBBox [0 0 600 700] /FontMatrix [0.001 0 0 0.001 0 0] /FirstChar 32"
        f" /LastChar 126 /Widths [{widths}] /CharProcs << {PROCEDURES} >>"
        f" /Encoding << /Type /Encoding /Differences [32 {GLYPHS}] >> >>",
    ]
    body = "%PDF-1.4\n"
    places = []
    for number, content in enumerate(objects, 1):
        places.append(len(body))
        body += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    size = len(objects) + 1
    trailer = f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<< /Size {size} /Root 1 0 R >>\n"
    path.write_text(f"{body}{trailer}startxref\n{len(body)}\n%%EOF\n", encoding="ascii")
    return path


def words(content: Content) -> list[str]:
    return content.text.replace("#", "").split()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.pdf"


def test_signs_of_a_font_without_names_that_make_no_words_are_taken_out_and_counted(path: Path) -> None:
    music = [("numbered", line) for line in MUSIC]
    content = pdf.read(written(path, ("named", SENTENCE), *music, ("named", "Hold it.")))
    assert words(content) == [*SENTENCE.split(), "Hold", "it."]
    assert [(removal.what, removal.count) for removal in content.removed] == [
        ("signs of fonts that name no letters", sum(len("".join(line.split())) for line in MUSIC)),
    ]


def test_a_font_that_numbers_its_letters_as_ascii_does_is_read_and_so_are_its_formulas(path: Path) -> None:
    lines = [("numbered", SENTENCE), ("numbered", "xyz = uvw - abc"), ("named", "Hold it.")]
    content = pdf.read(written(path, *lines))
    assert words(content) == " ".join(line for _, line in lines).split()
    assert content.removed == ()


def test_a_few_signs_prove_nothing(path: Path) -> None:
    content = pdf.read(written(path, ("named", SENTENCE), ("numbered", "ACME")))
    assert words(content) == [*SENTENCE.split(), "ACME"]


def test_a_page_of_nameless_letters_is_named_as_one_to_recognise(path: Path) -> None:
    gibberish = [("numbered", "qzxj kqwv zzkx jqxq wvkz")] * 20
    content = pdf.read(written(path, ("named", SENTENCE), *gibberish))
    assert words(content) == SENTENCE.split()
    assert ("pages whose fonts do not name their letters; run OCR first", 1) in [
        (removal.what, removal.count) for removal in content.removed
    ]
