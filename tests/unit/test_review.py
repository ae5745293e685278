"""Corrections: taken in, reviewed, and followed until they are live."""

import itertools
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import pytest

from rag_flywheel.domain import (
    Correction,
    CorrectionId,
    CorrectionState,
    DocumentId,
    Evidence,
    FeedbackId,
    InteractionId,
    Passage,
    ReviewedCorrection,
    Stage,
    Verdict,
    VersionId,
    VersionState,
)
from rag_flywheel.errors import Conflict, InvalidInput, NotFound
from rag_flywheel.privacy import pseudonym
from rag_flywheel.review import decide, prepare, progress, queue
from tests.fakes.ledger import MemoryLedger
from tests.fakes.redactor import FakeRedactor
from tests.fakes.samples import (
    NOON,
    chunk,
    correction,
    correction_chunk,
    interaction,
    manifest,
    passage,
    review,
    shown,
    span,
)

LENGTHS = {DocumentId("guide"): 100, DocumentId("correction:c0"): 20}
SUPPORTING = chunk("guide", "You can run rag-flywheel rollback at any time.")
UNRELATED = chunk("faq", "Tea is made with water.")


@pytest.fixture
def ledger() -> MemoryLedger:
    made = MemoryLedger()
    made.add_interaction(interaction("i1", ranking=[shown("faq", 1), shown("a", 2), shown("guide", 3)]))
    return made


def hand_in(
    ledger: MemoryLedger,
    answer: str = "Run rag-flywheel rollback.",
    *,
    of: str = "i1",
    evidence: Sequence[Evidence] = (),
    supersedes: Sequence[Evidence] = (),
    user: str | None = None,
    feedback: str | None = None,
    found: Sequence[Passage] = (),
    lengths: Mapping[DocumentId, int] | None = None,
) -> Correction:
    number = len(ledger.corrections()) + 1
    made = prepare(
        InteractionId(of),
        answer,
        evidence=evidence,
        supersedes=supersedes,
        user=user,
        feedback_id=None if feedback is None else FeedbackId(feedback),
        ledger=ledger,
        redactor=FakeRedactor(),
        find=lambda text: found,
        lengths=lambda: LENGTHS if lengths is None else lengths,
        at=NOON + timedelta(minutes=number),
        new_id=lambda: f"c{number}",
    )
    ledger.add_correction(made)
    return made


def judge(
    ledger: MemoryLedger,
    verdict: Verdict = Verdict.ACCEPT,
    *,
    of: str = "c1",
    answer: str | None = None,
    note: str | None = None,
    reviewer: str = "grace",
    at: datetime = NOON + timedelta(hours=1),
) -> ReviewedCorrection:
    numbers = itertools.count(len(ledger.audit(limit=100)))
    return decide(
        CorrectionId(of),
        verdict,
        reviewer=reviewer,
        answer=answer,
        note=note,
        ledger=ledger,
        redactor=FakeRedactor(),
        at=at,
        new_id=lambda: f"r{next(numbers)}",
    )


# --- submit ---------------------------------------------------------------------------------------------------------


def test_a_correction_is_recorded_with_the_query_that_was_answered(ledger: MemoryLedger) -> None:
    ledger.add_interaction(interaction("i2", question="and how?", query="How do I roll back?"))
    made = hand_in(ledger, "  Run it. ", of="i2", user="ada", feedback="f1")
    assert (made.question, made.answer, made.feedback_id) == ("How do I roll back?", "Run it.", "f1")
    assert made.user == pseudonym("ada", ledger.salt())
    assert ledger.correction(made.correction_id) == ReviewedCorrection(correction=made, review=None)
    assert made.document_id == "correction:c1"


def test_personal_data_in_the_answer_is_masked(ledger: MemoryLedger) -> None:
    assert hand_in(ledger, "Write to ada@example.org").answer == "Write to <EMAIL_ADDRESS>"


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
    for one, said in ((span("gone"), "'gone'"), (span("guide", 95, 101), "100 characters")):
        with pytest.raises(InvalidInput, match=said):
            hand_in(
                ledger, evidence=[one] if kind == "evidence" else [], supersedes=[] if kind == "evidence" else [one]
            )
    assert ledger.corrections() == []


def test_a_span_may_end_with_its_document_and_may_name_a_correction(ledger: MemoryLedger) -> None:
    replaced = (span("guide", 90, 100), span("correction:c0", 0, 20))
    assert hand_in(ledger, supersedes=replaced).supersedes == replaced


# --- decide ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "state"),
    [
        (Verdict.ACCEPT, CorrectionState.ACCEPTED),
        (Verdict.REJECT, CorrectionState.REJECTED),
        (Verdict.QUARANTINE, CorrectionState.QUARANTINED),
    ],
)
def test_a_verdict_decides_the_state_and_is_audited(
    ledger: MemoryLedger, verdict: Verdict, state: CorrectionState
) -> None:
    hand_in(ledger)
    assert judge(ledger, verdict, note="as ada@example.org said").verdict_state is state
    kept = ledger.correction(CorrectionId("c1")).review
    assert kept is not None
    assert (kept.reviewer, kept.note) == ("grace", "as <EMAIL_ADDRESS> said")
    [entry] = ledger.audit(limit=10)
    assert (entry.who, entry.action, entry.subject) == ("grace", f"review: {verdict}", "c1")


