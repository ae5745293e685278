"""The ledger's contract, on the fake, SQLite and PostgreSQL alike."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from rag_flywheel.adapters.ledger.engine import sqlite_url
from rag_flywheel.adapters.ledger.sql_ledger import open_ledger
from rag_flywheel.domain import (
    Admission,
    Arm,
    AuditEntry,
    CanaryId,
    CanaryState,
    ChunkId,
    Citation,
    Correction,
    CorrectionId,
    Counts,
    Decision,
    Delivery,
    DocumentId,
    Evidence,
    Feedback,
    FeedbackId,
    FeedbackKind,
    Freeze,
    GoldenCase,
    HoldOut,
    Interaction,
    InteractionId,
    Json,
    LearnedRanking,
    Manifest,
    Notice,
    Outcome,
    Retirement,
    Review,
    Scores,
    Shown,
    Stage,
    Verdict,
    VersionId,
    VersionState,
)
from rag_flywheel.errors import AlreadyRunning, Conflict, NotFound
from rag_flywheel.ports import Ledger
from tests.fakes.ledger import MemoryLedger
from tests.fakes.samples import canary, exposure

NOON = datetime(2026, 3, 29, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    if request.param == "memory":
        yield MemoryLedger()
        return
    postgres = request.param == "postgresql"
    url = request.getfixturevalue("postgres_url") if postgres else sqlite_url(tmp_path / "ledger.sqlite")
    opened = open_ledger(url, timeout=10, lock_folder=tmp_path / "locks")
    yield opened
    opened.close()


def an_interaction(name: str = "i1", *, asked: datetime = NOON, user: str | None = "ann") -> Interaction:
    shown = Shown(
        chunk_id=ChunkId("c1"),
        document_id=DocumentId("d1"),
        start=0,
        end=7,
        rank=1,
        score=0.1 + 0.2,
        scores=Scores(dense=1e-12, sparse=17.25, question=None, rerank=-3.5),
    )
    citation = Citation(number=1, document_id=DocumentId("d1"), title="Tür", text="öffne", start=0, end=7, score=1.0)
    return Interaction(
        interaction_id=InteractionId(name),
        asked=asked,
        user=user,
        session=None,
        question="Wie geht das? 電視 \u2028 \x00 \ud800 \"'",
        query="how",
        answer="so [1]",
        answered=True,
        version_id=VersionId("v1"),
        arm="control",
        generator="extractive",
        ranking=(shown, replace(shown, rank=2, scores=Scores())),
        shown=1,
        citations=(citation,),
        consent=True,
        seconds=0.0123456789012345,
    )


def a_feedback(
    name: str = "f1", *, of: str = "i1", given: datetime = NOON, user: str | None = "ann", value: Json = "up"
) -> Feedback:
    return Feedback(
        feedback_id=FeedbackId(name),
        interaction_id=InteractionId(of),
        given=given,
        user=user,
        kind=FeedbackKind.THUMB,
        value=value,
        stage=Stage.MIS_RANKED,
    )


def a_correction(
    name: str = "k1", *, of: str = "i1", submitted: datetime = NOON, user: str | None = "ann"
) -> Correction:
    return Correction(
        correction_id=CorrectionId(name),
        interaction_id=InteractionId(of),
        submitted=submitted,
        user=user,
        question="how",
        answer="like this",
        evidence=(Evidence(document_id=DocumentId("d1"), start=3, end=9),),
        supersedes=(Evidence(document_id=DocumentId("d2"), start=0, end=1),),
        stage=Stage.MISSING,
        feedback_id=FeedbackId("f1"),
    )


def a_review(
    name: str = "r1", *, of: str = "k1", reviewed: datetime = NOON, verdict: Verdict = Verdict.ACCEPT
) -> Review:
    return Review(
        review_id=name,
        correction_id=CorrectionId(of),
        reviewed=reviewed,
        reviewer="rita",
        verdict=verdict,
        answer=None,
        note="checked",
    )


def a_manifest(name: str = "v1", *, created: datetime = NOON) -> Manifest:
    return Manifest(
        version_id=VersionId(name),
        parent=VersionId("v0"),
        created=created,
        inputs="abc",
        sources={"z.md": "1f", "a.md": "2e"},
        feedback_cutoff=created - timedelta(microseconds=1),
        corrections=(CorrectionId("k1"),),
        confirmed=(InteractionId("i1"),),
        embedder="all-MiniLM-L6-v2",
        learned=LearnedRanking(
            admission=Admission(threshold=0.83, words=0.5, passage=0.5),
            fusion={"dense": 1.5, "sparse": -0.25},
            reranker=None,
        ),
        settings={"embedder": {"batch": 32, "prefixes": ["", None], "on": True, "rate": 5e-05}},
        counts=Counts(documents=1, passages=2, corrections=3, superseded=4, skipped=5),
        notes=("one", "two"),
    )


def a_decision(*, of: str = "v1", decided: datetime = NOON, outcome: Outcome = Outcome.PASSED) -> Decision:
    return Decision(
        version_id=VersionId(of),
        control=None,
        decided=decided,
        outcome=outcome,
        reasons=("better on corrected",),
        report={"slices": [{"mean": 0.5, "scored": 12, "whole": 1.0}], "empty": {}},
    )


def an_entry(subject: str = "v1", *, at: datetime = NOON) -> AuditEntry:
    return AuditEntry(at=at, who="ann", action="promote", subject=subject, detail={"was": None, "n": 2})


def a_golden_case(name: str = "golden:q1", *, added: datetime = NOON, answerable: bool = True) -> GoldenCase:
    return GoldenCase(
        case_id=name,
        added=added,
        who="ann",
        origin="imported",
        question="Wie geht das?",
        group="wie geht das",
        answer="so" if answerable else None,
        documents=(DocumentId("d2"), DocumentId("d1")) if answerable else (),
        evidence=(Evidence(document_id=DocumentId("d3"), start=3, end=9),) if answerable else (),
        answerable=answerable,
    )


def a_retirement(of: str = "golden:q1", *, retired: datetime = NOON) -> Retirement:
    return Retirement(case_id=of, retired=retired, who="rita", why="asked twice")


def a_holdout(version: str | None = "v0", *, since: datetime = NOON) -> HoldOut:
    version_id = None if version is None else VersionId(version)
    return HoldOut(since=since, version_id=version_id, share=0.02, who="ann", why="the flywheel's own gain")


def a_freeze(frozen: bool = True, *, at: datetime = NOON) -> Freeze:
    return Freeze(at=at, frozen=frozen, who="ann", why="a holiday")


def a_notice(name: str = "n1", *, at: datetime = NOON) -> Notice:
    data: dict[str, Json] = {"version": "v2", "reasons": ["slow"], "rate": 0.1, "step": 1}
    return Notice(notice_id=name, at=at, kind="canary.rolled_back", data=data)


def a_delivery(
    of: str = "n1", *, receiver: str = "crm", at: datetime = NOON, delivered: bool = False, status: int | None = 503
) -> Delivery:
    return Delivery(notice_id=of, receiver=receiver, at=at, delivered=delivered, status=status)


# --- what is kept comes back ----------------------------------------------------------------------------------------


def test_an_interaction_comes_back_as_it_was_added(ledger: Ledger) -> None:
    ledger.add_interaction(an_interaction())
    assert ledger.interaction(InteractionId("i1")) == an_interaction()


def test_an_interaction_keeps_the_group_of_its_asker(ledger: Ledger) -> None:
    grouped = replace(an_interaction("i2"), group="beta")
    ledger.add_interaction(an_interaction())
    ledger.add_interaction(grouped)
    assert ledger.interaction(InteractionId("i1")).group is None
    assert ledger.interaction(InteractionId("i2")) == grouped
    assert {interaction.group for interaction in ledger.interactions(limit=5)} == {None, "beta"}


def test_an_instant_of_another_zone_comes_back_as_the_same_instant_to_the_microsecond(ledger: Ledger) -> None:
    asked = datetime(2026, 3, 29, 3, 30, 0, 123456, tzinfo=timezone(timedelta(hours=5, minutes=45)))
    ledger.add_interaction(an_interaction(asked=asked))
    kept = ledger.interaction(InteractionId("i1")).asked
    assert kept == asked
    assert kept.tzinfo is not None


def test_the_value_of_a_feedback_keeps_its_exact_type(ledger: Ledger) -> None:
    values: list[Json] = [None, True, 1, 1.0, 0.1, "", "a\x00b", [1, [2.5, None]], {"z": False, "a": {}}, 2**53 + 1]
    ledger.add_interaction(an_interaction())
    for number, value in enumerate(values):
        ledger.add_feedback(a_feedback(f"f{number}", value=value))
    kept = [one.value for one in ledger.feedback()]
    assert kept == values
    assert [type(value) for value in kept] == [type(value) for value in values]


def test_an_implicit_signal_keeps_its_rank_and_propensity_and_an_explicit_one_has_none(ledger: Ledger) -> None:
    click = replace(a_feedback("f2", value=1), kind=FeedbackKind.CITATION_CLICK, stage=None, rank=3, propensity=1 / 3)
    ledger.add_interaction(an_interaction())
    ledger.add_feedback(a_feedback())
    ledger.add_feedback(click)
    assert ledger.feedback() == [a_feedback(), click]


def test_a_correction_comes_back_with_its_evidence_and_without_a_review(ledger: Ledger) -> None:
    ledger.add_interaction(an_interaction())
    ledger.add_correction(a_correction())
    kept = ledger.correction(CorrectionId("k1"))
    assert kept.correction == a_correction()
    assert kept.review is None


def test_a_manifest_comes_back_as_it_was_added_in_state_built(ledger: Ledger) -> None:
    ledger.add_version(a_manifest())
    record = ledger.version(VersionId("v1"))
    assert record.manifest == a_manifest()
    assert list(record.manifest.sources) == ["z.md", "a.md"]
    assert record.states == ((NOON, VersionState.BUILT),)


def test_a_decision_and_an_audit_entry_come_back_as_they_were_added(ledger: Ledger) -> None:
    ledger.add_version(a_manifest())
    ledger.add_decision(a_decision())
    ledger.add_audit(an_entry())
    assert ledger.decision(VersionId("v1")) == a_decision()
    assert ledger.audit(limit=5) == [an_entry()]


def test_golden_cases_and_retirements_come_back_as_they_were_added(ledger: Ledger) -> None:
    refusal = a_golden_case("golden:q2", answerable=False)
    ledger.add_golden_case(a_golden_case())
    ledger.add_golden_case(refusal)
    ledger.add_retirement(a_retirement("correction:k9"))  # whether the case exists is not the ledger's business
    assert ledger.golden_cases() == [a_golden_case(), refusal]
    assert ledger.retirements() == [a_retirement("correction:k9")]


def test_what_was_never_added_is_not_found(ledger: Ledger) -> None:
    with pytest.raises(NotFound, match="i9"):
        ledger.interaction(InteractionId("i9"))
    with pytest.raises(NotFound, match="k9"):
        ledger.correction(CorrectionId("k9"))
    with pytest.raises(NotFound, match="v9"):
        ledger.version(VersionId("v9"))
    assert ledger.decision(VersionId("v9")) is None
    assert ledger.remembered("key") is None


def test_what_refers_to_something_unknown_is_refused_as_not_found_and_leaves_nothing(ledger: Ledger) -> None:
    with pytest.raises(NotFound, match="i1"):
        ledger.add_feedback(a_feedback())
    with pytest.raises(NotFound, match="i1"):
        ledger.add_correction(a_correction())
    with pytest.raises(NotFound, match="k1"):
        ledger.add_review(a_review())
    with pytest.raises(NotFound, match="v1"):
        ledger.set_state(VersionId("v1"), VersionState.LIVE, at=NOON)
    with pytest.raises(NotFound, match="v1"):
        ledger.add_decision(a_decision())
    assert (ledger.feedback(), ledger.corrections(), ledger.versions()) == ([], [], [])


def test_what_was_written_is_never_replaced(ledger: Ledger) -> None:
    ledger.add_interaction(an_interaction())
    ledger.add_version(a_manifest())
    with pytest.raises(Conflict, match="i1"):
        ledger.add_interaction(an_interaction(asked=NOON + SECOND))
    with pytest.raises(Conflict, match="v1"):
        ledger.add_version(a_manifest(created=NOON + SECOND))
    assert ledger.interaction(InteractionId("i1")) == an_interaction()
    assert [record.manifest for record in ledger.versions()] == [a_manifest()]


def test_a_golden_case_is_added_once_and_retired_once(ledger: Ledger) -> None:
    ledger.add_golden_case(a_golden_case())
    ledger.add_retirement(a_retirement())
    with pytest.raises(Conflict, match="golden:q1"):
        ledger.add_golden_case(a_golden_case(added=NOON + SECOND))
    with pytest.raises(Conflict, match="golden:q1"):
        ledger.add_retirement(a_retirement(retired=NOON + SECOND))
    assert (ledger.golden_cases(), ledger.retirements()) == ([a_golden_case()], [a_retirement()])


# --- order and cut-offs ---------------------------------------------------------------------------------------------


def test_interactions_come_newest_first_by_instant_whatever_zone_it_was_given_in(ledger: Ledger) -> None:
    tokyo, lima = timezone(timedelta(hours=9)), timezone(timedelta(hours=-5))
    instants = {
        "first": NOON.astimezone(tokyo),
        "second": (NOON + timedelta(microseconds=1)).astimezone(lima),
        "third": NOON + SECOND,
        "fourth": NOON + SECOND,  # of equal instants the one appended last is the newest
    }
    for name, asked in instants.items():
        ledger.add_interaction(an_interaction(name, asked=asked))
    listed = [interaction.interaction_id for interaction in ledger.interactions(limit=10)]
    assert listed == ["fourth", "third", "second", "first"]
    assert [interaction.interaction_id for interaction in ledger.interactions(limit=2)] == ["fourth", "third"]
    assert [interaction.interaction_id for interaction in ledger.interactions(since=NOON + SECOND, limit=10)] == [
        "fourth",
        "third",
    ]


def test_interactions_can_be_those_without_an_answer(ledger: Ledger) -> None:
    ledger.add_interaction(an_interaction("answered"))
    ledger.add_interaction(replace(an_interaction("refused"), answered=False))
    assert [interaction.interaction_id for interaction in ledger.interactions(answered=False, limit=10)] == ["refused"]
    assert [interaction.interaction_id for interaction in ledger.interactions(answered=True, limit=10)] == ["answered"]


def test_feedback_comes_oldest_first_up_to_and_including_the_cut_off(ledger: Ledger) -> None:
    ledger.add_interaction(an_interaction("i1"))
    ledger.add_interaction(an_interaction("i2"))
    ledger.add_feedback(a_feedback("late", given=NOON + SECOND))
    ledger.add_feedback(a_feedback("early", given=NOON))
    ledger.add_feedback(a_feedback("other", of="i2", given=NOON))
    assert [one.feedback_id for one in ledger.feedback()] == ["early", "other", "late"]
    assert [one.feedback_id for one in ledger.feedback(until=NOON)] == ["early", "other"]
    assert [one.feedback_id for one in ledger.feedback(until=NOON - SECOND)] == []
    assert [one.feedback_id for one in ledger.feedback(interaction_id=InteractionId("i2"))] == ["other"]


def test_feedback_comes_from_and_including_an_instant_on(ledger: Ledger) -> None:
    ledger.add_interaction(an_interaction())
    for number in range(4):
        ledger.add_feedback(a_feedback(f"f{number}", given=NOON + number * SECOND))
    assert [one.feedback_id for one in ledger.feedback(since=NOON + 2 * SECOND)] == ["f2", "f3"]
    assert [one.feedback_id for one in ledger.feedback(since=NOON + SECOND, until=NOON + 2 * SECOND)] == ["f1", "f2"]
    assert ledger.feedback(since=NOON + 4 * SECOND) == []


def test_the_latest_review_counts_and_a_cut_off_sees_the_one_of_its_time(ledger: Ledger) -> None:
    ledger.add_interaction(an_interaction())
    ledger.add_correction(a_correction("k1", submitted=NOON))
    ledger.add_correction(a_correction("k2", submitted=NOON + SECOND))
    ledger.add_review(a_review("r1", reviewed=NOON + 2 * SECOND, verdict=Verdict.ACCEPT))
    ledger.add_review(a_review("r2", reviewed=NOON + 4 * SECOND, verdict=Verdict.REJECT))
    ledger.add_review(a_review("r3", reviewed=NOON + 4 * SECOND, verdict=Verdict.QUARANTINE))

    def seen(until: datetime | None) -> list[tuple[str, str | None]]:
        found = ledger.corrections(until=until)
        return [(one.correction.correction_id, one.review.review_id if one.review else None) for one in found]

    assert seen(NOON - SECOND) == []
    assert seen(NOON) == [("k1", None)]
    assert seen(NOON + 2 * SECOND) == [("k1", "r1"), ("k2", None)]
    assert seen(NOON + 3 * SECOND) == [("k1", "r1"), ("k2", None)]
    assert seen(NOON + 4 * SECOND) == [("k1", "r3"), ("k2", None)]
    assert seen(None) == [("k1", "r3"), ("k2", None)]
    assert ledger.correction(CorrectionId("k1")).review == a_review(
        "r3", reviewed=NOON + 4 * SECOND, verdict=Verdict.QUARANTINE
    )


def test_the_state_appended_last_is_the_versions_state_whatever_the_clock_said(ledger: Ledger) -> None:
    ledger.add_version(a_manifest())
    ledger.set_state(VersionId("v1"), VersionState.CANARY, at=NOON + SECOND)
    ledger.set_state(VersionId("v1"), VersionState.LIVE, at=NOON - SECOND)
    record = ledger.version(VersionId("v1"))
    assert record.state is VersionState.LIVE
    assert record.went_live == NOON - SECOND
    assert [state for _, state in record.states] == [VersionState.BUILT, VersionState.CANARY, VersionState.LIVE]


def test_versions_come_oldest_first_with_their_own_states(ledger: Ledger) -> None:
    ledger.add_version(a_manifest("newer", created=NOON + SECOND))
    ledger.add_version(a_manifest("older", created=NOON))
    ledger.set_state(VersionId("older"), VersionState.DELETED, at=NOON + 2 * SECOND)
    found = [(record.manifest.version_id, record.state) for record in ledger.versions()]
    assert found == [("older", VersionState.DELETED), ("newer", VersionState.BUILT)]


def test_the_latest_decision_on_a_version_counts(ledger: Ledger) -> None:
    ledger.add_version(a_manifest("v1"))
    ledger.add_version(a_manifest("v2"))
    ledger.add_decision(a_decision(decided=NOON, outcome=Outcome.UNDECIDED))
    ledger.add_decision(a_decision(decided=NOON + SECOND, outcome=Outcome.REFUSED))
    ledger.add_decision(a_decision(of="v2", decided=NOON + 2 * SECOND))
    assert ledger.decision(VersionId("v1")) == a_decision(decided=NOON + SECOND, outcome=Outcome.REFUSED)


def test_decisions_are_counted_over_all_versions(ledger: Ledger) -> None:
    assert ledger.count_decisions() == 0
    for version, decided in (("v1", NOON), ("v1", NOON + SECOND), ("v2", NOON)):
        with contextlib.suppress(Conflict):
            ledger.add_version(a_manifest(version))
        ledger.add_decision(a_decision(of=version, decided=decided))
    assert ledger.count_decisions() == 3


def test_golden_cases_and_retirements_come_oldest_first_up_to_and_including_the_cut_off(ledger: Ledger) -> None:
    for name, at in (("late", NOON + SECOND), ("early", NOON), ("other", NOON)):
        ledger.add_golden_case(a_golden_case(name, added=at))
        ledger.add_retirement(a_retirement(name, retired=at))
    assert [case.case_id for case in ledger.golden_cases()] == ["early", "other", "late"]
    assert [case.case_id for case in ledger.golden_cases(until=NOON)] == ["early", "other"]
    assert [retirement.case_id for retirement in ledger.retirements()] == ["early", "other", "late"]
    assert [retirement.case_id for retirement in ledger.retirements(until=NOON)] == ["early", "other"]
    assert (ledger.golden_cases(until=NOON - SECOND), ledger.retirements(until=NOON - SECOND)) == ([], [])


def test_audit_entries_come_in_the_order_of_adding_the_last_first_and_no_more_than_asked_for(ledger: Ledger) -> None:
    """Whatever a host's clock says, and however long somebody waited for a lock."""
    for number, seconds in enumerate((0, 3, 1, 2)):
        ledger.add_audit(an_entry(f"s{number}", at=NOON + seconds * SECOND))
    assert [entry.subject for entry in ledger.audit(limit=3)] == ["s3", "s2", "s1"]


