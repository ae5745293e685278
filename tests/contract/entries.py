"""What the tests of the index build and how they search it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from rag_flywheel.domain import (
    Candidate,
    Chunk,
    ChunkId,
    CorrectionId,
    DocumentId,
    Evidence,
    FeedbackId,
    Groups,
    InteractionId,
    Provenance,
    VersionId,
)
from rag_flywheel.ports import Entry, PassageIndex
from tests.fakes.encoder import HashingEncoder

V1, V2, V3 = (VersionId(f"v20261124T06150{n}-ab12c{n}") for n in (1, 2, 3))
ENCODER = HashingEncoder(64)
TEXTS = {
    "pump": "Hold the reset button for five seconds until the pump beeps",
    "port": "The USB-C port charges the remote control",
    "codes": "Error E203 means that the filter is clogged",
    "clock": "Set the clock before the first recording",
    "remote": "The remote control needs two batteries of 1.5 volts",
}
CORRECTED = {"c1": "How do I reset the pump", "c2": "What does error E203 mean"}
Place = Callable[[], PassageIndex]


def passage(name: str, text: str, *, title: str = "", headings: tuple[str, ...] = ()) -> Entry:
    chunk = Chunk(
        chunk_id=ChunkId(f"{name}#0"),
        document_id=DocumentId(name),
        title=title,
        headings=headings,
        text=text,
        start=0,
        end=len(text),
        source=f"{name}.md",
    )
    return Entry(chunk=chunk, vector=ENCODER.encode_documents([text])[0])


def correction(name: str, question: str, answer: str = "Do it twice") -> Entry:
    provenance = Provenance(
        correction_id=CorrectionId(name),
        interaction_id=InteractionId("i1"),
        feedback_ids=(FeedbackId("f1"), FeedbackId("f2")),
        reviewer="grace",
        reviewed=datetime(2026, 5, 1, 12, 30, 15, 123456, tzinfo=UTC),
        supersedes=(Evidence(document_id=DocumentId("pump"), start=3, end=9),),
    )
    chunk = Chunk(
        chunk_id=ChunkId(f"correction:{name}#0"),
        document_id=DocumentId(f"correction:{name}"),
        title=question,
        headings=(),
        text=answer,
        start=0,
        end=len(answer),
        source="correction",
        question=question,
        provenance=provenance,
    )
    return Entry(
        chunk=chunk,
        vector=ENCODER.encode_documents([answer])[0],
        question_vector=ENCODER.encode_queries([question])[0],
    )


def confirmed(answer: Entry, question: str, *, by: str = "i7") -> Entry:
    name = ChunkId(f"{answer.chunk.chunk_id}?{by}")
    chunk = replace(answer.chunk, chunk_id=name, question=question, confirmed=InteractionId(by))
    return Entry(chunk=chunk, vector=answer.vector, question_vector=ENCODER.encode_queries([question])[0])


ENTRIES = [
    *(passage(name, text) for name, text in TEXTS.items()),
    *(correction(name, question) for name, question in CORRECTED.items()),
]


def build(index: PassageIndex, version: VersionId = V1, entries: Sequence[Entry] = ENTRIES) -> int:
    return index.build(version, dimension=64, batches=[entries[:3], entries[3:]])


def search(
    index: PassageIndex, query: str, *, version: VersionId = V1, limit: int = 10, groups: Groups = None
) -> tuple[list[Candidate], list[Candidate]]:
    """The passages and the known questions of what was found."""
    found = index.search(version, text=query, vector=ENCODER.encode_queries([query])[0], limit=limit, groups=groups)
    kinds = [candidate.chunk.by_question for candidate in found]
    assert kinds == sorted(kinds), "passages come before known questions"
    return [candidate for candidate in found if not candidate.chunk.by_question], [
        candidate for candidate in found if candidate.chunk.by_question
    ]


def by_sparse(passages: Sequence[Candidate]) -> list[str]:
    scored = [
        (candidate.scores.sparse, candidate.chunk.document_id)
        for candidate in passages
        if candidate.scores.sparse is not None
    ]
    return [name for _, name in sorted(scored, reverse=True)]
