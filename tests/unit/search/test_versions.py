"""A version, opened with all that it was built with."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from rag_flywheel.config import Reranker as RerankerSettings
from rag_flywheel.config import Retrieval
from rag_flywheel.domain import Chunk, LearnedRanking, Passage, VersionId
from rag_flywheel.errors import NotFound
from rag_flywheel.ports import Entry
from rag_flywheel.search.fusion import RERANK, TOKENS
from rag_flywheel.search.retrieval import retrieve
from rag_flywheel.search.texts import searched_text
from rag_flywheel.search.versions import open_version
from tests.fakes.encoder import HashingEncoder
from tests.fakes.index import MemoryIndex
from tests.fakes.rankings import MemoryRerankers
from tests.fakes.samples import chunk, manifest, settings


def documents(passages: Sequence[Passage]) -> list[str]:
    return [passage.chunk.document_id for passage in passages]


def built(index: MemoryIndex, version: str, *texts: str) -> None:
    encoder = HashingEncoder()
    chunks = [chunk(f"{version}-{at}", text) for at, text in enumerate(texts)]
    vectors = encoder.encode_documents(texts)
    entries = [Entry(chunk=piece, vector=vector) for piece, vector in zip(chunks, vectors, strict=True)]
    index.build(VersionId(version), dimension=encoder.dimension, batches=[entries])


def test_a_searcher_finds_in_its_own_version_whatever_the_alias_names() -> None:
    index = MemoryIndex()
    built(index, "v1", "the old manual")
    built(index, "v2", "the new manual")
    index.move_live(VersionId("v2"), expected=None)
    searching = open_version(
        manifest("v1"), index=index, encoders=lambda settings: HashingEncoder(), rerankers=MemoryRerankers()
    )
    assert documents(retrieve("manual", searcher=searching)) == ["v1-0"]
    index.delete(VersionId("v1"))
    with pytest.raises(NotFound):
        retrieve("manual", searcher=searching)


def test_passages_are_ranked_by_their_tokens_too_where_the_version_learned_so() -> None:
    index, encoder = MemoryIndex(), HashingEncoder(by_token=True)
    texts = ["the pump beeps", "pump and filter and hose and valve and lamp and beeps"]
    chunks = [chunk(f"d{at}", text) for at, text in enumerate(texts)]
    embedded = zip(chunks, *encoder.encode_documents_by_token(texts), strict=True)
    entries = [Entry(chunk=piece, vector=vector, tokens=tokens) for piece, vector, tokens in embedded]
    index.build(VersionId("v1"), dimension=64, token_dimension=64, batches=[entries])
    told = manifest("v1", learned=LearnedRanking(fusion={TOKENS: 1.0}))
    searching = open_version(told, index=index, encoders=lambda settings: encoder, rerankers=MemoryRerankers())
    for query, first in (("pump beeps the", "d0"), ("hose beeps", "d1")):
        [best, _] = retrieve(query, searcher=searching)
        assert (best.chunk.document_id, best.scores.tokens) == (first, pytest.approx(1.0))


def test_a_searcher_has_the_settings_that_its_version_was_built_with() -> None:
    shaped = settings(retrieval=Retrieval(candidates=7, passages=3), reranker=RerankerSettings(candidates=4))
    searching = open_version(
        manifest("v1", shaped=shaped),
        index=MemoryIndex(),
        encoders=lambda settings: HashingEncoder(),
        rerankers=MemoryRerankers(),
    )
    assert (searching.candidates, searching.shown, searching.reranked) == (7, 3, 4)


def test_a_version_opens_that_was_built_with_a_setting_that_is_gone() -> None:
    shaped = settings()
    for section in ("retrieval", "reranker", "embedder"):
        shaped[section] = {**dict(shaped[section]), "cut_later": 1}  # type: ignore[call-overload]
    searching = open_version(
        manifest("v1", shaped=shaped),
        index=MemoryIndex(),
        encoders=lambda settings: HashingEncoder(),
        rerankers=MemoryRerankers(),
    )
    assert searching.candidates == Retrieval().candidates


def test_a_version_whose_reranker_is_gone_cannot_be_opened() -> None:
    lost = manifest("v1", learned=LearnedRanking(fusion={RERANK: 1.0}, reranker="gone"))
    with pytest.raises(NotFound):
        open_version(lost, index=MemoryIndex(), encoders=lambda settings: HashingEncoder(), rerankers=MemoryRerankers())


@pytest.mark.parametrize(
    ("title", "headings", "titles", "expected"),
    [
        ("Guide", ("Install", "Linux"), True, "Guide > Install > Linux\ntext"),
        ("Guide", ("Guide", "Linux"), True, "Guide > Linux\ntext"),
        ("", (), True, "text"),
        ("Guide", ("Install",), False, "text"),
    ],
)
def test_a_chunk_is_embedded_under_its_title_and_headings(
    title: str, headings: tuple[str, ...], titles: bool, expected: str
) -> None:
    piece: Chunk = replace(chunk("guide", "text"), title=title, headings=headings)
    assert searched_text(piece, titles=titles) == expected
