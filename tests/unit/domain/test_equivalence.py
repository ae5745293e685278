"""When two questions are one, and when two answers say the same."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_flywheel.domain.equivalence import NEAR, agree, near_index, near_texts, normalised, same_question, token_f1

TEXT = st.lists(
    st.sampled_from(["how", "do", "i", "pair", "reset", "the", "remote", "tv", "screen", "now"]), min_size=1, max_size=8
).map(" ".join)
TEXTS = st.lists(TEXT, min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("question", "other", "same"),
    [
        ("Who?", "who", True),
        ("  What  is\tthis ?! ", "what is this.", True),
        ("Straße", "STRASSE", True),
        ("Is it 1.5?", "Is it 15?", False),
        ("who", "whom", False),
    ],
)
def test_one_question_is_known_in_other_case_spacing_and_final_punctuation(
    question: str, other: str, same: bool
) -> None:
    assert (same_question(question) == same_question(other)) is same


def test_normalising_ignores_case_punctuation_spacing_and_unicode_form() -> None:
    assert normalised("  What's the\tWi‑Fi  key?") == normalised("what s the wi-fi KEY")
    assert normalised("Ｔｖ ﬁne") == "tv fine"
    assert normalised("Café?") == normalised("Cafe\u0301")
    assert normalised(" ?! ") == "?!"


@settings(deadline=None)
@given(TEXTS)
def test_the_near_texts_are_those_that_comparing_every_pair_finds_each_once(texts: list[str]) -> None:
    index = near_index(texts)
    assert index.texts == tuple(dict.fromkeys(texts))
    for text in index.texts:
        words = set(text.split())
        expected = [
            other
            for other in index.texts
            if other != text and len(words & set(other.split())) >= NEAR * len(words | set(other.split()))
        ]
        assert sorted(near_texts(text, index)) == sorted(expected)


@settings(deadline=None)
@given(st.lists(TEXT, min_size=15, max_size=25, unique=True), st.lists(TEXT, min_size=1, max_size=2))
def test_an_index_that_was_changed_finds_what_one_that_is_made_anew_finds(texts: list[str], new: list[str]) -> None:
    index = near_index(texts)
    for gone, text in enumerate(new):  # one comes and one goes, twice
        kept = [*texts[gone + 1 :], *new[: gone + 1]]
        index, anew = near_index(kept, index), near_index(kept)
        for each in (text, *kept):
            assert sorted(near_texts(each, index)) == sorted(near_texts(each, anew))
        assert set().union(*index.holders.values()) == set(kept)  # nothing stays of what is gone


def test_token_f1_is_the_harmonic_mean_of_precision_and_recall() -> None:
    # 2 shared of 4 and of 3: precision 1/2, recall 2/3.
    assert token_f1("a b c d", "A, b! e") == pytest.approx(2 * (1 / 2) * (2 / 3) / (1 / 2 + 2 / 3))
    assert token_f1("a a b", "a b b") == pytest.approx(2 / 3)  # multiplicity counts
    assert token_f1("", "") == 0.0


@given(st.text(), st.text())
def test_token_f1_is_symmetric_and_between_0_and_1(text: str, other: str) -> None:
    assert token_f1(text, other) == token_f1(other, text)
    assert 0.0 <= token_f1(text, other) <= 1.0


@pytest.mark.parametrize(
    ("answer", "other", "same"),
    [
        ("Hold it for ten seconds.", "hold it for TEN seconds", True),
        ("a b c d e", "a b c x y", True),  # three shared of five and five: 0.6
        ("a b c d e", "a b x y z", False),
        ("?!", "?!", True),  # no word at all
    ],
)
def test_answers_agree_that_are_equal_or_share_most_words(answer: str, other: str, same: bool) -> None:
    assert agree(answer, other) is same
