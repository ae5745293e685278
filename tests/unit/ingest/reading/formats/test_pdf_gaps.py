"""Blanks between the letters of a PDF, by the room that there is."""

import pytest

from ingest.reading.formats.layout import Word
from ingest.reading.formats.pdf_gaps import Box, divided, is_no_blank, whole


class Page:
    """Letters of five points' width and ten points' height, each with the room before it."""

    def __init__(self, *gaps: float, lines: int = 1) -> None:
        self.boxes: list[Box] = []
        right = 72.0
        for place, gap in enumerate(gaps):
            bottom = 700.0 - 12 * (place * lines // len(gaps))
            self.boxes.append((right + gap, bottom, right + gap + 5, bottom + 10))
            right += gap + 5

    def get_charbox(self, index: int, /, loose: bool = False) -> Box:
        assert loose
        return self.boxes[index]


@pytest.mark.parametrize(
    ("gaps", "parts"),
    [
        ((0, 0, 2.7, 0, 0), [(0, 2), (2, 5)]),  # `Ifthe`
        ((0, 0.1, -0.3, 0.2), [(0, 4)]),  # kerning
        ((0, 2.5, 2.5, 2.5, 2.5), [(0, 5)]),  # a word that is spread out
        ((0, 0, 1.5, 0), [(0, 4)]),
    ],
)
def test_letters_are_apart_where_a_blank_has_room_among_letters_that_are_close(
    gaps: tuple[float, ...], parts: list[tuple[int, int]]
) -> None:
    assert list(divided(Page(*gaps), 0, len(gaps))) == parts


def test_what_goes_on_in_another_line_is_not_divided_by_the_room_between() -> None:
    assert list(divided(Page(0, 0, 9, 0, lines=2), 0, 4)) == [(0, 4)]


def test_a_blank_without_room_joins_what_it_divides() -> None:
    first, second = (
        Word(text=text, left=left, right=right, bottom=700, top=710)
        for text, left, right in (("ev", 72.0, 82.0), ("en", 81.9, 92.0))
    )
    assert is_no_blank(first, second)
    assert whole(first, second) == Word(text="even", left=72.0, right=92.0, bottom=700, top=710)
    assert not is_no_blank(first, Word(text="en", left=82.5, right=92.0, bottom=700, top=710))
    assert not is_no_blank(first, Word(text="en", left=81.9, right=92.0, bottom=680, top=690))
