"""Words that the end of a line or page divides."""

import time

import pytest

from ingest.cleaning.division import join_divided_words


def test_a_word_that_the_dictionary_knows_is_joined() -> None:
    assert join_divided_words("Hold the but-\nton for five seconds.") == "Hold the button\nfor five seconds."


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("Wait at the check-\nin, please.", "Wait at the check-in,\nplease."),
        ("Nails of the load-\nbearing wall.", "Nails of the load-bearing\nwall."),
        ("Rooms 10-\n15 are free.", "Rooms 10-15\nare free."),
        ("Der Drehschal-\nter ist rot und die Betriebsan-\nleitung liegt bei.",
         "Der Drehschalter\nist rot und die Betriebsanleitung\nliegt bei."),
    ],
)  # fmt: skip
def test_a_compound_keeps_its_hyphen_and_each_language_has_its_dictionary(text: str, joined: str) -> None:
    assert join_divided_words(text) == joined


def test_how_a_word_stands_elsewhere_in_the_text_decides_before_the_dictionary() -> None:
    assert join_divided_words("Fly non-\nstop. A non-stop flight.") == "Fly non-stop.\nA non-stop flight."
    assert join_divided_words("Fly non-\nstop. A nonstop flight.") == "Fly nonstop.\nA nonstop flight."
    assert join_divided_words("The zor-\nblat turns. A zorblat is red.") == "The zorblat\nturns. A zorblat is red."


def test_without_proof_the_line_end_stays() -> None:
    for text in ("See Pump-\nB.", "We fly non-\nstop.", "pre-\nand post-war times", "The qux-\nzorb turns."):
        assert join_divided_words(text) == text


def test_a_text_that_divides_its_words_divides_unknown_ones_too() -> None:
    text = "The imple-\nmentation of the zorb-\nlatizer is a docu-\nment."
    assert join_divided_words(text) == "The implementation\nof the zorblatizer\nis a document.\n"


def test_a_word_over_a_page_break_is_joined_on_the_page_where_it_begins() -> None:
    assert join_divided_words("The harbour mas-\n\f\nter. Then more.") == "The harbour master.\n\f\nThen more."


def test_dividing_stays_linear() -> None:
    started = time.perf_counter()
    join_divided_words("lorem ipsum but-\nton\n" * 20_000 + "a" * 500_000 + "-" * 500_000)
    assert time.perf_counter() - started < 30
