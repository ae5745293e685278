"""Who meets which version, and when enough is known to move on: the rules of a canary. Pure.

The tests behind a verdict are in `sequential`, the numbers that they take in `tally`.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import NormalDist

from rag_flywheel.config import CanarySection
from rag_flywheel.domain import Arm, Canary, CanaryState, HoldOut, Json, Outcomes
from rag_flywheel.rollout.sequential import Estimate, contrast, half_width, p_above, p_excess, p_split

HOLDOUT = "holdout"
WORSE_PART, STOP_PART, SPLIT_PART = 0.80, 0.18, 0.02
"""How `canary.significance` is shared by what may stop a version that is not worse."""
STOPS = {"failed": "got an answer that failed", "refused": "were refused an answer", "slow": "got a slow answer"}
SCALE = 0.3
"""The differences looked for most, as a share of the expected rate. Fixed before there are data."""
EXPECTED_AT_LEAST = 0.01
"""For the scale, where nothing was bad before the canary."""


class Action(StrEnum):
    HOLD = "hold"  # nothing is shown yet
    ADVANCE = "advance"  # to the next step's share
    PROMOTE = "promote"
    ROLL_BACK = "roll_back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What came of a canary's present step: the numbers that a move is decided by."""

    step: int  # from 0
    share: float  # of the people who were to be on the treatment
    treatment: Outcomes
    control: Outcomes
    p: Mapping[str, float]  # always-valid p by test; those on rates only where there are people enough


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What is to be done about a canary, and why."""

    action: Action
    rules: tuple[str, ...]  # the names of those that decided it
    reasons: tuple[str, ...]  # what each of them says, in a plain sentence
    measured: Measured

    @property
    def evidence(self) -> dict[str, Json]:
        """The numbers and the rules as the audit log, webhooks and the API show them."""
        measured = self.measured
        arms: dict[str, Json] = {
            outcomes.arm.value: {"people": outcomes.people, "asked": outcomes.asked, "bad": outcomes.bad}
            for outcomes in (measured.treatment, measured.control)
        }
        step: dict[str, Json] = {"step": measured.step, "share": measured.share}
        return {**step, **arms, "p": dict(measured.p), "rules": list(self.rules)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A difference of two rates of bad outcomes; below 0 the first has fewer. It holds at all times at once."""

    difference: float
    low: float
    high: float


# --- who meets which version ------------------------------------------------------------------------------------------


def bucket(unit: str, *, salt: bytes, experiment: str) -> float:
    """Where a person stands in an experiment, evenly spread over 0 to 1 (without 1): always the same place.

    `unit` is a pseudonym. Keyed BLAKE2b (RFC 7693) with the experiment in the message, so that each splits the people
    anew and nobody without the salt can choose a place.
    """
    key = hashlib.sha256(salt).digest()  # a salt may be longer than the 64 bytes that BLAKE2b takes
    digest = hashlib.blake2b(f"{experiment}\n{unit}".encode(), key=key, digest_size=8).digest()
    return (int.from_bytes(digest) >> 11) / 2**53  # all bits that a float holds, so never rounded up to 1


def arm(unit: str, *, salt: bytes, canary: Canary | None, holdout: HoldOut | None) -> Arm:
    """The person's side. The people of the hold-out are in no canary.

    A later step has a larger share and the same places, so nobody goes back from the treatment to the control.
    """
    held = 0.0 if holdout is None or holdout.version_id is None else holdout.share
    if bucket(unit, salt=salt, experiment=HOLDOUT) < held:
        return Arm.HOLDOUT
    if canary is None or canary.state is not CanaryState.RUNNING:
        return Arm.CONTROL
    return Arm.TREATMENT if bucket(unit, salt=salt, experiment=canary.canary_id) < canary.share else Arm.CONTROL


# --- when enough is known ---------------------------------------------------------------------------------------------


