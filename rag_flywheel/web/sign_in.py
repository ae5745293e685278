"""Signing in on a page: at the OpenID provider where there is one, or with a key."""

import functools
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import Field

from rag_flywheel.access import sessions
from rag_flywheel.api.guard import Guard, session_cookie
from rag_flywheel.api.peer import is_https
from rag_flywheel.api.signing_in import end_session, hold, refuse_in_clear
from rag_flywheel.api.state import Shared
from rag_flywheel.errors import NotSignedIn
from rag_flywheel.web.page import Form, PageRoute, page, posted

routes = APIRouter(route_class=PageRoute, include_in_schema=False)


class KeyForm(Form):
    key: Annotated[str, Field(max_length=200)] = ""
    next: Annotated[str, Field(max_length=2048)] = "/"


@routes.get("/sign-in")
def show(request: Request, next: Annotated[str, Query(max_length=2048)] = "/") -> Response:
    """Where one says who one is."""
    return sign_in_page(request, onward=next)


@routes.post("/sign-in")
async def sign_in(request: Request, state: Shared, form: Annotated[KeyForm, Depends(posted(KeyForm))]) -> Response:
    """Open a session for the holder of a key, and go on to a page of this server."""
    refuse_in_clear(request)
    onward = sessions.own_path(form.next)
    guard: Guard = request.app.state.guard
    services, settings = state.services, state.services.config.access

    def opened() -> str:
        made = sessions.open_with_key(form.key.strip(), ledger=services.ledger, now=services.now())
        end_session(request, services)
        return made

    try:
        text = await anyio.to_thread.run_sync(functools.partial(opened), limiter=guard.lookups)
    except NotSignedIn as error:
        return sign_in_page(request, onward=onward, status=401, wrong=str(error))
    there = RedirectResponse(onward, 303)
    seconds = settings.session_hours * 3600
    hold(there, session_cookie(https=is_https(request)), text, seconds=seconds, request=request)
    return there


def sign_in_page(request: Request, *, onward: str, status: int = 200, detail: str = "", wrong: str = "") -> Response:
    """The form; `detail` says why one has to, and `wrong` what was wrong with the key."""
    services = request.app.state.guard.services
    values = {
        "onward": onward,
        "detail": detail,
        "wrong": wrong,
        "provider": bool(services.config.access.oidc.client_id),
    }
    return page(request, "sign_in.html.jinja", values, status=status)
