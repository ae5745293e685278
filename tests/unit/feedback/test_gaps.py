"""The questions that signals show to a person: gaps in knowledge, and suspects."""

from dataclasses import replace
from datetime import timedelta

import pytest

from rag_flywheel.domain import Confidence, CorrectionId, InteractionId, Json, Scores, Stage, Suggestion, Verdict
from rag_flywheel.domain.topics import AnswerState, TopicKind
from rag_flywheel.feedback.gaps import gaps, triage
from tests.fakes.ledger import MemoryLedger
from tests.fakes.samples import NOON, correction, interaction, review, shown
from tests.fakes.signals import say

NEAR = 0.3
CITED = [shown("a", 1), shown("guide", 2)]  # the sample's citations are of the guide


@pytest.fixture
def ledger() -> MemoryLedger:
    made = MemoryLedger()
    made.add_interaction(interaction("i1", citations=2))
    return made


# --- gaps -----------------------------------------------------------------------------------------------------------


def asked_about(ledger: MemoryLedger) -> dict[str, TopicKind]:
    return {gap.asked.query: gap.kind for gap in gaps(ledger=ledger, near=NEAR)}


def test_gaps_are_listed_the_newest_first() -> None:
    ledger = MemoryLedger()
    for at, name in enumerate(("i1", "i2", "i3")):
        ledger.add_interaction(interaction(name, answered=False, asked=NOON + timedelta(minutes=at)))
    ledger.add_interaction(interaction("good", question="Is it good?"))
    assert [gap.asked.interaction_id for gap in gaps(ledger=ledger, near=NEAR)] == ["i3", "i2", "i1"]


def test_a_follow_up_is_a_gap_by_the_query_that_it_became() -> None:
    ledger = MemoryLedger()
    ledger.add_interaction(interaction(question="and how?", query="How to clean it?", answered=False))
    assert asked_about(ledger) == {"How to clean it?": TopicKind.MISSING}


@pytest.mark.parametrize(("value", "times"), [(True, 1), ("how to clean it", 1), (False, 0)])
def test_knowledge_reported_missing_is_a_gap_though_it_was_answered(
    ledger: MemoryLedger, value: Json, times: int
) -> None:
    say(ledger, "missing_knowledge", value)
    assert [gap.reported for gap in gaps(ledger=ledger, near=NEAR)] == [True] * times


def test_a_refused_question_that_was_reported_too_counts_once() -> None:
    ledger = MemoryLedger()
    ledger.add_interaction(interaction(answered=False))
    say(ledger, "missing_knowledge", True)
    assert len(gaps(ledger=ledger, near=NEAR)) == 1


def test_a_question_whose_asker_found_it_among_the_suggestions_is_no_gap_unless_it_was_reported() -> None:
    offered = Suggestion(correction_id=CorrectionId("c1"), question="How is it cleaned?")
    for reported in (False, True):
        ledger = MemoryLedger()
        ledger.add_interaction(replace(interaction(answered=False), suggestions=(offered,)))
        assert len(gaps(ledger=ledger, near=NEAR)) == 1
        say(ledger, "meant", "c1")
        if reported:
            say(ledger, "missing_knowledge", True)
        assert len(gaps(ledger=ledger, near=NEAR)) == reported


def test_a_doubtful_answer_is_a_gap_beside_the_refused_and_a_sure_one_is_none() -> None:
    ledger = MemoryLedger()
    for name, confidence in (("doubtful", Confidence.LOW), ("sure", Confidence.HIGH), ("untold", None)):
        ledger.add_interaction(replace(interaction(name, question=name), confidence=confidence))
    ledger.add_interaction(interaction("refused", question="refused", answered=False))
    assert asked_about(ledger) == dict.fromkeys(("doubtful", "refused"), TopicKind.MISSING)
    assert {gap.asked.query: gap.answered for gap in gaps(ledger=ledger, near=NEAR)} == {
        "doubtful": AnswerState.DOUBTFUL,
        "refused": AnswerState.REFUSED,
    }


def test_a_question_that_no_passage_is_about_is_off_topic_unless_somebody_reported_it() -> None:
    ledger = MemoryLedger()
    for name, cosine in (("far", 0.1), ("near", 0.6), ("missed", 0.1)):
        ranking = [shown("a", 1, scores=Scores(dense=cosine))]
        ledger.add_interaction(interaction(name, question=name, answered=False, ranking=ranking))
    say(ledger, "missing_knowledge", True, of="missed")
    kinds = {"far": TopicKind.OFF_TOPIC, "near": TopicKind.MISSING, "missed": TopicKind.MISSING}
    assert asked_about(ledger) == kinds


def test_an_answer_that_somebody_called_bad_is_a_gap_of_the_answers_and_a_praised_one_is_none() -> None:
    ledger = MemoryLedger()
    for name in ("bad", "good"):
        ledger.add_interaction(interaction(name, question=name, ranking=[shown("a", 1, scores=Scores(dense=0.9))]))
    say(ledger, "thumb", "down", of="bad")
    say(ledger, "thumb", "up", of="good")
    assert asked_about(ledger) == {"bad": TopicKind.BAD_ANSWER}


@pytest.mark.parametrize(
    ("stage", "kind"),
    [
        (Stage.MISSING, TopicKind.MISSING),
        (Stage.NOT_RETRIEVED, TopicKind.NOT_FOUND),
        (Stage.MIS_RANKED, TopicKind.NOT_FOUND),
        (Stage.MIS_GENERATED, TopicKind.BAD_ANSWER),
    ],
)
def test_where_a_correction_says_where_the_answer_stands_it_says_what_is_wrong(stage: Stage, kind: TopicKind) -> None:
    ledger = MemoryLedger()
    ledger.add_interaction(interaction("i1", question="q", answered=False))
    ledger.add_correction(replace(correction("c1", of="i1"), stage=stage))
    assert asked_about(ledger) == {"q": kind}


def test_a_rejected_correction_says_nothing_of_what_is_wrong() -> None:
    ledger = MemoryLedger()
    ledger.add_interaction(interaction("i1", question="q", answered=False))
    ledger.add_correction(replace(correction("c1", of="i1"), stage=Stage.NOT_RETRIEVED))
    ledger.add_review(review("c1", Verdict.REJECT))
    assert asked_about(ledger) == {"q": TopicKind.MISSING}


def test_a_question_without_consent_is_no_gap_that_could_be_shown() -> None:
    ledger = MemoryLedger()
    ledger.add_interaction(interaction(question="", answered=False, consent=False))
    assert gaps(ledger=ledger, near=NEAR) == []


def test_a_question_that_is_named_is_looked_at_however_old_it_is_and_one_that_is_gone_is_passed_over() -> None:
    ledger = MemoryLedger()
    ledger.add_interaction(interaction("i1"))
    named = frozenset({InteractionId("i1"), InteractionId("gone")})
    assert [gap.asked.interaction_id for gap in gaps(ledger=ledger, near=NEAR, also=named)] == ["i1"]


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
