"""The word by which a model refuses, found while its reply streams."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_flywheel.adapters.models.refusal import Heard

REFUSALS = {
    "NO_ANSWER": "",
    "\n**NO_ANSWER**\n": "",
    "__no_answer__": "",
    "`NO\\_ANSWER`": "",
    "NO_ANSWER: the passages are about cats [1].": "",
    "Sorry, nothing. NO_ANSWER": "Sorry, nothing.",
    "It is red [1]. NO_ANSWER.": "It is red [1].",
    "It is red [1].\n\n**NO_ANSWER**\nBut it may be blue.": "It is red [1].",
    "不知道。NO_ANSWER": "不知道。",
}
OTHERS = [
    "",
    " ",
    "...",
    "NO_ANSWERS are kept [1].",
    "No answer is needed [1].",
    "A model replies NO_ANSWER where the passages do not answer [1].",
    "It is red.\nNO_ANSWER is what the model replies [1].",
    "It is red [1]. No",
]
FRAGMENTS = ["NO", "_", "ANSWER", "NO_ANSWER", "no_answer", ". ", "\n", "**", "[1]", " is", "."]


def heard(text: str, size: int) -> tuple[str, bool]:
    pieces = Heard(text[at : at + size] for at in range(0, len(text), size))
    return "".join(pieces), pieces.refused


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
@pytest.mark.parametrize(("text", "kept"), REFUSALS.items())
def test_the_word_ends_the_reply_however_it_is_cut(text: str, kept: str, size: int) -> None:
    assert heard(text, size) == (kept, True)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("text", OTHERS)
def test_a_sentence_about_the_word_is_no_refusal(text: str, size: int) -> None:
    assert heard(text, size) == (text, False)


@given(st.lists(st.sampled_from(FRAGMENTS)).map("".join), st.integers(1, 9))
def test_how_the_reply_is_cut_changes_nothing(text: str, size: int) -> None:
    whole, in_pieces = heard(text, max(1, len(text))), heard(text, size)
    assert in_pieces[1] == whole[1]
    assert in_pieces[0].rstrip("*. _\n") == whole[0].rstrip("*. _\n")


def test_words_are_given_on_as_they_come_and_what_follows_a_refusal_is_not_read() -> None:
    pieces = iter(["It is ", "red. ", "NO_", "ANSWER", ".", "More"])
    reply = Heard(pieces)
    given_on = iter(reply)
    assert next(given_on) == "It is "
    assert "".join(given_on).strip() == "red."
    assert reply.refused
    assert list(pieces) == ["More"]


def test_a_reply_of_signs_alone_takes_no_time() -> None:
    started = time.perf_counter()
    assert heard("." * 200_000, 200_000) == ("." * 200_000, False)
    assert heard("._*" * 10_000, 3)[1] is False
    assert time.perf_counter() - started < 2
