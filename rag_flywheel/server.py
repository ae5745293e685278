"""The server process: uvicorn over the app."""

import asyncio
import socket

import anyio.to_thread
import uvicorn
from rich.console import Console

from rag_flywheel.api.app import create_app
from rag_flywheel.errors import Conflict
from rag_flywheel.wiring import Services


def run(services: Services, *, host: str, port: int, out: Console) -> None:
    """Serve until a signal ends it; port 0 takes any free one. The line it prints names the address.

    Raises Conflict when the address is taken.
    """
    bound = _bind(host, port)
    services.encoders(services.config.embedder).encode_queries(["warm-up"])  # so that the first question need not wait
    app = create_app(services)
    out.print(f"serving on http://{host}:{bound.getsockname()[1]}", soft_wrap=True)
    # No access log: its lines would be the only ones that say who asked when.
    settings = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=10)
    asyncio.run(_serve(uvicorn.Server(settings), bound, services.config.api.threads))


async def _serve(server: uvicorn.Server, bound: socket.socket, threads: int) -> None:
    anyio.to_thread.current_default_thread_limiter().total_tokens = threads
    await server.serve(sockets=[bound])


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen()  # before the line that names the address: who reads it may connect at once
    except OSError as error:
        bound.close()
        raise Conflict(
            f"cannot serve on {host}:{port} ({error.strerror}): choose another api.port, or --port 0 for any free one"
        ) from error
    return bound
