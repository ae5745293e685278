"""The two clients, which do the same: one waits, the other is awaited."""

from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
import httpx_sse
import tenacity

from rag_flywheel.client import calls, sending
from rag_flywheel.client.calls import Asking, Call
from rag_flywheel.client.replies import (
    Answer,
    Consent,
    Correction,
    Found,
    Me,
    OwnCorrection,
    Purpose,
    Receipt,
    Recorded,
    Span,
)
from rag_flywheel.client.sending import Server
from rag_flywheel.errors import InvalidInput, Unavailable

Reply = TypeVar("Reply")
TIMEOUT = 120.0
CONNECT = 10.0
ATTEMPTS = 3
PAUSE = 0.5


class Client:
    """A connection to a server, closed at the end of a `with` block. Safe under threads.

    A request that never arrived is sent again, and one that may have arrived only where nothing happens twice: reading
    and searching, and what carries an idempotency key, which feedback and corrections get by themselves. `stream` sends
    once. Pauses in between are 30 seconds at most, even where the server asks for more.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        timeout: float | None = TIMEOUT,
        connect: float = CONNECT,
        attempts: int = ATTEMPTS,
        pause: float = PAUSE,
    ) -> None:
        self._server = Server(url=url, key=key, timeout=timeout, connect=connect, attempts=attempts, pause=pause)
        self._http = httpx.Client(**self._server.options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def ask(self, asking: str | Asking) -> Answer:
        """The whole answer to a question."""
        return self._sent(calls.ask(_asking(asking)))

    def stream(self, asking: str | Asking) -> Iterator[str | Answer]:
        """Pieces of the answer as they come, and in the end the whole of it. Sent once: it raises what `ask` raises in
        the end, also in between.
        """
        url, body = self._server.url, _asking(asking).body(stream=True)
        with sending.translated(url), httpx_sse.connect_sse(self._http, "POST", "/chat", json=body) as events:
            if events.response.is_error:
                events.response.read()
            sending.checked(events.response)
            for event in events.iter_sse():
                piece = _piece(event)
                if piece is None:
                    continue
                yield piece
                if isinstance(piece, Answer):
                    return
        raise Unavailable(BROKE_OFF)

    def feedback(
        self, interaction_id: str, kind: str, value: Any = True, *, user: str | None = None, key: str | None = None
    ) -> Recorded:
        """Say what an answer was worth."""
        return self._sent(calls.feedback(interaction_id, kind, value, user, key))

    def correct(
        self,
        interaction_id: str,
        answer: str,
        *,
        evidence: Sequence[Span] = (),
        supersedes: Sequence[Span] = (),
        user: str | None = None,
        key: str | None = None,
    ) -> Receipt:
        """Hand in a better answer. It waits for a review."""
        return self._sent(calls.correct(interaction_id, answer, evidence, supersedes, user, key))

    def correction(self, name: str) -> Correction:
        """What became of a correction."""
        return self._sent(calls.correction(name))

    def my_corrections(self, user: str | None = None) -> tuple[OwnCorrection, ...]:
        """All that a person handed in, oldest first: one's own, or for an admin those of the user."""
        return self._sent(calls.data(user or self._name())).corrections

    def search(
        self, question: str, *, version: str | None = None, groups: Collection[str] | None = None, limit: int = 10
    ) -> Found:
        """What a version finds for a question, the live one if none is named. Nothing is recorded."""
        return self._sent(calls.search(question, version, groups, limit))

    def consent(self, user: str | None = None, *, session: str | None = None) -> Consent:
        """What a person agreed to, in all or in one conversation."""
        return self._sent(calls.consent(user or self._name(), session))

    def agree(
        self,
        purposes: Mapping[Purpose, bool],
        *,
        user: str | None = None,
        session: str | None = None,
        notice: str = "",
    ) -> Consent:
        """Record what a person agrees to or withdraws."""
        return self._sent(calls.agree(user or self._name(), purposes, session, notice))

    def me(self) -> Me:
        """Whom the server takes the sender for."""
        return self._sent(calls.me())

    def request(self, call: Call[Any]) -> httpx.Response:
        """The reply of any route. Raises the error that it names."""
        with sending.translated(self._server.url):
            return tenacity.Retrying(**self._server.again(call))(partial(self._once, call))

    def _sent(self, call: Call[Reply]) -> Reply:
        return sending.read(call.reply, self.request(call).content)

    def _once(self, call: Call[Any]) -> httpx.Response:
        return sending.checked(
            self._http.request(
                call.method, call.path, json=call.body, params=call.params, headers=sending.headers(call)
            )
        )

    def _name(self) -> str:
        return _named(self.me())


