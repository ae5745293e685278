"""Who may come in: asked before anything of a request's body is read."""

import contextlib
import functools
from collections.abc import Callable, Container, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

import anyio
import anyio.to_thread
from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from rag_flywheel.access import keys, roles, who
from rag_flywheel.api.entrance import UNTIL_SENT
from rag_flywheel.api.limits import Allowance, address_key, person_key
from rag_flywheel.domain import Person
from rag_flywheel.errors import InvalidInput, NotSignedIn
from rag_flywheel.services import Services

PASSED_ON = ("forwarded", "x-forwarded", "x-real-ip", "x-client-ip", "x-envoy", "true-client-ip", "cf-", "via")
"""How headers begin by which proxies say that a request is not from where the connection is."""
ASKING_AT_ONCE = 8  # requests whose sender is being looked up, beside the threads that answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """Finds out who sends a request. `local` sends all of them, where it is given."""

    services: Services  # of the deployment itself, whose ledger has the keys of all tenants
    tenants: Container[str | None]
    local: Person | None
    lookups: anyio.CapacityLimiter
    allowance: Allowance

    async def admitted(self, request: Request, route: str) -> Person:
        """Who sends it. Raises TooMany, NotSignedIn, and NotAllowed."""
        if self.local is None:
            await self.allowance.count(_address_key(request))
        person = self.local or await self._identified(_caller(request))
        who.admit(person, route)
        if person.tenant not in self.tenants:
            raise NotSignedIn("this API key is of a tenant that is not served here")
        return person

    async def seated(self, request: Request) -> None:
        """Wait until it is the turn of who was admitted; it lasts until the reply is sent. Raises TooMany."""
        person: Person = request.state.person
        if self.local is not None:
            return
        key = person_key(person)
        if key is not None:
            await self.allowance.count(key)
        if not person.speaks_for_others:
            until_sent: contextlib.AsyncExitStack = request.scope[UNTIL_SENT]
            await until_sent.enter_async_context(self.allowance.turn(key or _address_key(request)))

    async def _identified(self, caller: who.Caller) -> Person:
        services, settings = self.services, self.services.config.access
        if not who.has_key(caller):  # no waiting: who hangs up meanwhile has asked all the same
            return who.anonymous(caller, settings=settings)
        assert caller.bearer is not None
        look = functools.partial(keys.holder, caller.bearer, ledger=services.ledger, now=services.now())
        return await anyio.to_thread.run_sync(look, limiter=self.lookups)


class GuardedRoute(APIRoute):
    """A route that is called by whom `access.roles` says, and `request.state.person` says who that is."""

    @property
    def rows(self) -> list[str]:
        """Its names in `access.roles`."""
        return [f"{method} {self.path_format}" for method in sorted(self.methods or ())]

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle, rows = super().get_route_handler(), self.rows
        named = {parameter.alias for parameter in self.dependant.query_params}

        async def guarded(request: Request) -> Response:
            if not roles.EVERYBODY.issuperset(rows):
                guard: Guard = request.app.state.guard
                request.state.person = await guard.admitted(request, f"{request.method} {self.path_format}")
                await guard.seated(request)
            if not (named.issuperset(request.query_params) or self.path_format.startswith("/v1/")):
                # One that is misspelt would be passed over, and the reply be about something else.
                raise InvalidInput(f"there is no such query parameter; there are: {', '.join(sorted(named)) or 'none'}")
            return await handle(request)

        return guarded


def refuse_unguarded(routers: Iterable[APIRouter]) -> None:
    """Raises ValueError for a route that would ask nobody, that no row names, and for a row without a route."""
    rows: list[str] = []
    for route in (route for router in routers for route in router.routes):
        if not isinstance(route, GuardedRoute):
            raise ValueError(f"{route} asks nobody who they are: its router needs route_class=GuardedRoute")
        rows += route.rows
    roles.refuse_gaps(rows)


def _address_key(request: Request) -> str:
    return address_key(None if request.client is None else request.client.host)


def _caller(request: Request) -> who.Caller:
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    return who.Caller(
        address=None if request.client is None else request.client.host,
        # A proxy without any such header may still speak HTTP/1.0, as nginx did for long; browsers and programs do not.
        forwarded=request.scope.get("http_version") == "1.0"
        or any(name.startswith(PASSED_ON) for name in request.headers),
        bearer=credentials.strip() if scheme.lower() == "bearer" and credentials.strip() else None,
    )
