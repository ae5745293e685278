"""How a version that passed the gate gets to the people: the strategy, and what a look at its canary does.

A look reads what the people of both arms met in this step, decides, and acts. Every process of the API looks, and so
does `rag-flywheel canary tick`: whoever comes second finds the work done.
"""

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from eval.guardrails import memorisation, safety, served
from rag_flywheel.config import Embedder
from rag_flywheel.domain import (
    Arm,
    Canary,
    CanaryId,
    CanaryState,
    CorrectionState,
    Decision,
    Exposure,
    Manifest,
    Outcomes,
    VersionId,
)
from rag_flywheel.errors import AlreadyRunning, NotFound
from rag_flywheel.rollout import canary, promotion, sequential, tally, webhook_outbox
from rag_flywheel.rollout.canary import Action, Interval, Move
from rag_flywheel.rollout.promotion import Act, act_of
from rag_flywheel.rollout.shadow import Repeat, shadow
from rag_flywheel.services import Services

LOCK = "canary"
WHO = "reindex"
RECENT = timedelta(days=7)  # of traffic, from which its rate is taken
EFFECT = 0.3  # the relative rise of bad outcomes that a canary must be able to show in time
LEAST = 100  # questions from which the rate of bad outcomes is taken as known
SHADOWED = (0.5,)  # both versions answer the same questions
CHECKED = "served answer"
CHECKED_AT_MOST = 500  # answers at a look, the newest
UNHEARD = (CorrectionState.REJECTED, CorrectionState.QUARANTINED)  # corrections that say nothing of the answer
USUAL = 0.1  # the rate of bad outcomes where it is not known


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Which strategy a candidate goes by, and why that one."""

    strategy: Literal["direct", "shadow", "canary"]
    why: str
    expected: float  # the rate of bad outcomes lately, 0..1


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """Which way a version went that had passed the gate, and why that way."""

    outcome: Literal["promoted", "shadow", "canary"]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a look at the canary found and did."""

    canary: Canary | None  # as it was found; None: none is running
    action: Action | None  # what was done; None: there was nothing to decide, or another was faster
    reasons: tuple[str, ...]
    verdict: Move | None  # what the outcomes asked for; None where nothing was decided


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """What the flywheel is worth: the people of the hold-out, and everybody else since it began."""

    version: VersionId  # that the hold-out is on
    since: datetime
    share: float  # of the people, 0..1
    holdout: Outcomes
    others: Outcomes
    difference: Interval | None  # the others' rate of bad outcomes less that of the hold-out; None: too few people


def choose(services: Services) -> Way:
    """The configured strategy; for `auto` a canary where recent traffic can decide one in time, else direct."""
    settings = services.config.canary
    recent = _answered(services, since=services.now() - RECENT)
    met = _tally([dataclasses.replace(exposure, arm=Arm.CONTROL) for exposure in recent], services)[Arm.CONTROL]
    expected = met.bad / met.asked if met.asked >= LEAST else USUAL
    if settings.strategy != "auto":
        return Way(strategy=settings.strategy, why=f"canary.strategy is {settings.strategy}", expected=expected)
    first, hours_seen = settings.shares[0], RECENT / timedelta(hours=1)
    met_first = met.people * first * min(1.0, settings.maximum_hours / hours_seen)
    if met_first < settings.minimum_people:
        why = (
            f"{met.people} people who named themselves or their session asked in the last {RECENT.days} days: "
            f"{met_first:.0f} of them would be on the candidate in the first step, and canary.minimum_people is "
            f"{settings.minimum_people}"
        )
        return Way(strategy="direct", why=why, expected=expected)
    per_hour = met.asked / hours_seen
    needed = canary.questions_needed(expected=expected, effect=EFFECT, design=sequential.design(met), settings=settings)
    if math.isinf(needed):
        return Way(strategy="direct", why="no answer was bad lately, so no rise could be shown", expected=expected)
    hours = settings.minimum_hours * (len(settings.shares) - 1) + needed / per_hour
    fits = hours <= settings.maximum_hours
    why = (
        f"{per_hour:.1f} questions an hour and {expected:.1%} bad outcomes lately: {hours:.0f} hours would show a rise "
        f"by {EFFECT:.0%}, {'within' if fits else 'more than'} the {settings.maximum_hours:g} of canary.maximum_hours"
    )
    return Way(strategy="canary" if fits else "direct", why=why, expected=expected)


