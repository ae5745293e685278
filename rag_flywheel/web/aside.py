"""What guardrails set aside, on pages: looked at, released, dropped."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response

from rag_flywheel.api import aside as routes_of_api
from rag_flywheel.api.aside import RulingBody
from rag_flywheel.api.models import Text
from rag_flywheel.api.state import Asking, Shared
from rag_flywheel.domain import AsideState
from rag_flywheel.web.page import Form, TwinRoute, page, posted

routes = APIRouter(route_class=TwinRoute, include_in_schema=False)


class RulingForm(Form):
    why: Text


@routes.get("/aside")
def listed(
    request: Request, state: Shared, asking: Asking, of: Annotated[AsideState | None, Query(alias="state")] = None
) -> Response:
    """What is set aside or reported, the latest first."""
    values = {"items": routes_of_api.listed(state, asking, of), "of": of, "states": list(AsideState)}
    return page(request, "asides.html.jinja", values)


@routes.get("/aside/{id}")
def show(id: str, request: Request, state: Shared, asking: Asking) -> Response:
    """One of them, with what it says."""
    return page(request, "aside.html.jinja", {"item": routes_of_api.show(id, state, asking)})


@routes.post("/aside/{id}/release")
def release(
    id: str, state: Shared, asking: Asking, form: Annotated[RulingForm, Depends(posted(RulingForm))]
) -> Response:
    """Let it pass."""
    routes_of_api.release(id, RulingBody(why=form.why), state, asking)
    return RedirectResponse("/aside", 303)


@routes.post("/aside/{id}/drop")
def drop(id: str, state: Shared, asking: Asking, form: Annotated[RulingForm, Depends(posted(RulingForm))]) -> Response:
    """Leave it out for good."""
    routes_of_api.drop(id, RulingBody(why=form.why), state, asking)
    return RedirectResponse("/aside", 303)
