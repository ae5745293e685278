"""What tells a person's records and words again, once they are gone. Pure."""

import hashlib
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rag_flywheel.domain.erasures import Theirs
from rag_flywheel.domain.stand_ins import unnumbered

TOGETHER = 5  # words in a row that hardly two people write by chance
WHOLE = 3  # words from which a short text is looked for as a whole
MOST = 20_000  # digests of one person: of more, evenly spread ones are kept
KEY_BYTES = 32
_WORD = re.compile(r"\w+")
_ID = re.compile(r"[\w-]{12,}")  # long enough to be known inside a text, too


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """Ids of erased records, and keyed digests of what the person wrote (BLAKE2b, RFC 7693): without the key nobody
    can try texts out.
    """

    names: frozenset[str]
    digests: frozenset[str]
    key: bytes
    sealed: bool = False  # whether the names are keyed digests, too

    def theirs(self) -> Theirs:
        return Theirs(names=self._names, wrote=self._wrote)

    def seal(self) -> "Traces":
        """The same, in a form that names nothing without the key."""
        sealed = frozenset(_digest([name], self.key) for name in self.names)
        return Traces(names=sealed, digests=self.digests, key=self.key, sealed=True)

    def _names(self, text: str) -> bool:
        candidates = itertools.chain([text], re.split("[:#]", text), _ID.findall(text))
        known = (_digest([name], self.key) for name in candidates) if self.sealed else candidates
        return any(name in self.names for name in known)

    def _wrote(self, text: str) -> bool:
        return bool(self.digests) and any(digest in self.digests for digest in digests_of(text, self.key))


def digests_of(text: str, key: bytes) -> Iterator[str]:
    """Of every five words in a row, and of the whole where it has three words or more. Case and marks do not count."""
    words = _WORD.findall(unnumbered(text).casefold())  # an index holds other numbers, or none
    if len(words) >= WHOLE:
        yield _digest(words, key)
    for at in range(len(words) - TOGETHER + 1):
        yield _digest(words[at : at + TOGETHER], key)


def distinctive(texts: Iterable[str], others: Iterable[str], key: bytes) -> frozenset[str]:
    """Digests of what stands in the texts and in none of the others, at most MOST."""
    found = {digest for text in texts for digest in digests_of(text, key)}
    for text in others:
        if not found:
            break
        found.difference_update(digests_of(text, key))
    apart = -(-len(found) // MOST) or 1
    return frozenset(itertools.islice(sorted(found), 0, None, apart))


def _digest(words: Iterable[str], key: bytes) -> str:
    return hashlib.blake2b(" ".join(words).encode("utf-8", "surrogatepass"), key=key, digest_size=12).hexdigest()
