"""Corrections as reviewers see them: in which order, and what became of each until it is live or superseded."""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from math import log2
from typing import Protocol

from rag_flywheel.domain import (
    CorrectionId,
    CorrectionState,
    Interaction,
    ReviewedCorrection,
    VersionId,
    VersionRecord,
    probes,
    supersession,
)
from rag_flywheel.domain.equivalence import normalised
from rag_flywheel.domain.probes import Probe
from rag_flywheel.domain.readers import ANYBODY, Reader
from rag_flywheel.errors import no_correction
from rag_flywheel.feedback import conflicts
from rag_flywheel.feedback.conflicts import Disagreement, Standing
from rag_flywheel.feedback.review import waits
from rag_flywheel.feedback.reviewers import is_for
from rag_flywheel.ports import Conversations, Corrections, Versions

SHOWN_WITH = 20
"""Corrections that contradict one, or say the same, shown with it at most: a flood must not flood the queue."""

ASKED = 2_000
"""Questions that are looked through for how many people asked the same: the newest ones."""

PROBED = 10
WEEK = timedelta(weeks=1)


class ProgressLedger(Conversations, Corrections, Versions, Protocol):
    """Corrections with what they are of, and the versions that hold them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What became of a correction."""

    reviewed: ReviewedCorrection
    state: CorrectionState
    version: VersionId | None  # the first version in which it went live
    live_since: datetime | None
    superseded_by: CorrectionId | None  # the accepted correction that took its place
    replaced: tuple[CorrectionId, ...]  # the accepted corrections whose place it took, the latest first
    conflicts: tuple[Disagreement, ...]  # the standing corrections that contradict it, at most SHOWN_WITH
    alike: tuple[ReviewedCorrection, ...]  # those that say the same to the same question, or nearly, at most SHOWN_WITH
    probe: Probe | None  # the latest one in the reports on the newest PROBED versions


