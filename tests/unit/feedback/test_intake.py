"""Signals about an answer, and the questions that they show to a person: gaps in knowledge, and suspects."""

import itertools
from datetime import timedelta
from typing import Any

import pytest

from rag_flywheel.domain import Feedback, FeedbackId, FeedbackKind, InteractionId, Json, Scores, Stage
from rag_flywheel.errors import InvalidInput, NotFound
from rag_flywheel.feedback.intake import checked_text, confirmed, gaps, prepare, triage
from rag_flywheel.privacy.pseudonyms import pseudonym
from tests.fakes.ledger import MemoryLedger
from tests.fakes.redactor import FakeRedactor
from tests.fakes.samples import NOON, correction, interaction, shown

RANKING = [shown("a", 1), shown("b", 2), shown("c", 3)]


@pytest.fixture
def ledger() -> MemoryLedger:
    made = MemoryLedger()
    made.add_interaction(interaction("i1", ranking=RANKING, citations=2))
    return made


def say(ledger: MemoryLedger, kind: str, value: Any, *, of: str = "i1", user: str | None = None) -> Feedback:
    numbers = itertools.count(len(ledger.feedback()))
    given = prepare(
        InteractionId(of),
        kind,
        value,
        user=user,
        ledger=ledger,
        redactor=FakeRedactor(),
        minimum_similarity=0.35,
        at=NOON + timedelta(seconds=len(ledger.feedback())),
        new_id=lambda: f"f{next(numbers)}",
    )
    ledger.add_feedback(given)
    return given


RELEVANT = {"document_id": "guide", "relevant": True}


@pytest.mark.parametrize(
    ("kind", "value", "kept"),
    [
        ("thumb", "up", "up"),
        ("thumb", "down", "down"),
        ("thumb", True, "up"),
        ("thumb", False, "down"),
        ("thumb", 1, "up"),
        ("thumb", -1, "down"),
        ("stars", 1, 1),
        ("stars", 5, 5),
        ("comment", "  too long  ", "too long"),
        ("issue", "wrong unit", "wrong unit"),
        ("passage_relevance", RELEVANT, RELEVANT),
        ("passage_relevance", RELEVANT | {"start": 3, "end": 9}, RELEVANT | {"start": 3, "end": 9}),
        ("passage_relevance", RELEVANT | {"relevant": False}, RELEVANT | {"relevant": False}),
        ("missing_knowledge", True, True),
        ("missing_knowledge", False, False),
        ("missing_knowledge", "how to clean it", "how to clean it"),
        ("used", True, True),
        ("edited", "The final text.", "The final text."),
        ("abandoned", False, False),
        ("regenerated", True, True),
        ("citation_click", 2, 2),
    ],
)
def test_a_value_that_fits_its_kind_is_recorded(ledger: MemoryLedger, kind: str, value: Json, kept: Json) -> None:
    given = say(ledger, kind, value)
    assert (given.kind, given.value) == (FeedbackKind(kind), kept)
    assert ledger.feedback() == [given]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("thumb", "sideways"),
        ("thumb", 2),
        ("thumb", None),
        ("thumb", 1.5),
        ("stars", 0),
        ("stars", 6),
        ("stars", 4.5),
        ("stars", True),
        ("stars", "4"),
        ("comment", " "),
        ("comment", 4),
        ("comment", "x" * 20_001),
        ("issue", None),
        ("passage_relevance", "guide"),
        ("passage_relevance", {"relevant": True}),
        ("passage_relevance", RELEVANT | {"relevant": "yes"}),
        ("passage_relevance", RELEVANT | {"document_id": ""}),
        ("passage_relevance", RELEVANT | {"start": 9, "end": 3}),
        ("passage_relevance", RELEVANT | {"start": -1}),
        ("passage_relevance", RELEVANT | {"end": None}),
        ("passage_relevance", RELEVANT | {"why": "because"}),
        ("missing_knowledge", ""),
        ("missing_knowledge", 3),
        ("used", "true"),
        ("used", 1),
        ("edited", ""),
        ("edited", True),
        ("abandoned", None),
        ("regenerated", 0),
        ("citation_click", 0),
        ("citation_click", 3),
        ("citation_click", True),
        ("citation_click", "1"),
        ("applause", True),
    ],
)
def test_a_value_that_does_not_fit_is_refused_and_nothing_is_recorded(
    ledger: MemoryLedger, kind: str, value: Json
) -> None:
    with pytest.raises(InvalidInput):
        say(ledger, kind, value)
    assert ledger.feedback() == []


def test_an_unknown_kind_is_refused_with_the_known_ones(ledger: MemoryLedger) -> None:
    with pytest.raises(InvalidInput, match="thumb, stars, comment"):
        say(ledger, "applause", True)


