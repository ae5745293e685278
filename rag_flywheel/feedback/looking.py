"""What a correction is looked at beside: its evidence, and the passages that were shown to whoever corrected them."""

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from rag_flywheel.domain import (
    Chunk,
    ChunkId,
    Correction,
    DocumentId,
    Evidence,
    Interaction,
    InteractionId,
    ReviewedCorrection,
)
from rag_flywheel.domain.readers import ANYBODY, Reader
from rag_flywheel.feedback.review import Look
from rag_flywheel.feedback.second_look import Beside, Concern, Peers, concerns, survey
from rag_flywheel.ports import Conversations

PASSAGES = 12
"""Passages that a correction is looked at beside at most."""
CHARACTERS = 4_000
"""Of each of them at most: whoever names evidence decides how long it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePassages:
    """The passages of the live version, and which documents are of official sources."""

    chunks: Mapping[ChunkId, Chunk]
    official: frozenset[DocumentId]


def live_passages(chunks: Iterable[Chunk], is_official: Callable[[str], bool]) -> LivePassages:
    """`is_official` tells of a file by its name in the manifest, as `Config.is_official` does."""
    held = {chunk.chunk_id: chunk for chunk in chunks}
    files = {chunk.source for chunk in held.values() if not chunk.is_correction}
    official = {name for name in files if is_official(name)}
    return LivePassages(
        chunks=held, official=frozenset(chunk.document_id for chunk in held.values() if chunk.source in official)
    )


def peers_of(corrections: Iterable[ReviewedCorrection], reader: Reader = ANYBODY, before: Peers | None = None) -> Peers:
    """Those that a correction is looked at beside, of what the reader may read; `before` saves time, as in `survey`."""
    return survey([entry for entry in corrections if reader.reads_correction(entry.correction)], before)


def looker(
    *,
    peers: Peers,
    ledger: Conversations,
    live: LivePassages,
    reader: Reader = ANYBODY,
    asked: Mapping[InteractionId, Interaction] | None = None,
) -> Look:
    """Who looks at corrections twice; what they are of is read of the ledger unless it was `asked` for before.

    What is said of them tells of nothing that the reader may not read. Whether a correction is held is another matter:
    `EVERYTHING` has to be looked at for that.
    """

    def look(reviewed: ReviewedCorrection, answer: str) -> tuple[Concern, ...]:
        name = reviewed.correction.interaction_id
        of = (asked or {}).get(name) or ledger.interaction(name)
        return concerns(reviewed, answer, beside=beside(reviewed.correction, of, live, reader), peers=peers)

    return look


def beside(correction: Correction, asked: Interaction, live: LivePassages, reader: Reader = ANYBODY) -> Beside:
    """Its evidence as it was named, the passages shown to the asker as far as they are live, and what was cited; of all
    that what the reader may read.
    """
    then = {passage.document_id: passage.groups for passage in asked.ranking}
    shown = [
        live.chunks[passage.chunk_id]
        for passage in asked.ranking[: asked.shown]
        if passage.chunk_id in live.chunks and reader.reads(passage.document_id, live.chunks[passage.chunk_id].groups)
    ]
    standing = [chunk for chunk in shown if not _overlaps(chunk.span, correction.supersedes)]
    quotes = [span.quote.exact for span in correction.evidence if span.quote is not None]
    cited = [
        citation.text
        for citation in asked.citations
        if reader.reads(citation.document_id, then.get(citation.document_id))
        and not _overlaps(
            Evidence(document_id=citation.document_id, start=citation.start, end=citation.end), correction.supersedes
        )
    ]
    texts = dict.fromkeys(text[:CHARACTERS] for text in (*quotes, *(chunk.text for chunk in standing), *cited))
    return Beside(
        passages=tuple(itertools.islice(texts, PASSAGES)),
        official=tuple(chunk.text for chunk in standing if chunk.document_id in live.official),
        replaces_official=any(span.document_id in live.official for span in correction.supersedes),
    )


def _overlaps(span: Evidence, others: Iterable[Evidence]) -> bool:
    return any(span.overlaps(other) for other in others)
