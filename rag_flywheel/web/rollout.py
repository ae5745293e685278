"""The canary and the freeze on pages."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import Field

from rag_flywheel.access.roles import ROLES
from rag_flywheel.api import deployment as routes_of_api
from rag_flywheel.api.deployment import FreezeBody, ReasonBody
from rag_flywheel.api.models import Text
from rag_flywheel.api.state import Asking, Shared
from rag_flywheel.errors import InvalidInput
from rag_flywheel.rollout import deployment
from rag_flywheel.rollout.canary import WORSE_PART
from rag_flywheel.web import charts
from rag_flywheel.web.page import Form, TwinRoute, page, posted

routes = APIRouter(route_class=TwinRoute, include_in_schema=False)

STOP, FREEZE = "stop", "freeze"
"""What has to be typed."""


class FreezeForm(Form):
    frozen: bool
    confirm: Annotated[str, Field(max_length=20)] = ""
    why: Text = "asked for on a page"


class StopForm(Form):
    confirm: Annotated[str, Field(max_length=20)] = ""
    why: Text = "asked for on a page"


@routes.get("/canary")
def show(request: Request, state: Shared, asking: Asking) -> Response:
    """The canary that is running, or the last one: who met what, and how near a verdict is."""
    newest, settings = state.services.ledger.canary(), state.services.config.canary
    looks = [] if newest is None else deployment.course(newest, state.services)
    curves = []
    if newest is not None:
        boundaries = {
            "worse": ("worse than the live version", settings.significance * WORSE_PART / len(newest.shares)),
            "not_worse": (f"not worse by {settings.margin:.0%}", settings.significance),
        }
        for name, (label, allowed) in boundaries.items():
            found = [measured.p[name] for _, measured in looks if name in measured.p]
            if found:
                curves.append(charts.curve(name, label, found, allowed=allowed))
    values = {
        "told": routes_of_api.show(state),
        "looks": looks,
        "curves": curves,
        "width": charts.WIDTH,
        "height": charts.HEIGHT,
        "ticks": charts.ticks(),
        "needed": settings.minimum_people,
        "may_stop": bool(asking.roles & ROLES["POST /canary/stop"]),
    }
    return page(request, "canary.html.jinja", values)


@routes.post("/canary/stop")
def stop(state: Shared, asking: Asking, form: Annotated[StopForm, Depends(posted(StopForm))]) -> Response:
    """End the canary that is running."""
    if form.confirm != STOP:
        raise InvalidInput(f"type {STOP}, to say that you mean it")
    routes_of_api.stop(ReasonBody(why=form.why), state, asking)
    return RedirectResponse("/canary", 303)


@routes.post("/freeze")
def freeze(state: Shared, asking: Asking, form: Annotated[FreezeForm, Depends(posted(FreezeForm))]) -> Response:
    """Forbid all promotions, or allow them again."""
    if form.frozen and form.confirm != FREEZE:
        raise InvalidInput(f"type {FREEZE}, to say that you mean it")
    routes_of_api.freeze(FreezeBody(frozen=form.frozen, why=form.why), state, asking)
    return RedirectResponse("/versions", 303)
