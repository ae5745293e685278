"""Signals about an answer: checked, masked, and what each of them is about."""

from dataclasses import replace

import pytest

from rag_flywheel.domain import (
    CorrectionId,
    Feedback,
    FeedbackId,
    FeedbackKind,
    InteractionId,
    Json,
    Scores,
    Stage,
    Suggestion,
)
from rag_flywheel.errors import InvalidInput, NotFound
from rag_flywheel.feedback.intake import checked_text, confirmed
from rag_flywheel.privacy.pseudonyms import pseudonym
from tests.fakes.ledger import MemoryLedger
from tests.fakes.samples import NOON, interaction, shown
from tests.fakes.signals import say

RANKING = [shown("a", 1), shown("b", 2), shown("c", 3)]


@pytest.fixture
def ledger() -> MemoryLedger:
    made = MemoryLedger()
    made.add_interaction(interaction("i1", ranking=RANKING, citations=2))
    return made


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
    assert say(ledger, kind, "ask ada@example.org").value == "ask <EMAIL_ADDRESS_1>"


def test_who_gave_it_is_recorded_as_a_stand_in(ledger: MemoryLedger) -> None:
    assert say(ledger, "thumb", "up", user="ada").user == pseudonym("ada", ledger.salt())
    assert say(ledger, "thumb", "up").user is None


def test_any_click_is_taken_where_citations_were_not_kept() -> None:
    ledger = MemoryLedger()
    ledger.add_interaction(interaction("i1", consent=False, citations=0))
    assert say(ledger, "citation_click", 3).value == 3
    with pytest.raises(InvalidInput):
        say(ledger, "citation_click", 0)


def test_a_choice_names_one_of_the_suggestions() -> None:
    ledger = MemoryLedger()
    offered = Suggestion(correction_id=CorrectionId("c1"), question="How do I roll back?")
    ledger.add_interaction(replace(interaction(), suggestions=(offered,)))
    assert say(ledger, "meant", "c1").value == "c1"
    for wrong in ("c2", 1, True, {"correction_id": "c1"}):
        with pytest.raises(InvalidInput, match="suggestions"):
            say(ledger, "meant", wrong)


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


def test_no_implicit_signal_ever_confirms_an_answer(ledger: MemoryLedger) -> None:
    for kind, value in [("used", True), ("citation_click", 1), ("abandoned", False), ("regenerated", False)]:
        say(ledger, kind, value)
    assert confirmed(ledger.feedback()) == []


def test_a_text_is_stripped_and_too_long_a_one_is_refused_by_its_length() -> None:
    assert checked_text(" a ", "the text") == "a"
    with pytest.raises(InvalidInput, match="the text has 20001 characters"):
        checked_text("x" * 20_001, "the text")
