"""What a model reads of passages that do not all fit: by their worth, and of each what speaks of the question."""

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_flywheel.adapters.models import prompt
from rag_flywheel.adapters.models.filling import LEAST, excerpt, shares, without_repeats
from rag_flywheel.domain import Passage
from tests.unit.adapters.language_models import passage

KEY = b"k" * 32


def scored(*scores: float) -> list[Passage]:
    return [replace(passage(f"Text {rank}.", rank), score=score) for rank, score in enumerate(scores, start=1)]


def cost(text: str) -> int:
    return len(text.split())


def told(passages: list[Passage], room: int, question: str = "How long is the warranty?") -> str:
    return prompt.answering(question, passages, room=room, key=KEY)[0].user


def test_passages_that_all_fit_get_what_they_need() -> None:
    assert shares(scored(3.0, 2.0, 1.0), [200, 300, 100], 600) == [200, 300, 100]


def test_a_passage_far_behind_gets_less_and_what_is_not_needed_goes_to_the_others() -> None:
    near, far = shares(scored(9.0, 8.5, 1.0), [900] * 3, 1000), shares(scored(9.0, 2.0, 1.0), [900] * 3, 1000)
    assert near[1] > far[1] > 0
    assert shares(scored(9.0, 8.5, 1.0), [50, 900, 900], 1000)[1] > near[1]


def test_a_share_that_is_too_small_to_be_of_use_is_given_up_from_the_last_on() -> None:
    given_to = shares(scored(4.0, 3.0, 2.0, 1.0), [900] * 4, 300)
    assert given_to[0] >= LEAST
    assert given_to[-1] == 0
    assert 0 not in given_to[: given_to.index(0)]
    assert shares(scored(1.0, 1.0), [900, 900], 20) == [20, 0]


@given(st.lists(st.tuples(st.floats(-9, 9), st.integers(1, 2000)), min_size=1, max_size=8), st.integers(16, 5000))
def test_no_more_is_given_than_there_is_and_none_gets_more_than_it_needs(
    wanted: list[tuple[float, int]], room: int
) -> None:
    wanted.sort(reverse=True)
    needs = [need for _, need in wanted]
    given_to = shares(scored(*(score for score, _ in wanted)), needs, room)
    assert sum(given_to) <= room
    assert all(0 <= share <= need for share, need in zip(given_to, needs, strict=True))
    assert given_to[0] > 0


LONG = (
    "The toaster has two slots. It weighs two kilograms. Crumbs fall into a tray.\nThe tray is taken out at the back.\n"
    "The warranty lasts two years. It begins on the day of purchase. The cable is one metre long. Never use a fork."
)


def test_an_excerpt_holds_the_sentences_that_speak_of_the_question_with_their_neighbours_in_their_order() -> None:
    assert excerpt(LONG, "Warranty, tray?", 28, cost) == (
        "…\nThe tray is taken out at the back.\nThe warranty lasts two years. It begins on the day of purchase.\n…"
    ).removeprefix("…\n")


def test_a_text_that_does_not_speak_of_the_question_is_cut_at_its_end() -> None:
    assert excerpt(LONG, "Warum?", 12, cost) == "The toaster has two slots. It weighs two kilograms.\n…"


def test_what_answers_is_told_though_it_stands_at_the_end_of_a_long_passage_of_the_second_rank() -> None:
    filler = "Nothing of this matters to anybody who asks. " * 60
    passages = [passage(filler, 1), passage(f"{filler}The warranty lasts two years. {filler}", 2)]
    assert "The warranty lasts two years." in told(passages, 700)


@pytest.mark.parametrize("room", [120, 300, 700, 2000])
def test_the_room_is_kept(room: int) -> None:
    passages = [passage("The warranty of part number nine lasts long.\n" * 40, rank) for rank in range(1, 6)]
    passages = [replace(each, chunk=replace(each.chunk, text=f"{each.chunk.text}{each.rank}.")) for each in passages]
    assert len(told(passages, room).encode()) / 3 < room + 100, "the question and our own lines are counted elsewhere"


def test_a_passage_that_says_only_what_others_said_is_not_told_twice() -> None:
    first, second = passage("It is red. It is round."), passage("It is round.\nIt  is red.", 2)
    third = passage("It is round. It is not red.", 3)
    assert without_repeats([first, second, third]) == [first, third]
    correction = passage("It is red.", 4, correction=True)
    assert without_repeats([first, correction]) == [first, correction]


def test_a_passage_of_very_many_sentences_takes_little_time() -> None:
    started = time.perf_counter()
    prompt.answering("What is it?", [passage("It is so. " * 20_000), passage("a\n" * 20_000, 2)], room=3000, key=KEY)
    assert time.perf_counter() - started < 5