# --- deployment -----------------------------------------------------------------------------------------------------


def test_an_exposure_comes_back_as_it_was_added_and_a_failed_one_needs_no_interaction(ledger: Ledger) -> None:
    at = datetime(2026, 3, 29, 3, 30, 0, 123456, tzinfo=timezone(timedelta(hours=5, minutes=45)))
    added = [
        exposure(at=at, arm=Arm.TREATMENT, step=2, seconds=0.0123456789012345),
        exposure(at=NOON, arm=Arm.HOLDOUT, canary=None, answered=False),
        exposure(at=NOON + SECOND, of=None),
    ]
    ledger.add_interaction(an_interaction())
    for one in added:
        ledger.add_exposure(one)
    kept = ledger.exposures()
    assert kept == added
    assert [type(one.arm) for one in kept] == [Arm] * 3
    assert [(type(one.answered), type(one.failed)) for one in kept] == [(bool, bool)] * 3


def test_an_exposure_of_an_unknown_interaction_is_refused_as_not_found_and_leaves_nothing(ledger: Ledger) -> None:
    with pytest.raises(NotFound, match="i9"):
        ledger.add_exposure(exposure(of="i9"))
    assert ledger.exposures() == []


def test_exposures_come_oldest_first_of_one_canary_of_one_of_its_steps_and_from_an_instant_on(ledger: Ledger) -> None:
    ledger.add_interaction(an_interaction())
    added = [
        ("late", "canary1", 1, 2),
        ("early", "canary1", 0, 0),
        ("other", "canary2", 0, 1),
        ("none", None, 0, 1),
        ("again", "canary1", 1, 1),
    ]
    for unit, of, step, seconds in added:
        ledger.add_exposure(exposure(unit, canary=of, step=step, at=NOON + seconds * SECOND))
    first, second = CanaryId("canary1"), NOON + SECOND
    assert [one.unit for one in ledger.exposures()] == ["early", "other", "none", "again", "late"]
    assert [one.unit for one in ledger.exposures(canary_id=first)] == ["early", "again", "late"]
    assert [one.unit for one in ledger.exposures(canary_id=first, step=1)] == ["again", "late"]
    assert [one.unit for one in ledger.exposures(canary_id=first, step=0)] == ["early"]
    assert [one.unit for one in ledger.exposures(since=second)] == ["other", "none", "again", "late"]
    assert [one.unit for one in ledger.exposures(canary_id=first, since=NOON + 2 * SECOND)] == ["late"]
    assert ledger.exposures(canary_id=CanaryId("canary9")) == []


