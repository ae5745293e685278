"""How the commands reach the service: over HTTP, be it a running server or the same app inside this process.

Both ways a command sends the same requests and gets the same replies, so none works in one place only. What the app
needs is imported where it is called, not where a server is.
"""

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import httpx

from rag_flywheel.client import AsyncClient, Call, Client
from rag_flywheel.errors import InvalidInput, LedgerUnavailable

if TYPE_CHECKING:
    from rag_flywheel.services import Services

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
    wanted = {name: value for name, value in (params or {}).items() if value is not None}
    asked = Call(method=method, path=path, body=body, params=wanted, key=key, reply=object)
    if isinstance(to, str):
        with _client(to, who) as client:
            return client.request(asked)
    return _answered_here(asked, to, who)


def _client(url: str, key: str) -> Client:
    try:
        return Client(url, key=key, timeout=None, connect=CONNECT_SECONDS, attempts=1)
    except InvalidInput as error:
        raise InvalidInput(f"--url: {error}") from error


def _answered_here(asked: Call[object], services: "Services", who: str) -> httpx.Response:
    """The reply of the app in this process."""
    import asyncio

    from rag_flywheel import wiring
    from rag_flywheel.access.who import local
    from rag_flywheel.api.app import create_app

    with contextlib.ExitStack() as opened:
        tenants: Mapping[str, Services] = {}
        if asked.path.startswith("/keys") and asked.method == "POST":  # which tenants are told of
            with contextlib.suppress(LedgerUnavailable):  # a key can be revoked all the same
                tenants = opened.enter_context(wiring.tenants(services.config, services.secrets))
        app = create_app(services, tenants=tenants, local=local(who))

        async def answered() -> httpx.Response:
            async with AsyncClient(LOCAL, timeout=None, attempts=1, transport=httpx.ASGITransport(app=app)) as client:
                return await client.request(asked)

        return asyncio.run(answered())
