"""A rephraser that remembers what it said, so that nothing is asked twice."""

import hashlib
import json

from rag_flywheel.ports import Cache, Rephraser

RULES = 1
"""Goes up whenever the same model would be asked otherwise."""


class CachedRephraser:
    """The same wordings as the rephraser below, from the cache where the text was asked about before.

    Its failures are not remembered.
    """

    def __init__(self, below: Rephraser, *, cache: Cache) -> None:
        self.name = below.name
        self._below = below
        self._cache = cache

    def rephrase(self, text: str, count: int) -> list[str]:
        key = self._key(text, count)
        known = self._cache.get([key]).get(key)
        if known is not None:
            return list(json.loads(known))
        wordings = self._below.rephrase(text, count)
        self._cache.put({key: json.dumps(wordings).encode()})
        return wordings

    def _key(self, text: str, count: int) -> str:
        return "wordings:" + hashlib.sha256(f"{RULES}\0{self.name}\0{count}\0{text}".encode()).hexdigest()