def test_the_change_of_a_canary_that_was_appended_last_is_how_it_stands_whatever_the_clock_said(ledger: Ledger) -> None:
    assert ledger.canary() is None
    assert ledger.canaries() == []
    begun = canary(expected=0.1 + 0.2, superior=True, shadow=True)
    ledger.add_canary(begun)
    assert ledger.canary() == begun
    stepped = replace(begun, step=1, stepped=NOON - SECOND, reasons=("enough people", "no harm"))
    ledger.add_canary(stepped)
    assert ledger.canary() == stepped
    ended = replace(stepped, state=CanaryState.ROLLED_BACK)
    ledger.add_canary(ended)
    assert ledger.canary() == ended
    assert ledger.canaries() == [ended]


def test_each_canary_is_listed_once_as_it_stands_in_the_order_in_which_they_began(ledger: Ledger) -> None:
    for name in ("b", "a", "c"):
        ledger.add_canary(canary(name))
        ledger.add_canary(canary(name, state=CanaryState.PROMOTED))
    ledger.add_canary(canary("b", state=CanaryState.ROLLED_BACK))  # a late change does not make it a new one
    found = [(one.canary_id, one.state) for one in ledger.canaries()]
    assert found == [
        ("b", CanaryState.ROLLED_BACK),
        ("a", CanaryState.PROMOTED),
        ("c", CanaryState.PROMOTED),
    ]


