"""Where an answer ends for a client that set bounds to it."""

import itertools

import pytest

from rag_flywheel.api.endings import Ending, bounded
from tests.fakes.samples import interaction

ANSWER = "To undo it, run undo-all.\n\nThen wait; wait longer."


def cut(sizes: tuple[int, ...], *, stops: list[str], words: int | None) -> tuple[list[str], Ending]:
    ends = [*itertools.accumulate(sizes), len(ANSWER)]
    pieces = [ANSWER[start:end] for start, end in itertools.pairwise([0, *ends])]
    *shown, ending = bounded([*pieces, interaction("i1")], stops=stops, words=words)
    assert isinstance(ending, Ending)
    return [str(piece) for piece in shown], ending


BOUNDS: list[tuple[list[str], int | None, str, str]] = [
    ([], None, ANSWER, "stop"),
    (["wait;"], None, "To undo it, run undo-all.\n\nThen ", "stop"),
    (["\n\n"], None, "To undo it, run undo-all.", "stop"),
    (["longer", "run"], None, "To undo it, ", "stop"),
    (["To"], None, "", "stop"),
    (["longer.!"], None, ANSWER, "stop"),
    ([], 1, "To ", "length"),
    ([], 5, "To undo it, run undo-all.\n\n", "length"),
    ([], 8, "To undo it, run undo-all.\n\nThen wait; wait ", "length"),
    ([], 9, ANSWER, "stop"),
    (["it"], 2, "To undo ", "length"),
    (["undo"], 2, "To ", "stop"),
]


@pytest.mark.parametrize(("stops", "words", "shown", "reason"), BOUNDS)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1_000])
def test_an_answer_ends_at_the_first_bound_however_it_comes_in_pieces(
    stops: list[str], words: int | None, shown: str, reason: str, size: int
) -> None:
    sizes = (size,) * (len(ANSWER) // size)
    pieces, ending = cut(sizes, stops=stops, words=words)
    assert ("".join(pieces), ending.text, ending.reason) == (shown, shown, reason)
    assert "" not in pieces


def test_pieces_are_shown_as_they_come_but_for_what_may_be_the_beginning_of_a_stop() -> None:
    pieces = bounded(["one ST", "ART two ST", "OP three", interaction("i1")], stops=["STOP"], words=None)
    assert [piece for piece in pieces if isinstance(piece, str)] == ["one ", "START two "]


def test_what_follows_the_end_is_still_asked_for() -> None:
    asked = []

    def pieces() -> "itertools.chain[object]":
        for piece in ("one two ", "three "):
            asked.append(piece)
            yield piece
        yield interaction("i1")

    *_, ending = bounded(pieces(), stops=[], words=1)
    assert asked == ["one two ", "three "]
    assert isinstance(ending, Ending)
    assert ending.interaction.interaction_id == "i1"
