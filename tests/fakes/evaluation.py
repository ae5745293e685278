"""Short ways to make the values that evaluation works on: chunks, passages, cases, replies, reviewed corrections."""

from collections.abc import Sequence
from datetime import UTC, datetime

from eval.questions.golden import Case, Slice
from eval.scores.scorecard import Reply
from rag_flywheel.domain import (
    CORRECTION_PREFIX,
    Admission,
    Chunk,
    ChunkId,
    Correction,
    CorrectionId,
    Counts,
    DocumentId,
    Draft,
    Evidence,
    InteractionId,
    LearnedRanking,
    Manifest,
    Passage,
    Provenance,
    Review,
    ReviewedCorrection,
    Scores,
    Stage,
    Verdict,
    VersionId,
)
from rag_flywheel.domain.equivalence import normalised

NOW = datetime(2025, 6, 1, 3, 0, tzinfo=UTC)


def span(document: str, start: int, end: int) -> Evidence:
    return Evidence(document_id=DocumentId(document), start=start, end=end)


def chunk(
    document: str,
    text: str = "Some text of a source.",
    *,
    start: int = 0,
    title: str = "",
    headings: tuple[str, ...] = (),
    source: str = "guide.md",
) -> Chunk:
    return Chunk(
        chunk_id=ChunkId(f"{document}#{start}-{start + len(text)}"),
        document_id=DocumentId(document),
        title=title,
        headings=headings,
        text=text,
        start=start,
        end=start + len(text),
        source=source,
    )


def correction_chunk(name: str, text: str = "The right answer.", *, supersedes: Sequence[Evidence] = ()) -> Chunk:
    return Chunk(
        chunk_id=ChunkId(f"{CORRECTION_PREFIX}{name}#0"),
        document_id=DocumentId(f"{CORRECTION_PREFIX}{name}"),
        title="",
        headings=(),
        text=text,
        start=0,
        end=len(text),
        source="correction",
        question="What is right?",
        provenance=Provenance(
            correction_id=CorrectionId(name),
            interaction_id=InteractionId("i1"),
            feedback_ids=(),
            reviewer="rita",
            reviewed=NOW,
            supersedes=tuple(supersedes),
        ),
    )


def passages(*chunks: Chunk) -> tuple[Passage, ...]:
    return tuple(
        Passage(chunk=piece, rank=rank, score=1.0 / rank, scores=Scores()) for rank, piece in enumerate(chunks, start=1)
    )


def reply(*chunks: Chunk, answer: str | None = "An answer.", shown: int = 5) -> Reply:
    """A reply from these chunks in this order; without an answer it is a refusal."""
    return Reply(
        passages=passages(*chunks),
        shown=shown,
        draft=Draft(text=answer or "I do not know.", answered=answer is not None, citations=()),
    )


def case(
    name: str,
    *documents: str,
    question: str | None = None,
    evidence: Sequence[Evidence] = (),
    slice: Slice = Slice.GOLDEN,
    cluster: str | None = None,
    answer: str | None = None,
) -> Case:
    """A case that the documents or spans answer; without any it is one that nothing answers."""
    asked = question or f"question {name}"
    return Case(
        case_id=name,
        question=asked,
        cluster=normalised(asked) if cluster is None else cluster,
        slice=slice,
        answer=answer,
        documents=frozenset(DocumentId(document) for document in documents),
        evidence=tuple(evidence),
        answerable=bool(documents or evidence),
        made=slice is Slice.KNOWN_ITEM,
    )


def reviewed(
    name: str,
    *,
    verdict: Verdict | None = Verdict.ACCEPT,
    reviewer: str = "rita",
    wording: str | None = None,
    evidence: Sequence[Evidence] = (),
) -> ReviewedCorrection:
    correction = Correction(
        correction_id=CorrectionId(name),
        interaction_id=InteractionId("i1"),
        submitted=NOW,
        user=None,
        question=f"What about {name}?",
        answer=f"The author's answer about {name}.",
        evidence=tuple(evidence),
        supersedes=(),
        stage=Stage.MISSING,
    )
    if verdict is None:
        return ReviewedCorrection(correction=correction, review=None)
    review = Review(
        review_id=f"review-{name}",
        correction_id=CorrectionId(name),
        reviewed=NOW,
        reviewer=reviewer,
        verdict=verdict,
        answer=wording,
        note=None,
    )
    return ReviewedCorrection(correction=correction, review=review)


def manifest(
    *,
    parent: str | None = "v1",
    sources: Sequence[str] = ("guide.md",),
    confirmed: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Manifest:
    return Manifest(
        version_id=VersionId("v2"),
        parent=None if parent is None else VersionId(parent),
        created=NOW,
        inputs="0" * 64,
        sources=dict.fromkeys(sources, "0" * 64),
        feedback_cutoff=NOW,
        corrections=(CorrectionId("c1"),),
        confirmed=tuple(InteractionId(interaction_id) for interaction_id in confirmed),
        embedder="hashing",
        learned=LearnedRanking(
            admission=Admission(threshold=0.81, words=0.5, passage=0.5), fusion={"dense_margin": 0.4, "rerank": 1.2}
        ),
        settings={},
        counts=Counts(documents=3, passages=6, corrections=1, superseded=1, skipped=0),
        notes=tuple(notes),
    )
