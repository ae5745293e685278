"""Whether a request is meant for this server at all, and what browsers may do with the replies."""

import functools
import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence

from fastapi import FastAPI, Request, Response
from secure import (
    ContentSecurityPolicy,
    CrossOriginOpenerPolicy,
    PermissionsPolicy,
    ReferrerPolicy,
    Secure,
    XContentTypeOptions,
    XFrameOptions,
)
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag_flywheel.api.entrance import is_open
from rag_flywheel.api.failures import reply_to
from rag_flywheel.api.person_page import STYLE_DIGEST
from rag_flywheel.errors import NotAllowed

_PORT = re.compile(r":[0-9]{0,5}\Z", re.ASCII)


class Doorstep:
    """The app, for requests that are meant for it: by its name, and not sent by another site's page.

    A page of another site can make a browser send requests to a server in its user's network, by a name of its own that
    it lets point there (DNS rebinding), or by a form. Neither reaches a route: the first has a `Host` that is none of
    ours, and of the second browsers tell the origin, in `Sec-Fetch-Site` (W3C Fetch Metadata) or in `Origin`.
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[str], origins: Sequence[str]) -> None:
        self._app = app
        self._hosts = hosts
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        wrong = self._wrong(scope, headers)
        if wrong is None:
            await self._app(scope, receive, send)
        else:
            await reply_to(NotAllowed(wrong), Request(scope))(scope, receive, send)

    def _wrong(self, scope: Scope, headers: Headers) -> str | None:
        host = headers.get("host", "")
        if not is_called(host, self._hosts):
            return "this server does not go by the name in the header Host: add it to access.hosts"
        if scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return None
        origin = headers.get("origin")
        if is_open(scope["path"]) and origin is not None and ("*" in self._origins or origin in self._origins):
            return None
        return "a page of another site sent this: name its origin in api.cors_origins" if is_foreign(headers) else None


def is_foreign(headers: Headers) -> bool:
    """Whether a page of another origin sent the request."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is None:
        return origin is not None and origin.partition("://")[2] != headers.get("host", "")
    return site not in ("same-origin", "none")


def is_ours(headers: Headers) -> bool:
    """Whether a page of this server sent the request, by the browser's own word: who says nothing is no browser."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is None:
        return origin is not None and origin.partition("://")[2] == headers.get("host", "")
    return site == "same-origin"


def is_called(host: str, names: Sequence[str]) -> bool:
    """Whether a `Host` is one of the names (`*.` before one for any below it, `*` for all), this machine, or an
    address: nobody can let an address point elsewhere.
    """
    name = _PORT.sub("", host).lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return any(
            known == "*" or name == known or (known.startswith("*.") and name.endswith(known[1:])) for known in names
        )
    return True


PAGE = "rag_flywheel.page"  # in a scope: that the reply is a page of ours, which may load what is ours
FRAMED = "rag_flywheel.framed"  # in a scope: the origins of pages that may show this page in a frame, as a tuple
_SELF = "'self'"
_NONE = "'none'"


def _secured(policy: ContentSecurityPolicy, referrer: ReferrerPolicy) -> Mapping[str, str]:
    return Secure(
        csp=policy,
        coop=CrossOriginOpenerPolicy().same_origin(),
        permissions=PermissionsPolicy().geolocation().microphone().camera(),
        referrer=referrer,
        xcto=XContentTypeOptions().nosniff(),
        xfo=XFrameOptions().deny(),
    ).headers


def _silent(policy: ContentSecurityPolicy) -> Mapping[str, str]:
    return _secured(policy, ReferrerPolicy().no_referrer())


def _nothing() -> ContentSecurityPolicy:
    return ContentSecurityPolicy().default_src(_NONE).frame_ancestors(_NONE)


_OTHER = _silent(_nothing().base_uri(_NONE))
_REPORT = _silent(_nothing().style_src("'unsafe-inline'").img_src("data:"))
_PERSON = _silent(_nothing().style_src(STYLE_DIGEST).base_uri(_NONE).form_action(_NONE))
_DOCS = _silent(
    _nothing()
    .connect_src(_SELF)
    .script_src(_SELF)
    .style_src(_SELF, "'unsafe-inline'")
    .img_src("data:")
    .base_uri(_NONE)
    .form_action(_NONE)
)


@functools.lru_cache
def _of_page(*framed_by: str) -> Mapping[str, str]:
    policy = (
        ContentSecurityPolicy()
        .default_src(_NONE)
        .frame_ancestors(*(framed_by or (_NONE,)))
        .script_src(_SELF)
        .style_src(_SELF)
        .connect_src(_SELF)
        .img_src(_SELF, "data:")
        .form_action(_SELF)
        .base_uri(_NONE)
    )
    # With no referrer at all, browsers say `Origin: null` of our own forms (Fetch Standard).
    headers = _secured(policy, ReferrerPolicy().same_origin())
    # The older header knows no list. Browsers go by the policy where both stand (CSP Level 3, 6.4.2); others may not.
    return {name: value for name, value in headers.items() if not framed_by or name != "X-Frame-Options"}


class _Headers:
    """The app, whose replies say what a browser may do with them: nothing, but with the pages there are."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def policed(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_policy(scope))
            await send(message)

        await self._app(scope, receive, policed)


def _policy(scope: Scope) -> Mapping[str, str]:
    path = scope.get("path", "")
    if scope.get(PAGE):
        return _of_page(*scope.get(FRAMED, ()))
    if path == "/docs":
        return _DOCS
    if path.startswith("/reports/"):
        return _REPORT
    return _PERSON if path.startswith("/users/") else _OTHER


Told = Callable[[Request, Exception], Response]


def with_headers(told: Told) -> Told:
    """A reply to what nobody foresaw, which is made outside of all that `security_headers` adds to."""

    def answer(request: Request, error: Exception) -> Response:
        reply = told(request, error)
        reply.headers.update(_policy(request.scope))
        return reply

    return answer


def security_headers(app: FastAPI) -> None:
    """Send them with every reply. Not Strict-Transport-Security: who ends TLS knows how long that holds."""
    app.add_middleware(_Headers)