def deploy(manifest: Manifest, decision: Decision, services: Services) -> Deployed:
    """Let a version that passed the gate go its way.

    The first version has nothing to be compared with, so it goes live at once. A canary that is running gives way.
    Raises Frozen, AliasMoved, and AlreadyRunning when somebody else moves the alias right now.
    """
    index, ledger = services.index, services.ledger
    way = choose(services)
    at = services.now()
    if decision.control is None or way.strategy == "direct":
        why = "passed the gate" if decision.control is None else f"passed the gate; {way.why}"
        act = act_of(WHO, why, at=at)
        promotion.promote(manifest.version_id, expected=decision.control, index=index, ledger=ledger, act=act)
        return Deployed(outcome="promoted", why=why)
    settings = services.config.canary
    shadowed = way.strategy == "shadow"
    started = Canary(
        canary_id=CanaryId(services.new_id()),
        control=decision.control,
        treatment=manifest.version_id,
        shadow=shadowed,
        shares=SHADOWED if shadowed else settings.shares,
        superior=decision.report.get("better") is True,
        expected=way.expected,
        started=at,
        step=0,
        stepped=at,
        state=CanaryState.RUNNING,
        reasons=(f"passed the gate; {way.why}",),
    )
    promotion.start_canary(started, index=index, ledger=ledger, who=WHO)
    return Deployed(outcome=way.strategy, why=way.why)


def look(services: Services) -> Look:
    """Look at the canary that is running, and act on the verdict.

    At most one process looks at a time; another finds nothing to do. Raises what the adapters raise.
    """
    found = promotion.running(services.ledger)
    if found is not None:
        # Somebody else may be looking, or moving the alias.
        with contextlib.suppress(AlreadyRunning), services.ledger.lock(LOCK):
            found = promotion.running(services.ledger)  # it may have changed while another was looking
            if found is not None:
                return _look(found, services)
    return Look(canary=found, action=None, reasons=(), verdict=None)


def deliver(services: Services) -> int:
    """Send the notices that are due to the webhooks; returns how many arrived."""
    return webhook_outbox.deliver(services.ledger, services.webhooks, at=services.now())


def verdict(newest: Canary, services: Services) -> Move:
    """What a look would do about the canary now, by what the people of each arm met in its present step."""
    return _verdict(newest, _compared(newest, services), services)


LOOKS = 40  # of a course, at most


