"""Vectors of documents from the cache."""

import numpy as np
import pytest

from rag_flywheel.adapters.cache import SqliteCache
from rag_flywheel.adapters.models.cached_encoder import LATELY, CachedEncoder
from rag_flywheel.errors import ConfigError
from tests.fakes.encoder import HashingEncoder


@pytest.fixture
def cache(tmp_path):  # type: ignore[no-untyped-def]
    made = SqliteCache(tmp_path / "cache.db")
    yield made
    made.close()


def test_a_document_is_embedded_once_and_its_vector_stays_the_same(cache: SqliteCache) -> None:
    below = HashingEncoder()
    first = CachedEncoder(below, model="m", cache=cache).encode_documents(["one", "two", "one"])
    again = CachedEncoder(below, model="m", cache=cache).encode_documents(["two", "three"])
    assert below.encoded == 3
    assert np.array_equal(again[0], first[1])
    assert np.array_equal(first, HashingEncoder().encode_documents(["one", "two", "one"]))


@pytest.mark.parametrize("texts", [["one"], ["one", "two"]])
def test_another_model_under_the_same_name_is_told_by_the_size_of_its_vectors(
    cache: SqliteCache, texts: list[str]
) -> None:
    CachedEncoder(HashingEncoder(64), model="m", cache=cache).encode_documents(["one"])
    with pytest.raises(ConfigError, match=r"vectors of 64 numbers.*such of 32 now.*embedder\.model"):
        CachedEncoder(HashingEncoder(32), model="m", cache=cache).encode_documents(texts)


def test_tokens_are_embedded_once_with_their_text_and_rounded_alike_from_the_first_time_on(cache: SqliteCache) -> None:
    below = HashingEncoder(by_token=True)
    encoder = CachedEncoder(below, model="m", cache=cache)
    whole, first = encoder.encode_documents_by_token(["a pump", "two"])
    again = encoder.encode_documents_by_token(["two", "a pump"])[1]
    assert below.encoded == 2
    assert [tokens.shape for tokens in first] == [(2, 64), (1, 64)]
    assert all(np.array_equal(tokens, other) for tokens, other in zip(first, reversed(again), strict=True))
    assert np.array_equal(encoder.encode_documents(["a pump", "two"]), whole)
    assert below.encoded == 2


def test_the_tokens_of_a_query_come_with_its_vector(cache: SqliteCache) -> None:
    below = HashingEncoder(by_token=True)
    encoder = CachedEncoder(below, model="m", cache=cache)
    encoder.encode_queries(["why me"])
    [tokens] = encoder.encode_queries_by_token(["why me"])[1]
    assert (tokens.shape, below.encoded) == ((2, 64), 1)


def test_of_a_model_without_tokens_none_are_kept(cache: SqliteCache) -> None:
    encoder = CachedEncoder(HashingEncoder(), model="m", cache=cache)
    for _ in range(2):
        assert [tokens.size for tokens in encoder.encode_documents_by_token(["a pump", ""])[1]] == [0, 0]


def test_another_model_has_vectors_of_its_own(cache: SqliteCache) -> None:
    below = HashingEncoder()
    for model in ("m", "n"):
        CachedEncoder(below, model=model, cache=cache).encode_documents(["one"])
    assert below.encoded == 2


def test_a_query_is_embedded_once_for_one_answer_and_never_kept_in_the_cache(cache: SqliteCache) -> None:
    below = HashingEncoder()
    encoder = CachedEncoder(below, model="m", cache=cache)
    first = encoder.encode_queries(["who"])
    again = encoder.encode_queries(["who", "why", "who"])
    assert below.encoded == 2
    assert np.array_equal(again[[0, 2]], np.concatenate([first, first]))
    CachedEncoder(below, model="m", cache=cache).encode_queries(["who"])
    assert below.encoded == 3


def test_only_the_latest_queries_are_at_hand(cache: SqliteCache) -> None:
    below = HashingEncoder()
    encoder = CachedEncoder(below, model="m", cache=cache)
    for number in range(LATELY + 1):
        encoder.encode_queries([str(number)])
    encoder.encode_queries(["1", str(LATELY)])
    assert below.encoded == LATELY + 1
    encoder.encode_queries(["0"])
    assert below.encoded == LATELY + 2


def test_many_queries_at_once_are_not_kept_in_memory(cache: SqliteCache) -> None:
    below = HashingEncoder()
    encoder = CachedEncoder(below, model="m", cache=cache)
    many = [str(number) for number in range(LATELY + 1)]
    assert np.array_equal(encoder.encode_queries(many), HashingEncoder().encode_queries(many))
    encoder.encode_queries(["0"])
    assert below.encoded == LATELY + 2


def test_no_texts_give_no_rows(cache: SqliteCache) -> None:
    encoder = CachedEncoder(HashingEncoder(64), model="m", cache=cache)
    assert encoder.encode_documents([]).shape == (0, 64)
    assert encoder.encode_queries([]).shape == (0, 64)
