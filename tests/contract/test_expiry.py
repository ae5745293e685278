"""What `Expiry` promises."""

from dataclasses import replace
from datetime import timedelta

import pytest

from rag_flywheel.domain import CorrectionId, InteractionId, ItemKind, Verdict
from rag_flywheel.domain.retention import IN_LEDGER, Kind
from rag_flywheel.ports import Ledger
from tests.contract.rows import (
    NOON,
    a_correction,
    a_decision,
    a_delivery,
    a_feedback,
    a_manifest,
    a_notice,
    a_review,
    a_second_review,
    a_session,
    an_aside,
    an_assignment,
    an_entry,
    an_interaction,
    an_undo,
)
from tests.fakes.samples import exposure

DAY = timedelta(days=1)
OLD, LINE, NEW = NOON - DAY, NOON, NOON


def expired(ledger: Ledger, kind: Kind, *spare: str) -> int:
    return sum(ledger.expire(kind, before=LINE, spare=frozenset(spare)))


def test_old_interactions_go_with_what_was_said_of_them_and_new_ones_stay(ledger: Ledger) -> None:
    for name, asked in (("old", OLD), ("new", NEW)):
        ledger.add_interaction(an_interaction(name, asked=asked))
        ledger.add_feedback(a_feedback(f"on {name}", of=name, given=NEW))
        ledger.add_exposure(replace(exposure("ann", of=name), at=NEW))
        ledger.add_aside(an_aside(name, kind=ItemKind.QUESTION))
    assert expired(ledger, Kind.INTERACTIONS) == 1
    assert [asked.interaction_id for asked in ledger.interactions(limit=9)] == ["new"]
    assert [said.feedback_id for said in ledger.feedback()] == ["on new"]
    assert [met.interaction_id for met in ledger.exposures()] == ["new"]
    assert [aside.suspicion.item for aside in ledger.asides()] == ["new"]
    assert expired(ledger, Kind.INTERACTIONS) == 0


def test_what_a_correction_rests_on_stays_with_it(ledger: Ledger) -> None:
    ledger.add_interaction(an_interaction("old", asked=OLD))
    ledger.add_feedback(a_feedback(of="old", given=OLD))
    ledger.add_correction(a_correction(of="old", submitted=OLD))
    assert expired(ledger, Kind.FEEDBACK) == expired(ledger, Kind.INTERACTIONS) == 0
    assert ledger.interaction(InteractionId("old")).question
    assert expired(ledger, Kind.CORRECTIONS) == 1
    assert (expired(ledger, Kind.FEEDBACK), expired(ledger, Kind.INTERACTIONS)) == (1, 1)


def test_a_correction_goes_unless_it_was_accepted_or_decided_on_lately_or_is_spared(ledger: Ledger) -> None:
    ledger.add_interaction(an_interaction(asked=OLD))
    reviews = {
        "accepted": [(OLD, Verdict.ACCEPT)],
        "rejected": [(OLD - DAY, Verdict.ACCEPT), (OLD, Verdict.REJECT)],
        "accepted late": [(OLD, Verdict.REJECT), (NEW, Verdict.ACCEPT)],
        "rejected lately": [(NEW, Verdict.REJECT)],
        "held": [(OLD, Verdict.HOLD)],
        "pending": [],
        "spared": [],
        "accepted, which was taken back": [(OLD, Verdict.ACCEPT)],
        "accepted, which was taken back lately": [(OLD, Verdict.ACCEPT)],
    }
    undone = {"accepted, which was taken back": OLD, "accepted, which was taken back lately": NEW}
    for name, verdicts in reviews.items():
        ledger.add_correction(a_correction(name, submitted=OLD))
        ledger.add_aside(an_aside(name, kind=ItemKind.CORRECTION))
        for number, (at, verdict) in enumerate(verdicts):
            ledger.add_review(a_review(f"{name} {number}", of=name, reviewed=at, verdict=verdict))
        ledger.add_assignment(an_assignment(name))
        ledger.add_second_review(a_second_review(name, of=name))
        if name in undone:
            ledger.add_review(
                replace(an_undo(f"{name} 1", of=f"{name} 0", reviewed=undone[name]), correction_id=CorrectionId(name))
            )
    assert expired(ledger, Kind.CORRECTIONS, "spared") == 4
    left = {entry.correction.correction_id for entry in ledger.corrections()}
    assert left == {
        "accepted",
        "accepted late",
        "rejected lately",
        "spared",
        "accepted, which was taken back lately",
    }
    assert {held.correction_id for held in ledger.assignments()} == left
    assert {second.correction_id for second in ledger.second_reviews()} == left
    assert {aside.suspicion.item for aside in ledger.asides()} == left


def test_a_session_goes_by_its_last_use(ledger: Ledger) -> None:
    for digest, used in (("unused", None), ("used long ago", OLD), ("used lately", NEW)):
        ledger.open_session(replace(a_session(digest), opened=OLD - DAY))
        ledger.end_session(digest, at=NEW)
        if used is not None:
            ledger.session_seen(digest, at=used)
    assert expired(ledger, Kind.SESSIONS) == 2
    assert [name for name in ("unused", "used long ago", "used lately") if ledger.session(name)] == ["used lately"]


def test_notices_replies_and_entries_of_the_audit_log_go_by_their_time(ledger: Ledger) -> None:
    for name, at in (("old", OLD), ("new", NEW)):
        ledger.add_notice(a_notice(name, at=at))
        ledger.add_delivery(a_delivery(name, at=at))
        ledger.remember(name, digest="d", reply={}, at=at)
        ledger.add_audit(an_entry(name, at=at))
    assert [expired(ledger, kind) for kind in (Kind.NOTICES, Kind.REPLIES, Kind.AUDIT)] == [1, 1, 1]
    assert [notice.notice_id for notice, _ in ledger.undelivered("crm", attempts=9)] == ["new"]
    assert (ledger.remembered("old"), ledger.remembered("new")) == (None, ("d", {}))
    assert [entry.subject for entry in ledger.audit(limit=9)] == ["new"]


def test_a_decision_loses_its_report_and_goes_on_being_counted_unless_its_version_is_spared(ledger: Ledger) -> None:
    for name, at in (("v1", OLD), ("v2", OLD), ("v3", NEW)):
        ledger.add_version(a_manifest(name))
        ledger.add_decision(a_decision(of=name, decided=at))
    assert expired(ledger, Kind.REPORTS, "v2") == 1
    found = {name: ledger.decision(a_manifest(name).version_id) for name in ("v1", "v2", "v3")}
    assert [name for name, each in found.items() if each is not None and each.report] == ["v2", "v3"]
    assert found["v1"] == replace(a_decision(of="v1", decided=OLD), report={})
    assert ledger.count_decisions() == 3
    assert expired(ledger, Kind.REPORTS, "v2") == 0


def test_what_was_deleted_before_an_end_stays_deleted_and_the_next_run_goes_on(ledger: Ledger) -> None:
    for number in range(1203):
        ledger.add_audit(an_entry(str(number), at=OLD))
    begun = ledger.expire(Kind.AUDIT, before=LINE)
    first = next(begun)
    begun.close()  # type: ignore[attr-defined]
    assert first + expired(ledger, Kind.AUDIT) == 1203
    assert ledger.audit(limit=9) == []


@pytest.mark.parametrize("kind", IN_LEDGER)
def test_an_empty_ledger_has_nothing_to_delete(ledger: Ledger, kind: Kind) -> None:
    assert expired(ledger, kind) == 0