def test_a_refusal_says_what_was_expected_and_repeats_no_text(ledger: MemoryLedger) -> None:
    with pytest.raises(InvalidInput) as caught:
        say(ledger, "stars", "my secret is 42")
    assert "from 1 to 5" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_an_unknown_interaction_is_not_found(ledger: MemoryLedger) -> None:
    with pytest.raises(NotFound, match="i9"):
        say(ledger, "thumb", "up", of="i9")


@pytest.mark.parametrize("kind", ["comment", "issue", "missing_knowledge", "edited"])
def test_personal_data_in_texts_is_masked(ledger: MemoryLedger, kind: str) -> None:
    assert say(ledger, kind, "ask ada@example.org").value == "ask <EMAIL_ADDRESS>"


def test_who_gave_it_is_recorded_as_a_stand_in(ledger: MemoryLedger) -> None:
    assert say(ledger, "thumb", "up", user="ada").user == pseudonym("ada", ledger.salt())
    assert say(ledger, "thumb", "up").user is None


def test_any_click_is_taken_where_citations_were_not_kept() -> None:
    ledger = MemoryLedger()
    ledger.add_interaction(interaction("i1", consent=False, citations=0))
    assert say(ledger, "citation_click", 3).value == 3
    with pytest.raises(InvalidInput):
        say(ledger, "citation_click", 0)


# --- attribution ----------------------------------------------------------------------------------------------------


def test_only_a_thumbs_down_has_a_stage(ledger: MemoryLedger) -> None:
    assert say(ledger, "thumb", "up").stage is None
    assert say(ledger, "comment", "bad").stage is None
    assert say(ledger, "thumb", "down").stage is Stage.MIS_GENERATED  # the best passage's cosine is 0.5


@pytest.mark.parametrize(
    ("answered", "cosine", "stage"),
    [(True, 0.36, Stage.MIS_GENERATED), (True, 0.34, Stage.MISSING), (False, 0.9, Stage.MISSING)],
)
def test_without_judged_passages_the_nearest_one_decides_the_stage(answered: bool, cosine: float, stage: Stage) -> None:
    ledger = MemoryLedger()
    ledger.add_interaction(interaction(answered=answered, ranking=[shown("a", 1, scores=Scores(dense=cosine))]))
    assert say(ledger, "thumb", "down").stage is stage


@pytest.mark.parametrize(
    ("judged", "stage"),
    [
        ({"document_id": "b"}, Stage.MIS_GENERATED),
        ({"document_id": "c"}, Stage.MIS_RANKED),  # rank 3, and the generator saw 2
        ({"document_id": "c", "start": 50, "end": 60}, Stage.NOT_RETRIEVED),
        ({"document_id": "z"}, Stage.NOT_RETRIEVED),
    ],
)
def test_a_passage_that_was_judged_relevant_decides_the_stage(
    ledger: MemoryLedger, judged: dict[str, Json], stage: Stage
) -> None:
    say(ledger, "passage_relevance", judged | {"relevant": True})
    say(ledger, "passage_relevance", {"document_id": "a", "relevant": False})
    assert say(ledger, "thumb", "down").stage is stage


def test_a_passage_that_was_judged_irrelevant_decides_nothing(ledger: MemoryLedger) -> None:
    say(ledger, "passage_relevance", {"document_id": "z", "relevant": False})
    assert say(ledger, "thumb", "down").stage is Stage.MIS_GENERATED


# --- rank and propensity of implicit signals ------------------------------------------------------------------------

CITED = [shown("a", 1), shown("guide", 2)]  # the sample's citations are of the guide


@pytest.mark.parametrize(
    ("kind", "value"),
    [("used", True), ("edited", "Better."), ("abandoned", False), ("regenerated", True), ("citation_click", 1)],
)
def test_an_implicit_signal_has_the_rank_and_the_propensity_of_its_passage(kind: str, value: Json) -> None:
    ledger = MemoryLedger()
    ledger.add_interaction(interaction(ranking=CITED))
    given = say(ledger, kind, value)
    assert (given.rank, given.propensity) == (2, 0.5)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("thumb", "up"),
        ("stars", 2),
        ("comment", "hm"),
        ("issue", "hm"),
        ("passage_relevance", {"document_id": "guide", "relevant": True}),
        ("missing_knowledge", True),
    ],
)
def test_an_explicit_judgement_has_no_rank(kind: str, value: Json) -> None:
    ledger = MemoryLedger()
    ledger.add_interaction(interaction(ranking=CITED))
    given = say(ledger, kind, value)
    assert (given.rank, given.propensity) == (None, None)


