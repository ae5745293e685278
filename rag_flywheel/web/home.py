"""The first page: where one asks."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from rag_flywheel.web.page import PageRoute, page

routes = APIRouter(route_class=PageRoute, include_in_schema=False)


@routes.get("/")
def show(request: Request) -> Response:
    """Where one asks."""
    return page(request, "home.html.jinja")