def test_the_hold_out_and_the_freeze_that_were_appended_last_count_whatever_the_clock_said(ledger: Ledger) -> None:
    assert (ledger.holdout(), ledger.freeze()) == (None, None)
    ledger.add_holdout(a_holdout())
    ledger.add_freeze(a_freeze())
    assert (ledger.holdout(), ledger.freeze()) == (a_holdout(), a_freeze())
    ended, thawed = a_holdout(None, since=NOON - SECOND), a_freeze(False, at=NOON - SECOND)
    ledger.add_holdout(ended)
    ledger.add_freeze(thawed)
    assert (ledger.holdout(), ledger.freeze()) == (ended, thawed)


def test_a_notice_is_undelivered_to_a_receiver_until_that_one_was_told(ledger: Ledger) -> None:
    ledger.add_notice(a_notice())
    failed = [a_delivery(at=NOON + SECOND, status=None), a_delivery(at=NOON)]
    for one in failed:
        ledger.add_delivery(one)
    ledger.add_delivery(a_delivery(receiver="pager", delivered=True, status=204))
    assert ledger.undelivered("crm", attempts=9) == [(a_notice(), tuple(reversed(failed)))]
    assert ledger.undelivered("pager", attempts=9) == []
    assert ledger.undelivered("new", attempts=9) == [(a_notice(), ())]
    ledger.add_delivery(a_delivery(at=NOON + 2 * SECOND, delivered=True, status=200))
    assert ledger.undelivered("crm", attempts=9) == []


