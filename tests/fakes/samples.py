"""Whole values for tests: every field has a sensible default, and a test names the ones it is about."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from rag_flywheel.config import Embedder, Ingest, Privacy, Reranker, Retrieval
from rag_flywheel.domain import (
    CORRECTION_PREFIX,
    Arm,
    Canary,
    CanaryId,
    CanaryState,
    Chunk,
    ChunkId,
    Citation,
    Correction,
    CorrectionId,
    Counts,
    Decision,
    DocumentId,
    Evidence,
    Exposure,
    FeedbackId,
    Interaction,
    InteractionId,
    Json,
    LearnedRanking,
    Manifest,
    Outcome,
    Passage,
    Provenance,
    Review,
    ReviewedCorrection,
    Scores,
    Shown,
    Stage,
    Verdict,
    VersionId,
)

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def ticks(start: datetime = NOON) -> Iterator[datetime]:
    """A clock that goes on by one second each time it is read."""
    while True:
        yield start
        start += timedelta(seconds=1)


def span(document: str, start: int = 0, end: int = 10) -> Evidence:
    return Evidence(document_id=DocumentId(document), start=start, end=end)


def chunk(
    document: str,
    text: str = "Some text of a source.",
    *,
    start: int = 0,
    title: str | None = None,
    headings: tuple[str, ...] = (),
    source: str | None = None,
) -> Chunk:
    """A chunk of a source, which is named after the document as the title is."""
    return Chunk(
        chunk_id=ChunkId(f"{document}#{start}"),
        document_id=DocumentId(document),
        title=document.title() if title is None else title,
        headings=headings,
        text=text,
        start=start,
        end=start + len(text),
        source=source or f"{document}.md",
    )


def correction_chunk(
    correction: str,
    question: str = "What is right?",
    answer: str = "The right answer.",
    *,
    supersedes: Sequence[Evidence] = (),
) -> Chunk:
    provenance = Provenance(
        correction_id=CorrectionId(correction),
        interaction_id=InteractionId("i1"),
        feedback_ids=(),
        reviewer="grace",
        reviewed=NOON,
        supersedes=tuple(supersedes),
    )
    return Chunk(
        chunk_id=ChunkId(f"{CORRECTION_PREFIX}{correction}#0"),
        document_id=DocumentId(f"{CORRECTION_PREFIX}{correction}"),
        title=question,
        headings=(),
        text=answer,
        start=0,
        end=len(answer),
        source="correction",
        question=question,
        provenance=provenance,
    )


def confirmed_chunk(answer: Chunk, question: str, *, by: str = "i1") -> Chunk:
    """The chunk as the question finds it that a person confirmed to be answered by it, in the interaction `by`."""
    name = ChunkId(f"{answer.chunk_id}?{by}")
    return replace(answer, chunk_id=name, question=question, confirmed=InteractionId(by))


def passage(piece: Chunk, rank: int = 1, *, scores: Scores | None = None) -> Passage:
    return Passage(chunk=piece, rank=rank, score=1.0 / rank, scores=scores or Scores(dense=0.5))


def found(
    text: str,
    rank: int = 1,
    *,
    start: int = 0,
    hidden: int = 0,
    headings: tuple[str, ...] = (),
    correction: bool = False,
    dense: float | None = None,
) -> Passage:
    """The passage of this text at this rank. Of its span `hidden` characters at the end are superseded."""
    about = correction_chunk("c1", "How to go back?") if correction else None
    piece = Chunk(
        chunk_id=ChunkId(f"chunk-{rank}"),
        document_id=DocumentId(f"document-{rank}"),
        title=f"Title {rank}",
        headings=headings,
        text=text,
        start=start,
        end=start + len(text) + hidden,
        source="docs/guide.md",
        question=None if about is None else about.question,
        provenance=None if about is None else about.provenance,
    )
    return passage(piece, rank, scores=Scores(dense=dense))


def shown(document: str, rank: int, *, start: int = 0, end: int = 10, scores: Scores | None = None) -> Shown:
    return Shown(
        chunk_id=ChunkId(f"{document}#{start}"),
        document_id=DocumentId(document),
        start=start,
        end=end,
        rank=rank,
        score=1.0 / rank,
        scores=scores or Scores(dense=0.5),
    )


def interaction(
    name: str = "i1",
    *,
    question: str = "How do I roll back?",
    query: str | None = None,
    answer: str = "Wait for it.",
    answered: bool = True,
    asked: datetime = NOON,
    user: str | None = None,
    ranking: Sequence[Shown] = (),
    citations: int = 1,
    consent: bool = True,
) -> Interaction:
    cited = (
        Citation(number=at, document_id=DocumentId("guide"), title="Guide", text="text", start=0, end=4, score=0.5)
        for at in range(1, citations + 1)
    )
    return Interaction(
        interaction_id=InteractionId(name),
        asked=asked,
        user=user,
        session=None,
        question=question,
        query=question if query is None else query,
        answer=answer,
        answered=answered,
        version_id=VersionId("v1"),
        arm="control",
        generator="extractive",
        ranking=tuple(ranking),
        shown=min(2, len(ranking)),
        citations=tuple(cited),
        consent=consent,
        seconds=0.1,
    )


def correction(
    name: str = "c1",
    *,
    of: str = "i1",
    question: str = "How do I roll back?",
    answer: str = "Run rag-flywheel rollback.",
    evidence: Sequence[Evidence] = (),
    supersedes: Sequence[Evidence] = (),
    submitted: datetime = NOON,
    feedback: str | None = None,
) -> Correction:
    return Correction(
        correction_id=CorrectionId(name),
        interaction_id=InteractionId(of),
        submitted=submitted,
        user=None,
        question=question,
        answer=answer,
        evidence=tuple(evidence),
        supersedes=tuple(supersedes),
        stage=Stage.MISSING,
        feedback_id=None if feedback is None else FeedbackId(feedback),
    )


def review(
    of: str = "c1",
    verdict: Verdict = Verdict.ACCEPT,
    *,
    answer: str | None = None,
    reviewed: datetime = NOON,
    name: str | None = None,
    reviewer: str = "grace",
    guardrail: str | None = None,
) -> Review:
    return Review(
        review_id=name or f"review of {of}",
        correction_id=CorrectionId(of),
        reviewed=reviewed,
        reviewer=reviewer,
        verdict=verdict,
        answer=answer,
        note=None,
        guardrail=guardrail,
    )


def reviewed(
    name: str,
    *,
    verdict: Verdict | None = Verdict.ACCEPT,
    reviewer: str = "grace",
    wording: str | None = None,
    evidence: Sequence[Evidence] = (),
) -> ReviewedCorrection:
    """A correction of a question about its name; pending without a verdict."""
    given = correction(
        name, question=f"What about {name}?", answer=f"The author's answer about {name}.", evidence=evidence
    )
    word = None if verdict is None else review(name, verdict, answer=wording, reviewer=reviewer)
    return ReviewedCorrection(correction=given, review=word)


def settings(*, retrieval: Retrieval | None = None, reranker: Reranker | None = None) -> dict[str, Json]:
    """The sections that shape a version, as a manifest records them."""
    sections = {
        "ingest": Ingest(),
        "privacy": Privacy(),
        "embedder": Embedder(),
        "reranker": reranker or Reranker(),
        "retrieval": retrieval or Retrieval(),
    }
    return {name: section.model_dump(mode="json") for name, section in sections.items()}


def manifest(
    version: str,
    *,
    parent: str | None = None,
    created: datetime = NOON,
    cutoff: datetime | None = None,
    corrections: Sequence[str] = (),
    sources: Mapping[str, str] | None = None,
    learned: LearnedRanking | None = None,
    shaped: Mapping[str, Json] | None = None,
) -> Manifest:
    return Manifest(
        version_id=VersionId(version),
        parent=None if parent is None else VersionId(parent),
        created=created,
        inputs=f"inputs of {version}",
        sources=sources or {"guide.md": "00"},
        feedback_cutoff=cutoff or created,
        corrections=tuple(CorrectionId(correction_id) for correction_id in corrections),
        confirmed=(),
        embedder="all-MiniLM-L6-v2",
        learned=learned or LearnedRanking(),
        settings=shaped or settings(),
        counts=Counts(documents=1, passages=1, corrections=len(corrections), superseded=0, skipped=0),
        notes=(),
    )


def decision(version: str, outcome: Outcome = Outcome.PASSED) -> Decision:
    return Decision(
        version_id=VersionId(version), control=None, decided=NOON, outcome=outcome, reasons=("because",), report={}
    )


def exposure(
    unit: str = "ann",
    *,
    at: datetime = NOON,
    arm: Arm = Arm.CONTROL,
    canary: str | None = "canary1",
    step: int = 0,
    of: str | None = "i1",
    answered: bool = True,
    seconds: float = 0.1,
) -> Exposure:
    """One without an interaction failed."""
    return Exposure(
        at=at,
        unit=unit,
        arm=arm,
        canary_id=None if canary is None else CanaryId(canary),
        step=step,
        interaction_id=None if of is None else InteractionId(of),
        answered=answered and of is not None,
        failed=of is None,
        seconds=seconds,
    )


def canary(
    name: str = "canary1",
    *,
    control: str = "v1",
    treatment: str = "v2",
    shadow: bool = False,
    shares: Sequence[float] = (0.05, 0.25, 0.5),
    superior: bool = False,
    expected: float = 0.1,
    started: datetime = NOON,
    step: int = 0,
    stepped: datetime | None = None,
    state: CanaryState = CanaryState.RUNNING,
    reasons: Sequence[str] = (),
) -> Canary:
    return Canary(
        canary_id=CanaryId(name),
        control=VersionId(control),
        treatment=VersionId(treatment),
        shadow=shadow,
        shares=tuple(shares),
        superior=superior,
        expected=expected,
        started=started,
        step=step,
        stepped=stepped or started,
        state=state,
        reasons=tuple(reasons),
    )
