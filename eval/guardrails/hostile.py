"""New texts that attack: the model that reads them, the reader's client, or the ranking."""

from collections import Counter
from collections.abc import Iterator, Sequence

from eval.guardrails import poison
from eval.guardrails.checks import Check, Invariant, check, named, unique
from eval.guardrails.injection import Place, signs
from rag_flywheel.domain import CORRECTION_PREFIX, Chunk, DocumentId, ReviewedCorrection

New = Sequence[tuple[Chunk, Sequence[str]]]
"""What `checks.new_texts` gives."""


def injection(new: New) -> Check:
    """No new passage, title or known question gives orders to a language model or to a reader's client."""
    found: dict[DocumentId, Counter[str]] = {}
    for document, text, place in _placed(new):
        kinds = signs(text, place=place)
        if kinds:
            found.setdefault(document, Counter()).update(kinds)
    told = ", ".join(sorted(set().union(*found.values())))
    return check(
        Invariant.INJECTION,
        f"documents with orders to a machine in {sum(len(texts) for _, texts in new)} new texts",
        value=len(found),
        limit=0,
        documents=found,
        breach=f"A text or a question of {named(found)} looks like an attack ({told}). Reject the correction, take the "
        "feedback back, or take the document out of the sources.",
    )


def _placed(new: New) -> Iterator[tuple[DocumentId, str, Place]]:
    for chunk, texts in new:
        for text in texts:
            if text == chunk.question:
                yield chunk.document_id, text, Place.QUESTION
            elif chunk.is_correction and text == chunk.text:
                yield chunk.document_id, text, Place.ANSWER
            else:
                yield chunk.document_id, text, Place.QUESTION if chunk.is_correction else Place.SOURCE


def poisoning(chunks: Sequence[Chunk], new: New, reviewed: Sequence[ReviewedCorrection]) -> Check:
    """No new correction is made to be found: it repeats neither its question nor the words of it over and over, and is
    none of several for one question.

    Nor do several new documents open with one question.
    """
    fresh = [chunk for chunk, texts in new if chunk.text in texts]
    corrections = [piece for piece in fresh if piece.is_correction and piece.confirmed is None]
    admitted = {piece.document_id for piece in chunks if piece.is_correction}
    recent = {piece.document_id for piece in corrections}
    crowds = poison.sets([entry for entry in reviewed if entry.correction.document_id in admitted])
    crowding = [DocumentId(f"{CORRECTION_PREFIX}{correction_id}") for crowd in crowds for correction_id in crowd]
    found = unique(
        [
            *(
                piece.document_id
                for piece in corrections
                if poison.is_made_to_be_found(piece.question or "", piece.text)
            ),
            *(crowding if recent & set(crowding) else ()),
            *(
                document_id
                for crowd in poison.crowding([piece for piece in fresh if not piece.by_question])
                for document_id in crowd
            ),
        ]
    )
    return check(
        Invariant.POISON,
        f"documents made to be found among {len(fresh)} new passages",
        value=len(found),
        limit=0,
        documents=found,
        breach=f"{named(found)} repeat the question that they answer, or are several texts made for one question, as "
        "texts do that are made to crowd out others. Let a second reviewer see them; reject them, or keep one without "
        "the question in it.",
    )