def test_a_notice_is_given_up_for_a_receiver_after_so_many_attempts(ledger: Ledger) -> None:
    ledger.add_notice(a_notice())
    for number in range(3):
        ledger.add_delivery(a_delivery(at=NOON + number * SECOND))
    [(_, tried)] = ledger.undelivered("crm", attempts=4)
    assert len(tried) == 3
    assert ledger.undelivered("crm", attempts=3) == []
    assert ledger.undelivered("pager", attempts=3) == [(a_notice(), ())]


def test_undelivered_notices_come_oldest_first_each_with_its_own_attempts(ledger: Ledger) -> None:
    for name, at in (("late", NOON + SECOND), ("early", NOON), ("told", NOON), ("other", NOON)):
        ledger.add_notice(a_notice(name, at=at))
    ledger.add_delivery(a_delivery("told", delivered=True))
    ledger.add_delivery(a_delivery("late"))
    ledger.add_delivery(a_delivery("early"))
    ledger.add_delivery(a_delivery("late"))
    found = [(notice.notice_id, len(tried)) for notice, tried in ledger.undelivered("crm", attempts=3)]
    assert found == [("early", 1), ("other", 0), ("late", 2)]


def test_a_notice_is_added_once_and_a_delivery_of_an_unknown_one_is_not_found(ledger: Ledger) -> None:
    with pytest.raises(NotFound, match="n1"):
        ledger.add_delivery(a_delivery())
    ledger.add_notice(a_notice())
    with pytest.raises(Conflict, match="n1"):
        ledger.add_notice(a_notice(at=NOON + SECOND))
    assert ledger.undelivered("crm", attempts=1) == [(a_notice(), ())]


