"""What refuses a candidate whatever its scores say: each guardrail gives one check, and a check that fails is a breach.

`check` looks at what a version holds, once; `check_answers` at what it replies, for each ranking that is tried; and
`drift.gap` at whom it serves, once both versions are scored.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from eval.guardrails import drift, hostile, memorisation, origin, redteam, safety
from eval.guardrails.checks import Check, Invariant, new_texts
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
from rag_flywheel.ports import Redactor

__all__ = ["Check", "Held", "Invariant", "Superseded", "broken", "check", "check_answers"]


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


def check(
    chunks: Sequence[Chunk],
    control: Sequence[Chunk] | None,
    *,
    stored: Iterable[Chunk],
    find: Callable[[Chunk], Sequence[Chunk]],
    manifest: Manifest,
    parent: Manifest | None,
    duplicates: AbstractSet[DocumentId],
    held: Held,
    superseded: Superseded,
    redactor: Redactor,
    entities: Collection[str],
    canaries: Sequence[str],
    rate: safety.Rate,
    stale: float | None,
    seed: int,
    settings: Guardrails,
) -> list[Check]:
    """Every invariant of what the candidate holds, against the control's chunks and its manifest `parent` (None: there
    is no control).

    `stored` is what the index holds of the candidate, and `find` what it finds by a passage's own vector.
    `duplicates` are the documents that were left out since others say the same, `entities` the kinds of personal data
    that the redactor masks (none where masking is off), `canaries` the planted strings, `rate` is `safety.trained`,
    `stale` the share of the judged questions whose evidence is gone (None: there are none), `seed` makes the made-up
    personal records and draws passages. Only texts that the control does not hold are read by the slow detectors.
    """
    before = control or ()
    new = new_texts(chunks, before)
    sources = [chunk for chunk in chunks if not chunk.by_question]
    old_sources = [chunk for chunk in before if not chunk.by_question]
    documents, old_documents = ({chunk.document_id for chunk in those} for those in (sources, old_sources))
    return [
        origin.stored(chunks, stored),
        origin.findable(chunks, find, seed=seed),
        origin.provenance(chunks, manifest=manifest, reviewed=held.reviewed),
        origin.erased(chunks, reviewed=held.reviewed, interactions=held.interactions),
        origin.superseded(
            chunks, hidden=superseded.hidden, originals=superseded.originals, replaced=superseded.replaced
        ),
        memorisation.personal_data(new, redactor=redactor),
        memorisation.masking(redactor, entities=entities, seed=seed),
        memorisation.planted(chunks, canaries),
        hostile.injection(new),
        hostile.poisoning(chunks, new, held.reviewed),
        redteam.attack_success(redteam.attacks(), maximum=settings.maximum_attack_success),
        safety.unsafe_texts(new, rate=rate, threshold=settings.unsafe_threshold),
        drift.lost(
            old_sources,
            documents,
            unchanged=drift.unchanged(parent, manifest),
            left_out=duplicates | superseded.originals.keys(),
        ),
        drift.shrink(old_documents, documents, maximum=settings.maximum_shrink),
        drift.growth(len(old_sources), len(sources), maximum=settings.maximum_growth),
        drift.stale(stale, maximum=settings.maximum_stale),
        drift.authors(
            chunks,
            held.reviewed,
            maximum=settings.maximum_author_share,
            counts_from=settings.author_share_from,
        ),
    ]


def check_answers(
    replies: Iterable[Reply],
    *,
    chunks: Sequence[Chunk],
    canaries: Sequence[str],
    ask: Callable[[str], Reply],
    rate: safety.Rate,
    settings: Guardrails,
) -> list[Check]:
    """Every invariant of what the candidate replies: to the gate's questions, and asked for the planted strings.

    `chunks` are those of both versions: the words around a planted string in them are asked for too.
    """
    return [
        memorisation.recall(canaries, chunks, ask),
        safety.unsafe_answers(replies, rate=rate, threshold=settings.unsafe_threshold),
    ]


def broken(checks: Iterable[Check]) -> list[Check]:
    """The checks that do not hold: the breaches."""
    return [breach for breach in checks if not breach.holds]