def test_the_latest_verdict_counts(ledger: MemoryLedger) -> None:
    hand_in(ledger)
    judge(ledger, Verdict.ACCEPT)
    after = judge(ledger, Verdict.REJECT, at=NOON + timedelta(hours=2))
    assert after.verdict_state is CorrectionState.REJECTED
    assert queue(ledger=ledger, state=CorrectionState.ACCEPTED) == []


def test_the_reviewers_wording_replaces_the_authors(ledger: MemoryLedger) -> None:
    hand_in(ledger)
    assert judge(ledger, answer=" Ask ada@example.org. ").answer == "Ask <EMAIL_ADDRESS>."
    assert ledger.correction(CorrectionId("c1")).correction.answer == "Run rag-flywheel rollback."


@pytest.mark.parametrize("verdict", [Verdict.REJECT, Verdict.QUARANTINE])
def test_a_wording_goes_with_accept_only(ledger: MemoryLedger, verdict: Verdict) -> None:
    hand_in(ledger)
    with pytest.raises(InvalidInput, match="accept"):
        judge(ledger, verdict, answer="Other words.")


def test_a_review_needs_a_name_and_words_that_are_given_must_be_some(ledger: MemoryLedger) -> None:
    hand_in(ledger)
    with pytest.raises(InvalidInput, match="reviewer"):
        judge(ledger, reviewer=" ")
    with pytest.raises(InvalidInput, match="wording"):
        judge(ledger, answer=" ")
    assert ledger.audit(limit=10) == []
    with pytest.raises(NotFound):
        judge(ledger, of="c9")


def test_the_queue_is_what_stands_in_a_state_oldest_first(ledger: MemoryLedger) -> None:
    for _ in range(3):
        hand_in(ledger)
    judge(ledger, Verdict.QUARANTINE, of="c2")
    assert [one.correction.correction_id for one in queue(ledger=ledger, state=CorrectionState.PENDING)] == ["c1", "c3"]
    assert [one.correction.correction_id for one in queue(ledger=ledger, state=CorrectionState.QUARANTINED)] == ["c2"]
    assert len(queue(ledger=ledger, state=None)) == 3


# --- progress -------------------------------------------------------------------------------------------------------

V1, V2, V3 = (VersionId(f"v{number}") for number in (1, 2, 3))


def accepted_at(ledger: MemoryLedger, at: datetime) -> None:
    ledger.add_correction(correction("c1"))
    ledger.add_review(review("c1", reviewed=at))


def went_live(ledger: MemoryLedger, version: VersionId, hour: int, *corrections: str) -> None:
    at = NOON + timedelta(hours=hour)
    ledger.add_version(manifest(version, created=at, corrections=corrections))
    ledger.set_state(version, VersionState.LIVE, at=at)


def test_until_a_review_it_is_pending(ledger: MemoryLedger) -> None:
    ledger.add_correction(correction("c1"))
    found = progress(CorrectionId("c1"), ledger=ledger, live=None)
    assert (found.state, found.version, found.live_since) == (CorrectionState.PENDING, None, None)


def test_an_accepted_one_waits_for_the_next_version(ledger: MemoryLedger) -> None:
    went_live(ledger, V1, 1)
    accepted_at(ledger, NOON + timedelta(hours=2))
    assert progress(CorrectionId("c1"), ledger=ledger, live=V1).state is CorrectionState.ACCEPTED
    assert progress(CorrectionId("c1"), ledger=ledger, live=None).state is CorrectionState.ACCEPTED


def test_it_is_live_with_the_first_version_that_went_live_with_it(ledger: MemoryLedger) -> None:
    accepted_at(ledger, NOON + timedelta(hours=2))
    ledger.add_version(manifest(V1, created=NOON + timedelta(hours=3), corrections=["c1"]))  # never went live
    went_live(ledger, V2, 4, "c1")
    went_live(ledger, V3, 5, "c1")
    found = progress(CorrectionId("c1"), ledger=ledger, live=V3)
    assert (found.state, found.version) == (CorrectionState.LIVE, V2)
    assert found.live_since == NOON + timedelta(hours=4)


def test_after_a_roll_back_it_waits_again_and_remembers_where_it_was(ledger: MemoryLedger) -> None:
    went_live(ledger, V1, 1)
    accepted_at(ledger, NOON + timedelta(hours=2))
    went_live(ledger, V2, 3, "c1")
    found = progress(CorrectionId("c1"), ledger=ledger, live=V1)
    assert (found.state, found.version) == (CorrectionState.ACCEPTED, V2)


def test_a_newer_version_that_left_it_out_has_superseded_it(ledger: MemoryLedger) -> None:
    accepted_at(ledger, NOON + timedelta(hours=2))
    went_live(ledger, V1, 3, "c1")
    went_live(ledger, V2, 4, "c2")
    assert progress(CorrectionId("c1"), ledger=ledger, live=V2).state is CorrectionState.SUPERSEDED


def test_one_rejected_after_it_went_live_is_rejected(ledger: MemoryLedger) -> None:
    accepted_at(ledger, NOON + timedelta(hours=2))
    went_live(ledger, V1, 3, "c1")
    ledger.add_review(review("c1", Verdict.REJECT, reviewed=NOON + timedelta(hours=4), name="second"))
    assert progress(CorrectionId("c1"), ledger=ledger, live=V1).state is CorrectionState.REJECTED


def test_an_unknown_correction_is_not_found(ledger: MemoryLedger) -> None:
    with pytest.raises(NotFound):
        progress(CorrectionId("c9"), ledger=ledger, live=None)