def test_what_is_recorded_of_a_deployment_is_kept_together_or_not_at_all(ledger: Ledger) -> None:
    def record() -> None:
        ledger.add_interaction(an_interaction())
        ledger.add_exposure(exposure())
        ledger.add_canary(canary())
        ledger.add_holdout(a_holdout())
        ledger.add_freeze(a_freeze())
        ledger.add_notice(a_notice())
        ledger.add_delivery(a_delivery())

    with failing(ledger.transaction()):
        with ledger.transaction():
            record()
        assert ledger.canary() == canary()  # its own writes are seen inside
    assert (ledger.exposures(), ledger.canaries(), ledger.undelivered("crm", attempts=9)) == ([], [], [])
    assert (ledger.canary(), ledger.holdout(), ledger.freeze()) == (None, None, None)
    with ledger.transaction():
        record()
    assert (ledger.exposures(), ledger.canaries()) == ([exposure()], [canary()])
    assert ledger.undelivered("crm", attempts=9) == [(a_notice(), (a_delivery(),))]
    assert (ledger.canary(), ledger.holdout(), ledger.freeze()) == (canary(), a_holdout(), a_freeze())


# --- transactions ---------------------------------------------------------------------------------------------------


class Stop(RuntimeError):
    """What a test raises to end a block."""


