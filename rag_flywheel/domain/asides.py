"""What a guardrail points at: an item that is left out of a version, or only reported, until a person decides."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rag_flywheel.domain.checks import aware
from rag_flywheel.domain.documents import Evidence
from rag_flywheel.domain.ids import InteractionId, VersionId

_ID = 12  # hexadecimal digits of an id: 48 bits


class ItemKind(StrEnum):
    DOCUMENT = "document"  # or a piece of one
    CORRECTION = "correction"
    QUESTION = "question"  # one whose answer was confirmed


class Guardrail(StrEnum):
    """What may be held against an item. What is held against a version is an `Invariant` of the gate."""

    INJECTION = "injection"  # it gives orders to a language model or to a reader's client
    POISON = "poison"  # a correction that is made to be found, and not to answer
    UNSAFE_TEXTS = "unsafe_texts"  # it insults, threatens, or helps to do harm
    PERSONAL_DATA = "personal_data"  # something that is to be masked is left in it
    PLANTED = "canaries"  # a person's text that holds a planted string
    AUTHORS = "authors"  # a correction of an author who would have made too many of them
    HIDES_TOO_MUCH = "hides_too_much"  # a correction that supersedes too much
    DISCOVERABILITY = "discoverability"  # a correction that its own question does not find
    GROUPS = "groups"  # a correction that rests on what no group may read whole
    LOST_QUESTIONS = "lost_questions"  # it took the place of what answers other questions


class AsideState(StrEnum):
    """What became of what was found. A ruling of a person holds for as long as the text does not change."""

    ASIDE = "aside"  # left out
    REPORTED = "reported"  # of an official source: it is shown all the same
    RELEASED = "released"  # a person lets it pass
    DROPPED = "dropped"  # a person agrees: it stays out, and is told no more
    GONE = "gone"  # the text is not there any more


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """An item, and what a guardrail has against it. `reason` never holds texts of documents or people."""

    kind: ItemKind
    item: str  # the id of a document, a correction, or the interaction of a confirmed question
    guardrail: Guardrail
    reason: str  # what was found, in one sentence
    digest: str  # of the text, as `text_digest` tells
    place: Evidence | None = None  # of a document's piece; None where the whole item is meant
    excerpt: str | None = None  # of a document, personal data masked; what people said is in the ledger already
    left_out: bool = True  # False: it is only reported
    groups: tuple[str, ...] | None = None  # that a document is for; None: of other items, or of an older release

    @property
    def aside_id(self) -> str:
        """The same text of the same kind of item, suspected of the same, has the same id, in whatever document."""
        of = "" if self.kind is ItemKind.DOCUMENT else self.item
        return hashlib.sha256("\0".join((self.kind, of, self.guardrail, self.digest)).encode()).hexdigest()[:_ID]


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """A suspicion, and what became of it at one instant."""

    suspicion: Suspicion
    state: AsideState
    at: datetime
    version_id: VersionId | None = None  # the candidate that it was found in
    who: str | None = None  # who ruled; None where nobody did
    why: str | None = None

    def __post_init__(self) -> None:
        aware("at", self.at)

    @property
    def aside_id(self) -> str:
        return self.suspicion.aside_id


def questions_left_out(asides: Iterable[Aside]) -> frozenset[InteractionId]:
    """The interactions whose confirmed question is set aside or dropped; `asides` are the latest entries."""
    return frozenset(
        InteractionId(aside.suspicion.item)
        for aside in asides
        if aside.suspicion.kind is ItemKind.QUESTION and aside.state in (AsideState.ASIDE, AsideState.DROPPED)
    )