def course(newest: Canary, services: Services) -> list[tuple[datetime, canary.Measured]]:
    """The numbers of the canary's present step, as a look would have had them at up to LOOKS times until now.

    Signals count with the question that they are about, whenever they came.
    """
    met = sorted(_compared(newest, services), key=lambda exposure: exposure.at)
    said = _said(met, services)
    ends = sorted({len(met) * look // LOOKS for look in range(1, LOOKS + 1)} - {0})
    return [
        (
            met[end - 1].at,
            canary.decide(newest, said(met[:end]), now=services.now(), settings=services.config.canary).measured,
        )
        for end in ends
    ]


def gain(services: Services) -> Gain | None:
    """What the flywheel is worth: everybody else against the people of the hold-out. None without a hold-out."""
    held = services.ledger.holdout()
    if held is None or held.version_id is None:
        return None
    met = _tally(list(tally.outside_holdout(_answered(services, since=held.since))), services)
    return Gain(
        version=held.version_id,
        since=held.since,
        share=held.share,
        holdout=met[Arm.HOLDOUT],
        others=met[Arm.CONTROL],
        difference=canary.gain(met, expected=USUAL, significance=services.config.canary.significance),
    )


def _look(under_way: Canary, services: Services) -> Look:
    index, ledger = services.index, services.ledger
    ended = promotion.settle(under_way, index=index, ledger=ledger, at=services.now())
    if ended is not None:
        return Look(canary=under_way, action=None, reasons=(ended,), verdict=None)
    repeats = shadow(under_way, services) if under_way.shadow else []
    met = _compared(under_way, services, repeats)
    said = [
        served.Answer(question=repeat.query, text=repeat.draft.text, citations=repeat.draft.citations)
        for repeat in repeats
        if repeat.draft is not None
    ]
    unchecked = {} if under_way.shadow else _unchecked(met, services)
    trips = _trips([*said, *unchecked.values()], services)
    move = _verdict(under_way, met, services, trips=trips)
    acted = _act(under_way, move, services)
    if acted or not trips:  # else, and where this process dies before, the next look has to find them again
        _remember(repeats, unchecked, services)
    return Look(canary=under_way, action=move.action if acted else None, reasons=move.reasons, verdict=move)


def _verdict(under_way: Canary, met: Sequence[Exposure], services: Services, *, trips: Sequence[str] = ()) -> Move:
    return canary.decide(
        under_way,
        _tally(met, services),
        now=services.now(),
        settings=services.config.canary,
        trips=trips,
    )


def _act(under_way: Canary, move: Move, services: Services) -> bool:
    """Do what the verdict says; False where the canary is not as it was decided on, or promotions are frozen."""
    ledger = services.ledger
    act = Act(who=promotion.WHO, at=services.now(), reasons=move.reasons, evidence=move.evidence)
    if move.action is Action.HOLD:
        return True
    if move.action is Action.ADVANCE:
        return promotion.advance(under_way, ledger=ledger, act=act)
    promoted = move.action is Action.PROMOTE
    return promotion.finish(under_way, promoted=promoted, index=services.index, ledger=ledger, act=act)


def _compared(under_way: Canary, services: Services, repeats: Sequence[Repeat] = ()) -> list[Exposure]:
    """The exposures of the present step; of a shadow those of the answers that both versions gave."""
    met = services.ledger.exposures(canary_id=under_way.canary_id, step=under_way.step)
    if not under_way.shadow:
        return met
    met += [repeat.exposure for repeat in repeats]
    repeated = {exposure.interaction_id for exposure in met if exposure.arm is Arm.TREATMENT}
    return [exposure for exposure in met if exposure.interaction_id in repeated]


def _answered(services: Services, *, since: datetime) -> list[Exposure]:
    """What people met since then, without what shadows would have told them."""
    unseen = {under_way.canary_id for under_way in services.ledger.canaries() if under_way.shadow}
    met = services.ledger.exposures(since=since)
    return [exposure for exposure in met if not (exposure.arm is Arm.TREATMENT and exposure.canary_id in unseen)]


def _tally(exposures: Sequence[Exposure], services: Services) -> dict[Arm, Outcomes]:
    return _said(exposures, services)(exposures)


def _said(met: Sequence[Exposure], services: Services) -> Callable[[Sequence[Exposure]], dict[Arm, Outcomes]]:
    """What sums up some of these exposures, by what was said since the first of them."""
    ledger, slow = services.ledger, services.config.canary.slow_seconds
    if not met:
        return lambda some: tally.tally([], [], set(), slow_seconds=slow)
    since = min(exposure.at for exposure in met)
    corrections = [reviewed.correction for reviewed in ledger.corrections() if reviewed.verdict_state not in UNHEARD]
    corrected = {correction.interaction_id for correction in corrections if correction.submitted >= since}
    signals = ledger.feedback(since=since)
    return lambda some: tally.tally(some, signals, corrected, slow_seconds=slow)


def _unchecked(met: Sequence[Exposure], services: Services) -> dict[str, served.Answer]:
    """The candidate's newest answers that no look has checked yet, by the key under which that is remembered."""
    names = [
        exposure.interaction_id
        for exposure in met
        if exposure.arm is Arm.TREATMENT and exposure.interaction_id is not None
    ]
    keys = {f"{CHECKED}:{name}": name for name in names[-CHECKED_AT_MOST:]}
    known = services.cache.get(list(keys))
    answers: dict[str, served.Answer] = {}
    for key in keys.keys() - known.keys():
        with contextlib.suppress(NotFound):  # erased meanwhile
            interaction = services.ledger.interaction(keys[key])
            answers[key] = served.Answer(
                question=interaction.query, text=interaction.answer, citations=interaction.citations
            )
    return answers


def _remember(repeats: Sequence[Repeat], unchecked: Iterable[str], services: Services) -> None:
    for repeat in repeats:
        with contextlib.suppress(NotFound):  # its interaction was erased meanwhile
            services.ledger.add_exposure(repeat.exposure)
    services.cache.put(dict.fromkeys(unchecked, b""))


def _trips(answers: Sequence[served.Answer], services: Services) -> list[str]:
    limits = services.config.guardrails
    planted = memorisation.read_planted(services.config.resolve(limits.canaries)) if limits.canaries else ()
    return served.trips(
        answers,
        planted_strings=planted,
        redactor=services.redactor,
        rate=lambda: safety.trained(services.encoders(Embedder())),
        threshold=limits.unsafe_threshold,
    )
