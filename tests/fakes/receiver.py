"""A small HTTP server on a real loopback socket that receives webhooks, well or badly.

    with Receiver(replies=[500, 200]) as receiver:
        ...  # receiver.url; receiver.requests is what came in

A reply is a status, "stall" (nothing until the server stops), "break off" (the connection closes without a reply) or
"endless" (a body that does not end until the server stops). The last one is given again and again.
"""

import contextlib
import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

CERTIFICATE = Path(__file__).with_name("untrusted.pem")  # for 127.0.0.1 until 2126, with its key
Reply = int | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A request as it came in; `headers` by lower-case name."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    replies: Sequence[Reply] = (200,)
    location: str = ""  # header of every reply
    tls: bool = False  # with a certificate that vouches for itself alone
    requests: list[Received] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self._http = _Server(("127.0.0.1", 0), _Handler)
        self._http.receiver = self
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATE)
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def url(self) -> str:
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self._http.server_address[1]}"

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


class _Server(ThreadingHTTPServer):
    receiver: Receiver

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that go away are what these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        receiver = self.server.receiver
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        with receiver.lock:
            reply = receiver.replies[min(len(receiver.requests), len(receiver.replies) - 1)]
            receiver.requests.append(Received(path=self.path, headers=headers, body=body))
        self.close_connection = True
        match reply:
            case "stall":
                receiver.stopping.wait()
            case "endless":
                self._endless(receiver.stopping)
            case int():
                self.send_response(reply)
                if receiver.location:
                    self.send_header("location", receiver.location)
                self.send_header("content-length", "0")
                self.end_headers()

    def _endless(self, stopping: threading.Event) -> None:
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):
            while not stopping.is_set():
                self.wfile.write(b"a" * 65536)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
