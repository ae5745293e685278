"""Code in the rows of a PDF, by letters of one width."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from ingest.reading.formats.layout import Word
from ingest.reading.formats.layout_code import code

LINES = ("for pump in hall", "    start pump now")
PROSE = ("A page says more than", "its code, so that there", "are other rows on it.")


@dataclass(frozen=True)
class Row:
    words: Sequence[Word]
    bottom: float
    top: float


def row(line: str, at: int, *, letter: float, height: float = 10.0) -> Row:
    """Each word in its column; letters of this width, or of differing ones where it is negative."""
    top, words, column = 700.0 - at * 1.2 * height, list[Word](), 0
    for said in line.split(" "):
        if said:
            width = abs(letter) * (1.0 if letter > 0 else 1 + len(said) / 10)
            left = 72.0 + column * abs(letter)
            words.append(Word(text=said, left=left, right=left + width * len(said), bottom=top - height, top=top))
        column += len(said) + 1
    return Row(words=words, bottom=top - height, top=top)


def page(letter: float, height: float = 10.0) -> list[Row]:
    prose = [row(line, at, letter=-5.0) for at, line in enumerate(PROSE)]
    return [*prose, *(row(line, at, letter=letter, height=height) for at, line in enumerate(LINES, 3))]


def test_lines_of_letters_of_one_width_are_code_with_their_indent() -> None:
    assert code(page(6.0)) == {3: (5, "\n".join(LINES))}


@pytest.mark.parametrize("letter", [0.0, 1e-6])
def test_letters_without_a_width_are_no_code(letter: float) -> None:
    assert code(page(letter)) == {}


def test_lines_of_more_columns_than_a_page_has_are_no_code() -> None:
    rows = page(1e-4, 1e-4)
    far = replace(rows[4].words[0], left=300.0, right=300.0 + 1e-4 * len(rows[4].words[0].text))
    assert code([*rows[:4], replace(rows[4], words=(*rows[4].words, far))]) == {}


def test_letters_whose_widths_were_rounded_are_code() -> None:
    rows = page(6.0)
    first = rows[3].words[0]
    rounded = replace(first, right=first.right + 0.05)
    assert code([*rows[:3], replace(rows[3], words=(rounded, *rows[3].words[1:])), rows[4]]) == {
        3: (5, "\n".join(LINES))
    }


def test_a_page_number_below_code_whose_digits_are_as_wide_as_its_letters_is_none_of_it() -> None:
    number = row("132", 5, letter=6.0)
    higher = replace(number, words=[replace(number.words[0], top=number.top + 3)], top=number.top + 3)
    assert code([*page(6.0), higher]) == {3: (5, "\n".join(LINES))}


def test_a_sign_that_reaches_out_of_its_place_does_not_part_code() -> None:
    rows = [
        row(line, at, letter=5.2, height=8.5) for at, line in enumerate(("> pump(start", "+ five, none)", "+ lift)"))
    ]
    wide = [replace(each, words=[_reaching(each.words[0]), *each.words[1:]]) for each in rows]
    assert code(wide) == {0: (3, "> pump(start\n+ five, none)\n+ lift)")}


def _reaching(word: Word) -> Word:
    return replace(word, right=word.right + 0.3)
