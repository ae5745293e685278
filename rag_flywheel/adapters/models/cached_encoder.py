"""An encoder that remembers the vectors of documents, so that nothing unchanged is embedded again, and for a moment
those of queries: an answer needs its question's more than once.
"""

import hashlib
import threading
from collections.abc import Sequence

import numpy as np
from cachetools import LRUCache

from rag_flywheel.errors import ConfigError
from rag_flywheel.ports import Cache, Encoder, Vectors

LATELY = 1000  # queries whose vectors are at hand; more than are answered at a time, and most golden sets


class CachedEncoder:
    """The same vectors as the encoder below, from the cache where a document's text was embedded before.

    `model` names the encoder with all that changes its vectors. Queries are what people typed: the latest few are
    remembered in memory, and none in the cache. Raises ConfigError where kept vectors have another size than new ones.
    """

    def __init__(self, below: Encoder, *, model: str, cache: Cache) -> None:
        self.name = below.name
        self._below = below
        self._model = model
        self._cache = cache
        self._lately: LRUCache[str, tuple[Vectors, Vectors]] = LRUCache(LATELY)
        self._guard = threading.Lock()

    @property
    def dimension(self) -> int:
        return self._below.dimension

    @property
    def longest(self) -> int:
        return self._below.longest

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._below.count_tokens(texts)

    @property
    def token_dimension(self) -> int:
        return self._below.token_dimension

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        return self.encode_queries_by_token(texts)[0]

    def encode_queries_by_token(self, texts: Sequence[str]) -> tuple[Vectors, list[Vectors]]:
        if len(texts) > LATELY:
            return self._below.encode_queries_by_token(texts)
        with self._guard:
            found = {text: self._lately[text] for text in texts if text in self._lately}
        missing = list(dict.fromkeys(text for text in texts if text not in found))
        if missing:
            made = zip(*self._below.encode_queries_by_token(missing), strict=True)
            found |= dict(zip(missing, made, strict=True))
        with self._guard:
            self._lately.update((text, found[text]) for text in texts)
        return self._stacked([found[text][0] for text in texts]), [found[text][1] for text in texts]

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        keys = [self._key(text) for text in texts]
        stored = self._cache.get(keys)
        missing = list(dict.fromkeys(text for key, text in zip(keys, texts, strict=True) if key not in stored))
        if missing:
            stored |= self._kept(missing, self._below.encode_documents(missing), None)
        return self._stacked([np.frombuffer(stored[key], dtype=np.float32) for key in keys])

    def encode_documents_by_token(self, texts: Sequence[str]) -> tuple[Vectors, list[Vectors]]:
        keys = [self._key(text) for text in texts]
        stored = self._cache.get([*keys, *map(_of_tokens, keys)])
        named = zip(keys, texts, strict=True)
        missing = list(dict.fromkeys(text for key, text in named if not {key, _of_tokens(key)} <= stored.keys()))
        if missing:
            stored |= self._kept(missing, *self._below.encode_documents_by_token(missing))
        by_token = [np.frombuffer(stored[_of_tokens(key)], dtype=np.float16).astype(np.float32) for key in keys]
        shape = (-1, self.token_dimension) if self.token_dimension else (0, 0)
        whole = self._stacked([np.frombuffer(stored[key], dtype=np.float32) for key in keys])
        return whole, [tokens.reshape(shape) for tokens in by_token]

    def unmade(self, texts: Sequence[str], *, by_token: bool) -> list[str]:
        every = list(dict.fromkeys(texts))
        keys = [self._key(text) for text in every]
        needed = [{key, _of_tokens(key)} if by_token else {key} for key in keys]
        stored = self._cache.get([name for names in needed for name in names]).keys()
        return [text for text, names in zip(every, needed, strict=True) if not names <= stored]

    def keep(self, texts: Sequence[str], vectors: Vectors, tokens: Sequence[Vectors] | None) -> None:
        self._kept(texts, vectors, tokens)

    def _kept(self, texts: Sequence[str], vectors: Vectors, tokens: Sequence[Vectors] | None) -> dict[str, bytes]:
        keys = [self._key(text) for text in texts]
        made = {key: vector.tobytes() for key, vector in zip(keys, vectors, strict=True)}
        if tokens is not None:
            made |= {
                _of_tokens(key): of_text.astype(np.float16).tobytes() for key, of_text in zip(keys, tokens, strict=True)
            }
        self._cache.put(made)
        return made

    def _stacked(self, vectors: Sequence[Vectors]) -> Vectors:
        others = {len(vector) for vector in vectors} - {self.dimension}
        if others:
            raise ConfigError(
                f"the cache holds vectors of {min(others)} numbers of {self.name}, which gives such of "
                f"{self.dimension} now: give the model that is there now another name in embedder.model"
            )
        return np.stack(vectors) if vectors else np.zeros((0, self.dimension), dtype=np.float32)

    def _key(self, text: str) -> str:
        return "vector:" + hashlib.sha256(f"{self._model}\0{text}".encode()).hexdigest()


def _of_tokens(key: str) -> str:
    return f"tokens of {key}"
