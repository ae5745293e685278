"""Texts that nobody would miss, and those that only look like it."""

import pytest

from ingest.cleaning.noise import noise


@pytest.mark.parametrize("text", ["", " \n ", "---", "=== *** ===", "|--|--|\n|  |  |"])
def test_a_text_without_a_word_or_number_is_noise(text: str) -> None:
    assert noise(text) == "holds no word and no number"


@pytest.mark.parametrize("text", ["\ufffd" * 20, "\ue001\ue002\ue003 \ue004", "\ufffd\ufffd\ufffd ab\ufffd"])
def test_a_text_of_mostly_broken_characters_is_noise(text: str) -> None:
    assert "broken characters" in noise(text)


@pytest.mark.parametrize(
    "text",
    [
        "Opening hours: 9–17",
        "112",
        "OK",
        "€ 5",
        "| 4 | 9 |\n| - | 5 |",
        "a | b | c | d\n" + "-+=" * 40,
        "{}[]();->*&!=%^ x",
        "電源",
        "ปิด",
        "إغلاق",
        "👍",
        "\ue001 press the gear \ue002 to open the settings",
    ],
)
def test_neither_few_words_nor_many_signs_make_noise(text: str) -> None:
    assert noise(text) == ""
