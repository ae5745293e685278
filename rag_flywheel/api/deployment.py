"""The canary, the freeze and the hold-out: shown, looked at, changed. And the thread of each process that looks."""

import logging
import threading
from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field, JsonValue

from rag_flywheel.api.guard import GuardedRoute
from rag_flywheel.api.models import Body, Instant, Name, Text
from rag_flywheel.api.state import Asking, Shared
from rag_flywheel.cycle import erasing
from rag_flywheel.domain import Canary, CanaryState, Freeze, Outcomes, VersionId
from rag_flywheel.errors import Conflict, FlywheelError
from rag_flywheel.rollout import deployment, promotion
from rag_flywheel.rollout.canary import Action, Move
from rag_flywheel.rollout.promotion import act_of
from rag_flywheel.services import Services

routes = APIRouter(tags=["deployment"], route_class=GuardedRoute)
logger = logging.getLogger("rag_flywheel.deployment")


class ReasonBody(Body):
    why: Text = "asked for"


class FreezeBody(ReasonBody):
    frozen: bool


class HoldOutBody(ReasonBody):
    version: Name | None  # null ends the hold-out
    share: Annotated[float, Field(gt=0, lt=0.5)] | None = None  # of the people; canary.holdout if not given


class CanaryReply(Body):
    id: str
    control: str
    treatment: str
    shadow: bool
    state: CanaryState
    step: int  # from 1
    steps: list[float]  # the shares of all steps
    share: float  # of the people who are on the treatment now
    started: Instant
    stepped: Instant
    superior: bool
    expected: float
    reasons: list[str]


class ArmReply(Body):
    """The people on one side in the present step, their questions, and those with a bad outcome."""

    people: int
    asked: int
    bad: int


class NextReply(Body):
    """What the next look will do if nothing more comes in."""

    action: Action
    reasons: list[str]


class EvidenceReply(Body):
    """The numbers of a verdict: always-valid p by test, and the rules that decided."""

    step: int  # from 0
    share: float
    treatment: ArmReply
    control: ArmReply
    p: dict[str, float]
    rules: list[str]


class NoEvidenceReply(Body):
    """Nothing was decided."""


class ProgressReply(Body):
    """A canary with what its people met so far; `next` is null when it has ended."""

    canary: CanaryReply
    next: NextReply | None
    step: int  # from 0
    share: float
    treatment: ArmReply
    control: ArmReply
    p: dict[str, float]
    rules: list[str]


class NoCanaryReply(Body):
    """There was no canary yet."""

    canary: None


class TickReply(Body):
    """What a look found and did; `action` is none where there was nothing to decide, or another was faster."""

    canary: CanaryReply | None
    action: Action | Literal["none"]
    reasons: list[str]
    evidence: EvidenceReply | NoEvidenceReply
    delivered: int  # notices


class StoppedReply(Body):
    canary: CanaryReply


class NeverFrozenReply(Body):
    """Nobody ever froze promotions."""

    frozen: Literal[False]


class FreezeReply(Body):
    frozen: bool
    at: Instant
    who: str
    why: str


class DifferenceReply(Body):
    """The others' rate of bad outcomes less that of the hold-out, with an interval that holds at all times at once."""

    difference: float
    low: float
    high: float


class GainReply(Body):
    """Both sides since the hold-out began; the difference is null where there are too few people."""

    version: str
    since: Instant
    share: float
    holdout: ArmReply
    others: ArmReply
    difference: DifferenceReply | None


class HeldOutReply(Body):
    holdout: GainReply | None


class HoldOutReply(Body):
    version: str | None
    since: Instant
    share: float
    who: str
    why: str


class AuditReply(Body):
    """Who did what to which thing, when, and with what else there is to say."""

    at: Instant
    who: str
    action: str
    subject: str
    detail: dict[str, JsonValue]


@routes.get("/canary")
def show(state: Shared) -> ProgressReply | NoCanaryReply:
    """The canary that is running with what its people met so far, or else the newest one. Nothing is decided."""
    services = state.services
    newest = services.ledger.canary()
    if newest is None:
        return NoCanaryReply(canary=None)
    move = deployment.verdict(newest, services)
    evidence = _evidence(move)
    return ProgressReply(
        canary=_canary(newest),
        next=NextReply(action=move.action, reasons=list(move.reasons)) if newest.state is CanaryState.RUNNING else None,
        step=evidence.step,
        share=evidence.share,
        treatment=evidence.treatment,
        control=evidence.control,
        p=evidence.p,
        rules=evidence.rules,
    )


@routes.post("/canary/tick")
def tick(state: Shared) -> TickReply:
    """Look at the canary that is running, act on its verdict, and deliver the notices that are due."""
    looked = deployment.look(state.services)
    return TickReply(
        canary=None if looked.canary is None else _canary(looked.canary),
        action="none" if looked.action is None else looked.action,
        reasons=list(looked.reasons),
        evidence=NoEvidenceReply() if looked.verdict is None else _evidence(looked.verdict),
        delivered=deployment.deliver(state.services),
    )