def test_a_signal_about_an_answer_without_citations_has_no_rank() -> None:
    ledger = MemoryLedger()
    ledger.add_interaction(interaction(ranking=CITED, citations=0))
    given = say(ledger, "abandoned", True)
    assert (given.rank, given.propensity) == (None, None)


@pytest.mark.parametrize(
    ("kind", "rank", "propensity"),
    [("used", 1, None), ("used", None, 0.5), ("used", 0, 1.0), ("used", 2, 0.0), ("used", 1, 1.5), ("thumb", 1, 1.0)],
)
def test_a_rank_without_its_propensity_or_of_an_explicit_kind_is_no_feedback(
    kind: str, rank: int | None, propensity: float | None
) -> None:
    with pytest.raises(ValueError, match="feedback f"):
        Feedback(
            feedback_id=FeedbackId("f"),
            interaction_id=InteractionId("i1"),
            given=NOON,
            user=None,
            kind=FeedbackKind(kind),
            value=True,
            rank=rank,
            propensity=propensity,
        )


# --- confirmed answers ----------------------------------------------------------------------------------------------


def signal(of: str, kind: FeedbackKind, value: Json) -> Feedback:
    return Feedback(
        feedback_id=FeedbackId("f"), interaction_id=InteractionId(of), given=NOON, user=None, kind=kind, value=value
    )


def test_an_answer_is_confirmed_by_praise_that_nobody_contradicts() -> None:
    thumb, stars, edited = FeedbackKind.THUMB, FeedbackKind.STARS, FeedbackKind.EDITED
    signals = [
        signal("praised", stars, 4),
        signal("liked", thumb, "up"),
        signal("liked", thumb, "up"),
        signal("disputed", thumb, "up"),
        signal("disputed", thumb, "down"),
        signal("half", stars, 3),
        signal("edited", thumb, "up"),
        signal("edited", edited, "A better text."),
        signal("disliked early", thumb, "down"),
        signal("disliked early", thumb, "up"),
        signal("used", FeedbackKind.USED, True),
        signal("commented", FeedbackKind.COMMENT, "up"),
    ]
    assert confirmed(signals) == ["praised", "liked"]
    assert confirmed([]) == []


# --- gaps -----------------------------------------------------------------------------------------------------------


def test_gaps_are_grouped_by_the_query_and_the_most_frequent_come_first() -> None:
    ledger = MemoryLedger()
    asked = [("i1", "How to clean it?"), ("i2", "Is it round?"), ("i3", "how to  CLEAN it?")]
    for at, (name, text) in enumerate(asked):
        ledger.add_interaction(interaction(name, question=text, answered=False, asked=NOON + timedelta(minutes=at)))
    ledger.add_interaction(interaction("good", question="Is it good?"))
    first, second = gaps(ledger=ledger, limit=10)
    assert (first.question, first.times, first.last) == ("how to  CLEAN it?", 2, NOON + timedelta(minutes=2))
    assert set(first.interaction_ids) == {"i1", "i3"}
    assert (second.question, second.times) == ("Is it round?", 1)
    assert gaps(ledger=ledger, limit=1) == [first]


def test_a_follow_up_is_a_gap_by_the_query_that_it_became() -> None:
    ledger = MemoryLedger()
    ledger.add_interaction(interaction(question="and how?", query="How to clean it?", answered=False))
    assert [gap.question for gap in gaps(ledger=ledger, limit=10)] == ["How to clean it?"]


@pytest.mark.parametrize(("value", "times"), [(True, 1), ("how to clean it", 1), (False, 0)])
def test_knowledge_reported_missing_is_a_gap_though_it_was_answered(
    ledger: MemoryLedger, value: Json, times: int
) -> None:
    say(ledger, "missing_knowledge", value)
    assert len(gaps(ledger=ledger, limit=10)) == times


def test_a_refused_question_that_was_reported_too_counts_once() -> None:
    ledger = MemoryLedger()
    ledger.add_interaction(interaction(answered=False))
    say(ledger, "missing_knowledge", True)
    assert [gap.times for gap in gaps(ledger=ledger, limit=10)] == [1]


def test_a_question_without_consent_is_no_gap_that_could_be_shown() -> None:
    ledger = MemoryLedger()
    ledger.add_interaction(interaction(question="", answered=False, consent=False))
    assert gaps(ledger=ledger, limit=10) == []


# --- triage ---------------------------------------------------------------------------------------------------------


def asked(*names: str, question: str = "Is it round?", ledger: MemoryLedger | None = None) -> MemoryLedger:
    ledger = ledger or MemoryLedger()
    for at, name in enumerate(names):
        ledger.add_interaction(interaction(name, question=question, asked=NOON + timedelta(minutes=at)))
    return ledger


