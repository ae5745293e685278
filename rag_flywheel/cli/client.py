"""How the commands reach the service: over HTTP, be it a running server or the same app inside this process.

Both ways a command sends the same requests and gets the same replies, so none works in one place only.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx

from rag_flywheel import errors
from rag_flywheel.api.app import create_app
from rag_flywheel.errors import Damaged, FlywheelError, Unavailable
from rag_flywheel.services import Services

ERRORS: dict[str, type[FlywheelError]] = {
    name: value for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, FlywheelError)
}
CONNECT_SECONDS = 10.0  # an answer may take as long as it takes, a reindex above all


def call(
    method: str,
    path: str,
    *,
    to: str | Services,
    body: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    key: str | None = None,
) -> httpx.Response:
    """Send one request to a server's URL, or to the app over local services. Raises the error that the reply names."""
    return asyncio.run(_call(method, path, to, body, params, key))


async def _call(
    method: str,
    path: str,
    to: str | Services,
    body: Mapping[str, Any] | None,
    params: Mapping[str, Any] | None,
    key: str | None,
) -> httpx.Response:
    local = not isinstance(to, str)
    transport = httpx.ASGITransport(app=create_app(to)) if not isinstance(to, str) else None
    url = "http://local" if local else str(to)
    timeout = httpx.Timeout(None, connect=CONNECT_SECONDS)
    headers = {} if key is None else {"Idempotency-Key": key}
    wanted = {name: value for name, value in (params or {}).items() if value is not None}
    try:
        async with httpx.AsyncClient(transport=transport, base_url=url, timeout=timeout) as client:
            reply = await client.request(method, path, json=body, params=wanted, headers=headers)
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


def _error(reply: httpx.Response) -> FlywheelError:
    try:
        named = reply.json()
        kind, detail = named["error"], named["detail"]
    except (ValueError, KeyError, TypeError):
        return Damaged(f"the server replied {reply.status_code} and no explanation: is it a rag-flywheel server?")
    return ERRORS.get(kind, FlywheelError)(detail)
