"""Where a request comes from: which connection, and what a proxy that is believed says of it."""

from collections.abc import Sequence

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

_PEER = "rag_flywheel.peer"


class Behind:
    """The app, told the address and the scheme that the named proxies pass on; what others say of it is passed over.

    Who is connected itself stays known, since that decides whether it may also say who somebody is.
    """

    def __init__(self, app: ASGIApp, proxies: Sequence[str]) -> None:
        self._app: ASGIApp = ProxyHeadersMiddleware(app, trusted_hosts=list(proxies)) if proxies else app  # type: ignore[arg-type,assignment]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope[_PEER] = scope.get("client")
        await self._app(scope, receive, send)


def peer_of(request: Request) -> str | None:
    """The address of the connection; None of a Unix socket."""
    peer = request.scope.get(_PEER)
    return None if peer is None else str(peer[0])


def connection_of(request: Request) -> tuple[str, int] | None:
    """The connection's other end, whatever a proxy says; None of a Unix socket."""
    peer: tuple[str, int] | None = request.scope.get(_PEER)
    return peer


def is_https(request: Request) -> bool:
    """Whether the browser speaks TLS, with this server or with a proxy that is believed."""
    return request.url.scheme == "https"
