"""Counts of answers that go on where the last ones ended: days of which nothing was written since are not read again.

The counts of an answer are of its day, so those of two stretches of days add up. What is counted of the older one is
kept until the ledger says that an answer of it was added, rated or corrected, or that anything is gone.
"""

from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TypeVar

from rag_flywheel.domain import CorrectionId, DocumentId, Stage
from rag_flywheel.domain.insights import Answers, Chosen, Cited, Judged, Trait
from rag_flywheel.ports import Insights

RECENT = timedelta(days=3)
"""Answers are rated and corrected soon: what is as young as this is counted anew each time."""
MOST = 500  # counts that are kept
ERASURES = "erasures"  # the table of them: an erasure leaves a record, for where numbers of rows are given again
Marks = Mapping[str, tuple[int, int]]
Counted = TypeVar("Counted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What was counted of the answers before a day, by what was asked."""

    before: date
    marks: Marks  # of the ledger, before any of it was counted
    found: MutableMapping[tuple[str, Chosen], object]


def settled(known: Settled | None, *, ledger: Insights, marks: Marks, today: date) -> Settled:
    """What was known, as far as it holds still; `marks` are the ledger's of just now."""
    fresh = known is not None and known.before >= today - 2 * RECENT and len(known.found) < MOST
    if known is not None and fresh and marks[ERASURES] == known.marks[ERASURES]:
        touched = ledger.first_touched(known.marks, marks)
        if touched is None or touched >= known.before:
            return replace(known, marks=marks)
    return Settled(before=today - RECENT, marks=marks, found={})


@dataclass(frozen=True, slots=True, kw_only=True)
class Continued(Insights):
    """The counts of a ledger, of which those of older days are known."""

    ledger: Insights
    settled: Settled

    def traits(self) -> frozenset[Trait]:
        return self.ledger.traits()

    def first_touched(self, since: Marks, until: Marks) -> date | None:
        return self.ledger.first_touched(since, until)

    def asker_groups(self, chosen: Chosen) -> list[str]:
        return self._sum(self.ledger.asker_groups, chosen, lambda older, newer: sorted({*older, *newer}))

    def answers(self, chosen: Chosen) -> list[Answers]:
        return self._sum(self.ledger.answers, chosen, lambda older, newer: [*older, *newer])

    def judged(self, chosen: Chosen) -> list[Judged]:
        return self._sum(self.ledger.judged, chosen, lambda older, newer: [*older, *newer])

    def failed_stages(self, chosen: Chosen) -> dict[Stage, int]:
        return self._sum(
            self.ledger.failed_stages,
            chosen,
            lambda older, newer: {
                stage: older.get(stage, 0) + newer.get(stage, 0) for stage in older.keys() | newer.keys()
            },
        )

    def cited(self, chosen: Chosen) -> list[Cited]:
        return self._sum(self.ledger.cited, chosen, _cited)

    def answers_by_corrections(self, chosen: Chosen) -> int:
        counted: int = self._sum(self.ledger.answers_by_corrections, chosen, lambda older, newer: older + newer)
        return counted

    def corrected(self, chosen: Chosen) -> frozenset[CorrectionId]:
        return self._sum(self.ledger.corrected, chosen, lambda older, newer: older | newer)

    def _sum(
        self, count: Callable[[Chosen], Counted], chosen: Chosen, add: Callable[[Counted, Counted], Counted]
    ) -> Counted:
        before = self.settled.before
        if (chosen.first or date.min) >= before or (chosen.last or date.max) < before:
            return count(chosen)
        old = replace(chosen, last=before - timedelta(days=1))
        key = (count.__name__, old)
        known = self.settled.found.get(key)
        older: Counted = count(old) if known is None else known  # type: ignore[assignment]  # what this count gave
        self.settled.found[key] = older
        return add(older, count(replace(chosen, first=before)))


def _cited(older: list[Cited], newer: list[Cited]) -> list[Cited]:
    found: dict[DocumentId, Cited] = {each.document_id: each for each in older}
    for each in newer:
        of = found.get(each.document_id)
        found[each.document_id] = (
            each
            if of is None
            else Cited(
                document_id=each.document_id,
                answers=of.answers + each.answers,
                good=of.good + each.good,
                bad=of.bad + each.bad,
            )
        )
    return sorted(found.values(), key=lambda each: (-each.answers, each.document_id))