def decide(
    canary: Canary,
    outcomes: Mapping[Arm, Outcomes],
    *,
    now: datetime,
    settings: CanarySection,
    trips: Sequence[str] = (),
) -> Move:
    """What the outcomes of the canary's current step ask for. May be called as often as one likes.

    `trips` are the guardrails that the candidate broke, in sentences.

    The rules, of which the first that fits decides: roll back on a trip; on a broken split; where more people met
    failed, refused or slow answers; where the candidate is shown to be worse. At the last step promote where it is
    shown to be not worse by `margin`. When the time is over do what `on_timeout` says. At an earlier step go on after
    `minimum_hours` and `minimum_people`.

    - Each step is a test by itself of the people and questions that came in it. Sums over steps would compare a
      treatment that met mostly the last step with a control that met mostly the first (Simpson's paradox).
    - A version that is not worse is stopped as worse, by a hard stop or for its split with probability `significance`
      at most over the whole canary: the steps share it, and so do these rules. Of this the split and the hard stops are
      exact, where a candidate drives nobody away from one step to the next; the rest is asymptotic (`sequential`). A
      timeout is no such stop.
    - A version whose rate is higher by more than `margin` is promoted as not worse with probability `significance` at
      most. The last step alone can promote, so this is not shared.
    - "Better" decides nothing by itself. What shows a version to be better shows it all the more to be not worse (the
      estimate in units of its error rises with the margin), and at an early step even a clear gain says nothing of the
      load of all, of other hours or of rare failures, for which the steps are there.
    - In a shadow canary people judge the live version's answers alone. So a candidate is not called worse or not worse,
      and is promoted at the end of the last step unless something stopped it.
    """
    measured = _measured(canary, outcomes[Arm.TREATMENT], outcomes[Arm.CONTROL], settings)
    if trips:
        action, why = Action.ROLL_BACK, {f"trip {number}": said for number, said in enumerate(trips, start=1)}
    elif stops := _stops(measured, canary, settings):
        action, why = Action.ROLL_BACK, stops
    else:
        action, why = _gone_on(measured, canary, now, settings)
    return Move(action=action, rules=tuple(why), reasons=tuple(why.values()), measured=measured)


def _gone_on(
    measured: Measured, canary: Canary, now: datetime, settings: CanarySection
) -> tuple[Action, dict[str, str]]:
    """What is to be done where nothing stops the candidate, and why, by rule."""
    people = measured.treatment.people, measured.control.people
    last = canary.step == len(canary.shares) - 1
    waited = now - canary.stepped >= timedelta(hours=settings.minimum_hours)
    enough = min(people) >= settings.minimum_people
    if last and waited and enough and (canary.shadow or measured.p["not_worse"] <= settings.significance):
        return Action.PROMOTE, _why_promoted(measured, canary, settings)
    if now - canary.started >= timedelta(hours=settings.maximum_hours):
        action, said = _timeout(canary, settings)
        return action, {"timeout": said}
    if not last and waited and enough:
        said = f"step {canary.step + 1} of {len(canary.shares)} is over, and nothing speaks against the candidate"
        return Action.ADVANCE, {"step": said}
    if not enough:
        found = f"{people[0]} people on the candidate and {people[1]} on the live version"
        return Action.HOLD, {"people": f"{found} so far; {settings.minimum_people} are needed on each side"}
    if not waited:
        return Action.HOLD, {"hours": f"the step lasts {settings.minimum_hours:g} hours at least"}
    return Action.HOLD, {"open": "neither worse nor not worse is shown yet"}


def _measured(canary: Canary, treatment: Outcomes, control: Outcomes, settings: CanarySection) -> Measured:
    share = canary.share
    p = {"split": p_split(treatment.people, treatment.people + control.people, share=share)}
    for name in STOPS:
        met, others = getattr(treatment, name), getattr(control, name)
        p[name] = p_excess(met, met + others, share=share)
    if not canary.shadow and min(treatment.people, control.people) >= settings.minimum_people:
        scale = _scale(canary.expected)
        difference = contrast(treatment, control)
        p["worse"] = p_above(difference, scale=scale)
        p["better"] = p_above(_turned(difference), scale=scale)
        p["not_worse"] = p_above(_turned(contrast(treatment, control, times=1.0 + settings.margin)), scale=scale)
    return Measured(step=canary.step, share=share, treatment=treatment, control=control, p=p)


def _stops(measured: Measured, canary: Canary, settings: CanarySection) -> dict[str, str]:
    """Why the candidate has to go, by rule; empty where it has not."""
    treatment, control, p = measured.treatment, measured.control, measured.p
    allowed = settings.significance / len(canary.shares)
    found = {}
    if p["split"] <= SPLIT_PART * allowed:
        people = treatment.people + control.people
        found["split"] = (
            f"the split is broken: {treatment.people} of {people} people are on the candidate, where "
            f"{canary.share:.0%} should be (p {p['split']:.2g}); "
            "look for answers that are lost or recorded on one side only"
        )
    for name, said in STOPS.items():
        if p[name] <= STOP_PART * allowed / len(STOPS):
            met, others = getattr(treatment, name), getattr(control, name)
            found[name] = (
                f"more people on the candidate {said}: {met} of {treatment.people}, "
                f"against {others} of {control.people} on the live version (p {p[name]:.2g})"
            )
    if p.get("worse", 1.0) <= WORSE_PART * allowed:
        found["worse"] = (
            f"the candidate is worse: {treatment.bad / treatment.asked:.1%} of its {treatment.asked} answers were bad, "
            f"against {control.bad / control.asked:.1%} of the live version's {control.asked} (p {p['worse']:.2g})"
        )
    return found


