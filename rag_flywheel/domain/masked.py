"""Values that were masked out of what people wrote, by keyed digests: whether a text holds one can be told, and the
value cannot be read. Pure.

A digest is BLAKE2b (RFC 7693) under a key of the deployment. Whoever has key and digests can try out all telephone
numbers there are: they are kept as carefully as the record that they belong to, and as long.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

LEAST, LONGEST = 8, 64  # letters and digits of a value
WORDS = 12  # of a value, at most
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedOut:
    """What was masked out of the texts that are kept, and where it stood."""

    key: bytes
    digests: frozenset[str]
    around: tuple[str, ...]  # the words before and after a value, as they are kept

    def held(self, text: str) -> set[str]:
        """The digests of those that stand in a text, each from the beginning of a word to the end of one."""
        return set(self.digests.intersection(digests(text, self.key))) if self.digests else set()


def digest(value: str, key: bytes) -> str | None:
    """Of its letters and digits alone, case and Unicode form aside; None where it is too short or too long to tell."""
    words = _words(value)
    whole = "".join(words)
    return _digest(whole, key) if LEAST <= len(whole) <= LONGEST and len(words) <= WORDS else None


def digests(text: str, key: bytes) -> Iterator[str]:
    """Of everything in a text that can be a value, in time that is proportional to its length."""
    words = _words(text)
    for start in range(len(words)):
        whole = ""
        for word in words[start : start + WORDS]:
            whole += word
            if len(whole) > LONGEST:
                break
            if len(whole) >= LEAST:
                yield _digest(whole, key)


def masked_out(found: Iterable[tuple[tuple[str, ...], Iterable[str]]], key: bytes) -> MaskedOut:
    """Of records, each with its digests and with the words around what was masked in it."""
    names: set[str] = set()
    around: dict[str, None] = {}
    for kept, words in found:
        if kept:
            names.update(kept)
            around.update(dict.fromkeys(words))
    return MaskedOut(key=key, digests=frozenset(names), around=tuple(around))


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def _digest(whole: str, key: bytes) -> str:
    return hashlib.blake2b(whole.encode("utf-8", "surrogatepass"), key=key, digest_size=12).hexdigest()


NOTHING_MASKED = MaskedOut(key=b"", digests=frozenset(), around=())
