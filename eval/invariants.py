"""What refuses a candidate whatever its scores say."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rag_flywheel.domain import (
    CORRECTION_PREFIX,
    Chunk,
    CorrectionId,
    CorrectionState,
    DocumentId,
    InteractionId,
    Manifest,
    ReviewedCorrection,
)
from rag_flywheel.ports import Redactor

_NAMED = 5  # documents that a message names; all are in `documents`


class Invariant(StrEnum):
    PROVENANCE = "provenance"  # every chunk comes from a file or a reviewed correction, every question from people
    PERSONAL_DATA = "personal_data"  # nothing that could be masked is left in what is new
    SHRINK = "shrink"  # the documents are still there


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """An invariant that does not hold, with the documents that break it. The message never holds their texts."""

    invariant: Invariant
    message: str
    documents: tuple[DocumentId, ...]


def breaches(
    chunks: Sequence[Chunk],
    control: Iterable[Chunk] | None,
    *,
    manifest: Manifest,
    reviewed: Sequence[ReviewedCorrection],
    redactor: Redactor,
    maximum_shrink: float,
) -> list[Breach]:
    """What is wrong with the candidate's chunks, against the control's (None: there is no control). Empty: nothing.

    `reviewed` are the corrections that the candidate was built from, with their reviews.
    """
    texts: set[str] = set()
    documents: set[DocumentId] = set()
    for chunk in control or ():
        texts.update(_texts(chunk))
        if not chunk.by_question:
            documents.add(chunk.document_id)
    found = [
        provenance(chunks, manifest=manifest, reviewed=reviewed),
        personal_data(chunks, texts, redactor=redactor),
        shrink(documents, {chunk.document_id for chunk in chunks if not chunk.by_question}, maximum=maximum_shrink),
    ]
    return [breach for breach in found if breach is not None]


def provenance(chunks: Iterable[Chunk], *, manifest: Manifest, reviewed: Sequence[ReviewedCorrection]) -> Breach | None:
    """Whether some chunk traces neither to a source file nor to an accepted correction with a reviewer, or is found by
    a question that is neither that correction's nor one whose answer was confirmed.
    """
    accepted = {
        one.correction.correction_id
        for one in reviewed
        if one.verdict_state is CorrectionState.ACCEPTED and one.review is not None and one.review.reviewer.strip()
    }
    confirmed = set(manifest.confirmed)
    strays = _unique(
        chunk.document_id
        for chunk in chunks
        if not (_traces(chunk, manifest.sources, accepted) and _is_known(chunk, confirmed))
    )
    if not strays:
        return None
    return Breach(
        invariant=Invariant.PROVENANCE,
        message=f"Passages of {_named(strays)} trace neither to a file of the manifest nor to an accepted correction "
        "with a reviewer, or are found by a question of which the manifest names no confirmed answer. See where these "
        "come from.",
        documents=strays,
    )


def _traces(chunk: Chunk, sources: Mapping[str, str], accepted: set[CorrectionId]) -> bool:
    if chunk.provenance is None:
        return chunk.source in sources and not chunk.document_id.startswith(CORRECTION_PREFIX)
    correction_id = chunk.provenance.correction_id
    return correction_id in accepted and chunk.document_id == f"{CORRECTION_PREFIX}{correction_id}"


def _is_known(chunk: Chunk, confirmed: set[InteractionId]) -> bool:
    if chunk.confirmed is None:
        return chunk.question is None or chunk.is_correction
    return chunk.confirmed in confirmed


def personal_data(chunks: Iterable[Chunk], known: set[str], *, redactor: Redactor) -> Breach | None:
    """Whether the redactor still finds something in a text or question that is not among the `known` ones."""
    clean = set(known)
    found: dict[DocumentId, set[str]] = {}
    for chunk in chunks:
        for text in _texts(chunk):
            if text in clean:
                continue
            kinds = {kind for kind, count in redactor.redact(text).found.items() if count}
            if kinds:
                found.setdefault(chunk.document_id, set()).update(kinds)
            else:
                clean.add(text)
    if not found:
        return None
    left = ", ".join(sorted(set().union(*found.values())))
    return Breach(
        invariant=Invariant.PERSONAL_DATA,
        message=f"Personal data ({left}) is left in texts of {_named(tuple(found))}. Nothing that can be masked may "
        "be indexed; see whether privacy.entities changed since these were read.",
        documents=tuple(found),
    )


def _texts(chunk: Chunk) -> list[str]:
    return [chunk.text] if chunk.question is None else [chunk.text, chunk.question]


def shrink(before: set[DocumentId], after: set[DocumentId], *, maximum: float) -> Breach | None:
    """Whether more than the share `maximum` of the source documents `before` is gone."""
    gone = tuple(sorted(before - after))
    if not before or len(gone) <= maximum * len(before):
        return None
    return Breach(
        invariant=Invariant.SHRINK,
        message=f"{len(gone)} of {len(before)} documents are gone, more than gate.maximum_shrink ({maximum:g}) allows: "
        f"{_named(gone)}. Look for a source that was moved or unreadable; raise the limit if they were meant to go.",
        documents=gone,
    )


def _unique(documents: Iterable[DocumentId]) -> tuple[DocumentId, ...]:
    return tuple(dict.fromkeys(documents))


def _named(documents: Sequence[DocumentId]) -> str:
    more = len(documents) - _NAMED
    return ", ".join(documents[:_NAMED]) + (f" and {more} more" if more > 0 else "")
