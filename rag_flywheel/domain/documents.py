"""Documents, the chunks they are cut into, and the spans that judgements and corrections point at."""

from dataclasses import dataclass
from datetime import datetime

from rag_flywheel.domain.ids import ChunkId, CorrectionId, DocumentId, FeedbackId, InteractionId


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A span of one document that supports an answer; it survives re-chunking."""

    document_id: DocumentId
    start: int  # characters, inclusive
    end: int  # characters, exclusive

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(f"evidence needs 0 <= start < end, got {self.start}..{self.end}")

    def overlaps(self, other: "Evidence") -> bool:
        """Whether the two spans share at least one character of one document."""
        return self.document_id == other.document_id and self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a correction's document comes from: who said it, who let it pass, and what it replaces."""

    correction_id: CorrectionId
    interaction_id: InteractionId
    feedback_ids: tuple[FeedbackId, ...]
    reviewer: str
    reviewed: datetime
    supersedes: tuple[Evidence, ...]
    holders: tuple[Evidence, ...] = ()  # spans of source documents that hold the answer too, as far as they are known


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A source unit after screening: what chunks are cut from and evidence points at."""

    document_id: DocumentId
    title: str
    text: str
    source: str  # the file it was read from, or "correction"
    question: str | None = None  # a correction's question
    provenance: Provenance | None = None  # corrections only

    def __post_init__(self) -> None:
        if (self.question is None) != (self.provenance is None):
            raise ValueError(f"document {self.document_id}: a correction has both a question and a provenance")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A piece of a document as it is indexed. `text` is shorter than its span where superseded parts are hidden."""

    chunk_id: ChunkId
    document_id: DocumentId
    title: str
    headings: tuple[str, ...]  # the path of headings above the piece, outermost first
    text: str
    start: int
    end: int
    source: str
    question: str | None = None  # the known question that finds this chunk: a correction's own, or a confirmed one
    provenance: Provenance | None = None  # corrections only
    confirmed: InteractionId | None = None  # where a person confirmed that this answers the question

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(f"chunk {self.chunk_id} needs 0 <= start < end, got {self.start}..{self.end}")
        if self.confirmed is not None and self.question is None:
            raise ValueError(f"chunk {self.chunk_id}: a confirmation needs the question that was asked")

    @property
    def span(self) -> Evidence:
        return Evidence(document_id=self.document_id, start=self.start, end=self.end)

    @property
    def is_correction(self) -> bool:
        return self.provenance is not None

    @property
    def by_question(self) -> bool:
        """Whether it is found by a known question, and not by its text."""
        return self.question is not None
