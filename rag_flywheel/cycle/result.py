"""What came of a cycle."""

import dataclasses
from enum import StrEnum
from pathlib import Path

from ingest.reading.raw import Skipped
from rag_flywheel.domain import Counts, Json, VersionId


class CycleDecision(StrEnum):
    PROMOTED = "promoted"  # the version is live
    CANARY = "canary"  # it is tried on a part of the people
    SHADOW = "shadow"  # it answers beside the live version, and nobody sees it
    REFUSED = "refused"  # by the gate
    UNDECIDED = "undecided"  # too few questions for the gate to tell
    UNCHANGED = "unchanged"  # nothing was built: it would be the same again
    WAITING = "waiting"  # nothing was built: a canary is running
    FROZEN = "frozen"  # promotions are frozen


DEPLOYED = (CycleDecision.PROMOTED, CycleDecision.CANARY, CycleDecision.SHADOW)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CycleResult:
    """What was decided, about which version, and why."""

    decision: CycleDecision
    version: VersionId | None  # None where there is none yet
    reasons: tuple[str, ...]
    report: Path | None = None  # the gate's, where it was asked
    counts: Counts | None = None  # of the version
    skipped: tuple[Skipped, ...] = ()  # what was left out
    seconds: float = 0.0

    def as_json(self) -> dict[str, Json]:
        """As commands and API show it."""
        return {
            "decision": str(self.decision),
            "version": self.version,
            "reasons": [*self.reasons],
            "report": None if self.report is None else str(self.report),
            "counts": None if self.counts is None else dataclasses.asdict(self.counts),
            "skipped": [{"name": left_out.name, "reason": left_out.reason} for left_out in self.skipped],
            "seconds": self.seconds,
        }
