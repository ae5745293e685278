"""Every error this project raises on purpose.

    FlywheelError                      HTTP  exit
    |- ConfigError                      500     2   a setting is unknown, missing or of the wrong type
    |  `- WrongKey                                  the key of the pseudonyms is missing, or not the ledger's
    |- InvalidInput                     422     2   what was sent cannot be used
    |- NotSignedIn                      401     9   nobody said who asks, or said so with what does not hold
    |- NotAllowed                       403     9   who asks may not do this
    |- NotFound                         404     5   no such interaction, correction or version
    |- Conflict                         409     6   the state of things forbids it now
    |  |- AlreadyRunning                            another reindex holds the lock
    |  |- AliasMoved                                the alias no longer names what the caller expected
    |  |- VersionInUse                              an alias names the version
    |  |- Frozen                                    promotions are frozen
    |  |- BudgetSpent                               the privacy loss that a month allows is used up
    |  |- Barred                                    the version may hold data of a person who is being erased
    |  |- NothingLive                   503         no version is live yet
    |  `- KeyReused                                 one idempotency key, two different requests
    |- TooMany                          429     7   somebody asks more than is allowed; later it is allowed again
    |- Unavailable                      503     7   a service we call is down or too slow
    |  |- DiskUnavailable                           the disk is full, read-only, or failing
    |  |- LedgerUnavailable
    |  |- IndexUnavailable
    |  `- LanguageModelUnavailable
    `- Damaged                          500     8   stored data is not what we wrote

A message says what was found, what was expected and what to do. It never holds the text of a question, an answer or a
correction. A refused or undecided gate is a result, not an error (exit codes REFUSED and UNDECIDED), and so is what
`doctor` finds (SICK).

What the system says of a full, read-only or failing disk is translated here, since whatever writes can meet it.
"""

import contextlib
import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

DONE = 0
REFUSED = 3
UNDECIDED = 4
SICK = 10
INTERRUPTED = 130


class FlywheelError(Exception):
    http_status: int = 500
    exit_code: int = 1


class ConfigError(FlywheelError):
    exit_code = 2


class WrongKey(ConfigError):
    """The key of the pseudonyms is not there, or is not the one that the ledger was written with."""


class InvalidInput(FlywheelError):
    http_status = 422
    exit_code = 2


class NotSignedIn(FlywheelError):
    http_status = 401
    exit_code = 9


class NotAllowed(FlywheelError):
    http_status = 403
    exit_code = 9


class NotFound(FlywheelError):
    http_status = 404
    exit_code = 5


class Conflict(FlywheelError):
    http_status = 409
    exit_code = 6


class AlreadyRunning(Conflict):
    """Another run holds the lock."""


class AliasMoved(Conflict):
    """The alias was moved by someone else since it was read."""


class VersionInUse(Conflict):
    """The version is named by an alias and cannot be deleted."""


class Frozen(Conflict):
    """A person froze promotions, and nobody has ended that yet."""


class BudgetSpent(Conflict):
    """What was released about a month leaves no privacy loss for this."""


class Barred(Conflict):
    """The version may hold data of somebody who asked to be forgotten."""


class NothingLive(Conflict):
    """No version is live, so nothing can be answered yet."""

    http_status = 503


class KeyReused(Conflict):
    """An idempotency key came back with a different request."""


class TooMany(FlywheelError):
    """Somebody asks more than is allowed; `seconds` later they may ask again."""

    http_status = 429
    exit_code = 7

    def __init__(self, detail: str, *, seconds: int = 1) -> None:
        super().__init__(detail)
        self.seconds = seconds


class Unavailable(FlywheelError):
    http_status = 503
    exit_code = 7

    def __init__(self, *said: object, refused: bool = False) -> None:
        """`refused`: the service is there, and does not take this one request."""
        super().__init__(*said)
        self.refused = refused


REFUSED_ALONE = frozenset({400, 413, 422})
"""Statuses of a service that speak of one request, and not of all that are sent to it."""


class DiskUnavailable(Unavailable):
    """The disk is full, may not be written to, or fails."""


class LedgerUnavailable(Unavailable):
    """The database does not answer."""


class IndexUnavailable(Unavailable):
    """The Qdrant server does not answer."""


class LanguageModelUnavailable(Unavailable):
    """The language model's server does not answer."""


class Damaged(FlywheelError):
    exit_code = 8


def no_interaction(name: str) -> NotFound:
    """What is said of an interaction that is not there, and in the same words of one that is not for whoever asks."""
    return NotFound(f"no interaction {name}: its id is in the reply to the question")


def no_correction(name: str) -> NotFound:
    """What is said of a correction that is not there, and in the same words of one that is not for whoever asks."""
    return NotFound(f"no correction {name}: its id is in the reply to the correction")


def no_topic(name: str) -> NotFound:
    """What is said of a topic that is not there, or not any more, and of one that is not for whoever asks."""
    return NotFound(f"no topic {name}: `rag-flywheel gaps list` has those of now, by their ids")


def too_dear(month: str) -> BudgetSpent:
    """What is said of a release that a month's budget does not allow."""
    return BudgetSpent(
        f"what was released about {month} leaves no privacy loss for this: `rag-flywheel insights budget` says how "
        "much is left; a smaller epsilon may fit, and nothing brings back what is spent"
    )


def status_of_exit(code: int) -> int:
    """The HTTP status for the exit code of a run in a process of its own: 200 for a result, whatever it says."""
    if code in (DONE, REFUSED, UNDECIDED):
        return 200
    return {error.exit_code: error.http_status for error in (InvalidInput, Conflict, Unavailable)}.get(code, 500)


FAULTS = {
    errno.ENOSPC: "is full",
    errno.EDQUOT: "has no quota left",
    errno.EFBIG: "takes no file that large",
    errno.EROFS: "can only be read",
    errno.EIO: "fails",
}
"""What `errno` says of a disk."""


@contextlib.contextmanager
def on_disk(place: Path) -> Iterator[None]:
    """Raises DiskUnavailable for what the system says of the disk that holds `place`; other errors pass."""
    try:
        yield
    except OSError as error:
        if error.errno not in FAULTS:
            raise
        at = Path(error.filename) if isinstance(error.filename, str) else place
        raise trouble(at, FAULTS[error.errno]) from error


def trouble(place: Path, what: str) -> DiskUnavailable:
    """The error to raise, with the space that is left."""
    return DiskUnavailable(
        f"the disk that holds {place} {what}; {told(free(place))} are free: see to it, then try again"
    )


def check_room(place: Path, needed: int) -> None:
    """Raises DiskUnavailable unless `needed` bytes are free on the disk that holds `place`."""
    if free(place) < needed:
        raise trouble(place, f"has no room for what is to be written, which needs {told(needed)}")


def free(place: Path) -> int:
    """Bytes that this process may still write there; 0 where the system cannot say."""
    there = next((folder for folder in (place, *place.parents) if folder.exists()), place)
    try:
        return shutil.disk_usage(there).free
    except OSError:
        return 0


def told(size: int) -> str:
    return f"{size / 1_000_000:,.1f} MB"
