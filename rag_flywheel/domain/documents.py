"""Documents, the chunks they are cut into, and the spans that judgements and corrections point at."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime

from rag_flywheel.domain.groups import OPERATORS, Groups, reads
from rag_flywheel.domain.ids import ChunkId, CorrectionId, DocumentId, FeedbackId, InteractionId

CONTEXT = 96
"""Characters before and after a span that its quote keeps."""
QUOTED = 20_000
"""Characters of a span that its quote keeps; of a longer one its beginning is followed, and the rest by its digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The words of a span and of what stood around it: enough to find it again when its place says nothing any more.

    It follows the W3C Web Annotation Data Model (2017), where a TextQuoteSelector (exact, prefix, suffix) stands beside
    a TextPositionSelector, which here is the span itself.
    """

    exact: str  # at most QUOTED characters
    prefix: str
    suffix: str
    digest: str  # of the whole span, as `text_digest` tells
    document: str  # of the whole document as it was then

    def __post_init__(self) -> None:
        if not self.exact.strip():
            raise ValueError("a quote needs words, got none")


def text_digest(text: str) -> str:
    """Equal for texts that are equal but for white space: SHA-256, in hexadecimal digits."""
    return hashlib.sha256("".join(text.split()).encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A span of one document that supports an answer; it survives re-chunking.

    Spans are equal where their places are. With its quote a span also survives that its document is edited or renamed.
    """

    document_id: DocumentId
    start: int  # characters, inclusive
    end: int  # characters, exclusive
    quote: Quote | None = field(default=None, compare=False)  # None: of a release that kept places alone

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(f"evidence needs 0 <= start < end, got {self.start}..{self.end}")

    def __str__(self) -> str:
        return f"{self.document_id}:{self.start}:{self.end}"  # as commands take it

    def overlaps(self, other: "Evidence") -> bool:
        """Whether the two spans share at least one character of one document."""
        return self.document_id == other.document_id and self.start < other.end and other.start < self.end

    def quoted(self, text: str) -> "Evidence":
        """The span with its quote from the whole text of its document; without, where there are no words there."""
        exact = text[self.start : self.end]
        if not exact.strip():
            return self.place
        quote = Quote(
            exact=exact[:QUOTED],
            prefix=text[max(0, self.start - CONTEXT) : self.start],
            suffix=text[self.end : self.end + CONTEXT],
            digest=text_digest(exact),
            document=text_digest(text),
        )
        return Evidence(document_id=self.document_id, start=self.start, end=self.end, quote=quote)

    @property
    def place(self) -> "Evidence":
        """The span without its quote."""
        return Evidence(document_id=self.document_id, start=self.start, end=self.end)


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
    language: str = ""  # ISO 639-1 where there is such a code; empty: not known yet
    declared: bool = False  # whether its source says that language of all of it
    provenance: Provenance | None = None  # corrections only
    groups: tuple[str, ...] = ()  # whose members may read it, sorted; none: all people
    unless: tuple[str, ...] = ()  # whose members read another one in its place: corrections only

    def __post_init__(self) -> None:
        if (self.question is None) != (self.provenance is None):
            raise ValueError(f"document {self.document_id}: a correction has both a question and a provenance")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A piece of a document as it is indexed.

    `text` holds the text of its span, which is shorter than the span where superseded parts are hidden. Around it may
    stand lines of the document that a part of a whole needs to be read alone: a table's header, a fence of code, what
    leads to a list.
    """

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
    repeated: tuple[Evidence, ...] = ()  # the lines that `text` begins with, before that of the span
    gaps: int = 0  # characters of lines among these that say where something is left out
    tail: int = 0  # characters of `text` after that of the span
    language: str = ""  # that its terms are made by; empty: of a release that took every text for English
    groups: tuple[str, ...] = ()  # whose members may read it, sorted; none: all people
    only: tuple[str, ...] = ()  # whose members alone read this form of it, if they are in `groups`, too
    unless: tuple[str, ...] = ()  # whose members do not, since they read another form of it

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(f"chunk {self.chunk_id} needs 0 <= start < end, got {self.start}..{self.end}")
        if not 0 <= self.lead <= len(self.text) - self.tail <= len(self.text):
            raise ValueError(f"chunk {self.chunk_id} repeats more around its text than there is of it")
        if self.confirmed is not None and self.question is None:
            raise ValueError(f"chunk {self.chunk_id}: a confirmation needs the question that was asked")

    @property
    def span(self) -> Evidence:
        return Evidence(document_id=self.document_id, start=self.start, end=self.end)

    @property
    def lead(self) -> int:
        """Characters of `text` before that of the span: the repeated lines, each with a line's end, and gaps."""
        return sum(repeated.end - repeated.start + 1 for repeated in self.repeated) + self.gaps

    @property
    def own(self) -> str:
        """What stands in its span, superseded parts aside."""
        return self.text[self.lead : len(self.text) - self.tail]

    def part(self, start: int, end: int) -> Evidence:
        """Where in the document the characters `start` to `end` of `text` stand.

        That is the whole span where a superseded part is hidden, since what follows it has moved, and where they are
        only repeated here.
        """
        first = max(start - self.lead, 0)
        last = min(end - self.lead, self.end - self.start)
        if len(self.own) != self.end - self.start or first >= last:
            return self.span
        return Evidence(document_id=self.document_id, start=self.start + first, end=self.start + last)

    @property
    def is_correction(self) -> bool:
        return self.provenance is not None

    @property
    def by_question(self) -> bool:
        """Whether it is found by a known question, and not by its text."""
        return self.question is not None

    def is_for(self, groups: Groups) -> bool:
        """Whether somebody in these groups finds it."""
        if groups is None:
            return OPERATORS not in self.unless
        return (
            reads(groups, self.groups) and reads(groups, self.only) and not (self.unless and reads(groups, self.unless))
        )
