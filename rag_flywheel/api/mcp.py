"""POST /mcp: the tools of assistants, over Streamable HTTP."""

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import httpx
from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from rag_flywheel.api.guard import GuardedRoute
from rag_flywheel.api.peer import connection_of

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer

routes = APIRouter(route_class=GuardedRoute, include_in_schema=False)
OF_THE_BODY = (b"content-", b"transfer-encoding", b"accept", b"mcp-")
"""How headers begin that are about the call itself, and not about who sends it."""


class Spoken(Response):
    """What the protocol's own server replies."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        from mcp.server.transport_security import TransportSecuritySettings

        server = _server()
        of_ours = TransportSecuritySettings(enable_dns_rebinding_protection=False)  # whose doorstep has looked
        server.streamable_http_app(stateless_http=True, json_response=True, transport_security=of_ours)
        manager = server.session_manager  # of this call: the next one makes its own
        async with manager.run():
            await manager.asgi_app(scope, receive, send)


@functools.cache
def _server() -> "MCPServer[Any]":
    """Made at the first call: few need it, and it takes long to import."""
    from rag_flywheel.mcp.server import make_server

    return make_server(_send)


@routes.post("/mcp")
def call() -> Response:
    """What an assistant says in JSON-RPC: which tools there are, and what one of them gives.

    Each call is a request of its own and no session is kept, so that any worker can answer. The tools send their
    requests to this app with the headers of the call: who may do what is decided there, as for everybody.
    """
    return Spoken()


async def _send(call: Any, method: str, path: str, said: Mapping[str, Any]) -> Any:
    from rag_flywheel.mcp.server import asked

    request: Request = call.request_context.request
    headers = [(name, value) for name, value in request.headers.raw if not name.startswith(OF_THE_BODY)]
    if request.scope.get("http_version") == "1.0":
        headers.append((b"via", b"1.0 mcp"))  # as what such a request may be: one that a proxy passed on
    peer = connection_of(request) or ("", 0)
    transport = httpx.ASGITransport(app=request.app, client=peer, raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url=str(request.base_url), timeout=httpx.Timeout(None)
    ) as client:
        return await asked(client, method, path, said, headers=headers)
