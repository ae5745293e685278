"""Counts about what is sensitive, released with noise, and what that costs."""

from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from rag_flywheel.api.guard import GuardedRoute
from rag_flywheel.api.models import Body, Instant
from rag_flywheel.api.state import Asking, Shared
from rag_flywheel.domain.releases import Measure, Release
from rag_flywheel.feedback import insights
from rag_flywheel.privacy import releases
from rag_flywheel.privacy.releases import Asked

MONTH = r"^20[0-9]{2}-(0[1-9]|1[0-2])$"
routes = APIRouter(prefix="/insights", tags=["insights"], route_class=GuardedRoute)
Month = Annotated[str | None, Query(pattern=MONTH, description="Such as 2026-11, in UTC.")]


class InsightBody(Body):
    measure: Measure
    month: str | None = Field(None, pattern=MONTH)  # null: the last one that is over
    epsilon: float | None = Field(None, gt=0, le=10)  # null: as releases.epsilon says
    dry_run: bool = False  # say what it would cost, and release nothing


class CellReply(Body):
    name: str
    count: int | None  # with noise; null: too small to be told


class InsightReply(Body):
    """Counts with noise, and the privacy loss of each person whose records they count."""

    state: Literal["released", "known", "preview"]  # known: it was released before, and cost nothing now
    measure: Measure
    month: str
    at: Instant | None  # records until then are counted; null: of a preview
    epsilon: float
    delta: float
    per_person: int  # questions of a person that count, at most
    within: int | None  # 95 of 100 counts are off by this or less, for their noise
    cells: list[CellReply]


class BudgetReply(Body):
    """What the releases about one month cost and may cost."""

    month: str
    epsilon: float
    delta: float
    spent_epsilon: float
    spent_delta: float
    released: list[Measure]


@routes.get("")
def listed(state: Shared, asking: Asking, month: Month = None) -> list[InsightReply]:
    """What was released, the latest first; of one month, where it is named."""
    state.refuse_part(asking)
    if month is not None:
        releases.checked_month(month)
    return [_reply(made, "known") for made in reversed(state.services.ledger.releases(month=month))]


@routes.get("/budget")
def budget(state: Shared, asking: Asking, month: Month = None) -> BudgetReply:
    """How much privacy loss the releases about a month took, and how much they may take."""
    ledger, settings = state.services.ledger, state.services.config.releases
    name = month or _last(state.services.now())
    found = releases.budget(name, settings, ledger)
    return BudgetReply(
        month=name,
        epsilon=found.epsilon,
        delta=found.delta,
        spent_epsilon=found.spent_epsilon,
        spent_delta=found.spent_delta,
        released=[made.measure for made in ledger.releases(month=name)],
    )


@routes.post("")
def release(body: InsightBody, state: Shared, asking: Asking) -> InsightReply:
    """Release counts of a month, once: the same question again gives the same release, and costs nothing."""
    state.refuse_part(asking)
    services, at = state.services, state.services.now()
    asked = Asked(measure=body.measure, month=body.month or _last(at), epsilon=body.epsilon, who=asking.signed, at=at)
    sensitive = state.sensitive()
    insights.refuse_unmarked(sensitive)
    made = releases.known(asked, services.ledger)
    if made is not None:
        return _reply(made, "known")
    if body.dry_run:
        epsilon, delta = releases.price(asked, services.config.releases, services.ledger)
        return InsightReply(
            state="preview",
            measure=asked.measure,
            month=asked.month,
            at=None,
            epsilon=epsilon,
            delta=delta,
            per_person=services.config.releases.per_person,
            within=None,
            cells=[],
        )
    made = insights.ask(asked, services, sensitive)
    return _reply(made, "released" if made.at == at else "known")


def _last(now: datetime) -> str:
    """The last month that is over."""
    return f"{now.replace(day=1) - timedelta(days=1):%Y-%m}"


def _reply(made: Release, state: Literal["released", "known"]) -> InsightReply:
    return InsightReply(
        state=state,
        measure=made.measure,
        month=made.month,
        at=made.at,
        epsilon=made.epsilon,
        delta=made.delta,
        per_person=made.per_person,
        within=made.within,
        cells=[CellReply(name=cell.name, count=cell.count) for cell in made.cells],
    )
