"""What masking takes out of a text: digested before it is dropped, so that a leak of it can be known again. Pure."""

import hashlib
import hmac
import itertools
from collections.abc import Iterator

from rag_flywheel.domain.masked import digest
from rag_flywheel.ports import PLACEHOLDER, Redacted

MOST = 20
"""Values of one text that are digested, at most."""
AROUND = 12
"""Words on either side of a value that ask for it."""
NAMES = ("PERSON", "LOCATION", "STREET_ADDRESS")
"""Of kinds that a manual may rightly name: a name that somebody typed is no secret of theirs."""


def key_of(salt: bytes) -> bytes:
    """The key of the digests, which follows from the deployment's salt."""
    return hmac.new(salt, b"masked out", hashlib.sha256).digest()


def taken_out(kept: Redacted, salt: bytes) -> tuple[str, ...]:
    """The digests of what was masked, but of names; at most MOST."""
    values = (mask.value for mask in kept.masks if mask.kind not in NAMES)
    found = dict.fromkeys(name for value in values if (name := digest(value, key_of(salt))) is not None)
    return tuple(itertools.islice(found, MOST))


def around(kept: str) -> Iterator[str]:
    """The words before each placeholder, and those after it."""
    for place in PLACEHOLDER.finditer(kept):
        before, after = kept[: place.start()].split()[-AROUND:], kept[place.end() :].split()[:AROUND]
        for words in (before, after):
            plain = [word for word in words if not PLACEHOLDER.search(word)]
            if plain:
                yield " ".join(plain)
