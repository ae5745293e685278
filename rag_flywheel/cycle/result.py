"""What came of a cycle."""

import dataclasses
from enum import StrEnum
from pathlib import Path

from ingest.build import Alike, RemovedFrom
from ingest.reading.raw import Removal, Skipped
from rag_flywheel.cycle.aside import told
from rag_flywheel.domain import Counts, DocumentId, Followed, Json, Readership, Suspicion, VersionId


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
    readers: Readership | None = None  # of its documents
    aside: tuple[Suspicion, ...] = ()  # what guardrails point at: left out, or only reported
    skipped: tuple[Skipped, ...] = ()  # what could not be read, or is there twice
    removed: tuple[RemovedFrom, ...] = ()  # what was taken out of documents that are kept
    alike: tuple[Alike, ...] = ()  # documents that nearly say the same
    followed: tuple[Followed, ...] = ()  # spans that people named which do not stand where they were named
    seconds: float = 0.0

    def as_json(self) -> dict[str, Json]:
        """As commands and API show it."""
        return {
            "decision": str(self.decision),
            "version": self.version,
            "reasons": [*self.reasons],
            "report": None if self.report is None else str(self.report),
            "counts": None if self.counts is None else dataclasses.asdict(self.counts),
            "readers": None if self.readers is None else self.readers.as_json(),
            "aside": [told(suspicion) for suspicion in self.aside],
            "skipped": [{"name": left_out.name, "reason": left_out.reason} for left_out in self.skipped],
            "removed": [
                _as_json(removed.document_id, removal) for removed in self.removed for removal in removed.removed
            ],
            "alike": [[*alike.documents] for alike in self.alike],
            "followed": [followed.as_json() for followed in self.followed],
            "seconds": self.seconds,
        }


def _as_json(document: DocumentId, removal: Removal) -> Json:
    return {"document_id": document, "what": removal.what, "count": removal.count, "lines": [*removal.lines]}
