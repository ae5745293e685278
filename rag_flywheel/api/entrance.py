"""What a request passes before any route sees it: how much it may send, and from which pages it may come."""

from collections.abc import Sequence

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

FROM_PAGES = ("/chat", "/feedback", "/corrections")
"""What pages of other origins may call, beside OpenAI's API. Who reviews, promotes or rolls back comes from our own."""
PASSED_OVER = 8  # times the limit that is read of a body that is too large, so that its sender reads the refusal


class BodyLimit:
    """The app, whose requests have bodies of at most `most` bytes: a larger one is thrown away as it comes.

    The route that reads it raises HTTPException with status 413, which is told as all other failures are.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        too_large = announced.isdecimal() and int(announced) > self._most
        got = 0

        async def limited() -> Message:
            nonlocal got
            message = await receive()
            got += len(message.get("body", b""))
            if message["type"] == "http.request" and (too_large or got > self._most):
                # A connection that is closed while its sender still writes is reset, and the refusal is lost.
                while message.get("more_body") and got < PASSED_OVER * self._most:
                    message = await receive()
                    got += len(message.get("body", b""))
                raise HTTPException(413, f"the body is too large; at most {self._most} bytes are taken")
            return message

        await self._app(scope, limited, send)


class FromPages:
    """The app, of which pages of the named origins may call what people ask and answer with, and nothing else."""

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        self._app = app
        self._open = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods=("GET", "POST"),
            allow_headers=("*",),
            expose_headers=("X-Interaction-Id",),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self._open if is_open(scope.get("path", "")) else self._app)(scope, receive, send)


def is_open(path: str) -> bool:
    """Whether pages of other origins may call it, where they are named."""
    return path in FROM_PAGES or path.startswith("/v1/")
