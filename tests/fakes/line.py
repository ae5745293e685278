"""The line to a server, which can be cut, or say nothing, and be whole again."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

PIECE = 65_536  # bytes
LOOK = 0.02  # seconds between two looks at whether the line speaks again


class Line:
    """A loopback port that leads to the server at `url`, until the end of the block; `self.url` is where it begins."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._to = (parts.hostname, parts.port)
        self._rest = parts.path
        self._port = 0
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._speaks = threading.Event()
        self._speaks.set()
        self.pause = 0.0  # seconds before each piece that goes through

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}{self._rest}"

    @contextlib.contextmanager
    def cut(self) -> Iterator[None]:
        """Connections break, and new ones are refused, until the end of the block."""
        self._close()
        try:
            yield
        finally:
            self._listen()

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        """Connections can be made and nothing comes through them, until the end of the block."""
        self._speaks.clear()
        try:
            yield
        finally:
            self._speaks.set()

    @contextlib.contextmanager
    def slow(self, pause: float) -> Iterator[None]:
        """Each piece takes `pause` seconds longer."""
        self.pause = pause
        try:
            yield
        finally:
            self.pause = 0.0

    def __enter__(self) -> Self:
        self._listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._speaks.set()
        self._close()

    def _listen(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self._port))
        self._port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _close(self) -> None:
        assert self._listener is not None
        for each in (self._listener, *tuple(self._open)):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._open.clear()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                near, _ = listener.accept()
                try:
                    far = socket.create_connection(self._to)
                except OSError:
                    near.close()
                    continue
                self._open |= {near, far}
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):  # one of them is closed
            while piece := one.recv(PIECE):
                while not self._speaks.wait(LOOK):
                    if one not in self._open:
                        return
                time.sleep(self.pause)
                other.sendall(piece)
        for each in (one, other):
            self._open.discard(each)
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
