"""A canary over fakes, with people who meet its arms: what verdicts are made of, written straight into the ledger."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from rag_flywheel.domain import (
    Arm,
    Canary,
    Exposure,
    Feedback,
    FeedbackId,
    FeedbackKind,
    InteractionId,
    Json,
    Shown,
    VersionId,
)
from rag_flywheel.ports import Ledger
from rag_flywheel.rollout import deployment, promotion
from rag_flywheel.rollout.promotion import act_of
from rag_flywheel.services import Services
from tests.fakes.samples import NOON, decision, interaction
from tests.fakes.services import publish, services

QUICK = "canary: {strategy: canary, shares: [0.25, 0.5], minimum_hours: 1, maximum_hours: 24, minimum_people: 20}\n"


class Clock:
    """It goes on by a microsecond when it is read, and further when it is told to."""

    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> datetime:
        self.at += timedelta(microseconds=1)
        return self.at

    def wait(self, hours: float) -> None:
        self.at += timedelta(hours=hours)


class Trial:
    """v0 was live, v1 is live, and v2 passed the gate: deployed when `deploy` is called."""

    def __init__(self, folder: Path, *, text: str = QUICK, ledger: Ledger | None = None) -> None:
        self.clock = Clock()
        self.made: Services = replace(services(folder, text=text, ledger=ledger), now=self.clock)
        self._numbers = itertools.count()
        for name in ("v0", "v1", "v2"):
            publish(self.made, name, live=name != "v2")

    def deploy(self, version: str = "v2", *, better: bool = False) -> deployment.Deployed:
        """What the gate passed against the live version goes its way."""
        passed = replace(decision(version), control=VersionId("v1"), decided=self.clock(), report={"better": better})
        self.made.ledger.add_decision(passed)
        return deployment.deploy(self.made.ledger.version(VersionId(version)).manifest, passed, self.made)

    def last_step(self) -> None:
        """Two hours later, in the second of two steps."""
        self.clock.wait(2)
        act = act_of("canary", "so far so good", at=self.clock())
        assert promotion.advance(self.canary, ledger=self.made.ledger, act=act)

    def freeze(self, on: bool = True) -> None:
        promotion.freeze(on, ledger=self.made.ledger, act=act_of("grace", "launch", at=self.clock()))

    @property
    def canary(self) -> Canary:
        return promotion.newest(self.made.ledger)

    @property
    def live(self) -> VersionId | None:
        return self.made.index.live()

    def meet(
        self,
        arm: Arm,
        people: int,
        *,
        bad: int = 0,
        failed: int = 0,
        answer: str = "Wait for it.",
        ranking: Sequence[Shown] = (),
    ) -> list[InteractionId]:
        """Each of so many new people asks one question in the present step, and the first `bad` do not like the answer.
        To those after them, `failed` many, there is none. Returns the interactions.
        """
        under_way = promotion.running(self.made.ledger)
        joined = under_way if arm is not Arm.HOLDOUT else None
        found = []
        for place in range(people):
            number, at = next(self._numbers), self.clock()
            fails = bad <= place < bad + failed
            name = InteractionId(f"asked {number}")
            if not fails:
                asked = replace(interaction(name, answer=answer, asked=at, citations=0, ranking=ranking), arm=arm)
                self.made.ledger.add_interaction(asked)
                found.append(name)
            self.made.ledger.add_exposure(
                Exposure(
                    at=at,
                    unit=f"person {number}",
                    arm=arm,
                    canary_id=joined.canary_id if joined else None,
                    step=joined.step if joined else 0,
                    interaction_id=None if fails else name,
                    answered=not fails,
                    failed=fails,
                    seconds=0.1,
                )
            )
            if place < bad:
                self.say(name, "down")
        return found

    def say(self, of: InteractionId, value: Json) -> None:
        """A thumb."""
        self.made.ledger.add_feedback(
            Feedback(
                feedback_id=FeedbackId(f"word {next(self._numbers)}"),
                interaction_id=of,
                given=self.clock(),
                user=None,
                kind=FeedbackKind.THUMB,
                value=value,
            )
        )

    def look(self) -> deployment.Look:
        return deployment.look(self.made)
