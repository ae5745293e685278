"""Whether the server answers, by which settings, and what can be asked of it."""

from typing import Literal

from fastapi import APIRouter, Request
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.responses import HTMLResponse, JSONResponse

from rag_flywheel.access import roles
from rag_flywheel.api.guard import GuardedRoute
from rag_flywheel.api.models import Body
from rag_flywheel.api.state import Shared
from rag_flywheel.config import Config, masked

routes = APIRouter(route_class=GuardedRoute)
OPENAPI = "/openapi.json"


class HealthReply(Body):
    status: Literal["ok"]
    live: str | None


@routes.get("/health", tags=["operation"])
def health(state: Shared) -> HealthReply:
    """Whether this process answers, and which version is live (null before the first reindex)."""
    return HealthReply(status="ok", live=state.services.index.live())


@routes.get("/config", tags=["operation"])
def settings(state: Shared) -> Config:
    """The settings in force, passwords masked."""
    return masked(state.services.config)


@routes.get(OPENAPI, include_in_schema=False)
def document(request: Request) -> JSONResponse:
    """All routes with what they take and give, as OpenAPI."""
    every = request.app.openapi()
    for method, path in (row.split() for row in roles.EVERYBODY):
        if path in every["paths"]:
            every["paths"][path][method.lower()]["security"] = []  # the one that is declared for all of them ends here
    return JSONResponse(every)


@routes.get("/docs", include_in_schema=False)
def tried(request: Request) -> HTMLResponse:
    """The same as a page on which they can be tried."""
    return get_swagger_ui_html(openapi_url=OPENAPI, title=request.app.title)


@routes.get("/redoc", include_in_schema=False)
def read(request: Request) -> HTMLResponse:
    """The same as a page to read."""
    return get_redoc_html(openapi_url=OPENAPI, title=request.app.title)
