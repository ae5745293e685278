"""An index and a reranker store whose scores a test writes down, for tests about what is made of them."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from rag_flywheel.domain import (
    Candidate,
    Groups,
    VersionId,
)
from rag_flywheel.errors import NotFound
from rag_flywheel.ports import ALL_ENGLISH, Pair, PassageIndex, Reranker, Vectors


class ScriptedIndex(PassageIndex):
    """One version, `v1`, that finds for each query what it was told to find."""

    def __init__(self, found: Mapping[str, Sequence[Candidate]]) -> None:
        self._found = found
        self.searches: list[tuple[str, int]] = []  # (query, limit)

    def search(
        self,
        version: VersionId,
        *,
        text: str,
        vector: Vectors,
        limit: int,
        groups: Groups,
        languages: Mapping[str, float] = ALL_ENGLISH,
    ) -> list[Candidate]:
        if version != "v1":
            raise NotFound(f"no version {version}")
        self.searches.append((text, limit))
        return list(self._found[text])


class ScriptedReranker:
    """Scores each text by a rule, and remembers what it scored."""

    def __init__(self, rule: Callable[[str, str], float]) -> None:
        self._rule = rule
        self.scored: list[tuple[str, tuple[str, ...]]] = []

    def score(self, query: str, texts: Sequence[str]) -> Vectors:
        self.scored.append((query, tuple(texts)))
        return np.array([self._rule(query, text) for text in texts], dtype=np.float32)


class MemoryRerankers:
    """A `RerankerStore` that learns nothing: all that it tunes score by one rule. It keeps the pairs it was given."""

    def __init__(self, rule: Callable[[str, str], float] = lambda query, text: 0.0) -> None:
        self._rule = rule
        self.tuned: dict[str, list[Pair]] = {}
        self.runs = 0

    def tune(self, pairs: Sequence[Pair], *, seed: int, on_step: Callable[[int, int], None]) -> str:
        if len({pair.relevant for pair in pairs}) < 2:
            raise ValueError("tuning needs relevant and irrelevant pairs")
        self.runs += 1
        on_step(1, 1)
        recipe = json.dumps([seed, *((pair.query, pair.text, pair.relevant) for pair in pairs)])
        digest = hashlib.sha256(recipe.encode()).hexdigest()[:16]
        self.tuned[digest] = list(pairs)
        return digest

    def has(self, digest: str) -> bool:
        return digest in self.tuned

    def load(self, digest: str) -> Reranker:
        if not self.has(digest):
            raise NotFound(f"no reranker {digest}")
        return ScriptedReranker(self._rule)

    def keep_only(self, digests: set[str]) -> None:
        self.tuned = {digest: pairs for digest, pairs in self.tuned.items() if digest in digests}


class MemoryCache:
    """A `Cache` in a dict."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}

    def get(self, keys: Sequence[str]) -> dict[str, bytes]:
        return {key: self.values[key] for key in keys if key in self.values}

    def put(self, values: Mapping[str, bytes]) -> None:
        self.values.update(values)

    def forget(self, prefix: str, *, but: Sequence[str]) -> None:
        self.values = {
            key: value for key, value in self.values.items() if not key.startswith(prefix) or key.startswith(tuple(but))
        }

    def close(self) -> None:
        """Nothing is open."""
