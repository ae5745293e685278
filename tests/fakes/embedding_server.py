"""A small embedding server on a real loopback socket, as OpenAI's API and Text Embeddings Inference have it.

    with EmbeddingServerFake() as server:
        ...  # server.url ends in /v1; server.requests is what came in

It gives the vectors of `HashingEncoder`, in another order than they were asked for, which their places tell. `refuse`
is statuses that the first requests get, with a header Retry-After where there is a number behind.
"""

import json
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from tests.fakes.encoder import HashingEncoder
from tests.fakes.openai_server import Received


class EmbeddingServerFake:
    def __init__(self, dimension: int = 64, *, refuse: Sequence[tuple[int, float | None]] = ()) -> None:
        self.encoder = HashingEncoder(dimension)
        self.refuse = list(refuse)
        self.requests: list[Received] = []
        self._http = _Server(("127.0.0.1", 0), _Handler)
        self._http.owner = self
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    @property
    def texts(self) -> list[str]:
        """All that was to be embedded."""
        return [text for request in self.requests for text in request.body["input"]]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    owner: EmbeddingServerFake

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        owner = self.server.owner
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        owner.requests.append(Received(path=self.path, headers=headers, body=body))
        if owner.refuse:
            status, wait = owner.refuse.pop(0)
            self._reply(status, {"error": body["input"]}, wait)
            return
        vectors = owner.encoder.encode_documents(body["input"]) * 3.0  # as a model that does not normalise
        data = [{"object": "embedding", "index": at, "embedding": row} for at, row in enumerate(vectors.tolist())]
        self._reply(200, {"object": "list", "data": data[::-1], "model": body["model"], "usage": {}})

    def log_message(self, format: str, *args: Any) -> None:
        """Tests read `requests` instead."""

    def _reply(self, status: int, value: object, wait: float | None = None) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        if wait is not None:
            self.send_header("Retry-After", f"{wait:g}")
        self.end_headers()
        self.wfile.write(content)
