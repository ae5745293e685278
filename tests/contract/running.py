"""Blocks that fail when they are done, and work that many threads do at once."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager


class Stop(RuntimeError):
    """What a test raises to end a block."""


@contextlib.contextmanager
def failing(block: AbstractContextManager[None]) -> Iterator[None]:
    """The block, which fails when all in it is done."""
    with contextlib.suppress(Stop), block:
        yield
        raise Stop


def at_once(work: Callable[[int], None], threads: int, *, rounds: int) -> None:
    """Run work(0), work(1), ... in threads that start together; raises what any of them raised."""
    together = threading.Barrier(threads)

    def run(thread: int) -> None:
        together.wait()
        for number in range(rounds):
            work(thread * rounds + number)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(run, range(threads)))
