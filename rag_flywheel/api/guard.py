"""Who may come in: asked before anything of a request's body is read."""

import contextlib
import functools
import hmac
from collections.abc import Callable, Container, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

import anyio
import anyio.to_thread
from fastapi import APIRouter, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from rag_flywheel.access import keys, proxied, roles, sessions, tokens, who
from rag_flywheel.api.doorstep import is_foreign
from rag_flywheel.api.entrance import UNTIL_SENT
from rag_flywheel.api.limits import Allowance, address_key, person_key
from rag_flywheel.api.observed import TRACED
from rag_flywheel.api.peer import is_https, peer_of
from rag_flywheel.config import Access
from rag_flywheel.domain import Person, Role
from rag_flywheel.errors import InvalidInput, NotSignedIn
from rag_flywheel.services import Services

PASSED_ON = ("forwarded", "x-forwarded", "x-real-ip", "x-client-ip", "x-envoy", "true-client-ip", "cf-", "via")
"""How headers begin by which proxies say that a request is not from where the connection is."""
ASKING_AT_ONCE = 8  # requests whose sender is being looked up, beside the threads that answer
_OTHERS = ("/v1/", "/login/callback")
"""What others have defined, who may send more than we read: OpenAI, and OAuth 2.0 (RFC 6749, 4.1.2)."""
METRICS = "GET /metrics"
_SAFE = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """Finds out who sends a request. `local` sends all of them, where it is given."""

    services: Services  # of the deployment itself, whose ledger has the keys of all tenants
    tenants: Container[str | None]
    local: Person | None
    lookups: anyio.CapacityLimiter
    provider: anyio.CapacityLimiter  # for what may wait for the identity provider, which holds up nobody else
    allowance: Allowance

    async def admitted(self, request: Request, route: str) -> Person:
        """Who sends it. Raises TooMany, NotSignedIn, and NotAllowed."""
        await self.counted(request)
        person = self.local or self._watching(request, route) or await self._identified(request, _caller(request))
        who.admit(person, route)
        if person.tenant not in self.tenants:
            raise NotSignedIn("this API key is of a tenant that is not served here")
        return person

    async def counted(self, request: Request) -> None:
        """Count the request among those of its address. Raises TooMany."""
        if self.local is None:
            await self.allowance.count(_address_key(request))

    async def seated(self, request: Request, *, turn: bool) -> None:
        """Count the request among those of who was admitted, and wait for their `turn`, which lasts until the reply is
        sent. Raises TooMany.
        """
        person: Person = request.state.person
        if self.local is not None:
            return
        key = person_key(person)
        if key is not None:
            await self.allowance.count(key)
        if turn and not person.speaks_for_others:
            until_sent: contextlib.AsyncExitStack = request.scope[UNTIL_SENT]
            await until_sent.enter_async_context(self.allowance.turn(key or _address_key(request)))

    def believes(self, request: Request) -> bool:
        """Whether the sender, who was admitted, may say to which trace the request belongs: who has a key or a token,
        and what comes through a proxy that the settings name.
        """
        settings, caller = self.services.config.access, _caller(request)
        known = self.local is not None or who.has_key(caller) or who.has_token(caller, settings=settings)
        return known or proxied.is_trusted(peer_of(request), settings=settings)

    def _watching(self, request: Request, route: str) -> Person | None:
        """Who comes with the key that opens the metrics and nothing else, for a program that can do no harm with it."""
        key, given = self.services.secrets.metrics_key, _caller(request).bearer
        if route != METRICS or not key or given is None or not hmac.compare_digest(given.encode(), key.encode()):
            return None
        return Person(name="metrics", roles=frozenset({Role.OPERATOR}))

    async def _identified(self, request: Request, caller: who.Caller) -> Person:
        """By what is said on purpose first: a key or a token, then a session, then what a proxy says."""
        services, settings = self.services, self.services.config.access
        if who.has_key(caller):
            assert caller.bearer is not None
            look = functools.partial(keys.holder, caller.bearer, ledger=services.ledger, now=services.now())
            return await anyio.to_thread.run_sync(look, limiter=self.lookups)
        if who.has_token(caller, settings=settings):
            assert caller.bearer is not None
            read = functools.partial(_of_token, caller.bearer, services)
            return await anyio.to_thread.run_sync(read, limiter=self.provider)
        if caller.session is not None:
            find = functools.partial(
                sessions.holder, caller.session, settings=settings, ledger=services.ledger, now=services.now()
            )
            found = await anyio.to_thread.run_sync(find, limiter=self.lookups)
            if found is not None:
                return found
        # No waiting from here on: who hangs up meanwhile has asked all the same.
        return _of_proxy(request, settings) or who.anonymous(caller, settings=settings)