@contextlib.contextmanager
def failing(block: AbstractContextManager[None]) -> Iterator[None]:
    """The block, which fails when all in it is done."""
    with contextlib.suppress(Stop), block:
        yield
        raise Stop


def test_a_transaction_that_fails_keeps_nothing(ledger: Ledger) -> None:
    with failing(ledger.transaction()):
        ledger.add_interaction(an_interaction())
        ledger.add_feedback(a_feedback())
        assert ledger.interaction(InteractionId("i1")) == an_interaction()  # its own writes are seen inside
    assert ledger.interactions(limit=1) == []
    assert ledger.feedback() == []


def test_only_the_outermost_of_nested_transactions_commits(ledger: Ledger) -> None:
    with failing(ledger.transaction()), ledger.transaction():
        ledger.add_interaction(an_interaction())
    assert ledger.interactions(limit=1) == []
    with ledger.transaction(), ledger.transaction():
        ledger.add_interaction(an_interaction())
    assert ledger.interaction(InteractionId("i1")) == an_interaction()


def test_an_inner_transaction_that_fails_takes_only_its_own_writes_with_it(ledger: Ledger) -> None:
    with ledger.transaction():
        ledger.add_interaction(an_interaction())
        with failing(ledger.transaction()):
            ledger.add_feedback(a_feedback("lost"))
        with pytest.raises(NotFound):
            ledger.add_review(a_review(of="k9"))  # a refused write leaves the transaction usable
        ledger.add_feedback(a_feedback("kept"))
    assert [one.feedback_id for one in ledger.feedback()] == ["kept"]


def test_a_transaction_belongs_to_its_thread(ledger: Ledger) -> None:
    """What another thread writes meanwhile is no part of it: its failure does not undo that."""
    started = threading.Event()

    def write() -> None:
        started.set()
        ledger.add_interaction(an_interaction("theirs"))

    with ThreadPoolExecutor(1) as other:
        with failing(ledger.transaction()):
            ledger.add_interaction(an_interaction("ours"))
            writing = other.submit(write)
            started.wait()
        writing.result()
    assert [interaction.interaction_id for interaction in ledger.interactions(limit=9)] == ["theirs"]


# --- once only ------------------------------------------------------------------------------------------------------


def test_the_salt_is_long_and_always_the_same(ledger: Ledger) -> None:
    assert len(ledger.salt()) >= 16
    assert ledger.salt() == ledger.salt()


def test_a_reply_is_remembered_once_and_then_never_changes(ledger: Ledger) -> None:
    replies: list[Json] = [{"id": "k1", "status": "pending"}, None, [1.0]]
    for number, reply in enumerate(replies):
        assert ledger.remember(f"key{number}", digest="d1", reply=reply, at=NOON) is True
        assert ledger.remember(f"key{number}", digest="d2", reply="other", at=NOON + SECOND) is False
        assert ledger.remembered(f"key{number}") == ("d1", reply)


def test_of_threads_that_remember_the_same_key_exactly_one_is_the_first(ledger: Ledger) -> None:
    def remember(number: int) -> bool:
        return ledger.remember("key", digest=f"d{number}", reply=number, at=NOON)

    with ThreadPoolExecutor(16) as threads:
        first = list(threads.map(remember, range(16)))
    assert first.count(True) == 1
    assert ledger.remembered("key") == (f"d{first.index(True)}", first.index(True))


def test_a_reply_of_a_failed_transaction_is_not_remembered(ledger: Ledger) -> None:
    with failing(ledger.transaction()):
        ledger.remember("key", digest="d1", reply=1, at=NOON)
    assert ledger.remember("key", digest="d2", reply=2, at=NOON) is True


def test_a_lock_that_is_held_is_refused_and_free_again_afterwards(ledger: Ledger) -> None:
    with ledger.lock("reindex"):
        with pytest.raises(AlreadyRunning, match="reindex"), ledger.lock("reindex"):
            pass
        with ledger.lock("promotion"):  # another name is another lock
            ledger.add_interaction(an_interaction())
    with failing(ledger.lock("reindex")):
        pass
    with ledger.lock("reindex"):
        assert ledger.interaction(InteractionId("i1")) == an_interaction()


# --- erasure --------------------------------------------------------------------------------------------------------


