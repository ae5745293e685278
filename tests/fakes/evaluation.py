"""What evaluation alone works on: cases, replies, and a candidate that was built on `v1` from one file."""

from collections.abc import Sequence
from dataclasses import replace

from eval.questions.golden import Case, Slice
from eval.scores.scorecard import Reply
from rag_flywheel.domain import (
    Admission,
    Chunk,
    Counts,
    DocumentId,
    Draft,
    Evidence,
    InteractionId,
    LearnedRanking,
    Manifest,
    Scores,
)
from rag_flywheel.domain.equivalence import normalised
from tests.fakes import samples


def chunk(
    document: str,
    text: str = "Some text of a source.",
    *,
    start: int = 0,
    title: str = "",
    headings: tuple[str, ...] = (),
    source: str = "guide.md",
) -> Chunk:
    """A chunk of the one file that all documents come from, by default."""
    return samples.chunk(document, text, start=start, title=title, headings=headings, source=source)


def reply(*chunks: Chunk, answer: str | None = "An answer.", shown: int = 5) -> Reply:
    """A reply from these chunks in this order; without an answer it is a refusal."""
    return Reply(
        passages=tuple(samples.passage(piece, rank, scores=Scores()) for rank, piece in enumerate(chunks, start=1)),
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


def manifest(
    *,
    parent: str | None = "v1",
    sources: Sequence[str] = ("guide.md",),
    confirmed: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Manifest:
    learned = LearnedRanking(
        admission=Admission(threshold=0.81, words=0.5, passage=0.5), fusion={"dense_margin": 0.4, "rerank": 1.2}
    )
    made = samples.manifest(
        "v2", parent=parent, sources=dict.fromkeys(sources, "0" * 64), corrections=["c1"], learned=learned
    )
    return replace(
        made,
        inputs="0" * 64,
        confirmed=tuple(InteractionId(interaction_id) for interaction_id in confirmed),
        embedder="hashing",
        settings={},
        counts=Counts(documents=3, passages=6, corrections=1, superseded=1, skipped=0),
        notes=tuple(notes),
    )
