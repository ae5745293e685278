"""What a candidate takes over from the live version as it stands there, so that a small change is a small build.

What is taken out of a copy is found no more, but its bytes stay in the files until a version is written anew. So words
of people that a version may not hold any more are a reason to write everything, and so are other masks of documents.
"""

import hashlib
from collections.abc import Iterable, Sequence

from ingest import build
from rag_flywheel.domain import Chunk, VersionId
from rag_flywheel.ports import Like
from rag_flywheel.services import Services

OTHERS_AT_MOST = 0.1  # share of the live version's entries that may be others now


def recipe(services: Services) -> str:
    """All that decides how a chunk becomes an entry, and how the documents of each source were masked before."""
    config = services.config
    embedder = config.embedder.model_dump_json(exclude={"batch", "engine", "device"})  # which change rounding alone
    masks = [(source.label, services.document_redactor(source).name) for source in config.sources]
    return f"{build.VECTORS}|{embedder}|{config.ingest.embed_titles}|{hashlib.sha256(repr(masks).encode()).hexdigest()}"


def most_of(live: VersionId, before: Sequence[Chunk], chunks: Sequence[Chunk]) -> Like | None:
    """The live version, which holds the chunks `before`, without those that are not among these; None where too many
    are not, or what people wrote.
    """
    now = {chunk.chunk_id: chunk for chunk in chunks}
    without = tuple(chunk for chunk in before if now.get(chunk.chunk_id) != chunk)
    if len(without) > OTHERS_AT_MOST * len(before) or not _written(without) <= _written(chunks):
        return None
    return Like(version=live, without=without)


def new(chunks: Iterable[Chunk], before: Iterable[Chunk]) -> list[Chunk]:
    """The chunks that are not among those before."""
    known = {chunk.chunk_id: chunk for chunk in before}
    return [chunk for chunk in chunks if known.get(chunk.chunk_id) != chunk]


def _written(chunks: Iterable[Chunk]) -> set[tuple[str, str, str]]:
    """What people wrote of these: questions, and the answers of corrections, which are each one person's. Of several
    who confirm one question the newest counts, so that another's every night is no reason.
    """
    return {
        (chunk.question or "", "", "")
        if chunk.provenance is None
        else (chunk.question or "", chunk.text, chunk.provenance.correction_id)
        for chunk in chunks
        if chunk.by_question or chunk.provenance is not None
    }