@routes.post("/canary/stop")
def stop(body: ReasonBody, state: Shared, asking: Asking) -> StoppedReply:
    """End the canary that is running: everybody is on the live version again. 409 when none is running."""
    services = state.services
    under_way = promotion.running(services.ledger)
    if under_way is None:
        raise Conflict("no canary is running: `rag-flywheel canary show` shows the last one")
    act = act_of(asking.signed, body.why, at=services.now())
    if not promotion.finish(under_way, promoted=False, index=services.index, ledger=services.ledger, act=act):
        raise Conflict("the canary changed meanwhile: look at it again")
    return StoppedReply(canary=_canary(promotion.newest(services.ledger)))


@routes.get("/freeze")
def frozen(state: Shared) -> FreezeReply | NeverFrozenReply:
    """Whether promotions are frozen, since when, by whom and why."""
    change = state.services.ledger.freeze()
    return NeverFrozenReply(frozen=False) if change is None else _freeze(change)


@routes.post("/freeze")
def freeze(body: FreezeBody, state: Shared, asking: Asking) -> FreezeReply:
    """Forbid all promotions, or allow them again. Rolling back is always allowed."""
    services = state.services
    act = act_of(asking.signed, body.why, at=services.now())
    return _freeze(promotion.freeze(body.frozen, ledger=services.ledger, act=act))


@routes.get("/holdout")
def holdout(state: Shared) -> HeldOutReply:
    """The hold-out, and the gain of everybody else over it: null without one."""
    gain = deployment.gain(state.services)
    return HeldOutReply(holdout=None if gain is None else gain_reply(gain))


@routes.post("/holdout")
def hold_out(body: HoldOutBody, state: Shared, asking: Asking) -> HoldOutReply:
    """Keep a small share of the people on a version that was live before, or end that."""
    services = state.services
    change = promotion.hold_out(
        None if body.version is None else VersionId(body.version),
        share=body.share or services.config.canary.holdout,
        index=services.index,
        ledger=services.ledger,
        act=act_of(asking.signed, body.why, at=services.now()),
    )
    return HoldOutReply(
        version=change.version_id, since=change.since, share=change.share, who=change.who, why=change.why
    )


@routes.get("/audit")
def audit(state: Shared, limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> list[AuditReply]:
    """Who did what to which thing, when and why; the latest first."""
    return [
        AuditReply(at=entry.at, who=entry.who, action=entry.action, subject=entry.subject, detail=dict(entry.detail))
        for entry in state.services.ledger.audit(limit=limit)
    ]


class Watch:
    """Looks at the canary, and delivers notices, again and again in threads of its own until it is stopped.

    A receiver that is slow to answer must not delay a verdict, so there are several.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._repeat, args=(what, do), name=name, daemon=True)
            for name, what, do in (
                ("canary", "looking at the canary", self._look),
                ("webhooks", "telling the webhooks", self._deliver),
                ("erasures", "going on with erasures", self._erase),
            )
        ]

    def __enter__(self) -> "Watch":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(timeout=self._services.config.index.timeout)

    def _repeat(self, what: str, do: Callable[[], None]) -> None:
        while not self._ended.wait(self._services.config.canary.seconds_between_looks):
            try:
                do()
            except FlywheelError as error:  # the next time may succeed
                logger.error("%s failed: %s", what, type(error).__name__)
            except Exception:  # what nobody foresaw must not be the last thing that this thread does
                logger.exception("%s failed", what)

    def _look(self) -> None:
        looked = deployment.look(self._services)
        if looked.action not in (None, Action.HOLD) and looked.canary is not None:
            logger.warning("canary of %s: %s", looked.canary.treatment, looked.action)

    def _erase(self) -> None:
        for told in erasing.resume(self._services):
            logger.warning("%s", told)

    def _deliver(self) -> None:
        deployment.deliver(self._services)


def gain_reply(gain: deployment.Gain) -> GainReply:
    interval = gain.difference
    return GainReply(
        version=gain.version,
        since=gain.since,
        share=gain.share,
        holdout=_arm(gain.holdout),
        others=_arm(gain.others),
        difference=None
        if interval is None
        else DifferenceReply(difference=interval.difference, low=interval.low, high=interval.high),
    )


def _canary(canary: Canary) -> CanaryReply:
    return CanaryReply(
        id=canary.canary_id,
        control=canary.control,
        treatment=canary.treatment,
        shadow=canary.shadow,
        state=canary.state,
        step=canary.step + 1,
        steps=list(canary.shares),
        share=canary.share,
        started=canary.started,
        stepped=canary.stepped,
        superior=canary.superior,
        expected=canary.expected,
        reasons=list(canary.reasons),
    )


def _evidence(move: Move) -> EvidenceReply:
    measured = move.measured
    return EvidenceReply(
        step=measured.step,
        share=measured.share,
        treatment=_arm(measured.treatment),
        control=_arm(measured.control),
        p=dict(measured.p),
        rules=list(move.rules),
    )


def _arm(outcomes: Outcomes) -> ArmReply:
    return ArmReply(people=outcomes.people, asked=outcomes.asked, bad=outcomes.bad)


def _freeze(change: Freeze) -> FreezeReply:
    return FreezeReply(frozen=change.frozen, at=change.at, who=change.who, why=change.why)
