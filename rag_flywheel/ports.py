"""What the use cases ask of the outside world. Each port has one contract suite in tests/contract/.

Arrays are numpy float32. Vectors have unit length, so that a dot product is a cosine.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rag_flywheel.domain import (
    AuditEntry,
    Canary,
    CanaryId,
    Candidate,
    Chunk,
    Correction,
    CorrectionId,
    Decision,
    Delivery,
    Draft,
    Exposure,
    Feedback,
    Freeze,
    GoldenCase,
    HoldOut,
    Interaction,
    InteractionId,
    Json,
    Manifest,
    Notice,
    Passage,
    Retirement,
    Review,
    ReviewedCorrection,
    Turn,
    VersionId,
    VersionRecord,
    VersionState,
)

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A chunk with its vectors, ready to be indexed. `question_vector` is that of the chunk's known question."""

    chunk: Chunk
    vector: Vectors  # (dimension,)
    question_vector: Vectors | None = None  # (dimension,)

    def __post_init__(self) -> None:
        if self.chunk.by_question != (self.question_vector is not None):
            raise ValueError(f"chunk {self.chunk.chunk_id}: a question and its vector go together")


class PassageIndex(Protocol):
    """Immutable index versions, and one alias, `live`, that names one of them."""

    def build(self, version: VersionId, *, dimension: int, batches: Iterable[Sequence[Entry]]) -> int:
        """Write a whole version and return its number of entries.

        The version appears in `versions` only when it is complete and durable; where `batches` raises, or the process
        dies, nothing of it is listed and `discard_partial` removes what is left. Raises ValueError if the version
        exists.
        """

    def versions(self) -> list[VersionId]:
        """The complete versions, oldest name first."""

    def discard_partial(self) -> list[str]:
        """Remove what unfinished builds left behind; returns the names. Call it only under the reindex lock."""

    def live(self) -> VersionId | None:
        """The version that the alias names. Cheap enough to call for every question."""

    def move_live(self, to: VersionId, *, expected: VersionId | None) -> None:
        """Point the alias at `to`. Raises AliasMoved unless it names `expected`, NotFound if `to` does not exist."""

    def delete(self, version: VersionId) -> None:
        """Remove a version; one that does not exist is no error. Raises VersionInUse when the alias names it."""

    def search(self, version: VersionId, *, text: str, vector: Vectors, limit: int) -> list[Candidate]:
        """The union of the best `limit` passages by dense cosine, the best `limit` by BM25, and the best `limit` known
        questions by their cosine, each with the chunk that answers it. Known questions also carry the Dice coefficient
        of the query's and their own terms, as BM25 sees them; passages carry neither, and known questions no other
        score. Order: passages by dense then sparse score, then known questions by theirs. Raises NotFound if the
        version does not exist.
        """

    def chunks(self, version: VersionId) -> Iterator[Chunk]:
        """Every chunk of the version, in any order. Raises NotFound when the version does not exist."""

    def close(self) -> None:
        """Release files and connections."""


class Encoder(Protocol):
    """Texts to vectors."""

    @property
    def name(self) -> str:
        """The model's name, as the manifest records it."""

    @property
    def dimension(self) -> int: ...

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """(n, dimension), unit rows, for texts that are searched."""

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """(n, dimension), unit rows, for texts that search."""


class Reranker(Protocol):
    """A tuned cross-encoder."""

    def score(self, query: str, texts: Sequence[str]) -> Vectors:
        """(n,) logits; higher means more relevant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A training pair for the reranker. Pairs of one `group` are wordings of one question and never cross a split."""

    query: str
    text: str
    relevant: bool
    group: str


class RerankerStore(Protocol):
    """Tuned cross-encoders, kept by the digest of their weights."""

    def tune(self, pairs: Sequence[Pair], *, seed: int, on_step: Callable[[int, int], None]) -> str:
        """Train from the configured base and keep the result; returns its digest. `on_step` gets (done, total)."""

    def has(self, digest: str) -> bool:
        """Whether it is kept here."""

    def load(self, digest: str) -> Reranker:
        """Raises NotFound when it is not kept here."""

    def keep_only(self, digests: set[str]) -> None:
        """Delete every other one."""


class Generator(Protocol):
    """Passages to an answer."""

    @property
    def name(self) -> str: ...

    def rewrite(self, question: str, history: Sequence[Turn]) -> str:
        """A standalone query for a question that leans on what was said before; else the question itself."""

    def answer(self, question: str, passages: Sequence[Passage]) -> Iterator[str | Draft]:
        """Pieces of the answer as they come, then one Draft with the whole. Raises LanguageModelUnavailable."""

    def prepare(self, found: Sequence[Sequence[Passage]]) -> None:
        """Do at once what answers from these passages, a sequence for each question, will need. Without it, answers
        are the same and may take longer."""


