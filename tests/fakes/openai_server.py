"""A small OpenAI-compatible server on a real loopback socket, for tests of what talks to language models.

    with OpenAIServer(reply="Paris [1].") as server:
        ...  # server.url ends in /v1; server.requests is what came in

`reply` is what every request gets, a list (one reply a request, the last one again and again), or a function of the
request. A reply is a text, or one of Slow, Fail, Stall, Die and Broken.
"""

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A request as it came in; `headers` by lower-case name."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def prompt(self) -> str:
        """All messages' texts, one after the other."""
        return "\n".join(str(message["content"]) for message in self.body.get("messages", []))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail:
    """An error status, with `Retry-After` where one is given, in seconds or as a date."""

    status: int
    message: str = "refused by the test"
    retry_after: float | str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Slow:
    """Says `text`, waiting `pause` seconds before each word."""

    text: str
    pause: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """Says `text`, then nothing until the server stops; `keep_alive`: seconds between comments sent meanwhile."""

    text: str = ""
    keep_alive: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Die:
    """Says `text`, then closes the connection in the middle of the answer."""

    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """Status 200 with a body that is not what the protocol says."""

    body: str = '{"choices": [{"mess'


Reply = str | Slow | Fail | Stall | Die | Broken


@dataclass
class OpenAIServer:
    """`GET /v1/models` and `POST /v1/chat/completions`, streaming when asked to. Streams go out word by word."""

    reply: Reply | Sequence[Reply] | Callable[[Received], Reply] = "OK."
    models: Sequence[str] = ("test-model",)
    usage: tuple[int, int] | None = (
        1,
        1,
    )  # tokens in and out that a whole reply reports; None: it says nothing of them
    requests: list[Received] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._http = _Server(("127.0.0.1", 0), _Handler)
        self._http.owner = self
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def answer_to(self, received: Received) -> Reply:
        """Record the request and pick its reply."""
        with self._lock:
            self.requests.append(received)
            number = len(self.requests)
        if callable(self.reply):
            return self.reply(received)
        if isinstance(self.reply, str | Slow | Fail | Stall | Die | Broken):
            return self.reply
        return self.reply[min(number, len(self.reply)) - 1]


class _Server(ThreadingHTTPServer):
    # Threads end when their client closes its connection, which may be after the test: they are not waited for.
    daemon_threads = True
    block_on_close = False
    owner: OpenAIServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up, as clients with a time-out do, is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        models = [
            {"id": name, "object": "model", "created": 0, "owned_by": "test"} for name in self.server.owner.models
        ]
        if self.path == "/v1/models":
            self._json(200, {"object": "list", "data": models})
        else:
            self._json(404, _error("no such path"))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server.owner.answer_to(Received(path=self.path, headers=headers, body=body))
        if self.path != "/v1/chat/completions":
            self._json(404, _error("no such path"))
        elif body.get("model") not in self.server.owner.models:
            self._json(404, _error(f"model {body.get('model')!r} not found"))
        elif isinstance(reply, Fail):
            self._json(reply.status, _error(reply.message), retry_after=reply.retry_after)
        elif isinstance(reply, Broken):
            self._broken(reply, stream=bool(body.get("stream")))
        elif body.get("stream"):
            self._stream(reply, str(body["model"]))
        elif isinstance(reply, str):
            self._json(200, _completion(reply, str(body["model"]), self.server.owner.usage))
        elif isinstance(reply, Slow):
            self.server.owner.stopping.wait(reply.pause * len(reply.text.split(" ")))
            self._json(200, _completion(reply.text, str(body["model"]), self.server.owner.usage))
        else:
            self._hang(reply)

    def log_message(self, format: str, *args: Any) -> None:
        """Tests read `requests` instead."""

    def _json(self, status: int, value: object, *, retry_after: float | str | None = None) -> None:
        self._begin(status, "application/json", retry_after=retry_after)
        self.wfile.write(json.dumps(value).encode())

    def _broken(self, reply: Broken, *, stream: bool) -> None:
        self._begin(200, "text/event-stream" if stream else "application/json")
        self.wfile.write(f"data: {reply.body}\n\n".encode() if stream else reply.body.encode())

    def _stream(self, reply: str | Slow | Stall | Die, model: str) -> None:
        self._begin(200, "text/event-stream")
        text = reply if isinstance(reply, str) else reply.text
        for piece in [word + " " for word in text.split(" ")[:-1]] + text.split(" ")[-1:]:
            if isinstance(reply, Slow):
                self.server.owner.stopping.wait(reply.pause)
            self._event(_piece({"role": "assistant", "content": piece}, None, model))
        if isinstance(reply, str | Slow):
            self._event(_piece({}, "stop", model))
            self.wfile.write(b"data: [DONE]\n\n")
        elif isinstance(reply, Stall):
            self._wait(reply)

    def _event(self, value: object) -> None:
        self.wfile.write(f"data: {json.dumps(value)}\n\n".encode())
        self.wfile.flush()

    def _hang(self, reply: Stall | Die) -> None:
        self.close_connection = True
        if isinstance(reply, Stall):
            if reply.keep_alive is not None:
                self._begin(200, "application/json")
            self._wait(reply)

    def _wait(self, reply: Stall) -> None:
        while not self.server.owner.stopping.wait(reply.keep_alive):
            self.wfile.write(b": still here\n\n")
            self.wfile.flush()

    def _begin(self, status: int, kind: str, *, retry_after: float | str | None = None) -> None:
        """Status and headers. The body ends where the connection does, so that one cut short looks like a whole one."""
        self.close_connection = True
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Connection", "close")
        if retry_after is not None:
            self.send_header("Retry-After", retry_after if isinstance(retry_after, str) else f"{retry_after:g}")
        self.end_headers()


def _error(message: str) -> dict[str, object]:
    return {"error": {"message": message, "type": "test", "param": None, "code": None}}


def _completion(text: str, model: str, usage: tuple[int, int] | None) -> dict[str, object]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    reply = {"id": "test", "object": "chat.completion", "created": 0, "model": model, "choices": [choice]}
    if usage is None:
        return reply
    counted = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
    return {**reply, "usage": counted}


def _piece(delta: dict[str, str], finish: str | None, model: str) -> dict[str, object]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "test", "object": "chat.completion.chunk", "created": 0, "model": model, "choices": [choice]}
