"""The canary, the freeze and the hold-out: shown, looked at, changed. And the thread of each process that looks."""

import logging
import threading
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from rag_flywheel.api.models import Body, Name, Text
from rag_flywheel.api.state import Shared
from rag_flywheel.domain import Canary, Freeze, HoldOut, Json, VersionId
from rag_flywheel.errors import Conflict, FlywheelError
from rag_flywheel.rollout import deployment, promotion
from rag_flywheel.services import Services

routes = APIRouter(tags=["deployment"])
logger = logging.getLogger("rag_flywheel.deployment")


class ReasonBody(Body):
    who: Name = "api"
    why: Text = "asked for"


class FreezeBody(ReasonBody):
    frozen: bool


class HoldOutBody(ReasonBody):
    version: Name | None  # null ends the hold-out
    share: Annotated[float, Field(gt=0, lt=0.5)] | None = None  # of the people; canary.holdout if not given


@routes.get("/canary")
def show(state: Shared) -> dict[str, Json]:
    """The canary that is running with what its people met so far, or else the newest one. Nothing is decided."""
    services = state.services
    newest = services.ledger.canary()
    if newest is None:
        return {"canary": None}
    return {"canary": _canary(newest), **deployment.judged(newest, services)}


@routes.post("/canary/tick")
def tick(state: Shared) -> dict[str, Json]:
    """Look at the canary that is running, act on its verdict, and deliver the notices that are due."""
    looked = _look(deployment.look(state.services))
    return {**looked, "delivered": deployment.deliver(state.services)}


@routes.post("/canary/stop")
def stop(body: ReasonBody, state: Shared) -> dict[str, Json]:
    """End the canary that is running: everybody is on the live version again. 409 when none is running."""
    services = state.services
    under_way = promotion.running(services.ledger)
    if under_way is None:
        raise Conflict("no canary is running: `rag-flywheel canary show` shows the last one")
    done = promotion.finish(
        under_way,
        promoted=False,
        reasons=[body.why],
        evidence={},
        index=services.index,
        ledger=services.ledger,
        who=body.who,
        at=services.now(),
    )
    if not done:
        raise Conflict("the canary changed meanwhile: look at it again")
    return {"canary": _canary(promotion.newest(services.ledger))}


@routes.get("/freeze")
def frozen(state: Shared) -> dict[str, Json]:
    """Whether promotions are frozen, since when, by whom and why."""
    return _freeze(state.services.ledger.freeze())


@routes.post("/freeze")
def freeze(body: FreezeBody, state: Shared) -> dict[str, Json]:
    """Forbid all promotions, or allow them again. Rolling back is always allowed."""
    services = state.services
    return _freeze(promotion.freeze(body.frozen, ledger=services.ledger, who=body.who, why=body.why, at=services.now()))


@routes.get("/holdout")
def holdout(state: Shared) -> dict[str, Json]:
    """The hold-out, and the gain of everybody else over it: null without one."""
    return {"holdout": deployment.gain(state.services)}


@routes.post("/holdout")
def hold_out(body: HoldOutBody, state: Shared) -> dict[str, Json]:
    """Keep a small share of the people on a version that was live before, or end that."""
    services = state.services
    change = promotion.hold_out(
        None if body.version is None else VersionId(body.version),
        share=body.share or services.config.canary.holdout,
        index=services.index,
        ledger=services.ledger,
        who=body.who,
        why=body.why,
        at=services.now(),
    )
    return _hold_out(change)


@routes.get("/audit")
def audit(state: Shared, limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> list[dict[str, Json]]:
    """Who did what to which thing, when and why; the latest first."""
    return [
        {
            "at": entry.at.isoformat(),
            "who": entry.who,
            "action": entry.action,
            "subject": entry.subject,
            "detail": dict(entry.detail),
        }
        for entry in state.services.ledger.audit(limit=limit)
    ]


class Watch:
    """Looks at the canary, and delivers notices, again and again in threads of its own until it is stopped.

    A receiver that is slow to answer must not delay a verdict, so there are two.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._repeat, args=(what, do), name=name, daemon=True)
            for name, what, do in (
                ("canary", "looking at the canary", self._look),
                ("webhooks", "telling the webhooks", self._deliver),
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

    def _look(self) -> None:
        looked = deployment.look(self._services)
        if looked.action not in ("none", "hold") and looked.canary is not None:
            logger.warning("canary of %s: %s", looked.canary.treatment, looked.action)

    def _deliver(self) -> None:
        deployment.deliver(self._services)


def _canary(canary: Canary) -> dict[str, Json]:
    return {
        "id": canary.canary_id,
        "control": canary.control,
        "treatment": canary.treatment,
        "shadow": canary.shadow,
        "state": canary.state.value,
        "step": canary.step + 1,
        "steps": list(canary.shares),
        "share": canary.share,
        "started": canary.started.isoformat(),
        "stepped": canary.stepped.isoformat(),
        "superior": canary.superior,
        "expected": canary.expected,
        "reasons": list(canary.reasons),
    }


def _look(looked: deployment.Look) -> dict[str, Json]:
    return {
        "canary": None if looked.canary is None else _canary(looked.canary),
        "action": looked.action,
        "reasons": list(looked.reasons),
        "evidence": dict(looked.evidence),
    }


def _freeze(one: Freeze | None) -> dict[str, Json]:
    if one is None:
        return {"frozen": False}
    return {"frozen": one.frozen, "at": one.at.isoformat(), "who": one.who, "why": one.why}


def _hold_out(out: HoldOut) -> dict[str, Json]:
    return {
        "version": out.version_id,
        "since": out.since.isoformat(),
        "share": out.share,
        "who": out.who,
        "why": out.why,
    }
