"""The server in one process, over a real socket: its threads, its warm start, and what it does at its end."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import anyio.to_thread
import httpx
import pytest
import uvicorn
from rich.console import Console
from starlette.types import ASGIApp

from rag_flywheel import config
from rag_flywheel.api import server
from rag_flywheel.api.server import Patient, served, warm
from rag_flywheel.errors import Conflict
from tests.fakes.services import ASSUMED, publish, services


@contextlib.contextmanager
def serving(app: ASGIApp) -> Iterator[tuple[uvicorn.Server, int]]:
    """A server thread and its port; the thread is waited for at the end."""
    made = uvicorn.Server(uvicorn.Config(app, http=Patient, port=0, log_config=None, log_level="error"))
    thread = threading.Thread(target=made.run)
    thread.start()
    try:
        while not made.started:
            assert thread.is_alive()
        yield made, made.servers[0].sockets[0].getsockname()[1]
    finally:
        made.should_exit = True
        thread.join()


def request(connection: socket.socket) -> bytes:
    """Send a request and read until the server closes the connection."""
    connection.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
    got = b""
    while piece := connection.recv(4096):
        got += piece
    return got


def test_a_connection_that_was_just_opened_is_still_answered_when_the_server_is_told_to_end(tmp_path: Path) -> None:
    """It was accepted, and its request is on the way."""
    with serving(warm(services(tmp_path))) as (made, port), socket.create_connection(("127.0.0.1", port)) as connection:
        while not made.server_state.connections:
            pass
        made.should_exit = True
        while made.servers[0].sockets:  # it no longer listens
            pass
        assert request(connection).startswith(b"HTTP/1.1 200 OK")


def test_a_connection_that_never_asks_anything_does_not_keep_the_server_from_ending(tmp_path: Path) -> None:
    with serving(warm(services(tmp_path))) as (made, port), socket.create_connection(("127.0.0.1", port)) as connection:
        while not made.server_state.connections:
            pass
        made.should_exit = True
        connection.settimeout(5)
        assert connection.recv(1) == b""


def test_the_app_s_threads_are_as_many_as_asked_for(tmp_path: Path) -> None:
    made = services(tmp_path)
    seen: list[float] = []

    async def ask() -> None:
        seen.append(anyio.to_thread.current_default_thread_limiter().total_tokens)

    app = warm(made)
    app.add_api_route("/threads", ask)
    with serving(served(app, threads=3, until_the_end=contextlib.nullcontext())) as (_, port):
        httpx.get(f"http://127.0.0.1:{port}/threads").raise_for_status()
    assert seen == [3]


def test_what_the_app_needs_is_closed_when_it_has_ended(tmp_path: Path) -> None:
    events: list[str] = []
    opened = contextlib.ExitStack()
    opened.callback(events.append, "closed")

    def ask() -> None:
        events.append("answered")

    app = warm(services(tmp_path))
    app.add_api_route("/ask", ask)
    with serving(served(app, threads=1, until_the_end=opened)) as (_, port):
        httpx.get(f"http://127.0.0.1:{port}/ask").raise_for_status()
    assert events == ["answered", "closed"]


@pytest.mark.parametrize("live", [True, False])
def test_a_warm_start_needs_no_version(tmp_path: Path, live: bool) -> None:
    made = services(tmp_path)
    if live:
        publish(made, "v1")
    with serving(warm(made)) as (_, port):
        said = httpx.get(f"http://127.0.0.1:{port}/health").json()
    assert said == {"status": "ok", "live": "v1" if live else None, "away": []}


def test_a_port_that_is_taken_is_a_conflict_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("")
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(Conflict, match="choose another"):
        server.run(
            config.load(tmp_path / "config.yaml", ASSUMED),
            config.secrets({}),
            host="127.0.0.1",
            port=taken.getsockname()[1],
            workers=1,
            out=Console(),
        )
