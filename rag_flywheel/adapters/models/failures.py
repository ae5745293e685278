"""What to make of a model's server that refuses: whether another try may help, and how long to wait before it."""

import re
from dataclasses import dataclass

from rag_flywheel.errors import REFUSED_ALONE

LONGEST_BACKOFF = 8.0  # seconds
_SECONDS = re.compile(r"\d{1,6}(\.\d+)?")


@dataclass(frozen=True, slots=True)
class Failure:
    what: str
    advice: str
    passing: bool  # whether another try may help
    wait: float | None = None  # seconds that the server asks to be left alone
    alone: bool = False  # whether it is this one request that the server does not take

    def pause(self, attempt: int) -> float:
        """Seconds before the next attempt, the first of which is 0."""
        return min(0.5 * 2**attempt, LONGEST_BACKOFF) if self.wait is None else self.wait

    def worth_waiting(self, timeout: float) -> bool:
        """A server that wants to be left alone for longer than we wait for an answer is not there for us."""
        return self.passing and (self.wait is None or self.wait <= timeout)


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What of the settings a refusal is about."""

    key: str  # the variable of the environment
    model: str
    url: str
    limits: str  # what may be too much for the server


def refused(status: int, retry_after: str, names: Names) -> Failure:
    """What an error status means, with the header Retry-After."""
    what = f"refused with status {status}"
    wait = float(retry_after) if _SECONDS.fullmatch(retry_after) else None
    if 300 <= status < 400:
        return Failure(what, f"it sends to another address, which is not followed: set {names.url} to that", False)
    if status in (401, 403):
        return Failure(what, f"set {names.key} to a key that it accepts", False)
    if status == 404:
        return Failure(what, f"check that {names.model} is a model it has and that {names.url} is right", False)
    if status == 429:
        return Failure(what, "it has too many requests or the key's quota is spent; try again later", True, wait)
    if status >= 500:
        return Failure(what, "look at its log, or try again later", True, wait)
    return Failure(what, f"check {names.limits} against it", False, alone=status in REFUSED_ALONE)
