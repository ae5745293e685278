"""Counts of what people did, released with noise: bounds on what one person adds, and a budget for what it may cost.

The unit is the person: with all that somebody did in a month or without it, every release about that month is about as
likely, by a factor of e^epsilon and but for delta (Dwork and Roth, 2014). Costs of one month add up (theorem 3.16).
"""

import hashlib
import hmac
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from rag_flywheel.config import Releases as Settings
from rag_flywheel.domain import AuditEntry, InteractionId
from rag_flywheel.domain.releases import Cell, Measure, Release, affordable, month_of, spent
from rag_flywheel.errors import Conflict, InvalidInput, too_dear
from rag_flywheel.ports import Noise, Operations, Releases

SURE = math.log(20)  # scales of a Laplace distribution within which 95 of 100 draws are


class ReleaseLedger(Operations, Releases, Protocol):
    """What was released, with the audit log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """One person's record in one cell. Whether there is one may depend on that person's records alone."""

    person: str  # pseudonym
    of: InteractionId
    cell: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question for a release."""

    measure: Measure
    month: str
    epsilon: float | None  # None: as the settings say
    who: str
    at: datetime

    def __post_init__(self) -> None:
        if checked_month(self.month)[0] > self.at:
            raise Conflict(f"{self.month} has not begun")


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What the releases about one month cost, and may cost, each person whose records they count."""

    epsilon: float
    delta: float
    spent_epsilon: float
    spent_delta: float


def checked_month(text: str) -> tuple[datetime, datetime]:
    """Its first instant and that of the next. Raises InvalidInput for what is no month."""
    try:
        return month_of(text)
    except ValueError as error:
        raise InvalidInput(str(error)) from None


def budget(month: str, settings: Settings, ledger: Releases) -> Budget:
    """Raises InvalidInput for what is no month."""
    checked_month(month)
    epsilon, delta = spent(ledger.releases(month=month))
    return Budget(epsilon=settings.month_epsilon, delta=settings.month_delta, spent_epsilon=epsilon, spent_delta=delta)


def known(asked: Asked, ledger: Releases) -> Release | None:
    """The release that answers the question already: asking again costs nothing, whatever epsilon it names."""
    return next((made for made in ledger.releases(month=asked.month) if made.measure is asked.measure), None)


def price(asked: Asked, settings: Settings, ledger: Releases) -> tuple[float, float]:
    """(epsilon, delta) of the release. Raises BudgetSpent where the month does not allow them."""
    cost = (asked.epsilon or settings.epsilon, settings.delta if asked.measure is Measure.GAPS else 0.0)
    made = ledger.releases(month=asked.month)
    if not affordable(made, cost, (settings.month_epsilon, settings.month_delta)):
        raise too_dear(asked.month)
    return cost


# --- what a person adds -----------------------------------------------------------------------------------------------


def counts(found: Iterable[Contribution], *, per_person: int, key: bytes, once: bool) -> dict[str, int]:
    """How many records are in each cell, of each person `per_person` at most, and with `once` one to a cell.

    Which of a person's records count, a keyed hash decides, and no order: neither their number, nor when they came, nor
    what others did shifts them.
    """
    theirs: dict[str, list[Contribution]] = defaultdict(list)
    for contribution in found:
        theirs[contribution.person].append(contribution)
    return Counter(
        cell for records in theirs.values() for cell in _some(records, per_person=per_person, key=key, once=once)
    )


def _some(records: Sequence[Contribution], *, per_person: int, key: bytes, once: bool) -> list[str]:
    drawn = sorted(records, key=lambda record: _draw(record, key))
    cells = [record.cell for record in drawn]
    return (list(dict.fromkeys(cells)) if once else cells)[:per_person]


def _draw(record: Contribution, key: bytes) -> bytes:
    return hmac.new(key, f"{record.of}\n{record.cell}".encode(), hashlib.sha256).digest()


# --- the release ------------------------------------------------------------------------------------------------------


def release(
    asked: Asked,
    found: Iterable[Contribution],
    *,
    cells: Sequence[str] | None,
    smallest: int,
    settings: Settings,
    noise: Noise,
    ledger: ReleaseLedger,
) -> Release:
    """Publish it, at its price, or give what was published before.

    `cells` are all that there can be, whatever people did; None: people made them, as with questions. Counts below
    `smallest` are not told. Raises BudgetSpent.
    """
    epsilon, delta = price(asked, settings, ledger)
    per_person = settings.per_person
    key = hmac.new(ledger.salt(), f"release:{asked.measure}:{asked.month}".encode(), hashlib.sha256).digest()
    counted = counts(found, per_person=per_person, key=key, once=cells is None)
    if cells is None:
        noised = noise.on_unknown(counted, per_person=per_person, epsilon=epsilon, delta=delta)
    else:
        told = {cell: counted.get(cell, 0) for cell in cells}
        noised = noise.on_known(told, per_person=per_person, epsilon=epsilon)
    made = Release(
        measure=asked.measure,
        month=asked.month,
        at=asked.at,
        who=asked.who,
        epsilon=noised.epsilon,
        delta=noised.delta,
        per_person=per_person,
        within=math.ceil(noised.scale * SURE),
        cells=_cells(noised.counts, smallest, by_size=cells is None),
    )
    with ledger.transaction():
        kept = ledger.spend(made, epsilon=settings.month_epsilon, delta=settings.month_delta)
        if kept is made:
            ledger.add_audit(
                AuditEntry(
                    at=made.at,
                    who=made.who,
                    action="release",
                    subject=f"{made.measure} {made.month}",
                    detail={"epsilon": made.epsilon, "delta": made.delta},
                )
            )
    return kept


def _cells(counted: Mapping[str, int], smallest: int, *, by_size: bool) -> tuple[Cell, ...]:
    """Names that people made are told with counts that are large enough alone."""
    cells = [Cell(name=name, count=count if count >= smallest else None) for name, count in counted.items()]
    if by_size:
        cells = [cell for cell in cells if cell.count is not None]
        cells.sort(key=lambda cell: (-(cell.count or 0), cell.name))
    return tuple(cells)
