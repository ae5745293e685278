"""Whether a request is meant for this server at all, and what browsers may do with the replies."""

import ipaddress
import re
from collections.abc import Sequence
from typing import cast

from fastapi import FastAPI, Request
from secure import (
    ContentSecurityPolicy,
    CrossOriginOpenerPolicy,
    PermissionsPolicy,
    ReferrerPolicy,
    Secure,
    XContentTypeOptions,
    XFrameOptions,
)
from secure.middleware import SecureASGIMiddleware
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

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


_NOTHING = ContentSecurityPolicy().default_src("'none'").frame_ancestors("'none'").base_uri("'none'")
_REPORT = (
    ContentSecurityPolicy()
    .default_src("'none'")
    .style_src("'unsafe-inline'")
    .img_src("data:")
    .frame_ancestors("'none'")
)
_PERSON = (
    ContentSecurityPolicy()
    .default_src("'none'")
    .style_src(STYLE_DIGEST)
    .frame_ancestors("'none'")
    .base_uri("'none'")
    .form_action("'none'")
)
_DOCS = (
    ContentSecurityPolicy()
    .default_src("'none'")
    .connect_src("'self'")
    .script_src("'self'")
    .style_src("'self'", "'unsafe-inline'")
    .img_src("data:")
    .base_uri("'none'")
    .form_action("'none'")
    .frame_ancestors("'none'")
)


class _Headers:
    """The app, whose replies say what a browser may do with them: nothing, but with the few pages there are."""

    def __init__(self, app: ASGIApp) -> None:
        self._other = _secured(app, _NOTHING)
        self._docs = _secured(app, _DOCS)
        self._report = _secured(app, _REPORT)
        self._person = _secured(app, _PERSON)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        app = self._docs if path == "/docs" else self._other
        for start, page in (("/reports/", self._report), ("/users/", self._person)):
            app = page if path.startswith(start) else app
        await app(scope, receive, send)


def _secured(app: ASGIApp, policy: ContentSecurityPolicy) -> ASGIApp:
    headers = Secure(
        csp=policy,
        coop=CrossOriginOpenerPolicy().same_origin(),
        permissions=PermissionsPolicy().geolocation().microphone().camera(),
        referrer=ReferrerPolicy().no_referrer(),
        xcto=XContentTypeOptions().nosniff(),
        xfo=XFrameOptions().deny(),
    )
    return cast(ASGIApp, SecureASGIMiddleware(app, secure=headers))


def security_headers(app: FastAPI) -> None:
    """Send them with every reply. Not Strict-Transport-Security: who ends TLS knows how long that holds."""
    app.add_middleware(_Headers)
