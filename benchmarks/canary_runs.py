"""Runs of the real canary in simulated worlds: people are assigned, ask, are unhappy, and the rules look at it.

`canary.arm` assigns and `canary.decide` decides. The sums that it takes are kept up to date here with each question,
since `tally.tally` would go through all questions at each look; recorded runs compare the two.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from rag_flywheel.config import CanarySection
from rag_flywheel.domain import (
    Arm,
    Canary,
    CanaryId,
    CanaryState,
    Exposure,
    Feedback,
    FeedbackId,
    FeedbackKind,
    InteractionId,
    Json,
    Outcomes,
    VersionId,
)
from rag_flywheel.rollout import canary as rules
from rag_flywheel.rollout.canary import Action
from rag_flywheel.rollout.tally import QUESTIONS_COUNTED, tally

START = datetime(2025, 1, 6, tzinfo=UTC)
PEOPLE = 20  # for each question an hour: people who ask now and then
ACTIVITY = 1.0  # of the logarithm of how much a person asks, the standard deviation
ALIKE = 10.0  # people's own rates are Beta(ALIKE * rate, ALIKE * (1 - rate)): the correlation within people is 1 / 11
DRIFT = 0.25  # the rate rises and falls by so much of itself over a day
SLOW = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What is true in a run."""

    expected: float  # the live version's rate of bad outcomes
    effect: float = 0.0  # the candidate's is higher by so much of it
    traffic: float = 100.0  # questions an hour
    limit: int  # questions at most
    every: int = 1  # questions from look to look
    failing: float = 0.005  # of the live version's answers
    failures: float = 1.0  # the candidate fails so many times as often
    lost: float = 0.0  # of the candidate's people, those of whom no answer is recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a run ended. `rules` are those that decided, empty where the limit came first."""

    action: Action
    rules: tuple[str, ...]
    questions: int
    in_step: int  # of these, since its last step began
    step: int
    design: float  # how many times the variance of the control's rate was that of independent questions, at the end


@dataclass(slots=True)
class _Side:
    """One arm's sums, and its people's: what `tally.tally` would find."""

    arm: Arm
    asked: dict[int, int] = field(default_factory=dict)
    bad: Counter[int] = field(default_factory=Counter)
    failed: set[int] = field(default_factory=set)
    slow: set[int] = field(default_factory=set)
    sums: list[int] = field(default_factory=lambda: [0] * 5)

    def add(self, person: int, *, bad: bool, failed: bool, slow: bool) -> None:
        asked, before = self.asked.get(person, 0), self.bad[person]
        if asked < QUESTIONS_COUNTED:
            self.asked[person] = asked + 1
            self.bad[person] = before + bad
            change = (1, bad, 2 * asked + 1, bad * (2 * before + 1), before + bad * (asked + 1))
            self.sums = [old + new for old, new in zip(self.sums, change, strict=True)]
        if failed:
            self.failed.add(person)
        elif slow:
            self.slow.add(person)

    def outcomes(self) -> Outcomes:
        asked, bad, asked_squared, bad_squared, asked_bad = self.sums
        return Outcomes(
            arm=self.arm,
            people=len(self.asked),
            asked=asked,
            bad=bad,
            asked_squared=asked_squared,
            bad_squared=bad_squared,
            asked_bad=asked_bad,
            failed=len(self.failed),
            refused=0,
            slow=len(self.slow),
        )


@dataclass(frozen=True, slots=True)
class _Draws:
    """One run's chances, by question."""

    people: NDArray[np.int64]
    rate: NDArray[np.float64]  # the live version's for this person at this hour
    luck: NDArray[np.float64]
    failing: NDArray[np.float64]
    slow: NDArray[np.bool_]
    lost: NDArray[np.bool_]  # by person


def play(world: World, settings: CanarySection, *, seed: Sequence[int], record: bool = False) -> Ending:
    """One canary until it ends or the limit comes. A recorded run raises AssertionError if its sums are not tally's."""
    draws, salt = _draw(world, np.random.default_rng(seed)), repr(tuple(seed)).encode()
    now, begun = _begun(world, settings), 0
    sides, arms = {arm: _Side(arm) for arm in Arm}, dict[int, Arm]()
    sums = {arm: side.outcomes() for arm, side in sides.items()}
    met: list[tuple[Exposure, list[Feedback]]] = []
    for number, person in enumerate(draws.people.tolist()):
        if (arm := arms.get(person)) is None:
            arm = arms[person] = rules.arm(f"person {person}", salt=salt, canary=now, holdout=None)
        treated = arm is Arm.TREATMENT
        if treated and draws.lost[person]:
            continue
        failed = bool(draws.failing[number] < world.failing * (world.failures if treated else 1.0))
        bad = failed or bool(draws.luck[number] < draws.rate[number] * (1.0 + world.effect * treated))
        slow = bool(draws.slow[number])
        sides[arm].add(person, bad=bad, failed=failed, slow=slow)
        at = START + timedelta(hours=(number + 1) / world.traffic)
        if record:
            asked = _Asked(number=number, person=person, arm=arm, at=at, bad=bad, failed=failed, slow=slow)
            met.append(_met(asked, now, slow_seconds=settings.slow_seconds))
        if (number + 1) % world.every:
            continue
        if world.every == 1:
            sums[arm] = sides[arm].outcomes()
        else:
            sums = {arm: side.outcomes() for arm, side in sides.items()}
        move = rules.decide(now, sums, now=at, settings=settings)
        if move.action is Action.HOLD:
            continue
        if record:
            _compare(met, sums, settings)
        if move.action is not Action.ADVANCE:
            return _ended(move.action, move.rules, number + 1, begun, now, sums)
        now, begun = replace(now, step=now.step + 1, stepped=at), number + 1
        sides, arms = {arm: _Side(arm) for arm in Arm}, {}
        sums = {arm: side.outcomes() for arm, side in sides.items()}
        met.clear()
    return _ended(Action.HOLD, (), world.limit, begun, now, sums)


