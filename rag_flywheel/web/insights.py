"""Insights: how the flywheel is doing, in numbers with their intervals, drawn and as tables."""

import contextlib
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response

from rag_flywheel.access.roles import ROLES
from rag_flywheel.api import insights as releases
from rag_flywheel.api import overview
from rag_flywheel.api.insights import InsightReply
from rag_flywheel.api.overview import Chosen
from rag_flywheel.api.overview_models import FIRST, LAST, OverviewReply
from rag_flywheel.api.state import Asking, Shared
from rag_flywheel.errors import NotAllowed
from rag_flywheel.rollout.overview import Eyes
from rag_flywheel.web import charts
from rag_flywheel.web.page import TwinRoute, page

routes = APIRouter(route_class=TwinRoute, include_in_schema=False)
SPANS = {"7 days": 7, "30 days": 30, "90 days": 90, "a year": 365}
DRAWN = ("answered", "doubtful", "refused", "good")


@routes.get("/insights")
def show(request: Request, wanted: Chosen, state: Shared, asking: Asking) -> Response:
    """Everything, of the time and the group that the address names."""
    told = overview.show(wanted, state, asking)
    released: list[InsightReply] = []
    with contextlib.suppress(NotAllowed):  # who may not read everything
        released = releases.listed(state, asking)
    values = {
        "told": told,
        "address": _address(told),
        "bounds": (FIRST, LAST),
        "spans": {label: _address(told, days=days) for label, days in SPANS.items()},
        "chart": [charts.series(name, [getattr(line, name).value for line in told.times]) for name in DRAWN],
        "most": max((max(stage.answers, stage.corrections) for stage in told.stages), default=0) or 1,
        "sensitive": state.sensitive().anything,
        "everything": Eyes(reader=state.reader(asking), sensitive=state.sensitive()).see_everything,
        "released": released,
        "may_send": bool(asking.roles & ROLES["POST /insights/digest"]),
    }
    return page(request, "insights.html.jinja", values)


def _address(told: OverviewReply, *, days: int | None = None) -> str:
    """What stands after the question mark of the address that shows this."""
    first = told.first if days is None else max(FIRST, told.last - timedelta(days=days - 1))
    asked: Mapping[str, str | None] = {
        "from": first.isoformat(),
        "to": told.last.isoformat(),
        "every": told.every.value,
        "group": told.group,
    }
    return urlencode({name: value for name, value in asked.items() if value is not None})
