"""What spans and counts cost a question: without a collector, and with one that takes everything and keeps nothing.

python benchmarks/telemetry.py
"""

import asyncio
import time
from collections.abc import Callable, Iterator

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from starlette.types import Message, Receive, Scope, Send

from rag_flywheel.api.observed import Observed
from rag_flywheel.ports import telemetry
from rag_flywheel.ports.metrics import Stage

TIMES = 2_000
REPEATS = 9
PIECES = 100  # of an answer that a language model streams
SCOPE: Scope = {"type": "http", "method": "POST", "path": "/chat", "headers": [], "query_string": b""}


def answer() -> None:
    """All that is told of one answer of a language model, and nothing of the answer itself."""

    def pieces() -> Iterator[str]:
        with telemetry.part(Stage.REWRITE):
            pass
        with telemetry.part(Stage.RETRIEVE), telemetry.part(Stage.EMBED):
            pass
        said = telemetry.parts(Stage.MODEL, iter(["word"] * PIECES))
        yield from telemetry.parts(Stage.GENERATE, telemetry.parts(Stage.CHECK, said))
        telemetry.told({telemetry.OUTCOME: "answered"})

    for _ in telemetry.answering(pieces(), {telemetry.INTERACTION: "i"}):
        pass


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def receive() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def send(message: Message) -> None:
    """It goes nowhere."""


def requests(served: Callable[..., object]) -> Callable[[], None]:
    async def all_of_them() -> None:
        for _ in range(TIMES):
            await served(dict(SCOPE), receive, send)  # type: ignore[misc]

    return lambda: asyncio.run(all_of_them())


def answers() -> None:
    for _ in range(TIMES):
        answer()


def microseconds(work: Callable[[], None]) -> float:
    """Of one, the best of some repeats: others on the machine only ever slow it down."""
    best = float("inf")
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - started)
    return best / TIMES * 1e6


class Nowhere(SpanProcessor):
    def on_end(self, span: ReadableSpan) -> None:
        """It is not kept."""


def main() -> None:
    bare = microseconds(requests(app))
    for name in ("without a collector", "with one"):
        request, told = microseconds(requests(Observed(app))) - bare, microseconds(answers)
        print(f"{name}: a request {request:.0f} us, an answer of {PIECES} pieces {told:.0f} us")
        if name == "without a collector":
            provider = TracerProvider()
            provider.add_span_processor(Nowhere())
            trace.set_tracer_provider(provider)


if __name__ == "__main__":
    main()
