"""How reviewers share the work: who has a correction in hand, and what a second one says of it unseen."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rag_flywheel.domain.checks import aware
from rag_flywheel.domain.feedback import Verdict
from rag_flywheel.domain.ids import CorrectionId


class AssignmentState(StrEnum):
    TAKEN = "taken"  # by the reviewer
    ASSIGNED = "assigned"  # to the reviewer, by somebody else
    SKIPPED = "skipped"  # put back, for others to decide on
    LEFT = "left"  # put back, or decided on


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """A correction that a reviewer has in hand up to an instant, or has put back."""

    correction_id: CorrectionId
    reviewer: str
    by: str  # who says so
    at: datetime
    state: AssignmentState
    until: datetime | None  # when it ends by itself; None where it was put back

    def __post_init__(self) -> None:
        aware("at", self.at)
        if (self.until is None) == (self.state in (AssignmentState.TAKEN, AssignmentState.ASSIGNED)):
            raise ValueError(f"an assignment that is {self.state} and lasts until {self.until} cannot be")

    def holds(self, now: datetime) -> bool:
        """Whether the reviewer has it in hand."""
        return self.until is not None and now < self.until


COMPARED = (Verdict.ACCEPT, Verdict.REJECT, Verdict.QUARANTINE)
"""The verdicts that two reviewers can agree on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondReview:
    """What a second reviewer says of a correction without being told what the first one said. It decides nothing."""

    second_id: str
    correction_id: CorrectionId
    reviewed: datetime
    reviewer: str
    verdict: Verdict
    note: str | None
    first: str  # the review that it is compared with
    first_reviewer: str
    first_verdict: Verdict

    def __post_init__(self) -> None:
        aware("reviewed", self.reviewed)
        if self.verdict not in COMPARED or self.first_verdict not in COMPARED:
            raise ValueError(
                f"second review {self.second_id}: {self.first_verdict} and {self.verdict} are not compared"
            )

    @property
    def agrees(self) -> bool:
        return self.verdict is self.first_verdict
