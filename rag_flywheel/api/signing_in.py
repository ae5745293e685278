"""Signing in with a browser at the OpenID provider, signing out, and who one is."""

import contextlib
import functools
from collections.abc import Callable
from typing import Annotated, TypeVar

import anyio.to_thread
from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from rag_flywheel.access import sessions, tokens
from rag_flywheel.api.guard import Guard, GuardedRoute, session_cookie
from rag_flywheel.api.models import Body
from rag_flywheel.api.peer import is_https
from rag_flywheel.api.state import Asking, Shared
from rag_flywheel.domain import Role
from rag_flywheel.domain.checks import is_this_machine
from rag_flywheel.errors import NotAllowed, NotFound, NotSignedIn, Unavailable
from rag_flywheel.ports import IdentityProvider
from rag_flywheel.services import Services

routes = APIRouter(tags=["access"], route_class=GuardedRoute)
Sent = Annotated[str, Query(max_length=4096)]
Found = TypeVar("Found")


class MeReply(Body):
    name: str | None  # under which what one does is recorded; null: nobody said
    roles: list[Role]
    groups: list[str] | None  # by which one reads what is not for all; null: everything
    tenant: str | None


@routes.get("/login", status_code=303, response_class=RedirectResponse)
async def login(
    request: Request, state: Shared, next: Annotated[str, Query(max_length=2048)] = "/me"
) -> RedirectResponse:
    """Go to the identity provider to sign in, and come back to `next`, a path of this server."""
    services, provider = state.services, _provider(state.services)
    redirect = _callback(request)

    def begin() -> tuple[str, str]:
        salt, now = services.ledger.salt(), services.now()
        held, attempt = sessions.begin(next, redirect=redirect, salt=salt, now=now)
        return held, provider.sign_in_url(attempt)

    held, there = await _asking(request, begin)
    gone = RedirectResponse(there, 303)
    hold(gone, _attempt_cookie(request), held, seconds=sessions.SIGN_IN.total_seconds(), request=request)
    return gone


@routes.get("/login/callback", status_code=303, response_class=RedirectResponse)
async def callback(
    request: Request,
    state: Shared,
    code: Sent = "",
    given: Annotated[str, Query(alias="state", max_length=4096)] = "",
    issuer: Annotated[str | None, Query(alias="iss", max_length=4096)] = None,
) -> RedirectResponse:
    """Where the identity provider sends the browser back. Whoever signed in is signed in here too from now on."""
    services, provider = state.services, _provider(state.services)
    finish = functools.partial(_finish, request, provider, services, code=code, state=given, issuer=issuer)
    text, onward = await _asking(request, finish)
    back = RedirectResponse(onward, 303)
    seconds = services.config.access.session_hours * 3600
    hold(back, session_cookie(https=is_https(request)), text, seconds=seconds, request=request)
    hold(back, _attempt_cookie(request), "", seconds=0, request=request)
    return back


@routes.post("/logout", status_code=303, response_class=RedirectResponse)
async def logout(request: Request, state: Shared) -> RedirectResponse:
    """End the session, here from the next request on, and at the identity provider where it says how."""
    services, provider = state.services, state.services.provider
    guard: Guard = request.app.state.guard
    await anyio.to_thread.run_sync(functools.partial(end_session, request, services), limiter=guard.lookups)
    onward = None
    if provider is not None and services.config.access.oidc.client_id:
        with contextlib.suppress(Unavailable):  # the session has ended here, and that is to be told
            onward = await _asking(request, provider.sign_out_url)
    left = RedirectResponse(onward or "/sign-in", 303)
    hold(left, session_cookie(https=is_https(request)), "", seconds=0, request=request)
    return left


@routes.get("/me")
def me(asking: Asking) -> MeReply:
    """Who one is, and what one may do here."""
    groups = None if asking.groups is None else sorted(asking.groups)
    return MeReply(name=asking.name, roles=sorted(asking.roles), groups=groups, tenant=asking.tenant)


def _finish(
    request: Request, provider: IdentityProvider, services: Services, *, code: str, state: str, issuer: str | None
) -> tuple[str, str]:
    """What the browser is to hold, and where it goes on."""
    settings, ledger, now = services.config.access.oidc, services.ledger, services.now()
    held = request.cookies.get(_attempt_cookie(request), "")
    attempt, onward = sessions.resume(held, state, redirect=_callback(request), salt=ledger.salt(), now=now)
    if not code or issuer not in (None, settings.issuer):  # RFC 9207
        raise NotSignedIn("the identity provider has signed nobody in: begin again at /login")
    signed = provider.signed(provider.redeem(code, attempt))
    person = tokens.identified(signed, nonce=attempt.nonce, settings=settings, now=services.now())
    end_session(request, services)
    return sessions.open_session(person, ledger=ledger, now=now), onward


def end_session(request: Request, services: Services) -> None:
    """What the browser holds opens nothing from now on."""
    text = request.cookies.get(session_cookie(https=is_https(request)))
    if text is not None:
        sessions.end(text, ledger=services.ledger, now=services.now())


def _provider(services: Services) -> IdentityProvider:
    if services.provider is None or not services.config.access.oidc.client_id:
        raise NotFound("nobody signs in here: keys open this server, or set access.oidc")
    return services.provider


def _callback(request: Request) -> str:
    """The URL to which the provider sends browsers back; it has to know it. By the name that the browser used, which
    the doorstep has checked.
    """
    refuse_in_clear(request)
    return f"{request.url.scheme}://{request.url.netloc}/login/callback"


def refuse_in_clear(request: Request) -> None:
    """Raises NotAllowed where what a browser is to hold would go over the network in clear."""
    if not is_https(request) and not is_this_machine(request.url.hostname or ""):
        raise NotAllowed(
            "sign in over https: what the browser is to hold would be read on the way. Where a proxy ends TLS, name it "
            "in access.proxies"
        )


def _attempt_cookie(request: Request) -> str:
    return "__Host-rag-sign-in" if is_https(request) else "rag-sign-in"


def hold(reply: Response, name: str, value: str, *, seconds: float, request: Request) -> None:
    """Let the browser hold it, out of reach of scripts, and send it back with nothing that other sites send."""
    reply.set_cookie(
        name, value, max_age=int(seconds), path="/", secure=is_https(request), httponly=True, samesite="lax"
    )
    reply.headers["Cache-Control"] = "no-store"


async def _asking(request: Request, ask: Callable[[], Found]) -> Found:
    guard: Guard = request.app.state.guard
    return await anyio.to_thread.run_sync(ask, limiter=guard.provider)