@pytest.mark.parametrize(
    ("kind", "value"), [("abandoned", True), ("regenerated", True), ("used", False), ("edited", "Better.")]
)
def test_an_answer_that_a_person_turned_away_from_is_a_suspect(kind: str, value: Json) -> None:
    ledger = asked("i1")
    say(ledger, kind, value)
    [suspect] = triage(ledger=ledger, limit=10)
    assert (suspect.question, suspect.score, suspect.times, suspect.interaction_ids) == ("Is it round?", 1, 1, ("i1",))


@pytest.mark.parametrize(("kind", "value"), [("abandoned", False), ("regenerated", False), ("used", True)])
def test_an_answer_that_nobody_turned_away_from_is_none(kind: str, value: Json) -> None:
    ledger = asked("i1")
    say(ledger, kind, value)
    assert triage(ledger=ledger, limit=10) == []


def test_answers_to_one_query_are_weighed_together_and_the_suspicious_ones_are_named_worst_first() -> None:
    ledger = asked("i1", "i2", "i3")
    ledger = asked("i4", question="is it  ROUND?", ledger=ledger)
    say(ledger, "abandoned", True, of="i2")
    say(ledger, "abandoned", True, of="i4")
    say(ledger, "regenerated", True, of="i4")
    say(ledger, "used", True, of="i1")
    [suspect] = triage(ledger=ledger, limit=10)
    assert (suspect.score, suspect.times, suspect.interaction_ids) == (2, 2, ("i4", "i2"))
    assert (suspect.question, suspect.last) == ("Is it round?", NOON + timedelta(minutes=1))


def test_a_question_whose_answers_are_used_more_than_left_is_no_suspect() -> None:
    ledger = asked("i1", "i2")
    say(ledger, "abandoned", True, of="i1")
    say(ledger, "used", True, of="i2")
    assert triage(ledger=ledger, limit=10) == []
    say(ledger, "regenerated", True, of="i1")
    assert [suspect.score for suspect in triage(ledger=ledger, limit=10)] == [1]


def test_what_is_cited_far_down_is_more_suspicious_and_the_list_is_cut_at_the_limit() -> None:
    ledger = asked("i1")
    ledger.add_interaction(interaction("i2", question="Is it flat?", ranking=CITED))
    say(ledger, "abandoned", True, of="i1")
    say(ledger, "abandoned", True, of="i2")
    flat, plain = triage(ledger=ledger, limit=10)
    assert (flat.question, flat.score) == ("Is it flat?", 2)
    assert (plain.question, plain.score) == ("Is it round?", 1)
    assert triage(ledger=ledger, limit=1) == [flat]


@pytest.mark.parametrize(("kind", "value"), [("thumb", "down"), ("thumb", "up"), ("stars", 3), ("issue", "wrong")])
def test_an_answer_that_somebody_judged_needs_no_triage(kind: str, value: Json) -> None:
    ledger = asked("i1")
    say(ledger, "abandoned", True)
    say(ledger, kind, value)
    assert triage(ledger=ledger, limit=10) == []


def test_a_comment_is_no_judgement() -> None:
    ledger = asked("i1")
    say(ledger, "abandoned", True)
    say(ledger, "comment", "hm")
    assert len(triage(ledger=ledger, limit=10)) == 1


def test_a_corrected_answer_is_in_the_review_queue_and_needs_no_triage() -> None:
    ledger = asked("i1")
    say(ledger, "abandoned", True)
    ledger.add_correction(correction("c1", of="i1"))
    assert triage(ledger=ledger, limit=10) == []


def test_a_refusal_is_a_gap_and_no_suspect_and_without_consent_there_is_nothing_to_show() -> None:
    ledger = MemoryLedger()
    ledger.add_interaction(interaction("i1", answered=False))
    ledger.add_interaction(interaction("i2", question="", consent=False))
    say(ledger, "abandoned", True, of="i1")
    say(ledger, "abandoned", True, of="i2")
    assert triage(ledger=ledger, limit=10) == []


def test_no_implicit_signal_ever_confirms_an_answer(ledger: MemoryLedger) -> None:
    for kind, value in [("used", True), ("citation_click", 1), ("abandoned", False), ("regenerated", False)]:
        say(ledger, kind, value)
    assert confirmed(ledger.feedback()) == []


def test_a_text_is_stripped_and_too_long_a_one_is_refused_by_its_length() -> None:
    assert checked_text(" a ", "the text") == "a"
    with pytest.raises(InvalidInput, match="the text has 20001 characters"):
        checked_text("x" * 20_001, "the text")
