"""The client for programs, before a server that streams what it should not."""

from collections.abc import AsyncIterator, Callable

import anyio
import httpx
import pytest

from rag_flywheel.client import AsyncClient
from rag_flywheel.errors import Damaged, FlywheelError, NotFound, Unavailable

DONE = (
    'event: done\ndata: {"interaction_id": "i1", "answer": "Run it.", "citations": [], "version": "v1", '
    '"answered": true, "confidence": "high", "suggestions": []}\n\n'
)
PING = ": still here\n\nevent: ping\ndata: 17\n\n"


def streamed(reply: Callable[[httpx.Request], httpx.Response]) -> list[str]:
    """What comes of a question: each piece, and of the answer its words."""

    async def whole() -> list[str]:
        async with AsyncClient("http://server", transport=httpx.MockTransport(reply)) as client:
            return [piece if isinstance(piece, str) else piece.answer async for piece in client.stream("How?")]

    return anyio.run(whole)


def events(body: str) -> Callable[[httpx.Request], httpx.Response]:
    return lambda request: httpx.Response(200, headers={"content-type": "text/event-stream"}, text=body)


def test_pings_and_events_of_a_newer_server_are_passed_over() -> None:
    assert streamed(events(PING + 'event: delta\ndata: {"text": "Run"}\n\n' + PING + DONE)) == ["Run", "Run it."]


@pytest.mark.parametrize(
    "event",
    [
        "event: delta\ndata: Run\n\n",
        "event: delta\ndata: {}\n\n",
        "event: error\ndata: gone\n\n",
        'event: error\ndata: {"error": "NotFound"}\n\n',
        "event: done\ndata: []\n\n",
    ],
)
def test_an_event_of_another_form_is_damage(event: str) -> None:
    with pytest.raises(Damaged, match="is it a rag-flywheel server"):
        streamed(events(event))


def test_an_error_in_between_is_the_one_that_it_names() -> None:
    with pytest.raises(NotFound, match="nothing here"):
        streamed(events('event: error\ndata: {"error": "NotFound", "detail": "nothing here"}\n\n'))


def looping(request: httpx.Request) -> httpx.Response:
    raise httpx.TooManyRedirects("round and round", request=request)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (lambda request: httpx.Response(200, headers={"content-type": "text/html"}, text="<html>"), Damaged),
        (looping, Unavailable),
    ],
    ids=["html", "redirects"],
)
def test_what_httpx_says_of_a_reply_is_one_of_our_errors(
    reply: Callable[[httpx.Request], httpx.Response], kind: type[FlywheelError]
) -> None:
    with pytest.raises(kind):
        streamed(reply)


def test_a_whole_reply_that_cannot_be_decoded_is_damage() -> None:
    async def whole() -> None:
        async with AsyncClient("http://server", transport=httpx.MockTransport(garbled)) as client:
            await client.ask("How?")

    with pytest.raises(Damaged, match="cannot be read"):
        anyio.run(whole)


class Garbled(httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"no gzip"


def garbled(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, headers={"content-encoding": "gzip"}, stream=Garbled())
