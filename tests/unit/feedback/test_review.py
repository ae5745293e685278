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
from rag_flywheel.feedback.review import CONFLICTS_AT_MOST, decide, prepare, progress, queue
from rag_flywheel.privacy.pseudonyms import pseudonym
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


def listed(
    ledger: MemoryLedger, state: CorrectionState | None, *, conflicting: bool = False, limit: int = 100
) -> list[str]:
    found = queue(ledger=ledger, live=None, state=state, conflicting=conflicting, limit=limit)
    return [shown.reviewed.correction.correction_id for shown in found]


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
    for wrong, said in ((span("gone"), "'gone'"), (span("guide", 95, 101), "100 characters")):
        with pytest.raises(InvalidInput, match=said):
            hand_in(
                ledger, evidence=[wrong] if kind == "evidence" else [], supersedes=[] if kind == "evidence" else [wrong]
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
    assert listed(ledger, CorrectionState.ACCEPTED) == []


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
    assert listed(ledger, CorrectionState.PENDING) == ["c1", "c3"]
    assert listed(ledger, CorrectionState.QUARANTINED) == ["c2"]
    assert listed(ledger, None) == ["c1", "c2", "c3"]
    assert listed(ledger, None, limit=2) == ["c1", "c2"]


# --- conflicts ------------------------------------------------------------------------------------------------------

UNPLUG = "Unplug the set and wait an hour."


@pytest.fixture
def contested(ledger: MemoryLedger) -> MemoryLedger:
    """c1 is accepted and undisputed; c2 is accepted, and the pending c3 and c4 contradict it: one of the very
    same question, one of nearly the same.
    """
    ledger.add_correction(correction("c1", question="Is there a clock?"))
    ledger.add_correction(correction("c2", question="How can I reset the remote of my set?"))
    ledger.add_correction(correction("c3", question="how can I reset the remote of my set", answer=UNPLUG))
    ledger.add_correction(correction("c4", question="How can I reset the remote of my set now?", answer=UNPLUG))
    for name in ("c1", "c2"):
        judge(ledger, of=name)
    return ledger


def test_conflicts_come_first_and_can_be_listed_alone(contested: MemoryLedger) -> None:
    assert listed(contested, None) == ["c2", "c3", "c4", "c1"]
    assert listed(contested, None, limit=1) == ["c2"]
    assert listed(contested, None, conflicting=True) == ["c2", "c3", "c4"]
    assert listed(contested, CorrectionState.PENDING, conflicting=True) == ["c3", "c4"]


def test_a_conflict_names_the_other_side_and_whether_it_is_the_same_question(contested: MemoryLedger) -> None:
    found = progress(CorrectionId("c2"), ledger=contested, live=None)
    assert [(conflict.other.correction.correction_id, conflict.same_question) for conflict in found.conflicts] == [
        ("c3", True),
        ("c4", False),
    ]


def test_accepting_the_other_answer_settles_the_conflict_and_the_audit_says_what_it_superseded(
    contested: MemoryLedger,
) -> None:
    judge(contested, of="c3", at=NOON + timedelta(hours=2))
    assert contested.audit(limit=1)[0].detail == {"supersedes": ["c2"], "restores": []}
    older, newer = (progress(CorrectionId(name), ledger=contested, live=None) for name in ("c2", "c3"))
    assert (older.state, older.superseded_by, older.replaced) == (CorrectionState.SUPERSEDED, "c3", ())
    assert (newer.state, newer.superseded_by, newer.replaced) == (CorrectionState.ACCEPTED, None, ("c2",))
    assert (older.conflicts, newer.conflicts) == ((), ())  # c4 says the same as c3


def test_rejecting_the_winner_gives_the_older_one_its_place_back_and_the_audit_says_so(
    contested: MemoryLedger,
) -> None:
    judge(contested, of="c3", at=NOON + timedelta(hours=2))
    judge(contested, Verdict.REJECT, of="c3", at=NOON + timedelta(hours=3))
    assert contested.audit(limit=1)[0].detail == {"supersedes": [], "restores": ["c2"]}
    assert progress(CorrectionId("c2"), ledger=contested, live=None).state is CorrectionState.ACCEPTED


def test_answers_to_nearly_the_same_question_both_stay_until_one_is_rejected(contested: MemoryLedger) -> None:
    judge(contested, Verdict.REJECT, of="c3")
    judge(contested, of="c4", at=NOON + timedelta(hours=2))
    assert listed(contested, CorrectionState.ACCEPTED, conflicting=True) == ["c2", "c4"]
    judge(contested, Verdict.REJECT, of="c2", at=NOON + timedelta(hours=3))
    assert listed(contested, None, conflicting=True) == []
    assert listed(contested, CorrectionState.ACCEPTED) == ["c1", "c4"]


def test_a_flood_of_answers_to_one_question_shows_a_few_with_each(ledger: MemoryLedger) -> None:
    for at in range(CONFLICTS_AT_MOST + 5):
        ledger.add_correction(correction(f"c{at}", answer=f"{at}"))
    found = queue(ledger=ledger, live=None, state=None, conflicting=True, limit=100)
    assert [len(entry.conflicts) for entry in found] == [CONFLICTS_AT_MOST] * (CONFLICTS_AT_MOST + 5)


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


def test_one_that_another_took_the_place_of_is_live_until_the_next_version_and_then_superseded(
    ledger: MemoryLedger,
) -> None:
    accepted_at(ledger, NOON + timedelta(hours=2))
    went_live(ledger, V1, 3, "c1")
    ledger.add_correction(correction("c2"))
    judge(ledger, of="c2", at=NOON + timedelta(hours=4))
    before = progress(CorrectionId("c1"), ledger=ledger, live=V1)
    assert (before.state, before.superseded_by) == (CorrectionState.LIVE, "c2")
    went_live(ledger, V2, 5, "c2")
    after = progress(CorrectionId("c1"), ledger=ledger, live=V2)
    assert (after.state, after.superseded_by, after.version) == (CorrectionState.SUPERSEDED, "c2", V1)


def test_one_whose_successor_was_rejected_since_waits_for_the_next_version(ledger: MemoryLedger) -> None:
    accepted_at(ledger, NOON + timedelta(hours=2))
    ledger.add_correction(correction("c2"))
    judge(ledger, of="c2", at=NOON + timedelta(hours=3))
    went_live(ledger, V1, 4, "c2")
    judge(ledger, Verdict.REJECT, of="c2", at=NOON + timedelta(hours=5))
    assert progress(CorrectionId("c1"), ledger=ledger, live=V1).state is CorrectionState.ACCEPTED


def test_one_rejected_after_it_went_live_is_rejected(ledger: MemoryLedger) -> None:
    accepted_at(ledger, NOON + timedelta(hours=2))
    went_live(ledger, V1, 3, "c1")
    ledger.add_review(review("c1", Verdict.REJECT, reviewed=NOON + timedelta(hours=4), name="second"))
    assert progress(CorrectionId("c1"), ledger=ledger, live=V1).state is CorrectionState.REJECTED


def test_an_unknown_correction_is_not_found(ledger: MemoryLedger) -> None:
    with pytest.raises(NotFound):
        progress(CorrectionId("c9"), ledger=ledger, live=None)