class GuardedRoute(APIRoute):
    """A route that is called by whom `access.roles` says, and `request.state.person` says who that is."""

    @property
    def rows(self) -> list[str]:
        """Its names in `access.roles`."""
        return [f"{method} {self.path_format}" for method in sorted(self.methods or ())]

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle, rows = super().get_route_handler(), self.rows
        named = _named(self.dependant)

        async def guarded(request: Request) -> Response:
            guard: Guard = request.app.state.guard
            if (roles.SIGNING_IN | roles.SIGNED).issuperset(rows):
                await guard.counted(request)
            elif not roles.EVERYBODY.issuperset(rows):
                request.state.person = await guard.admitted(request, f"{request.method} {self.path_format}")
                request.scope[TRACED].span(believed=guard.believes(request))
                await guard.seated(request, turn=not roles.CARRYING.issuperset(rows))
            request.scope[TRACED].span()
            if not (named.issuperset(request.query_params) or self.path_format.startswith(_OTHERS)):
                # One that is misspelt would be passed over, and the reply be about something else.
                raise InvalidInput(f"there is no such query parameter; there are: {', '.join(sorted(named)) or 'none'}")
            return await handle(request)

        return guarded


def _named(dependant: Dependant) -> set[str]:
    """The query parameters that a route takes, by itself and by what it depends on."""
    own = {parameter.alias for parameter in dependant.query_params}
    return own.union(*map(_named, dependant.dependencies))


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
    said = request.headers.getlist("authorization")
    if len(said) > 1:  # which of them a proxy before us went by is not known
        raise NotSignedIn("the header Authorization comes twice: send one")
    scheme, _, credentials = "".join(said).partition(" ")
    return who.Caller(
        address=None if request.client is None else request.client.host,
        # A proxy without any such header may still speak HTTP/1.0, as nginx did for long; browsers and programs do not.
        forwarded=request.scope.get("http_version") == "1.0"
        or any(name.startswith(PASSED_ON) for name in request.headers),
        bearer=credentials.strip() if scheme.lower() == "bearer" and credentials.strip() else None,
        session=request.cookies.get(session_cookie(https=is_https(request))) if _of_ours(request) else None,
    )


def session_cookie(*, https: bool) -> str:
    """The name of the cookie of who has signed in. With `__Host-` no other host can have set it (RFC 6265bis)."""
    return "__Host-rag-session" if https else "rag-session"


def _of_ours(request: Request) -> bool:
    """Whether a page of ours sent it, or it changes nothing: what a browser adds by itself counts only then."""
    return request.method in _SAFE or not is_foreign(request.headers)


def _of_token(text: str, services: Services) -> Person:
    assert services.provider is not None
    settings = services.config.access.oidc
    return tokens.bearer(services.provider.signed(text), settings=settings, now=services.now())


def _of_proxy(request: Request, settings: Access) -> Person | None:
    if not settings.proxies or not proxied.is_trusted(peer_of(request), settings=settings) or not _of_ours(request):
        return None
    users, groups = (
        [value for name, value in request.headers.raw if name == header.lower().encode()]
        for header in (settings.proxy_user, settings.proxy_groups)
    )
    return proxied.person(users, groups, settings=settings)
