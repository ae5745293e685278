"""What refuses a candidate whatever its scores say: each guardrail gives one check, and a check that fails is a breach.

`check` looks at what a version holds, once; `check_answers` at what it replies, for each ranking that is tried; and
`drift.gap` at whom it serves, once both versions are scored.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from eval.guardrails import drift, memorisation, origin, recall, redteam, safety
from eval.guardrails.checks import Check, Invariant
from eval.scores.scorecard import Reply
from rag_flywheel.config import Guardrails
from rag_flywheel.domain import (
    Chunk,
    CorrectionId,
    DocumentId,
    Evidence,
    InteractionId,
    Manifest,
    ReviewedCorrection,
)
from rag_flywheel.domain.masked import MaskedOut
from rag_flywheel.ports import Redactor

__all__ = [
    "Candidate",
    "Check",
    "Control",
    "Detectors",
    "Held",
    "Invariant",
    "Superseded",
    "broken",
    "check",
    "check_answers",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the ledger holds, read after the version was built: someone may have been erased in between."""

    reviewed: tuple[ReviewedCorrection, ...]
    interactions: AbstractSet[InteractionId]  # of the confirmed ones, those that are still there


@dataclass(frozen=True, slots=True, kw_only=True)
class Superseded:
    """What may not be shown any more."""

    hidden: tuple[Evidence, ...]  # spans of source documents
    originals: Mapping[DocumentId, str]  # the whole texts of these documents, as they were cut
    replaced: tuple[CorrectionId, ...]  # corrections that gave way to newer ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What was built, and what the index makes of it."""

    manifest: Manifest
    chunks: Sequence[Chunk]  # all that was given to the index and that operators find
    stored: Iterable[Chunk]  # what the index holds
    find: Callable[[Chunk], Sequence[Chunk]]  # what the index finds by a passage's own vector
    left_out: AbstractSet[DocumentId]  # documents that others repeat, or of which something was set aside or dropped
    documents: AbstractSet[DocumentId]  # all that the sources hold
    aside: AbstractSet[DocumentId]  # those of which something was set aside, and nobody ruled on it
    others: Sequence[Chunk] = ()  # given to the index, too: forms of them with what a correction for others replaced


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """The live version: what it holds already was looked at when it was built."""

    manifest: Manifest
    chunks: Sequence[Chunk]


@dataclass(frozen=True, slots=True, kw_only=True)
class Detectors:
    """What texts are searched with, and for."""

    redactor: Redactor
    entities: Collection[str]  # kinds of personal data that the redactor masks; none where masking is off
    planted_strings: Sequence[str]
    rate: safety.Rate  # `safety.trained`
    seed: int  # of the made-up personal records, and of the passages that are drawn
    masked: MaskedOut  # values that were masked out of people's texts
    probes: int  # ways in which secrets are asked for
    drawn_by: str  # which ways these are


def check(
    candidate: Candidate,
    control: Control | None,
    *,
    held: Held,
    superseded: Superseded,
    stale: float | None,
    detectors: Detectors,
    settings: Guardrails,
) -> list[Check]:
    """Every invariant of what the candidate holds, against what the control does (None: there is no control).

    `stale` is the share of the judged questions whose evidence is gone (None: there are none).
    """
    chunks, redactor, seed = candidate.chunks, detectors.redactor, detectors.seed
    return [
        origin.stored([*chunks, *candidate.others], candidate.stored),
        origin.findable(chunks, candidate.find, seed=seed),
        origin.provenance([*chunks, *candidate.others], manifest=candidate.manifest, reviewed=held.reviewed),
        origin.erased(chunks, reviewed=held.reviewed, interactions=held.interactions),
        origin.superseded(
            chunks, hidden=superseded.hidden, originals=superseded.originals, replaced=superseded.replaced
        ),
        memorisation.masking(redactor, entities=detectors.entities, seed=seed),
        memorisation.planted([*chunks, *candidate.others], detectors.planted_strings),
        redteam.attack_success(redteam.attacks(), maximum=settings.maximum_attack_success),
        drift.aside(candidate.aside, candidate.documents, maximum=settings.maximum_aside),
        *_drift(candidate, control, hidden=superseded.originals.keys(), settings=settings),
        drift.stale(stale, maximum=settings.maximum_stale),
        drift.authors(
            chunks,
            held.reviewed,
            maximum=settings.maximum_author_share,
            counts_from=settings.author_share_from,
        ),
    ]


def _drift(
    candidate: Candidate, control: Control | None, *, hidden: AbstractSet[DocumentId], settings: Guardrails
) -> list[Check]:
    """How far the sources are from the control's. `hidden` are the documents that are superseded, in part or whole."""
    old = [] if control is None else [chunk for chunk in control.chunks if not chunk.by_question]
    new = [chunk for chunk in candidate.chunks if not chunk.by_question]
    old_documents, documents = ({chunk.document_id for chunk in those} for those in (old, new))
    unchanged = drift.unchanged(None if control is None else control.manifest, candidate.manifest)
    return [
        drift.lost(old, documents, unchanged=unchanged, left_out=candidate.left_out | hidden),
        drift.shrink(old_documents, documents, maximum=settings.maximum_shrink),
        drift.growth(len(old), len(new), maximum=settings.maximum_growth),
    ]


def check_answers(
    replies: Iterable[Reply],
    *,
    chunks: Sequence[Chunk],
    ask: Callable[[str], Reply],
    detectors: Detectors,
    settings: Guardrails,
) -> list[Check]:
    """Every invariant of what the candidate replies: to the gate's questions, and asked for what must not come back.

    `chunks` are those of both versions: the words around a planted string in them are asked for too.
    """
    replies = list(replies)
    secrets = recall.Secrets(
        planted=detectors.planted_strings,
        masked=detectors.masked,
        number=detectors.probes,
        seed=detectors.drawn_by,
    )
    return [
        recall.recall(secrets, chunks, replies, ask),
        safety.unsafe_answers(replies, rate=detectors.rate, threshold=settings.unsafe_threshold),
    ]


def broken(checks: Iterable[Check]) -> list[Check]:
    """The checks that do not hold: the breaches."""
    return [breach for breach in checks if not breach.holds]