def _why_promoted(measured: Measured, canary: Canary, settings: CanarySection) -> dict[str, str]:
    if canary.shadow:
        return {"shadow": "the candidate answered beside the live version in all steps, and nothing stopped it"}
    margin = f"by more than {settings.margin:.0%} of the live version's rate"
    found = {"not_worse": f"the rate of bad outcomes did not rise {margin} (p {measured.p['not_worse']:.2g})"}
    if measured.p["better"] <= settings.significance:
        found["better"] = f"the candidate has fewer bad outcomes (p {measured.p['better']:.2g})"
    return found


def _timeout(canary: Canary, settings: CanarySection) -> tuple[Action, str]:
    over = f"nothing was shown in {settings.maximum_hours:g} hours"
    match settings.on_timeout:
        case "promote":
            return Action.PROMOTE, f"{over}, and canary.on_timeout says promote"
        case "superior" if canary.superior:
            return Action.PROMOTE, f"{over}, and the gate had shown the candidate to be better"
        case "superior":
            return Action.ROLL_BACK, f"{over}, and the gate had not shown the candidate to be better"
        case _:
            return Action.ROLL_BACK, f"{over}, and canary.on_timeout says keep the live version"


def _turned(estimate: Estimate) -> Estimate:
    return Estimate(-estimate.value, estimate.variance)


def _scale(expected: float) -> float:
    return SCALE * max(expected, EXPECTED_AT_LEAST)


# --- planning, and the gain over months -------------------------------------------------------------------------------


def questions_needed(
    *, expected: float, effect: float, design: float, settings: CanarySection, power: float = 0.9
) -> float:
    """Questions in the last step until its verdict has come with probability `power`, about.

    For a candidate whose rate of bad outcomes is `expected * (1 + effect)`: to be called worse where `effect` is above
    0, else not worse. `design` is the factor by which the variance is larger than for independent questions, because
    people ask several (1 where nobody asks twice; Kish, "Survey sampling", 1965). Infinite where nothing is expected.
    Asymptotic. In `benchmarks/canary_power.py` 0.7 to 1.6 times as many were needed: more where the same people come
    back, so that the design effect grows while the canary runs. The steps before the last come on top.
    """
    if not 0.0 < expected < 1.0:
        return math.inf
    treated = min(max(expected * (1.0 + effect), 0.0), 1.0)
    share, steps = settings.shares[-1], len(settings.shares)
    times = 1.0 if effect > 0.0 else 1.0 + settings.margin
    gap = treated - expected if effect > 0.0 else times * expected - treated
    allowed = settings.significance * (WORSE_PART / steps if effect > 0.0 else 1.0)
    variance = design * (treated * (1 - treated) / share + times**2 * expected * (1 - expected) / (1 - share))
    likely = NormalDist().inv_cdf(power)

    def shown(questions: float) -> bool:
        seen = Estimate(gap - likely * math.sqrt(variance / questions), variance / questions)
        return p_above(seen, scale=_scale(expected)) <= allowed

    low, high = 1.0, 2.0
    while not shown(high):
        low, high = high, 2.0 * high
    while high - low > 0.5:
        middle = (low + high) / 2.0
        low, high = (low, middle) if shown(middle) else (middle, high)
    return high


def gain(outcomes: Mapping[Arm, Outcomes], *, expected: float, significance: float) -> Interval | None:
    """The flywheel's own gain: the rate of bad outcomes of everybody else (control) less that of the hold-out.

    Tally `tally.outside_holdout` for it, since the hold-out began. `expected` is the rate when it began. The
    interval may be looked at every day. None where one side has fewer than two people.
    """
    everybody, holdout = outcomes[Arm.CONTROL], outcomes[Arm.HOLDOUT]
    if min(everybody.people, holdout.people) < 2:
        return None
    found = contrast(everybody, holdout)
    width = half_width(found.variance, scale=_scale(expected), significance=significance)
    return Interval(difference=found.value, low=found.value - width, high=found.value + width)
