"""What a request passes before any route: how much it may send, in what form, and from which pages it may come."""

import asyncio
import contextlib
import re
from collections.abc import Sequence

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag_flywheel.api.body import is_text, is_utf8_unquoted, too_nested
from rag_flywheel.api.failures import refusal
from rag_flywheel.config import Limits

FROM_PAGES = ("/chat", "/feedback", "/corrections")
"""What pages of other origins may call, beside OpenAI's API. Who reviews, promotes or rolls back comes from our own."""
WHOLE_BODIES = ("/v1/", "/golden/import", "/feedback/import")
"""What takes conversations and sets; what a person types elsewhere is small."""
TYPED = 1_000_000  # bytes of a body elsewhere
TAKES_FORM = "rag_flywheel.takes_form"  # in a scope: that the route reads a form of a page, and no JSON
UNTIL_SENT = "rag_flywheel.until_sent"  # in a scope: what is held until the reply is sent, as an exit stack
URL = 8_192  # bytes of a path with its query
PASSED_OVER = 8  # times the limit that is read of a body that is too large, so that its sender reads the refusal
_HALF = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")  # a surrogate, as UTF-8 would have it
_FORM = re.compile(r"application/x-www-form-urlencoded\s*(?:;|$)", re.IGNORECASE)
_JSON = re.compile(r"application/(?:[\w.!#$&^-]+\+)?json\s*(?:;|$)", re.IGNORECASE)


class Entrance:
    """The app, which only gets requests that are text, and as large and as fast as `limits` say.

    `most` is the number of bytes in a body. A body is not touched before a route wants it, so that who may not come in
    is told so first. It is then taken in as a whole, within its limits of size and time, and handed on in one piece.
    What is wrong with it is raised there, as HTTPException, and told as all other failures are.
    """

    def __init__(self, app: ASGIApp, most: int, limits: Limits) -> None:
        self._app = app
        self._most = most
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            _check_head(scope, self._limits)
        except HTTPException as error:
            await refusal(scope["path"], error.status_code, error.detail)(scope, receive, send)
            return
        taken = False

        async def whole() -> Message:
            nonlocal taken
            if taken:
                return await receive()
            taken = True
            return await self._taken(scope, receive)

        async with contextlib.AsyncExitStack() as until_sent:
            scope[UNTIL_SENT] = until_sent
            await self._app(scope, whole, send)

    async def _taken(self, scope: Scope, receive: Receive) -> Message:
        """The whole body, or that the sender has gone. Raises HTTPException."""
        path, headers = scope["path"], Headers(scope=scope)
        most = self._most if path.startswith(WHOLE_BODIES) else min(self._most, TYPED)
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                message = await _read(receive, headers.get("content-length", ""), most, self._limits)
        except TimeoutError:
            raise _cut_off(408, f"the body did not come within {self._limits.body_seconds:g} seconds") from None
        if message.get("body"):
            check = _check_form if scope.get(TAKES_FORM) else _check_body
            check(message["body"], headers.get("content-type", ""), path)
        return message


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


def _check_head(scope: Scope, limits: Limits) -> None:
    headers = scope["headers"]
    if len(headers) > limits.headers:
        raise HTTPException(431, f"there are too many headers; at most {limits.headers} are taken")
    raw, query = scope.get("raw_path") or b"", scope.get("query_string", b"")
    if len(raw) + len(query) > URL:
        raise HTTPException(414, f"the URL is too long; at most {URL} bytes are taken")
    if not (is_utf8_unquoted(raw) and is_utf8_unquoted(query)):
        raise HTTPException(422, "the URL holds bytes that are no text in UTF-8, such as half a character")
    if any(_HALF.search(value) for _, value in headers):
        raise HTTPException(422, "a header holds half a character, which is no text")


def _check_body(body: bytes, content_type: str, path: str) -> None:
    if not _JSON.match(content_type):
        told = "the body should be JSON, with the header Content-Type: application/json"
        raise HTTPException(415, told)
    if not is_text(body):
        told = "the body could not be read as JSON: it holds half a character (a lone surrogate), or is not UTF-8"
        raise HTTPException(422, told)
    if too_nested(body):
        told = "the body holds too many lists and objects, or too many within each other"
        raise HTTPException(400 if path.startswith("/v1/") else 422, told)


def _check_form(body: bytes, content_type: str, path: str) -> None:
    if not _FORM.match(content_type):
        raise HTTPException(415, "a form of a page should come here, as application/x-www-form-urlencoded")
    if not is_utf8_unquoted(body):
        raise HTTPException(422, "the form holds bytes that are no text in UTF-8, such as half a character")


async def _read(receive: Receive, announced: str, most: int, limits: Limits) -> Message:
    """The body in one message, of which nothing is kept once it is known to be too large."""
    too_large = announced.isdecimal() and int(announced[:20]) > most  # twenty digits are more than any limit
    pieces: list[bytes] = []
    got = 0
    while True:
        try:
            async with asyncio.timeout(limits.idle_seconds):
                message = await receive()
        except TimeoutError:
            raise _cut_off(408, f"nothing of the body came for {limits.idle_seconds:g} seconds") from None
        if message["type"] == "http.disconnect":
            return message
        piece = message.get("body", b"")
        got += len(piece)
        too_large = too_large or got > most
        if too_large:
            pieces.clear()
        else:
            pieces.append(piece)
        # A connection that is closed while its sender still writes is reset, and the refusal is lost.
        if not message.get("more_body") or (too_large and got >= PASSED_OVER * most):
            break
    if too_large:
        raise _cut_off(413, f"the body is too large; at most {most} bytes are taken")
    return {"type": "http.request", "body": b"".join(pieces), "more_body": False}


def _cut_off(status: int, detail: str) -> HTTPException:
    """What else the sender has to say is not waited for."""
    return HTTPException(status, detail, headers={"Connection": "close"})
