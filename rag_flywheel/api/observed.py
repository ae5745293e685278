"""What is seen of each request, before all else: an id, a span, a count, a time, and a line in the log.

The span goes on with the caller's trace where the caller is known: who may choose any id could enter the traces of
others. Routes are named as they are declared; of the path that was sent nothing is kept.
"""

import logging
import re
import time
import uuid
from contextvars import Token

from opentelemetry import context, propagate, trace
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag_flywheel.api.failures import METHODS
from rag_flywheel.config.logs import REQUEST_ID
from rag_flywheel.ports import metrics, telemetry

HEADER = "X-Request-Id"
TRACED = "rag_flywheel.traced"
_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")

logger = logging.getLogger("rag_flywheel.api")


class Traced:
    """The span of a request, which begins once it is known whether its caller is believed."""

    def __init__(self, scope: Scope) -> None:
        self._scope, self._came = scope, time.time_ns()
        self._span: trace.Span | None = None
        self._around: Token[context.Context] | None = None

    def span(self, *, believed: bool = False) -> trace.Span:
        """Begun at the first call, which decides."""
        if self._span is None:
            now, method = context.get_current(), self._scope["method"]
            caller = propagate.extract(Headers(scope=self._scope), now) if believed else now
            self._span = telemetry.request(method if method in METHODS else metrics.OTHER, caller, self._came)
            self._around = context.attach(trace.set_span_in_context(self._span, caller))
        return self._span

    def left(self) -> None:
        if self._around is not None:
            context.detach(self._around)


class Observed:
    """The app. Every reply has the header `X-Request-Id`: what the caller sent there, where that is an id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, started = Headers(scope=scope), time.perf_counter()
        given = headers.get(HEADER, "")
        name = given if _ID.fullmatch(given) else uuid.uuid4().hex
        status, ended = 500, None

        async def noted(message: Message) -> None:
            nonlocal status, ended
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = name
            elif not message.get("more_body"):
                ended = time.perf_counter()
            await send(message)

        traced, asked = Traced(scope), REQUEST_ID.set(name)
        scope[TRACED] = traced
        try:
            await self._app(scope, receive, noted)
        except Exception as error:
            telemetry.failed(traced.span(), error)
            raise
        finally:
            _tell(traced.span(), _route(scope), name, status, (ended or time.perf_counter()) - started)
            REQUEST_ID.reset(asked)
            traced.left()


def _route(scope: Scope) -> str:
    path = getattr(scope.get("route"), "path", None)
    return metrics.OTHER if path is None or scope["method"] not in METHODS else f"{scope['method']} {path}"


def _tell(span: trace.Span, route: str, name: str, status: int, seconds: float) -> None:
    metrics.REQUESTS.labels(route, status).inc()
    metrics.REQUEST_SECONDS.labels(route).observe(seconds)
    logger.info("request", extra={"route": route, "status": status, "seconds": round(seconds, 4)})
    if span.is_recording():
        span.update_name(route)
        span.set_attributes(
            {telemetry.ROUTE: route.partition(" ")[2], telemetry.STATUS: status, telemetry.REQUEST: name}
        )
        if status >= 500:
            span.set_status(trace.StatusCode.ERROR)
    span.end()