def test_erasing_a_person_removes_all_of_theirs_and_what_others_said_on_it_and_counts_it(ledger: Ledger) -> None:
    ledger.add_interaction(an_interaction("anns", user="ann"))
    ledger.add_interaction(an_interaction("bobs", user="bob"))
    ledger.add_interaction(an_interaction("nobodys", user=None))
    ledger.add_feedback(a_feedback("ann-on-bobs", of="bobs", user="ann"))
    ledger.add_feedback(a_feedback("bob-on-anns", of="anns", user="bob"))
    ledger.add_feedback(a_feedback("bob-on-bobs", of="bobs", user="bob"))
    ledger.add_correction(a_correction("ann-corrects", of="bobs", user="ann"))
    ledger.add_correction(a_correction("bob-corrects-ann", of="anns", user="bob"))
    ledger.add_correction(a_correction("bob-corrects", of="bobs", user="bob"))
    for number, of in enumerate(["ann-corrects", "ann-corrects", "bob-corrects-ann", "bob-corrects"]):
        ledger.add_review(a_review(f"r{number}", of=of))
    for unit, met in (("ann", "bobs"), ("ann", None), ("a session", "anns"), ("bob", "bobs"), ("bob", None)):
        ledger.add_exposure(exposure(unit, of=met))
    ledger.remember("anns-key", digest="d", reply={"id": "ann-corrects", "status": "pending"}, at=NOON)
    ledger.remember("bobs-key", digest="d", reply={"id": "bob-corrects", "status": "pending"}, at=NOON)

    counts = ledger.erase_user("ann")

    assert counts == {
        "interactions": 1,
        "feedback": 2,
        "corrections": 2,
        "reviews": 3,
        "exposures": 3,
        "replies": 1,
    }
    assert {interaction.interaction_id for interaction in ledger.interactions(limit=9)} == {"bobs", "nobodys"}
    assert [one.feedback_id for one in ledger.feedback()] == ["bob-on-bobs"]
    assert ledger.exposures() == [exposure("bob", of="bobs"), exposure("bob", of=None)]
    [left] = ledger.corrections()
    assert left.correction.correction_id == "bob-corrects"
    assert left.review == a_review("r3", of="bob-corrects")
    assert ledger.remembered("anns-key") is None
    assert ledger.remembered("bobs-key") is not None
    assert set(ledger.erase_user("ann").values()) == {0}


def test_what_others_say_while_a_person_is_erased_goes_too(ledger: Ledger) -> None:
    ledger.add_interaction(an_interaction("anns", user="ann"))
    written = threading.Event()

    def speak() -> None:
        with ledger.transaction():
            ledger.add_feedback(a_feedback(of="anns", user="bob"))
            ledger.add_exposure(exposure("bob", of="anns"))
            written.set()
            time.sleep(0.1)  # the erasure begins before this commits

    with ThreadPoolExecutor(1) as bob:
        speaking = bob.submit(speak)
        written.wait()
        counts = ledger.erase_user("ann")
        speaking.result()
    assert (counts["interactions"], counts["feedback"], counts["exposures"]) == (1, 1, 1)
    assert (ledger.feedback(), ledger.exposures()) == ([], [])


def test_an_erasure_inside_a_failed_transaction_erases_nothing(ledger: Ledger) -> None:
    ledger.add_interaction(an_interaction())
    with failing(ledger.transaction()):
        ledger.erase_user("ann")
    assert ledger.interaction(InteractionId("i1")) == an_interaction()


# --- many at once ---------------------------------------------------------------------------------------------------


def test_forty_threads_write_and_read_at_once_without_an_error(ledger: Ledger) -> None:
    def work(number: int) -> None:
        name = f"i{number}"
        ledger.add_interaction(an_interaction(name, asked=NOON + number * SECOND))
        with ledger.transaction():
            ledger.add_feedback(a_feedback(f"f{number}", of=name))
            ledger.add_feedback(a_feedback(f"g{number}", of=name))
        assert ledger.interaction(InteractionId(name)).interaction_id == name

    _at_once(work, 40, rounds=3)
    assert len(ledger.interactions(limit=1000)) == 120
    assert len(ledger.feedback()) == 240


def test_sixteen_threads_record_exposures_while_the_canary_that_is_asked_for_goes_one_step_on(ledger: Ledger) -> None:
    ledger.add_interaction(an_interaction())
    ledger.add_canary(canary())
    done = threading.Event()

    def ask() -> list[int]:
        steps = []
        while not done.is_set():
            found = ledger.canary()
            assert found is not None
            steps.append(found.step)
        return steps

    def work(number: int) -> None:
        ledger.add_exposure(exposure(f"u{number}", at=NOON + number * SECOND))
        if number == 32:
            ledger.add_canary(canary(step=1))

    with ThreadPoolExecutor(2) as askers:
        asking = [askers.submit(ask) for _ in range(2)]
        try:
            _at_once(work, 16, rounds=4)
        finally:
            done.set()
        seen = [future.result() for future in asking]
    assert [one.unit for one in ledger.exposures()] == [f"u{number}" for number in range(64)]
    assert all(steps and set(steps) <= {0, 1} and steps == sorted(steps) for steps in seen)
    assert ledger.canary() == canary(step=1)


def _at_once(work: Callable[[int], None], threads: int, *, rounds: int) -> None:
    """Run work(0), work(1), ... in threads that start together; raises what any of them raised."""
    together = threading.Barrier(threads)

    def run(thread: int) -> None:
        together.wait()
        for number in range(rounds):
            work(thread * rounds + number)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(run, range(threads)))
