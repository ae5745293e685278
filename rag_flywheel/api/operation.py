"""Whether the server answers, by which settings, and what can be asked of it."""

from importlib import resources
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from rag_flywheel.access import roles
from rag_flywheel.api.guard import GuardedRoute
from rag_flywheel.api.models import Body
from rag_flywheel.api.state import Shared
from rag_flywheel.config import Config, masked

routes = APIRouter(route_class=GuardedRoute)
OPENAPI = "/openapi.json"
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>rag-flywheel</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="routes"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/begin.js"></script>
</body>
</html>
"""
BEGIN = 'SwaggerUIBundle({url: "openapi.json", dom_id: "#routes", validatorUrl: null});\n'
KINDS = {"css": "text/css", "js": "text/javascript"}
Part = Literal["swagger-ui.css", "swagger-ui-bundle.js", "begin.js"]


class HealthReply(Body):
    status: Literal["ok"]
    live: str | None
    away: list[str]


@routes.get("/health", tags=["operation"])
def health(state: Shared) -> HealthReply:
    """Whether this process answers, which version is live (null before the first reindex), and which services it leaves
    alone for now, since they did not answer: `language_model`, `search`. Without the index the status is 503.
    """
    return HealthReply(status="ok", live=state.services.index.live(), away=state.services.away())


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
def tried() -> HTMLResponse:
    """The same as a page on which they can be tried."""
    return HTMLResponse(PAGE)


@routes.get("/docs/{part}", include_in_schema=False)
def part_of_page(part: Part) -> Response:
    """What the page consists of. All of it is ours to send: a script from elsewhere could do what its reader may."""
    content = BEGIN if part == "begin.js" else (resources.files("fastapi_offline") / "static" / part).read_bytes()
    return Response(content, media_type=KINDS[part.rpartition(".")[2]])
