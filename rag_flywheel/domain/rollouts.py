"""How a version gets to the people: canaries, arms, what people met, hold-outs, freezes, and what others are told."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rag_flywheel.domain.checks import aware
from rag_flywheel.domain.ids import CanaryId, InteractionId, Json, VersionId


class Arm(StrEnum):
    """Which side of a comparison of versions a person is on."""

    CONTROL = "control"  # the live version
    TREATMENT = "treatment"  # the candidate of the canary that is running
    HOLDOUT = "holdout"  # the old version that the gain of the whole flywheel is measured against


class CanaryState(StrEnum):
    RUNNING = "running"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """A candidate beside the live version, as it stands. The ledger keeps every change of it; the newest counts."""

    canary_id: CanaryId
    control: VersionId
    treatment: VersionId
    shadow: bool  # true: the candidate's answers are recorded and nobody sees them
    shares: tuple[float, ...]  # of the people who are on the treatment, step by step; each above the one before
    superior: bool  # whether the gate showed the candidate to be better, and not only not worse
    expected: float  # the rate of bad outcomes before the canary began, 0..1
    started: datetime
    step: int  # from 0, within `shares`
    stepped: datetime  # when this step began
    state: CanaryState
    reasons: tuple[str, ...] = ()  # of the last change

    def __post_init__(self) -> None:
        aware("started", self.started)
        aware("stepped", self.stepped)
        if not 0 <= self.step < len(self.shares):
            raise ValueError(f"canary {self.canary_id} has steps 0..{len(self.shares) - 1}, got {self.step}")

    @property
    def share(self) -> float:
        """Of the people, those who are on the treatment now."""
        return self.shares[self.step]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """What one person met in one answer, without any text: what arms are compared by.

    Only people who can be kept on one arm, and who did not opt out, have exposures. One that failed has no interaction,
    but for a shadow's, which names the interaction that it repeats.
    """

    at: datetime
    unit: str  # pseudonym of the person, or of the session where no person was named
    arm: Arm
    canary_id: CanaryId | None  # of the canary that was running; None: of the hold-out, or of nothing
    step: int  # of that canary; 0 without one
    interaction_id: InteractionId | None
    answered: bool
    failed: bool
    seconds: float

    def __post_init__(self) -> None:
        aware("at", self.at)
        if self.interaction_id is None and not self.failed:
            raise ValueError("an exposure has an interaction unless it failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """What came of the questions of one arm, summed over people: all that a comparison needs.

    A failed answer counts as a bad outcome, and so does one with a bad signal (`implicit.is_bad`).
    """

    arm: Arm
    people: int
    asked: int  # questions
    bad: int  # of these, with a bad outcome
    asked_squared: int  # sum over people of their questions squared
    bad_squared: int  # sum over people of their bad outcomes squared
    asked_bad: int  # sum over people of questions times bad outcomes
    failed: int  # people with an answer that failed
    refused: int  # people with a refused answer
    slow: int  # people with a slow answer

    def __post_init__(self) -> None:
        if not 0 <= self.bad <= self.asked or self.people > self.asked:
            raise ValueError(f"outcomes need people <= asked and 0 <= bad <= asked, got {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldOut:
    """A small share of the people who stay on an old version, so that the flywheel's own gain can be measured."""

    since: datetime
    version_id: VersionId | None  # None: the hold-out ended
    share: float  # of the people, 0..1
    who: str
    why: str

    def __post_init__(self) -> None:
        aware("since", self.since)
        if not 0 <= self.share < 1:
            raise ValueError(f"a hold-out needs 0 <= share < 1, got {self.share}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """A person's word that no version may be promoted, or that they may be again."""

    at: datetime
    frozen: bool
    who: str
    why: str

    def __post_init__(self) -> None:
        aware("at", self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something that other systems are told by webhook. It holds ids, numbers and reasons, never a person's text."""

    notice_id: str
    at: datetime
    kind: str  # such as "stop_canary"
    data: Mapping[str, Json]

    def __post_init__(self) -> None:
        aware("at", self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One attempt to tell a receiver of a notice."""

    notice_id: str
    receiver: str  # digest of the receiver's URL, which may hold a secret
    at: datetime
    delivered: bool
    status: int | None  # HTTP; None where there was no reply

    def __post_init__(self) -> None:
        aware("at", self.at)