class Rephraser(Protocol):
    """A question in other words, as another person would ask it."""

    @property
    def name(self) -> str:
        """Changes whenever the result could: it is part of cache keys."""

    def rephrase(self, text: str, count: int) -> list[str]:
        """At most `count` wordings of a question, or of a heading or a sentence that answers one; empty for none.

        Raises LanguageModelUnavailable, and InvalidInput when the text is too long for the model.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Redacted:
    """A text with personal data masked as <KIND>, and how many of each kind were found."""

    text: str
    found: Mapping[str, int]


class Redactor(Protocol):
    """Masks personal data. Masking a masked text changes nothing."""

    @property
    def name(self) -> str:
        """Changes whenever the result could: it is part of cache keys."""

    def redact(self, text: str) -> Redacted: ...


class Cache(Protocol):
    """Results by the digest of what they were made from. Losing it costs time, never data."""

    def get(self, keys: Sequence[str]) -> dict[str, bytes]: ...

    def put(self, values: Mapping[str, bytes]) -> None: ...

    def close(self) -> None: ...


class Webhooks(Protocol):
    """Tells other systems."""

    @property
    def receivers(self) -> tuple[str, ...]:
        """Digests of their URLs."""

    def send(self, notice: Notice, *, receiver: str, at: datetime) -> int | None:
        """The HTTP status of the reply, None where there was none. `at` is the time of this attempt."""


class Ledger(Protocol):
    """What happened, append-only. `erase_user` is the one exception.

    Every method raises LedgerUnavailable when the database does not answer.
    """

    def salt(self) -> bytes:
        """The secret key of this deployment's pseudonyms: made once, then always the same."""

    def lock(self, name: str) -> AbstractContextManager[None]:
        """Hold a named lock across processes; it is let go when the process dies. Raises AlreadyRunning if held."""

    def transaction(self) -> AbstractContextManager[None]:
        """Writes of this thread inside the block are all kept or none. Blocks may nest; the outermost one commits."""

    def add_interaction(self, interaction: Interaction) -> None: ...

    def interaction(self, interaction_id: InteractionId) -> Interaction:
        """Raises NotFound."""

    def interactions(
        self, *, since: datetime | None = None, answered: bool | None = None, limit: int
    ) -> list[Interaction]:
        """Newest first."""

    def add_feedback(self, feedback: Feedback) -> None: ...

    def feedback(
        self,
        *,
        interaction_id: InteractionId | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[Feedback]:
        """Oldest first, from `since` to `until`, both included."""

    def add_correction(self, correction: Correction) -> None: ...

    def correction(self, correction_id: CorrectionId) -> ReviewedCorrection:
        """With its latest review. Raises NotFound."""

    def corrections(self, *, until: datetime | None = None) -> list[ReviewedCorrection]:
        """Oldest first, each with the latest review up to and including `until`, else None."""

    def add_review(self, review: Review) -> None:
        """Raises NotFound when there is no such correction."""

    def add_version(self, manifest: Manifest) -> None:
        """Record a built version, in state `built`."""

    def set_state(self, version_id: VersionId, state: VersionState, *, at: datetime) -> None:
        """Append a state. Raises NotFound when there is no such version."""

    def version(self, version_id: VersionId) -> VersionRecord:
        """Raises NotFound."""

    def versions(self) -> list[VersionRecord]:
        """Oldest first, deleted ones too."""

    def add_decision(self, decision: Decision) -> None: ...

    def decision(self, version_id: VersionId) -> Decision | None:
        """The latest one on this version."""

    def count_decisions(self) -> int:
        """How many decisions were recorded, on all versions."""

    def add_golden_case(self, case: GoldenCase) -> None:
        """Raises Conflict when there is a case of this id."""

    def golden_cases(self, *, until: datetime | None = None) -> list[GoldenCase]:
        """Oldest first, up to and including `until`, retired ones too."""

    def add_retirement(self, retirement: Retirement) -> None:
        """Retire a case of any origin, for good. Raises Conflict when it is retired already."""

    def retirements(self, *, until: datetime | None = None) -> list[Retirement]:
        """Oldest first, up to and including `until`."""

    def add_exposure(self, exposure: Exposure) -> None: ...

    def exposures(
        self, *, canary_id: CanaryId | None = None, step: int | None = None, since: datetime | None = None
    ) -> list[Exposure]:
        """Oldest first: of one canary, of one of its steps, from `since` on."""

    def add_canary(self, canary: Canary) -> None:
        """Record a canary that begins, or a change of it."""

    def canary(self) -> Canary | None:
        """The newest one as it stands, running or not. Cheap enough to call for every question."""

    def canaries(self) -> list[Canary]:
        """Each as it stands, oldest first."""

    def add_holdout(self, holdout: HoldOut) -> None: ...

    def holdout(self) -> HoldOut | None:
        """The newest one; one without a version has ended. Cheap enough to call for every question."""

    def add_freeze(self, freeze: Freeze) -> None: ...

    def freeze(self) -> Freeze | None:
        """The newest one."""

    def add_notice(self, notice: Notice) -> None: ...

    def undelivered(self, receiver: str, *, attempts: int) -> list[tuple[Notice, tuple[Delivery, ...]]]:
        """Oldest first: what the receiver was not told yet in fewer than `attempts` attempts, with these attempts."""

    def add_delivery(self, delivery: Delivery) -> None:
        """Raises NotFound when there is no such notice."""

    def add_audit(self, entry: AuditEntry) -> None: ...

    def audit(self, *, limit: int) -> list[AuditEntry]:
        """The latest ones, the one that was added last first."""

    def remembered(self, key: str) -> tuple[str, Json] | None:
        """The request digest and the reply that were remembered under an idempotency key."""

    def remember(self, key: str, *, digest: str, reply: Json, at: datetime) -> bool:
        """Remember a reply; False when the key was already there, and then nothing changes."""

    def erase_user(self, user: str) -> dict[str, int]:
        """Delete interactions, feedback and corrections (with reviews) of one pseudonym; returns counts by table."""

    def close(self) -> None: ...
