"""Every error this project raises on purpose.

    FlywheelError                      HTTP  exit
    |- ConfigError                      500     2   a setting is unknown, missing or of the wrong type
    |- InvalidInput                     422     2   what was sent cannot be used
    |- NotFound                         404     5   no such interaction, correction or version
    |- Conflict                         409     6   the state of things forbids it now
    |  |- AlreadyRunning                            another reindex holds the lock
    |  |- AliasMoved                                the alias no longer names what the caller expected
    |  |- VersionInUse                              an alias names the version
    |  |- Frozen                                    promotions are frozen
    |  |- NothingLive                   503         no version is live yet
    |  `- KeyReused                                 one idempotency key, two different requests
    |- Unavailable                      503     7   a service we call is down or too slow
    |  |- LedgerUnavailable
    |  |- IndexUnavailable
    |  `- LanguageModelUnavailable
    `- Damaged                          500     8   stored data is not what we wrote

A message says what was found, what was expected and what to do. It never holds the text of a question, an answer or a
correction. A refused or undecided gate is a result, not an error (exit codes REFUSED and UNDECIDED).
"""

DONE = 0
REFUSED = 3
UNDECIDED = 4
INTERRUPTED = 130


class FlywheelError(Exception):
    http_status: int = 500
    exit_code: int = 1


class ConfigError(FlywheelError):
    exit_code = 2


class InvalidInput(FlywheelError):
    http_status = 422
    exit_code = 2


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


class NothingLive(Conflict):
    """No version is live, so nothing can be answered yet."""

    http_status = 503


class KeyReused(Conflict):
    """An idempotency key came back with a different request."""


class Unavailable(FlywheelError):
    http_status = 503
    exit_code = 7


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


def status_of_exit(code: int) -> int:
    """The HTTP status for the exit code of a run in a process of its own: 200 for a result, whatever it says."""
    if code in (DONE, REFUSED, UNDECIDED):
        return 200
    return {error.exit_code: error.http_status for error in (InvalidInput, Conflict, Unavailable)}.get(code, 500)