def _draw(world: World, chance: np.random.Generator) -> _Draws:
    """Failures are bad outcomes too, so people's own rates make up the rest of the expected one."""
    population = int(PEOPLE * world.traffic)
    activity = chance.lognormal(0.0, ACTIVITY, population)
    rest = (world.expected - world.failing) / (1.0 - world.failing)
    own = chance.beta(ALIKE * rest, ALIKE * (1.0 - rest), population)
    people = chance.choice(population, world.limit, p=activity / activity.sum())
    hours = np.arange(world.limit) / world.traffic + chance.uniform(0.0, 24.0)
    return _Draws(
        people=people,
        rate=own[people] * (1.0 + DRIFT * np.sin(2.0 * np.pi * hours / 24.0)),
        luck=chance.random(world.limit),
        failing=chance.random(world.limit),
        slow=chance.random(world.limit) < SLOW,
        lost=chance.random(population) < world.lost,
    )


def _begun(world: World, settings: CanarySection) -> Canary:
    return Canary(
        canary_id=CanaryId("canary"),
        control=VersionId("live"),
        treatment=VersionId("candidate"),
        shadow=False,
        shares=settings.shares,
        superior=False,
        expected=world.expected,
        started=START,
        step=0,
        stepped=START,
        state=CanaryState.RUNNING,
    )


def _ended(
    action: Action, rules: tuple[str, ...], questions: int, begun: int, canary: Canary, sums: dict[Arm, Outcomes]
) -> Ending:
    control = sums[Arm.CONTROL]
    rate = (control.bad + 0.5) / (control.asked + 1)
    squares = control.bad_squared - 2 * rate * control.asked_bad + rate**2 * control.asked_squared
    design = squares / (max(control.asked, 1) * rate * (1 - rate))
    return Ending(
        action=action,
        rules=rules,
        questions=questions,
        in_step=questions - begun,
        step=canary.step,
        design=design,
    )


# --- recorded runs ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A question of somebody's, and what came of it."""

    number: int
    person: int
    arm: Arm
    at: datetime
    bad: bool
    failed: bool
    slow: bool


def _met(asked: _Asked, canary: Canary, *, slow_seconds: float) -> tuple[Exposure, list[Feedback]]:
    """The question as the ledger would hold it: what people say and do varies, and comes down to the same."""
    name = None if asked.failed else InteractionId(f"interaction {asked.number}")
    exposure = Exposure(
        at=asked.at,
        unit=f"person {asked.person}",
        arm=asked.arm,
        canary_id=canary.canary_id,
        step=canary.step,
        interaction_id=name,
        answered=not asked.failed,
        failed=asked.failed,
        seconds=slow_seconds * (2.0 if asked.slow else 0.1),
    )
    return exposure, [] if name is None else list(_said(name, asked.at, asked.number, bad=asked.bad))


def _said(name: InteractionId, at: datetime, number: int, *, bad: bool) -> Iterator[Feedback]:
    ways: list[list[tuple[FeedbackKind, Json]]] = [
        [(FeedbackKind.THUMB, "down" if bad else "up")],
        [(FeedbackKind.ABANDONED, bad)],
        [(FeedbackKind.STARS, 4 if bad else 2), (FeedbackKind.STARS, 1 if bad else 5)],
        [(FeedbackKind.USED, bad), (FeedbackKind.THUMB, "down" if bad else "up")],
        [(FeedbackKind.REGENERATED, True)] if bad else [],
    ]
    for kind, value in ways[number % len(ways)]:
        yield Feedback(feedback_id=FeedbackId("f"), interaction_id=name, given=at, user=None, kind=kind, value=value)


def _compare(
    met: Sequence[tuple[Exposure, list[Feedback]]], sums: dict[Arm, Outcomes], settings: CanarySection
) -> None:
    feedback = [signal for _, given in met for signal in given]
    found = tally((exposure for exposure, _ in met), feedback, set(), slow_seconds=settings.slow_seconds)
    assert found == sums, f"the sums kept here are {sums}, tally finds {found}"
