"""Confirmed answers to known questions: the next person who asks so is led to the same passage."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from rag_flywheel.domain import Chunk, ChunkId, Citation, DocumentId, Interaction
from rag_flywheel.domain.equivalence import same_question

Pieces = Mapping[DocumentId, Sequence[Chunk]]


def known_questions(confirmed: Sequence[Interaction], chunks: Sequence[Chunk]) -> list[Chunk]:
    """For each confirmed question, the chunk that its answer cited first, as it is found by that question.

    Of several confirmations of the very same question the newest counts, and none where a correction among the chunks
    answers it: corrections count most. A confirmation goes where what it cited is not there any more, word for word.
    `confirmed` are answers that may be learned from.
    """
    pieces = _by_document(chunks)
    corrected = {same_question(chunk.question) for chunk in chunks if chunk.question is not None}
    newest = {
        same_question(interaction.query): interaction
        for interaction in sorted(confirmed, key=lambda asked: asked.asked)
    }
    found = []
    for question, interaction in newest.items():
        cited = (
            _holder(interaction.citations[0], pieces) if interaction.citations and question not in corrected else None
        )
        if cited is not None:
            name = ChunkId(f"{cited.chunk_id}?{interaction.interaction_id}")
            found.append(
                replace(cited, chunk_id=name, question=interaction.query, confirmed=interaction.interaction_id)
            )
    return found


def up_to_date(confirmed: Sequence[Interaction], chunks: Sequence[Chunk]) -> list[Interaction]:
    """The confirmed answers, their citations where the cited text stands among the chunks now.

    What is not there any more, word for word, stays where it was.
    """
    pieces = _by_document(chunks)
    return [
        replace(interaction, citations=tuple(_followed(cited, pieces) for cited in interaction.citations))
        for interaction in confirmed
    ]


def _followed(cited: Citation, pieces: Pieces) -> Citation:
    holder = _holder(cited, pieces)
    if holder is None or len(holder.own) != holder.end - holder.start:  # a hidden part has moved its text
        return cited
    start = holder.text.index(cited.text)
    span = holder.part(start, start + len(cited.text))
    return replace(cited, start=span.start, end=span.end)


def _by_document(chunks: Sequence[Chunk]) -> Pieces:
    pieces: dict[DocumentId, list[Chunk]] = defaultdict(list)
    for chunk in chunks:
        pieces[chunk.document_id].append(chunk)
    return pieces


def _holder(cited: Citation, pieces: Pieces) -> Chunk | None:
    """The chunk of the cited document that holds the cited text, the nearest one to where it stood."""
    holders = [chunk for chunk in pieces.get(cited.document_id, []) if cited.text in chunk.text]
    return min(holders, key=lambda chunk: abs(chunk.start - cited.start), default=None)
