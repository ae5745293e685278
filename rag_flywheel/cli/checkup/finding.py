"""What a check comes to."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"  # it works, and somebody should know
    WRONG = "wrong"
    SKIPPED = "skipped"  # nothing to look at, or what it needs is wrong itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found; and, where that is not well, what was expected and what to do."""

    check: str
    level: Level
    found: str
    expected: str = ""
    do: str = ""


class Skip(Exception):
    """Raised by a check that has nothing to look at; the message says why."""


def ok(check: str, found: str) -> Finding:
    return Finding(check=check, level=Level.OK, found=found)


def warning(check: str, found: str, *, expected: str, do: str) -> Finding:
    return Finding(check=check, level=Level.WARNING, found=found, expected=expected, do=do)


def wrong(check: str, found: str, *, expected: str, do: str) -> Finding:
    return Finding(check=check, level=Level.WRONG, found=found, expected=expected, do=do)
