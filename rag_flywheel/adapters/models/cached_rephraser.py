"""A rephraser that remembers what it said, so that nothing is asked twice."""

import hashlib
import json
import logging

from rag_flywheel.errors import Unavailable
from rag_flywheel.ports import Cache, Rephraser

logger = logging.getLogger(__name__)

RULES = 1
"""Goes up whenever the same model would be asked otherwise."""


class CachedRephraser:
    """The same wordings as the rephraser below, from the cache where the text was asked about before.

    Its failures are not remembered. A cache that cannot be used costs time and is no failure.
    """

    def __init__(self, below: Rephraser, *, cache: Cache) -> None:
        self.name = below.name
        self._below = below
        self._cache = cache

    def rephrase(self, text: str, count: int) -> list[str]:
        key = self._key(text, count)
        known = self._get(key)
        if known is None:
            known = self._below.rephrase(text, count)
            self._put(key, known)
        return known

    def _key(self, text: str, count: int) -> str:
        return "wordings:" + hashlib.sha256(f"{RULES}\0{self.name}\0{count}\0{text}".encode()).hexdigest()

    def _get(self, key: str) -> list[str] | None:
        try:
            value = self._cache.get([key]).get(key)
        except Unavailable as error:
            logger.warning("going on without the cache: %s", error)
            return None
        return None if value is None else list(json.loads(value))

    def _put(self, key: str, wordings: list[str]) -> None:
        try:
            self._cache.put({key: json.dumps(wordings).encode()})
        except Unavailable as error:
            logger.warning("going on without the cache: %s", error)
