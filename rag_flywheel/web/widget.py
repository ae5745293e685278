"""The widget: a button on the pages of a help centre, and our page for asking in a frame there."""

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import AwareDatetime

from rag_flywheel.api.doorstep import FRAMED
from rag_flywheel.api.state import Asking, Shared, State
from rag_flywheel.errors import NotFound
from rag_flywheel.web import assets, consent
from rag_flywheel.web.conversations import SHOWN, kept_session, turns_of
from rag_flywheel.web.page import PageRoute, page
from rag_flywheel.web.turns import shown
from rag_flywheel.web.who import user_of

routes = APIRouter(route_class=PageRoute, include_in_schema=False)
SCRIPT = "widget.js"
FOR_AN_HOUR = {"Cache-Control": "public, max-age=3600", "Cross-Origin-Resource-Policy": "cross-origin"}


@routes.get("/widget.js")
def script(state: Shared) -> Response:
    """What the pages of a help centre load."""
    _origins(state)
    return Response((assets.FOLDER / SCRIPT).read_bytes(), media_type=assets.KINDS[".js"], headers=dict(FOR_AN_HOUR))


@routes.get("/widget")
def frame(request: Request, state: Shared) -> Response:
    """The page in the frame. It holds nothing of anybody: what it shows comes once it has said who asks."""
    request.scope[FRAMED] = _origins(state)
    return page(request, "widget.html.jinja")


@routes.get("/widget/conversation")
def conversation(
    request: Request, state: Shared, asking: Asking, begun: AwareDatetime | None = None, change: bool = False
) -> Response:
    """What is kept of whoever asks there, and what they asked in the conversation that began then."""
    _origins(state)
    user = user_of(request, asking)
    standing = consent.stand(user, state)
    asked = turns_of(user, begun, state, state.reader(asking))
    turns = [shown(each, state, user=user) for each in asked[-SHOWN:]]
    values = {
        "turns": turns,
        "opened": begun,
        "session": kept_session(user, begun, state) if begun is not None and turns else None,
        "consent": standing,
        "asks": standing["asks"] or (change and standing["policy"] != "off"),
    }
    return page(request, "_widget.html.jinja", values)


def _origins(state: State) -> tuple[str, ...]:
    """Of the pages that may show it. Raises NotFound where there are none."""
    origins = state.services.config.web.widget.origins
    if not origins:
        raise NotFound("there is no widget here: `web.widget.origins` names the pages that may show it")
    return origins
