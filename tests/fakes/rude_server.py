"""A server on a real loopback socket that answers every request with whatever bytes it is given, as badly as can be.

    with RudeServer(lambda: chain([HEAD], endless())) as server: ...

`behaviour` makes the pieces that go out, one after the other, for each request; a number is a pause in seconds. What
comes after the last one is the end of the connection. The pauses end when the server does.
"""

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
STOP = b'data: {"id":"x","object":"chat.completion.chunk","created":0,"model":"m","choices":[{"index":0,"delta":{},' + (
    b'"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)
FOR_EVER = 60.0  # seconds; no test waits so long


def event(text: str) -> bytes:
    """The event of a stream that says `text`."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    chunk = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


class RudeServer:
    """Counts its requests in `asked`."""

    def __init__(self, behaviour: Callable[[], Iterable[bytes | float]]) -> None:
        self.asked = 0
        self._behaviour = behaviour
        self._stopping = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.asked += 1
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            self._read(connection)
            for piece in self._behaviour():
                if isinstance(piece, float):
                    self._stopping.wait(piece)
                else:
                    connection.sendall(piece)
                if self._stopping.is_set():
                    return

    @staticmethod
    def _read(connection: socket.socket) -> None:
        """The whole request: what is left unread when the connection closes would reset it."""
        request = connection.recv(65536)
        head, _, body = request.partition(b"\r\n\r\n")
        length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0")
        left = int(length.partition(b":")[2]) - len(body)
        while left > 0:
            left -= len(connection.recv(65536))