class AsyncClient:
    """The same, to be awaited; closed at the end of an `async with` block."""

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        timeout: float | None = TIMEOUT,
        connect: float = CONNECT,
        attempts: int = ATTEMPTS,
        transport: httpx.AsyncBaseTransport | None = None,  # instead of a connection, such as an app in this process
    ) -> None:
        self._server = Server(url=url, key=key, timeout=timeout, connect=connect, attempts=attempts, pause=PAUSE)
        self._http = httpx.AsyncClient(transport=transport, **self._server.options)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def ask(self, asking: str | Asking) -> Answer:
        """The whole answer to a question."""
        return await self._sent(calls.ask(_asking(asking)))

    async def stream(self, asking: str | Asking) -> AsyncIterator[str | Answer]:
        """Pieces of the answer as they come, and in the end the whole of it. Sent once: it raises what `ask` raises in
        the end, also in between.
        """
        url, body = self._server.url, _asking(asking).body(stream=True)
        with sending.translated(url):
            async with httpx_sse.aconnect_sse(self._http, "POST", "/chat", json=body) as events:
                if events.response.is_error:
                    await events.response.aread()
                sending.checked(events.response)
                async for event in events.aiter_sse():
                    piece = _piece(event)
                    if piece is None:
                        continue
                    yield piece
                    if isinstance(piece, Answer):
                        return
        raise Unavailable(BROKE_OFF)

    async def feedback(
        self, interaction_id: str, kind: str, value: Any = True, *, user: str | None = None, key: str | None = None
    ) -> Recorded:
        """Say what an answer was worth."""
        return await self._sent(calls.feedback(interaction_id, kind, value, user, key))

    async def correct(
        self,
        interaction_id: str,
        answer: str,
        *,
        evidence: Sequence[Span] = (),
        supersedes: Sequence[Span] = (),
        user: str | None = None,
        key: str | None = None,
    ) -> Receipt:
        """Hand in a better answer. It waits for a review."""
        return await self._sent(calls.correct(interaction_id, answer, evidence, supersedes, user, key))

    async def correction(self, name: str) -> Correction:
        """What became of a correction."""
        return await self._sent(calls.correction(name))

    async def my_corrections(self, user: str | None = None) -> tuple[OwnCorrection, ...]:
        """All that a person handed in, oldest first: one's own, or for an admin those of the user."""
        return (await self._sent(calls.data(user or await self._name()))).corrections

    async def search(
        self, question: str, *, version: str | None = None, groups: Collection[str] | None = None, limit: int = 10
    ) -> Found:
        """What a version finds for a question, the live one if none is named. Nothing is recorded."""
        return await self._sent(calls.search(question, version, groups, limit))

    async def consent(self, user: str | None = None, *, session: str | None = None) -> Consent:
        """What a person agreed to, in all or in one conversation."""
        return await self._sent(calls.consent(user or await self._name(), session))

    async def agree(
        self,
        purposes: Mapping[Purpose, bool],
        *,
        user: str | None = None,
        session: str | None = None,
        notice: str = "",
    ) -> Consent:
        """Record what a person agrees to or withdraws."""
        return await self._sent(calls.agree(user or await self._name(), purposes, session, notice))

    async def me(self) -> Me:
        """Whom the server takes the sender for."""
        return await self._sent(calls.me())

    async def request(self, call: Call[Any]) -> httpx.Response:
        """The reply of any route. Raises the error that it names."""
        with sending.translated(self._server.url):
            return await tenacity.AsyncRetrying(**self._server.again(call))(partial(self._once, call))

    async def _sent(self, call: Call[Reply]) -> Reply:
        return sending.read(call.reply, (await self.request(call)).content)

    async def _once(self, call: Call[Any]) -> httpx.Response:
        return sending.checked(
            await self._http.request(
                call.method, call.path, json=call.body, params=call.params, headers=sending.headers(call)
            )
        )

    async def _name(self) -> str:
        return _named(await self.me())


PIECE = "delta"
BROKE_OFF = "the answer broke off before its end: ask again"


def _asking(asking: str | Asking) -> Asking:
    return Asking(question=asking) if isinstance(asking, str) else asking


@dataclass(frozen=True, slots=True)
class _Piece:
    text: str


@dataclass(frozen=True, slots=True)
class _Failure:
    error: str
    detail: str


def _piece(event: httpx_sse.ServerSentEvent) -> str | Answer | None:
    """A piece of the answer, or the whole of it; None for what is neither, such as a ping. Raises the error that an
    `error` event names, and Damaged.
    """
    if event.event == "done":
        return sending.read(Answer, event.data)
    if event.event == "error":
        named = sending.read(_Failure, event.data)
        raise sending.error_of(named.error, named.detail)
    return sending.read(_Piece, event.data).text if event.event == PIECE else None


def _named(me: Me) -> str:
    if me.name is None:
        raise InvalidInput("nobody is named: give the client a key, or say of whom")
    return me.name
