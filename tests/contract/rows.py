"""Whole rows of a ledger: what is hard to keep is in them, such as a NUL, a lone surrogate and long fractions."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from rag_flywheel.domain import (
    AccessKey,
    Admission,
    Aside,
    AsideState,
    AuditEntry,
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
    Guardrail,
    HoldOut,
    Interaction,
    InteractionId,
    ItemKind,
    Json,
    LearnedRanking,
    Manifest,
    Notice,
    Outcome,
    Retirement,
    Review,
    Role,
    Scores,
    Session,
    Shown,
    Stage,
    Suspicion,
    Verdict,
    VersionId,
)
from rag_flywheel.domain.consent import EVERY_PURPOSE, ConsentEvent, ConsentState, Means, Purpose
from rag_flywheel.domain.erasures import ErasureEntry, ErasureState, Scope
from rag_flywheel.domain.releases import Cell, Measure, Release
from rag_flywheel.domain.reviewing import Assignment, AssignmentState, SecondReview
from rag_flywheel.domain.topics import TopicRuling, TopicState

NOON = datetime(2026, 3, 29, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def an_interaction(name: str = "i1", *, asked: datetime = NOON, user: str | None = "ann") -> Interaction:
    shown = Shown(
        chunk_id=ChunkId("c1"),
        document_id=DocumentId("d1"),
        start=0,
        end=7,
        rank=1,
        score=0.1 + 0.2,
        scores=Scores(dense=1e-12, sparse=17.25, question=None, rerank=-3.5),
        groups=("Büro, 2. Stock", "hr"),
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
        groups=frozenset({"hr", "Büro, 2. Stock", "staff"}),
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
        guessed=True,
        groups=("hr",),
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


def an_undo(name: str = "r2", *, of: str = "r1", reviewed: datetime = NOON) -> Review:
    return replace(a_review(name, reviewed=reviewed, verdict=Verdict.REJECT), verdict=Verdict.UNDO, undoes=of)


def an_assignment(
    of: str = "k1",
    *,
    reviewer: str = "rita",
    state: AssignmentState = AssignmentState.TAKEN,
    at: datetime = NOON,
) -> Assignment:
    held = state in (AssignmentState.TAKEN, AssignmentState.ASSIGNED)
    return Assignment(
        correction_id=CorrectionId(of),
        reviewer=reviewer,
        by="rita",
        at=at,
        state=state,
        until=at + timedelta(minutes=15) if held else None,
    )


def a_second_review(name: str = "s1", *, of: str = "k1", reviewed: datetime = NOON) -> SecondReview:
    return SecondReview(
        second_id=name,
        correction_id=CorrectionId(of),
        reviewed=reviewed,
        reviewer="hedy",
        verdict=Verdict.REJECT,
        note="the manual says otherwise",
        first="r1",
        first_reviewer="rita",
        first_verdict=Verdict.ACCEPT,
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
        cluster="wie geht das",
        answer="so" if answerable else None,
        documents=(DocumentId("d2"), DocumentId("d1")) if answerable else (),
        evidence=(Evidence(document_id=DocumentId("d3"), start=3, end=9),) if answerable else (),
        answerable=answerable,
    )


def a_retirement(of: str = "golden:q1", *, retired: datetime = NOON) -> Retirement:
    return Retirement(case_id=of, retired=retired, who="rita", why="asked twice")


def an_aside(
    item: str = "d1",
    *,
    kind: ItemKind = ItemKind.DOCUMENT,
    at: datetime = NOON,
    state: AsideState = AsideState.ASIDE,
    text: str = "0a",
) -> Aside:
    suspicion = Suspicion(
        kind=kind,
        item=item,
        guardrail=Guardrail.INJECTION,
        reason="It speaks to a language model.",
        digest=text,
        place=Evidence(document_id=DocumentId(item), start=0, end=7),
        excerpt="öffne \x00 \ud800",
    )
    return Aside(suspicion=suspicion, state=state, at=at, version_id=VersionId("v1"), who="ann", why="a quotation")


def a_topic_ruling(
    name: str = "t1",
    *,
    members: tuple[str, ...] = ("i1",),
    at: datetime = NOON,
    state: TopicState = TopicState.DISMISSED,
    why: str = "not ours \x00 \ud800",
) -> TopicRuling:
    return TopicRuling(
        ruling_id=name,
        topic_id="0a1b",
        at=at,
        state=state,
        who="rita",
        why=why,
        document_id=DocumentId("d1"),
        correction_id=CorrectionId("k0"),
        members=tuple(map(InteractionId, members)),
    )


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


def an_erasure(name: str = "e1", *, state: ErasureState = ErasureState.ASKED) -> ErasureEntry:
    return ErasureEntry(
        erasure_id=name,
        at=NOON,
        state=state,
        subject="0a",
        asked_by="root",
        checked="an admin's key",
        received=NOON,
        due=NOON + timedelta(days=30),
        scope=Scope(user="ann", until=NOON),
        names=frozenset({"i1"}),
        barred=(VersionId("v1"),),
        before={"interactions": 1},
    )


def a_key() -> AccessKey:
    return AccessKey(
        key_id="k1",
        digest="0a",
        name="ada",
        roles=frozenset({Role.REVIEWER, Role.OPERATOR}),
        speaks_for_others=False,
        tenant=None,
        created=NOON,
        at=NOON,
    )


def a_session(digest: str = "5e", *, user: str = "a1") -> Session:
    return Session(
        digest=digest,
        name="https://id.example.org|ada",
        roles=frozenset({Role.ASKER, Role.REVIEWER}),
        groups=("cn=finance,dc=example", "staff"),
        pseudonym=user,
        opened=NOON,
    )


def a_consent(
    name: str = "e1",
    *,
    user: str | None = "ann",
    session: str | None = None,
    at: datetime = NOON,
    given: bool = False,
    purposes: frozenset[Purpose] = EVERY_PURPOSE,
) -> ConsentEvent:
    return ConsentEvent(
        event_id=name,
        at=at,
        user=user,
        session=session,
        state=ConsentState.GIVEN if given else ConsentState.WITHDRAWN,
        purposes=purposes,
        how=Means.API,
        notice="2026-05",
        said_by="the person themself",
    )


def a_release(measure: Measure = Measure.GAPS, *, month: str = "2026-03", epsilon: float = 1.0) -> Release:
    return Release(
        measure=measure,
        month=month,
        at=NOON,
        who="olga",
        epsilon=epsilon,
        delta=1e-6,
        per_person=2,
        within=12,
        cells=(Cell(name="how is it cleaned", count=40), Cell(name="others", count=None)),
    )
