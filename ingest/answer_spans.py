"""Where the answer of a correction stands among the sources: what its question says of those passages."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from ingest.learning.pairs import Lesson
from rag_flywheel.domain import (
    Chunk,
    CorrectionId,
    DocumentId,
    Evidence,
    Interaction,
    InteractionId,
    ReviewedCorrection,
)
from rag_flywheel.domain.equivalence import held_share, normalised

DEEP = 10  # passages of the corrected answer's ranking that are looked through
HELD = 0.7  # share of the answer's content words


def with_holders(
    chunks: Sequence[Chunk],
    corrections: Iterable[ReviewedCorrection],
    interaction: Callable[[InteractionId], Interaction],
) -> list[Chunk]:
    """The chunks, those of corrections with the source spans that hold their answer too.

    They are the evidence that came with the correction, or else the one passage that the search brought for the
    question and that holds the answer word for word, or most of its words. Where the answer is short that is a guess:
    good enough to tell what a passage is about, and for nothing else.
    """
    by_name = {reviewed.correction.correction_id: reviewed for reviewed in corrections}
    pieces: dict[DocumentId, list[Chunk]] = defaultdict(list)
    for chunk in chunks:
        if not chunk.by_question:
            pieces[chunk.document_id].append(chunk)
    found: dict[CorrectionId, tuple[Evidence, ...]] = {}
    made = []
    for chunk in chunks:
        if chunk.provenance is not None:
            name = chunk.provenance.correction_id
            if name not in found:
                found[name] = _holders(by_name[name], interaction, pieces)
            chunk = replace(chunk, provenance=replace(chunk.provenance, holders=found[name]))
        made.append(chunk)
    return made


def with_evidence(lessons: Iterable[Lesson], chunks: Sequence[Chunk]) -> list[Lesson]:
    """The lessons, those of corrections without evidence with the spans that hold their answers (`with_holders`)."""
    holders = {chunk.document_id: chunk.provenance.holders for chunk in chunks if chunk.provenance is not None}
    return [
        lesson
        if lesson.evidence or not lesson.corrected
        else replace(
            lesson, evidence=tuple(span for name in sorted(lesson.documents) for span in holders.get(name, ()))
        )
        for lesson in lessons
    ]


def _holders(
    reviewed: ReviewedCorrection,
    interaction: Callable[[InteractionId], Interaction],
    pieces: dict[DocumentId, list[Chunk]],
) -> tuple[Evidence, ...]:
    if reviewed.correction.evidence:
        return tuple(span.place for span in reviewed.correction.evidence)
    answer = normalised(reviewed.answer)
    best: tuple[tuple[bool, float, int], Evidence] | None = None
    for shown in interaction(reviewed.correction.interaction_id).ranking[:DEEP]:
        for piece in pieces.get(shown.document_id, []):
            if not piece.span.overlaps(shown.span):
                continue
            whole = f" {answer} " in f" {normalised(piece.text)} "
            share = held_share(piece.text, reviewed.answer)
            if (whole or share >= HELD) and (best is None or (whole, share, -shown.rank) > best[0]):
                best = (whole, share, -shown.rank), piece.span
    return () if best is None else (best[1],)
