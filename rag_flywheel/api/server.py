"""The server: uvicorn over the app, in this process or in several that a supervisor keeps up.

With several workers this process only holds the socket and looks after them. Each worker opens its own services from
the settings that were read at the start, and accepts once it is warm; what waits in the socket's queue stays there
while a worker is replaced. SIGTERM ends all gracefully, and SIGHUP replaces one worker after the other.
"""

import asyncio
import contextlib
import functools
import logging
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from types import MappingProxyType

import anyio.to_thread
import h11
import uvicorn
from fastapi import FastAPI
from rich.console import Console
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.config import STARTUP_FAILURE
from uvicorn.protocols.http.h11_impl import H11Protocol

from rag_flywheel import wiring
from rag_flywheel.api.app import create_app
from rag_flywheel.api.metrics import SHARED
from rag_flywheel.api.models import Failure
from rag_flywheel.api.supervisor import WARM, Supervisor, end_when_stuck, end_with_the_parent
from rag_flywheel.config import Config, Secrets, logs, secrets
from rag_flywheel.config.hiding import hide, known_secrets
from rag_flywheel.errors import Conflict, FlywheelError, Unavailable
from rag_flywheel.services import Services

GRACE = 10  # seconds for answers under way when a worker is to end
BACKLOG = 2048  # connections that may wait for a worker; uvicorn has as many
HEAD = 32_768  # bytes of a request's head, at most
HEAD_SECONDS = 15  # in which it has to be there, from the connection or the reply before it
ARRIVING = 0.5  # seconds for the request of a connection that was accepted just before the worker was told to end

logger = logging.getLogger("rag_flywheel.server")


def run(config: Config, keys: Secrets, *, host: str, port: int, workers: int, out: Console) -> None:
    """Serve until a signal ends it; port 0 takes any free one. The line it prints names the address.

    Raises Conflict when the address is taken, what `wiring.services` raises, and FlywheelError when a worker that
    could not start has ended it all.
    """
    hide(known_secrets(config))
    logs.configure(config.logs, always=True)
    with _opened(config, keys) as (services, tenants):  # with several workers, to refuse here what they could not open
        bound = _bind(host, port)
        address = f"serving on http://{f'[{host}]' if ':' in host else host}:{bound.getsockname()[1]}"
        if workers == 1:
            app = served(warm(services, tenants), threads=config.api.threads, until_the_end=contextlib.nullcontext())
            out.print(address, soft_wrap=True)
            return asyncio.run(uvicorn.Server(_settings(app)).serve(sockets=[bound]))
    out.print(address, soft_wrap=True)
    return _supervise(config, bound, workers)


