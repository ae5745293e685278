"""Counts about a sensitive domain as they are published: with noise, once, and at a price."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from rag_flywheel.domain.checks import aware

_ROUNDING = 1e-9
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


class Measure(StrEnum):
    """What a release counts."""

    SATISFACTION = "satisfaction"  # answers that their askers called good, and bad
    GAPS = "gaps"  # people who asked what the documents do not surely answer, by the question
    USAGE = "usage"  # questions, by the day and the group of askers


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A count with noise in it."""

    name: str  # of a usage: the day and the group; of a gap: the question, masked
    count: int | None  # None: too small to be told


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What was published about one month, and what it cost. It is (epsilon, delta)-private for each person's records of
    that month (Dwork and Roth, 2014, definition 2.4).
    """

    measure: Measure
    month: str  # such as 2026-11, in UTC
    at: datetime  # records until then are counted
    who: str
    epsilon: float
    delta: float  # 0 where the cells do not depend on what people did
    per_person: int  # questions of a person that were counted, at most
    within: int  # of 100 counts 95 are off by this or less, for their noise
    cells: tuple[Cell, ...]

    def __post_init__(self) -> None:
        aware("at", self.at)
        month_of(self.month)


def month_of(text: str) -> tuple[datetime, datetime]:
    """The first instant of a month and of the next one. Raises ValueError for what is none."""
    if not _MONTH.fullmatch(text):
        raise ValueError("a month is written as 2026-11")
    year, month = int(text[:4]), int(text[5:])
    if not 1 < year < 9999:
        raise ValueError("there is no such month")
    following = (year + 1, 1) if month == 12 else (year, month + 1)
    return datetime(year, month, 1, tzinfo=UTC), datetime(*following, 1, tzinfo=UTC)


def spent(made: Iterable[Release]) -> tuple[float, float]:
    """(epsilon, delta) of all of them together: the losses of one month add up (Dwork and Roth, 2014, theorem 3.16)."""
    releases = list(made)
    return math.fsum(release.epsilon for release in releases), math.fsum(release.delta for release in releases)


def affordable(made: Iterable[Release], cost: tuple[float, float], budget: tuple[float, float]) -> bool:
    """Whether the budget (epsilon, delta) allows this cost on top of what was made."""
    before = spent(made)
    return all(was + more <= most * (1 + _ROUNDING) for was, more, most in zip(before, cost, budget, strict=True))
