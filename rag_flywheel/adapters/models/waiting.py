"""Waiting for the words of a language model, and not for ever.

A vendor's call can hang where no time-out of its own reaches: in a class of LlamaIndex that has none, or before the
headers of a server that sends a byte now and then. So the call runs in a thread that can be left behind.
"""

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

Piece = TypeVar("Piece", str, bytes)

MOST = 1_000
"""Calls of a model at a time, those included that nobody waits for any more: each takes a thread and a connection."""

_AHEAD = 64  # pieces that are kept for a reader who is slow
_LOOK = 0.2  # seconds after which a thread looks whether anybody still reads


class Silent(Exception):
    """No piece came for as long as a silence may be."""


class TooLong(Exception):
    """The last piece did not come in time."""


class TooMany(Exception):
    """No more calls can be waited for."""


class Patience:
    """How long the pieces of one model are waited for. `silence`: seconds for each of them."""

    def __init__(self, *, silence: float) -> None:
        self._silence = silence
        self._free = threading.BoundedSemaphore(MOST)

    def pieces(self, call: Callable[[], Iterator[Piece]], *, until: float) -> Iterator[Piece]:
        """Those of `call`, which runs in a thread of its own, up to `until` on the monotonic clock.

        Raises what `call` raises, Silent, TooLong and TooMany.
        """
        if not self._free.acquire(blocking=False):
            raise TooMany
        said: queue.Queue[Any] = queue.Queue(_AHEAD)
        left = threading.Event()
        threading.Thread(target=self._bring, args=(call, said, left), name="model", daemon=True).start()
        try:
            while (piece := self._next(said, until)) is not None:
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            left.set()

    def _next(self, said: "queue.Queue[Any]", until: float) -> Any:
        rest = until - time.monotonic()
        try:
            if rest > 0:
                return said.get(timeout=min(self._silence, rest))
        except queue.Empty:
            if self._silence < rest:
                raise Silent from None
        raise TooLong

    def _bring(self, call: Callable[[], Iterator[Any]], said: "queue.Queue[Any]", left: threading.Event) -> None:
        def tell(piece: Any) -> None:
            while not left.is_set():
                with contextlib.suppress(queue.Full):
                    said.put(piece, timeout=_LOOK)
                    return

        try:
            for piece in call():
                tell(piece)
                if left.is_set():
                    return
            tell(None)
        except Exception as error:  # noqa: BLE001  # whatever it is, who waits shall hear of it
            tell(error)
        finally:
            self._free.release()
