"""The tools of assistants that start a program and talk to it over its standard input and output."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import typer

from rag_flywheel.cli.invocation import API_KEY, Invocation, Url, invoked, local_services, login

if TYPE_CHECKING:
    import httpx

commands = typer.Typer()


@commands.command(epilog="Example: rag-flywheel --url https://rag.example.org mcp")
def mcp(context: typer.Context, url: Url = "") -> None:
    """Serve the tools of an assistant (Model Context Protocol) on standard input and output.

    They work with the local files, or with the server that --url names, as the holder of the key in
    RAG_FLYWHEEL_API_KEY. Over HTTP the server itself has them, at /mcp.
    """
    from rag_flywheel.mcp.server import asked, make_server

    with _client(invoked(context, url=url)) as client:

        async def send(call: Any, method: str, path: str, said: Mapping[str, Any]) -> Any:
            return await asked(client, method, path, said)

        make_server(send).run("stdio")


@contextlib.contextmanager
def _client(invocation: Invocation) -> Iterator["httpx.AsyncClient"]:
    """What sends requests to the server that is named, or to the app over the local files."""
    import httpx

    from rag_flywheel.cli.client import CONNECT_SECONDS, LOCAL

    timeout = httpx.Timeout(None, connect=CONNECT_SECONDS)
    if invocation.url:
        key = os.environ.get(API_KEY, "")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        yield httpx.AsyncClient(base_url=invocation.url, headers=headers, timeout=timeout)
        return
    from rag_flywheel.access.who import local
    from rag_flywheel.api.app import create_app

    with local_services(invocation) as services:
        transport = httpx.ASGITransport(app=create_app(services, local=local(login())), raise_app_exceptions=False)
        yield httpx.AsyncClient(base_url=LOCAL, transport=transport, timeout=timeout)