def worker_app(config: Config) -> ASGIApp:
    """The app of a worker, with services of its own that are closed when the app ends."""
    end_with_the_parent()
    hide(known_secrets(config))
    logs.configure(config.logs, always=True)
    opened = contextlib.ExitStack()
    # Last of all: uvicorn raises the signal that ended it once more, which would cut off what Python does at its end.
    opened.callback(signal.pthread_sigmask, signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    try:
        app = warm(*opened.enter_context(_opened(config, secrets())))
    except FlywheelError as error:
        logger.error("a worker could not start: %s", error)
        raise SystemExit(error.exit_code) from error
    return served(app, threads=config.api.threads, until_the_end=opened, supervised=True)


@contextlib.contextmanager
def _opened(config: Config, keys: Secrets) -> Iterator[tuple[Services, Mapping[str, Services]]]:
    with wiring.services(config, keys) as services, wiring.tenants(config, keys) as tenants, wiring.traces(config):
        yield services, tenants


def warm(services: Services, tenants: Mapping[str, Services] = MappingProxyType({})) -> FastAPI:
    """The app with its models loaded and the live versions open, so that the first question need not wait."""
    app = create_app(services, tenants=tenants)
    for each in (services, *tenants.values()):
        each.redactor.redact("warm-up")
        with contextlib.suppress(Unavailable):  # of an embedding server, which may be started later
            each.encoders(each.config.embedder).encode_queries(["warm-up"])
    for state in app.state.of_tenant.values():
        with contextlib.suppress(FlywheelError):  # no version yet, or a damaged one, from which a rollback leads away
            state.chat.search("warm-up", groups=None)
    return app


def served(
    app: ASGIApp, *, threads: int, until_the_end: AbstractContextManager[object], supervised: bool = False
) -> ASGIApp:
    """The app, answering at most `threads` questions at a time, inside a block that ends with it. Where it is
    `supervised`, its process ends when it hangs.
    """

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        # The one call that comes before all others, lasts until they are answered, and runs in the loop that is meant.
        anyio.to_thread.current_default_thread_limiter().total_tokens = threads
        if supervised:
            end_when_stuck(asyncio.get_running_loop())
        with until_the_end:
            await app(scope, receive, send)

    return wrapped


class Patient(H11Protocol):
    """uvicorn's, with two differences (to 0.54, which has no setting for either).

    A connection that has sent nothing yet is not closed the moment the worker is told to end: its request is on the way
    and would be lost. And a connection whose request's head is not whole after `HEAD_SECONDS` is told so, and closed.
    """

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        if self.cycle is None:
            self.loop.call_later(ARRIVING, self._close)
        else:
            super().shutdown()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request in our shape, with the status that h11 names: 431 for a head that is too long."""
        error = sys.exception()
        status = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else 400
        self._refuse(status, "this is no HTTP request, or its head is too long")

    def _watch(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._unwatch()
        elif self._late is None and not self.transport.is_closing():
            self._late = self.loop.call_later(HEAD_SECONDS, self._drop)

    def _unwatch(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _drop(self) -> None:
        self._late = None
        if self.cycle is None or self.cycle.response_complete:
            self._refuse(408, f"the request's head did not come within {HEAD_SECONDS} seconds")

    def _refuse(self, status: int, detail: str) -> None:
        if self.transport.is_closing():
            return
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = Failure(error="InvalidInput", detail=detail).model_dump_json().encode()
            headers = [
                ("content-type", "application/json"),
                ("connection", "close"),
                ("content-length", str(len(body))),
            ]
            for event in (h11.Response(status_code=status, headers=headers), h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _close(self) -> None:
        if not self.transport.is_closing():
            super().shutdown()


def _settings(app: ASGIApp | functools.partial[ASGIApp], *, workers: int = 1) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        factory=isinstance(app, functools.partial),
        workers=workers,
        http=Patient,
        h11_max_incomplete_event_size=HEAD,
        lifespan="on",
        log_config=None,  # its own would show the words of errors
        log_level="warning",
        proxy_headers=False,  # the app itself believes the proxies that `access.proxies` names, and no others
        access_log=False,  # its lines would be the only ones that say who asked when
        timeout_graceful_shutdown=GRACE,
        timeout_worker_healthcheck=WARM,
    )


def _supervise(config: Config, bound: socket.socket, workers: int) -> None:
    # The settings themselves, and not their file: a worker that is started later must not answer by other ones.
    supervisor = Supervisor(_settings(functools.partial(worker_app, config), workers=workers), sockets=[bound])
    with tempfile.TemporaryDirectory(prefix="rag-flywheel-metrics-") as shared:
        os.environ[SHARED] = shared  # where the workers, which have this process's variables, write what they count
        supervisor.run()
    if any(worker.exitcode == STARTUP_FAILURE for worker in supervisor.processes):
        raise FlywheelError("a worker could not start, and no other one could: its error stands above")


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen(BACKLOG)  # before the line that names the address: who reads it may connect at once
    except OSError as error:
        bound.close()
        raise Conflict(
            f"cannot serve on {host}:{port} ({error.strerror}): choose another api.port, or --port 0 for any free one"
        ) from error
    return bound
