"""What masking takes out of a text: digested before it is dropped, so that a leak of it can be known again. Pure."""

import hashlib
import hmac
from collections.abc import Iterator

from rag_flywheel.domain.masked import digest
from rag_flywheel.ports import PLACEHOLDER

MOST = 20
"""Values of one text that are digested, at most."""
AROUND = 12
"""Words on either side of a value that ask for it."""
NAMES = ("<PERSON", "<LOCATION", "<STREET_ADDRESS")
"""Of kinds that a manual may rightly name: a name that somebody typed is no secret of theirs."""


def key_of(salt: bytes) -> bytes:
    """The key of the digests, which follows from the deployment's salt."""
    return hmac.new(salt, b"masked out", hashlib.sha256).digest()


def taken_out(text: str, kept: str, salt: bytes) -> tuple[str, ...]:
    """The digests of what stands in `text` where `kept` has a placeholder, but of names; at most MOST."""
    if kept == text:
        return ()
    found: dict[str, None] = {}
    for kind, value in _pairs(text, kept):
        if not kind.startswith(NAMES) and (name := digest(value, key_of(salt))) is not None:
            found[name] = None
        if len(found) == MOST:
            break
    return tuple(found)


def around(kept: str) -> Iterator[str]:
    """The words before each placeholder, and those after it."""
    for place in PLACEHOLDER.finditer(kept):
        before, after = kept[: place.start()].split()[-AROUND:], kept[place.end() :].split()[:AROUND]
        for words in (before, after):
            plain = [word for word in words if not PLACEHOLDER.search(word)]
            if plain:
                yield " ".join(plain)


def _pairs(text: str, kept: str) -> Iterator[tuple[str, str]]:
    """Each placeholder with what stood there: what is kept around it stands in the text, too, in the same order."""
    places = list(PLACEHOLDER.finditer(kept))
    at = places[0].start() if places else 0
    for number, place in enumerate(places):
        last = number + 1 == len(places)
        between = kept[place.end() : len(kept) if last else places[number + 1].start()]
        end = len(text) - len(between) if last else text.find(between, at)
        if end < at:
            return
        yield place.group(), text[at:end]
        at = end + len(between)
