"""How the commands reach the service: over HTTP, be it a running server or the same app inside this process.

Both ways a command sends the same requests and gets the same replies, so none works in one place only. What the app
needs is imported where it is called, not where a server is.
"""

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import httpx

from rag_flywheel import errors
from rag_flywheel.errors import Damaged, FlywheelError, LedgerUnavailable, Unavailable

if TYPE_CHECKING:
    from fastapi import FastAPI

    from rag_flywheel.services import Services

ERRORS: dict[str, type[FlywheelError]] = {
    name: value for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, FlywheelError)
}
CONNECT_SECONDS = 10.0  # an answer may take as long as it takes, a reindex above all
LOCAL = "http://local"


def call(
    method: str,
    path: str,
    *,
    to: "str | Services",
    who: str,
    body: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    key: str | None = None,
) -> httpx.Response:
    """Send one request to a server's URL, or to the app over local services. Raises the error that the reply names.

    `who` is the server's API key, if any, or the name of who works with the local files.
    """
    url = to if isinstance(to, str) else LOCAL
    headers = {} if key is None else {"Idempotency-Key": key}
    if isinstance(to, str) and who:
        headers["Authorization"] = f"Bearer {who}"
    wanted = {name: value for name, value in (params or {}).items() if value is not None}
    try:
        with httpx.Client(base_url=url, timeout=httpx.Timeout(None, connect=CONNECT_SECONDS)) as client:
            request = client.build_request(method, path, json=body, params=wanted, headers=headers)
            reply = client.send(request) if isinstance(to, str) else _answered_here(request, to, who)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise errors.InvalidInput(
            f"--url {url!r} is no URL ({error}); expected such as http://localhost:8000"
        ) from error
    except httpx.TransportError as error:
        raise Unavailable(
            f"no answer from {url} ({type(error).__name__}): is the server running? Start it with `rag-flywheel serve`"
        ) from error
    if reply.is_error:
        raise _error(reply)
    return reply


def _answered_here(request: httpx.Request, services: "Services", who: str) -> httpx.Response:
    """The reply of the app in this process."""
    import asyncio

    from rag_flywheel import wiring
    from rag_flywheel.access.who import local
    from rag_flywheel.api.app import create_app

    async def answered(app: "FastAPI") -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app)) as client:
            return await client.send(request)

    with contextlib.ExitStack() as opened:
        tenants: Mapping[str, Services] = {}
        if request.url.path.startswith("/keys") and request.method == "POST":  # which tenants are told of
            with contextlib.suppress(LedgerUnavailable):  # a key can be revoked all the same
                tenants = opened.enter_context(wiring.tenants(services.config, services.secrets))
        return asyncio.run(answered(create_app(services, tenants=tenants, local=local(who))))


def _error(reply: httpx.Response) -> FlywheelError:
    try:
        named = reply.json()
        kind, detail = named["error"], named["detail"]
    except (ValueError, KeyError, TypeError):
        return Damaged(f"the server replied {reply.status_code} and no explanation: is it a rag-flywheel server?")
    return ERRORS.get(kind, FlywheelError)(detail)
