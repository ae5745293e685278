"""Confirmed answers to known questions: the next person who asks so is led to the same passage."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from rag_flywheel.domain import NOBODY, Chunk, ChunkId, Citation, DocumentId, Interaction
from rag_flywheel.domain.equivalence import same_question
from rag_flywheel.domain.groups import covers, shared

Pieces = Mapping[DocumentId, Sequence[tuple[Chunk, str]]]
"""Of each document the chunks, with their texts without white space."""


def known_questions(confirmed: Sequence[Interaction], chunks: Sequence[Chunk]) -> list[Chunk]:
    """For each confirmed question, the chunk that its answer cited first, as it is found by that question.

    Each is for those who may read that passage and were in a group of who asked, since the question is that person's.
    Of several confirmations of the very same question for the same people the newest counts, and none where a
    correction among the chunks answers it for all of these: corrections count most. A confirmation goes where what it
    cited is not shown any more. `confirmed` are answers that may be learned from, their citations where these stand
    among the sources now.
    """
    cited_documents = {cited.document_id for interaction in confirmed for cited in interaction.citations[:1]}
    pieces = _by_document(chunk for chunk in chunks if chunk.document_id in cited_documents)
    corrected: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for chunk in chunks:
        if chunk.question is not None:
            corrected[same_question(chunk.question)].append(chunk.groups)
    newest: dict[tuple[str, frozenset[str] | None], Interaction] = {}
    for interaction in sorted(confirmed, key=lambda asked: asked.asked):
        newest[same_question(interaction.query), interaction.groups or None] = interaction
    found: dict[tuple[str, tuple[str, ...]], Chunk] = {}
    for (question, asker), interaction in sorted(newest.items(), key=lambda asked: asked[1].asked):
        cited = _holder(interaction.citations[0], pieces) if interaction.citations else None
        if cited is None:
            continue
        groups = shared([cited.groups, asker or ()])
        if groups != (NOBODY,) and not any(covers(those, groups) for those in corrected[question]):
            name = ChunkId(f"{cited.chunk_id}?{interaction.interaction_id}")
            found[question, groups] = replace(
                cited, chunk_id=name, question=interaction.query, confirmed=interaction.interaction_id, groups=groups
            )
    return [*found.values()]


def _by_document(chunks: Iterable[Chunk]) -> Pieces:
    pieces: dict[DocumentId, list[tuple[Chunk, str]]] = defaultdict(list)
    for chunk in chunks:
        pieces[chunk.document_id].append((chunk, _solid(chunk.text)))
    return pieces


def _holder(cited: Citation, pieces: Pieces) -> Chunk | None:
    """The chunk of the cited document that shows the cited text, the nearest one to where it stands; where the citation
    was cut in two since, the longest part of it. White space does not count.
    """
    wanted, own = _solid(cited.text), pieces.get(cited.document_id, [])
    holders = [chunk for chunk, text in own if wanted in text]
    if holders:
        return min(holders, key=lambda chunk: abs(chunk.start - cited.start))
    parts = [chunk for chunk, text in own if cited.start <= chunk.start and chunk.end <= cited.end and text in wanted]
    return max(parts, key=lambda chunk: len(chunk.text), default=None)


def _solid(text: str) -> str:
    return "".join(text.split())
