"""An encoder that remembers the vectors of documents, so that nothing unchanged is embedded again, and for a moment
those of queries: an answer needs its question's more than once.
"""

import hashlib
import threading
from collections.abc import Sequence

import numpy as np
from cachetools import LRUCache

from rag_flywheel.ports import Cache, Encoder, Vectors

LATELY = 1000  # queries whose vectors are at hand; more than are answered at a time, and most golden sets


class CachedEncoder:
    """The same vectors as the encoder below, from the cache where a document's text was embedded before.

    `model` names the encoder with all that changes its vectors. Queries are what people typed: the latest few are
    remembered in memory, and none in the cache.
    """

    def __init__(self, below: Encoder, *, model: str, cache: Cache) -> None:
        self.name = below.name
        self._below = below
        self._model = model
        self._cache = cache
        self._lately: LRUCache[str, Vectors] = LRUCache(LATELY)
        self._guard = threading.Lock()

    @property
    def dimension(self) -> int:
        return self._below.dimension

    @property
    def longest(self) -> int:
        return self._below.longest

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._below.count_tokens(texts)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        if len(texts) > LATELY:
            return self._below.encode_queries(texts)
        with self._guard:
            found = {text: self._lately[text] for text in texts if text in self._lately}
        missing = list(dict.fromkeys(text for text in texts if text not in found))
        if missing:
            found |= dict(zip(missing, self._below.encode_queries(missing), strict=True))
        with self._guard:
            self._lately.update((text, found[text]) for text in texts)
        return np.stack([found[text] for text in texts]) if texts else np.zeros((0, self.dimension), dtype=np.float32)

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        keys = [self._key(text) for text in texts]
        vectors = {key: np.frombuffer(value, dtype=np.float32) for key, value in self._cache.get(keys).items()}
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in vectors}
        if missing:
            made = dict(zip(missing, self._below.encode_documents(list(missing.values())), strict=True))
            self._cache.put({key: vector.tobytes() for key, vector in made.items()})
            vectors |= made
        return np.stack([vectors[key] for key in keys]) if keys else np.zeros((0, self.dimension), dtype=np.float32)

    def _key(self, text: str) -> str:
        return "vector:" + hashlib.sha256(f"{self._model}\0{text}".encode()).hexdigest()