class Order(StrEnum):
    WORTH = "worth"
    OLDEST = "oldest"
    NEWEST = "newest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which corrections are listed, in which order."""

    wanted: Callable[[ReviewedCorrection], bool]
    waiting: bool = False  # only those that wait for a decision
    conflicting: bool = False  # only those in conflict
    order: Order = Order.WORTH
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """Why a correction stands where it stands in the queue."""

    sent_back: bool  # a guardrail left it out of a version, which goes on without it
    in_conflict: bool
    held: bool  # one verdict is all that it waits for
    people: int  # who asked the very question lately
    waiting: timedelta  # since it was handed in

    @property
    def score(self) -> float:
        """Weeks of waiting, and what counts as so many: nothing waits for ever behind what is more urgent."""
        weeks = self.waiting / WEEK
        return 8 * self.sent_back + 4 * self.in_conflict + 2 * self.held + log2(1 + self.people) + weeks


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the ledger says of all corrections that somebody may read, read once for any number of them."""

    reviewed: Mapping[CorrectionId, ReviewedCorrection]  # oldest first
    standing: Standing
    waiting: Mapping[CorrectionId, ReviewedCorrection]  # those of them that wait for a decision
    live: frozenset[CorrectionId]  # those that the live version holds
    first: Mapping[CorrectionId, VersionRecord]  # the first version in which each went live
    probes: Mapping[CorrectionId, Probe]


def queue(
    chosen: Selection,
    *,
    known: Known,
    ledger: Conversations,
    people: Mapping[str, int],
    now: datetime,
    reader: Reader = ANYBODY,
) -> list[Progress]:
    """The selected corrections that are for the reader, in their order; of others nothing is told.

    `people`: how many asked each question, by its normalised text.
    """
    in_conflict = known.standing.contested
    among = known.waiting if chosen.waiting else known.reviewed
    names = [
        name
        for name, reviewed in among.items()
        if (name in in_conflict or not chosen.conflicting) and chosen.wanted(reviewed)
    ]
    if chosen.order is Order.NEWEST:
        names.reverse()
    if chosen.order is Order.WORTH:
        worths = {
            name: worth(
                known.reviewed[name],
                in_conflict=name in in_conflict,
                people=people.get(known.standing.wordings[name], 0),
                now=now,
            ).score
            for name in names
        }
        names.sort(key=lambda name: -worths[name])
    shown = (name for name in names if is_for(known.reviewed[name], reader, ledger))
    return [_progress(name, known) for name in itertools.islice(shown, chosen.limit)]


def worth(reviewed: ReviewedCorrection, *, in_conflict: bool, people: int, now: datetime) -> Worth:
    """What a verdict on it is worth now; `people`: who asked its very question lately."""
    return Worth(
        sent_back=reviewed.sent_back,
        in_conflict=in_conflict,
        held=reviewed.verdict_state is CorrectionState.HELD,
        people=people,
        waiting=max(now - reviewed.correction.submitted, timedelta(0)),
    )


def askers(interactions: Iterable[Interaction]) -> dict[str, int]:
    """How many people asked each question, by its normalised text; who named nobody is one for each question."""
    asked: dict[str, set[str]] = {}
    for interaction in interactions:
        if interaction.query:
            who = interaction.user or f"nobody: {interaction.session or interaction.interaction_id}"
            asked.setdefault(normalised(interaction.query), set()).add(who)
    return {question: len(people) for question, people in asked.items()}


def progress(correction_id: CorrectionId, *, known: Known, ledger: Conversations, reader: Reader = ANYBODY) -> Progress:
    """What became of a correction, up to the version in which it went live. Raises NotFound, also for one that is not
    for the reader.
    """
    if correction_id not in known.reviewed or not is_for(known.reviewed[correction_id], reader, ledger):
        raise no_correction(correction_id)
    return _progress(correction_id, known)


def of_author(user: str, *, ledger: ProgressLedger, live: VersionId | None, reader: Reader = ANYBODY) -> list[Progress]:
    """What became of all that one pseudonym handed in, the newest first; what contradicts it is not looked for.

    All corrections are read only where one of theirs is accepted and not live: another may have its place.
    """
    own = [entry for entry in ledger.corrections_of(user) if is_for(entry, reader, ledger)]
    known = _known(ledger, live, own, conflicts.survey(()))
    away = [entry for entry in own if entry.verdict_state is CorrectionState.ACCEPTED]
    if any(entry.correction.correction_id not in known.live for entry in away):
        every = [entry for entry in ledger.corrections() if reader.reads_correction(entry.correction)]
        known = replace(known, standing=replace(known.standing, replaced=supersession.replaced(every)))
    return [_progress(entry.correction.correction_id, known) for entry in reversed(own)]


def coming(known: Known) -> list[ReviewedCorrection]:
    """The accepted corrections that the live version does not hold, and that no other one has the place of."""
    return [
        entry
        for name, entry in known.reviewed.items()
        if entry.verdict_state is CorrectionState.ACCEPTED
        and name not in known.live
        and name not in known.standing.replaced
    ]


def survey(
    *, ledger: ProgressLedger, live: VersionId | None, reader: Reader = ANYBODY, before: Known | None = None
) -> Known:
    """What holds until `corrections_mark` is another one, or the live version is. What was known `before` saves time
    where little has changed; where a correction is gone all is made anew, so that nothing of it stays here.
    """
    corrections = [entry for entry in ledger.corrections() if reader.reads_correction(entry.correction)]
    standing = before.standing if before is not None and _goes_on(before, corrections) else None
    return _known(ledger, live, corrections, conflicts.survey(corrections, standing))


def _goes_on(before: Known, corrections: Sequence[ReviewedCorrection]) -> bool:
    """Whether what was known is there still, in the same words."""
    now = {entry.correction.correction_id: entry.correction for entry in corrections}
    return all(now.get(name) is entry.correction for name, entry in before.reviewed.items())


def _known(
    ledger: ProgressLedger, live: VersionId | None, corrections: Sequence[ReviewedCorrection], standing: Standing
) -> Known:
    records = ledger.versions()
    first: dict[CorrectionId, VersionRecord] = {}
    for record in records:
        if record.went_live is not None:
            for name in record.manifest.corrections:
                first.setdefault(name, record)
    held = (record.manifest.corrections for record in records if record.manifest.version_id == live)
    decisions = [ledger.decision(record.manifest.version_id) for record in records[-PROBED:]]
    return Known(
        reviewed={reviewed.correction.correction_id: reviewed for reviewed in corrections},
        standing=standing,
        waiting={entry.correction.correction_id: entry for entry in corrections if waits(entry)},
        live=frozenset(itertools.chain.from_iterable(held)),
        first=first,
        probes=probes.latest(decision.report for decision in decisions if decision is not None),
    )


def _progress(name: CorrectionId, known: Known) -> Progress:
    reviewed, first = known.reviewed[name], known.first.get(name)
    by = known.standing.replaced.get(name)
    state = reviewed.verdict_state
    if state is CorrectionState.ACCEPTED and name in known.live:
        state = CorrectionState.LIVE  # until the next version, also where its place is taken
    elif by is not None:
        state = CorrectionState.SUPERSEDED
    return Progress(
        reviewed=reviewed,
        state=state,
        version=None if first is None else first.manifest.version_id,
        live_since=None if first is None else first.went_live,
        superseded_by=by,
        replaced=supersession.predecessors(name, known.standing.replaced),
        conflicts=tuple(itertools.islice(conflicts.disagreements(name, known.standing), SHOWN_WITH)),
        alike=tuple(itertools.islice(conflicts.agreements(name, known.standing), SHOWN_WITH)),
        probe=known.probes.get(name),
    )
