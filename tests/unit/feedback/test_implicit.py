"""Implicit signals: which rank they are about, and how much they say."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from rag_flywheel.domain import (
    Citation,
    DocumentId,
    Feedback,
    FeedbackId,
    FeedbackKind,
    Interaction,
    InteractionId,
    Json,
)
from rag_flywheel.feedback.implicit import balances, is_bad, propensity, rank_of, strength, weights
from tests.fakes.samples import NOON, interaction, shown

USED, CLICK, EDITED = FeedbackKind.USED, FeedbackKind.CITATION_CLICK, FeedbackKind.EDITED
ABANDONED, REGENERATED = FeedbackKind.ABANDONED, FeedbackKind.REGENERATED
THUMB, STARS, MISSING = FeedbackKind.THUMB, FeedbackKind.STARS, FeedbackKind.MISSING_KNOWLEDGE


def signal(
    kind: FeedbackKind, value: Json = True, *, of: str = "i1", user: str | None = None, rank: int | None = None
) -> Feedback:
    return Feedback(
        feedback_id=FeedbackId("f"),
        interaction_id=InteractionId(of),
        given=NOON,
        user=user,
        kind=kind,
        value=value,
        rank=rank,
        propensity=None if rank is None else propensity(rank),
    )


def cites(*spans: tuple[str, int, int]) -> Interaction:
    """An answer from three passages, of which the last two share the characters 80 to 100 of one document."""
    ranking = [shown("a", 1, end=50), shown("b", 2, end=100), shown("b", 3, start=80, end=180), shown("c", 4)]
    cited = (
        Citation(number=at, document_id=DocumentId(name), title="", text="", start=start, end=end, score=0.5)
        for at, (name, start, end) in enumerate(spans, start=1)
    )
    return replace(interaction(ranking=ranking), shown=3, citations=tuple(cited))


# --- ranks ----------------------------------------------------------------------------------------------------------


def test_a_click_is_about_the_passage_of_its_own_citation() -> None:
    answer = cites(("b", 10, 20), ("a", 0, 50))
    assert [rank_of(CLICK, number, answer) for number in (1, 2)] == [2, 1]


@pytest.mark.parametrize("kind", [USED, EDITED, ABANDONED, REGENERATED])
def test_any_other_signal_is_about_the_best_ranked_passage_that_is_cited(kind: FeedbackKind) -> None:
    assert rank_of(kind, True, cites(("b", 120, 130), ("b", 0, 10))) == 2


@pytest.mark.parametrize(("span", "rank"), [((70, 99), 2), ((81, 110), 3), ((80, 100), 2)])
def test_of_two_passages_that_overlap_the_one_that_holds_most_of_the_citation_is_meant(
    span: tuple[int, int], rank: int
) -> None:
    assert rank_of(CLICK, 1, cites(("b", *span))) == rank


@pytest.mark.parametrize("spans", [(), [("z", 0, 5)], [("a", 50, 60)], [("c", 0, 5)]])
def test_a_signal_about_no_passage_that_was_shown_has_no_rank(spans: Sequence[tuple[str, int, int]]) -> None:
    assert rank_of(USED, True, cites(*spans)) is None
    assert rank_of(CLICK, 1, cites(*spans)) is None


def test_the_probability_of_a_look_falls_with_the_rank() -> None:
    assert [propensity(rank) for rank in (1, 2, 4)] == [1.0, 0.5, 0.25]


# --- what a signal says ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (signal(USED, True), 1.0),
        (signal(USED, False), -1.0),
        (signal(CLICK, 1), 1.0),
        (signal(EDITED, "text"), -1.0),
        (signal(ABANDONED, True), -1.0),
        (signal(ABANDONED, False), 0.0),
        (signal(REGENERATED, True), -1.0),
        (signal(REGENERATED, False), 0.0),
        (signal(CLICK, 1, rank=1), 1.0),
        (signal(CLICK, 1, rank=3), 3.0),
        (signal(ABANDONED, True, rank=2), -2.0),
        (signal(CLICK, 1, rank=40), 5.0),
        (signal(FeedbackKind.THUMB, "down"), 0.0),
    ],
)
def test_a_signal_speaks_for_or_against_the_answer_by_its_clipped_inverse_propensity(
    given: Feedback, says: float
) -> None:
    assert strength(given) == pytest.approx(says)


def test_the_signals_about_an_interaction_add_up() -> None:
    given = [signal(USED, rank=1), signal(CLICK, 2, rank=2), signal(ABANDONED, rank=1), signal(ABANDONED, of="i2")]
    assert balances(given) == {"i1": 2.0, "i2": -1.0}


def test_a_repeated_signal_adds_nothing_and_the_latest_word_counts() -> None:
    assert balances([signal(ABANDONED)] * 50) == {"i1": -1.0}
    assert balances([signal(CLICK, 1), signal(CLICK, 2), signal(CLICK, 1)]) == {"i1": 2.0}
    assert balances([signal(USED, False), signal(USED, True)]) == {"i1": 1.0}
    assert balances([signal(ABANDONED, True), signal(ABANDONED, False)]) == {"i1": 0.0}
    assert balances([signal(ABANDONED, user="ann"), signal(ABANDONED, user="bob")]) == {"i1": -2.0}


def test_explicit_feedback_is_no_signal() -> None:
    assert balances([signal(FeedbackKind.THUMB, "up"), signal(FeedbackKind.STARS, 1)]) == {}


# --- weights --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "weight"),
    [
        ([signal(USED)], 1.25),
        ([signal(ABANDONED)], 0.75),
        ([signal(CLICK, 1, rank=3)], 1.375),
        ([signal(REGENERATED, rank=3)], 0.625),
    ],
)
def test_a_weight_moves_with_the_balance_of_the_signals(given: Sequence[Feedback], weight: float) -> None:
    assert weights(given) == {"i1": weight}


def test_a_weight_stays_between_a_half_and_one_and_a_half_whatever_people_do() -> None:
    people = [f"p{number}" for number in range(1000)]
    good = weights([signal(CLICK, 1, user=person, rank=9) for person in people])["i1"]
    bad = weights([signal(ABANDONED, user=person, rank=9) for person in people])["i1"]
    assert (good, bad) == (pytest.approx(1.5, abs=0.001), pytest.approx(0.5, abs=0.001))
    assert bad > 0.5
    assert good < 1.5


def test_signals_that_say_nothing_and_edits_leave_the_weight_at_one() -> None:
    given = [
        signal(ABANDONED, False),
        signal(EDITED, "text", of="i2"),
        signal(USED, of="i3"),
        signal(ABANDONED, of="i3"),
    ]
    assert weights(given) == {}


# --- whether an answer was bad --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "value", "bad"),
    [
        (THUMB, "down", True),
        (THUMB, "up", False),
        (STARS, 1, True),
        (STARS, 2, True),
        (STARS, 3, False),
        (FeedbackKind.ISSUE, "text", True),
        (MISSING, True, True),
        (MISSING, "text", True),
        (MISSING, False, False),
        (EDITED, "text", True),
        (FeedbackKind.COMMENT, "text", False),
        (FeedbackKind.PASSAGE_RELEVANCE, {"document_id": "a", "relevant": False}, False),
        (ABANDONED, True, True),
        (ABANDONED, False, False),
        (USED, True, False),
        (USED, False, True),
    ],
)
def test_one_signal_alone_says_whether_the_answer_was_bad(kind: FeedbackKind, value: Json, bad: bool) -> None:
    assert is_bad([signal(kind, value)]) is bad


def test_an_answer_without_signals_is_not_bad() -> None:
    assert not is_bad([])


def test_the_newest_word_of_a_person_stands_whatever_its_kind() -> None:
    assert not is_bad([signal(THUMB, "down"), signal(THUMB, "up")])
    assert not is_bad([signal(THUMB, "up"), signal(THUMB, "down"), signal(STARS, 5)])
    assert is_bad([signal(STARS, 5), signal(THUMB, "down")])
    assert is_bad([signal(THUMB, "down"), signal(STARS, 5), signal(THUMB, "down")])


def test_one_person_s_praise_takes_nothing_from_another_s_complaint() -> None:
    assert is_bad([signal(THUMB, "down", user="ann"), signal(THUMB, "up", user="bob")])


def test_that_no_knowledge_is_missing_takes_back_that_alone() -> None:
    assert not is_bad([signal(MISSING, True), signal(MISSING, False)])
    assert is_bad([signal(THUMB, "down"), signal(MISSING, True), signal(MISSING, False)])


def test_what_people_do_counts_only_where_nobody_said_a_word() -> None:
    left = signal(ABANDONED, rank=3)
    assert is_bad([left, signal(CLICK, 1)])
    assert not is_bad([left, signal(THUMB, "up", user="bob")])
    assert is_bad([signal(USED), signal(THUMB, "down", user="bob")])
    assert is_bad([left, signal(FeedbackKind.COMMENT, "text")])
