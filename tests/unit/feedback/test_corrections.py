"""Corrections taken in: checked, masked, with their evidence and the stage that failed."""

import pytest

from rag_flywheel.domain import DocumentId, ReviewedCorrection, Stage, VersionId
from rag_flywheel.errors import Conflict, IndexUnavailable, InvalidInput, NotFound
from rag_flywheel.feedback.quoting import quoted
from rag_flywheel.privacy.pseudonyms import pseudonym
from tests.fakes.ledger import MemoryLedger
from tests.fakes.samples import (
    chunk,
    correction_chunk,
    interaction,
    passage,
    shown,
    span,
)
from tests.fakes.signals import hand_in

SUPPORTING = chunk("guide", "You can run rag-flywheel rollback at any time.")
UNRELATED = chunk("faq", "Tea is made with water.")


@pytest.fixture
def ledger() -> MemoryLedger:
    made = MemoryLedger()
    made.add_interaction(interaction("i1", ranking=[shown("faq", 1), shown("a", 2), shown("guide", 3)]))
    return made


def test_a_correction_is_recorded_with_the_query_that_was_answered(ledger: MemoryLedger) -> None:
    ledger.add_interaction(interaction("i2", question="and how?", query="How do I roll back?"))
    made = hand_in(ledger, "  Run it. ", of="i2", user="ada", feedback="f1")
    assert (made.question, made.answer, made.feedback_id) == ("How do I roll back?", "Run it.", "f1")
    assert made.user == pseudonym("ada", ledger.salt())
    assert ledger.correction(made.correction_id) == ReviewedCorrection(correction=made, review=None)
    assert made.document_id == "correction:c1"


def test_personal_data_in_the_answer_is_masked(ledger: MemoryLedger) -> None:
    assert hand_in(ledger, "Write to ada@example.org").answer == "Write to <EMAIL_ADDRESS_1>"


def test_an_unknown_interaction_is_not_found(ledger: MemoryLedger) -> None:
    with pytest.raises(NotFound):
        hand_in(ledger, of="i9")


def test_what_was_asked_without_consent_cannot_be_corrected(ledger: MemoryLedger) -> None:
    ledger.add_interaction(interaction("i2", question="", answer="", consent=False))
    with pytest.raises(Conflict, match="consent"):
        hand_in(ledger, of="i2")
    assert ledger.corrections() == []


@pytest.mark.parametrize("answer", ["", "  ", "x" * 20_001])
def test_an_answer_that_cannot_be_used_is_refused(ledger: MemoryLedger, answer: str) -> None:
    with pytest.raises(InvalidInput, match="the corrected answer"):
        hand_in(ledger, answer)


def test_where_no_evidence_is_named_the_passages_that_hold_the_words_are_it(ledger: MemoryLedger) -> None:
    held = correction_chunk("c0", "q", "Run rag-flywheel rollback.")
    made = hand_in(ledger, found=[passage(held), passage(UNRELATED), passage(SUPPORTING)])
    assert made.evidence == (SUPPORTING.span,)
    assert made.stage is Stage.MIS_RANKED  # `guide` stood third, and the generator saw two


def test_named_evidence_is_kept_as_it_is(ledger: MemoryLedger) -> None:
    named = span("guide", 90, 100)
    made = hand_in(ledger, evidence=[named], found=[passage(SUPPORTING)])
    assert made.evidence == (named,)
    assert made.stage is Stage.NOT_RETRIEVED


def test_an_answer_that_no_document_holds_is_missing(ledger: MemoryLedger) -> None:
    made = hand_in(ledger, found=[passage(UNRELATED)])
    assert (made.evidence, made.stage) == ((), Stage.MISSING)


@pytest.mark.parametrize("kind", ["evidence", "supersedes"])
def test_a_span_must_lie_in_a_document_of_the_live_version(ledger: MemoryLedger, kind: str) -> None:
    for wrong, said in ((span("gone"), "'gone'"), (span("guide", 95, 101), "100 characters")):
        with pytest.raises(InvalidInput, match=said):
            hand_in(
                ledger, evidence=[wrong] if kind == "evidence" else [], supersedes=[] if kind == "evidence" else [wrong]
            )
    assert ledger.corrections() == []


def test_a_span_may_end_with_its_document_and_may_name_a_correction(ledger: MemoryLedger) -> None:
    replaced = (span("guide", 90, 100), span("correction:c0", 0, 20))
    assert hand_in(ledger, supersedes=replaced).supersedes == replaced


def test_a_span_is_kept_with_the_words_that_the_person_saw(ledger: MemoryLedger) -> None:
    made = hand_in(ledger, evidence=[span("guide", 8, 33)], supersedes=[span("guide", 90, 100)])
    for kept, words in ((made.evidence, "run rag-flywheel rollback"), (made.supersedes, "It is safe")):
        [named] = kept
        assert named.quote is not None
        assert named.quote.exact == words


def test_a_span_is_quoted_from_the_version_of_the_answer_and_else_from_the_live_one() -> None:
    texts = {
        "seen": {DocumentId("guide"): "As it was read."},
        "live": {DocumentId("guide"): "It reads otherwise by now."},
    }
    named = [span("guide", 0, 15), span("guide", 3, 26)]
    first, second = quoted(named, versions=[VersionId("seen"), VersionId("live")], texts=texts.__getitem__)
    assert [held.quote and held.quote.exact for held in (first, second)] == [
        "As it was read.",
        "reads otherwise by now.",
    ]


def test_a_passage_that_the_correction_supersedes_is_no_evidence_of_it(ledger: MemoryLedger) -> None:
    made = hand_in(ledger, supersedes=[span("guide", 0, 9)], found=[passage(SUPPORTING)])
    assert made.evidence == ()


def test_while_the_index_is_away_a_correction_is_taken_without_what_would_be_looked_up(ledger: MemoryLedger) -> None:
    looked_for = hand_in(ledger, away=True)
    assert (looked_for.evidence, looked_for.guessed) == ((), True)
    named = hand_in(ledger, evidence=[span("guide", 0, 10)], supersedes=[span("faq", 0, 5)], away=True)
    assert [each.quote for each in (*named.evidence, *named.supersedes)] == [None, None]
    assert (named.evidence, named.supersedes) == ((span("guide", 0, 10),), (span("faq", 0, 5),))


def test_while_the_index_is_away_a_span_that_the_question_did_not_bring_waits_for_it(ledger: MemoryLedger) -> None:
    with pytest.raises(IndexUnavailable):
        hand_in(ledger, evidence=[span("gone")], away=True)
    with pytest.raises(IndexUnavailable):  # nobody can say what stands past the passage
        hand_in(ledger, supersedes=[span("faq", 0, 1_000_000)], away=True)
    assert ledger.corrections() == []
