"""Leaving a service alone that does not answer (a circuit breaker: Nygard, Release It!, 2007).

Who asks a server that takes connections and says nothing waits for the whole time-out, and holds a thread meanwhile.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator

from rag_flywheel.errors import FlywheelError, Unavailable
from rag_flywheel.ports import metrics

logger = logging.getLogger("rag_flywheel.breaker")

FAILURES = 3
SECONDS = 10.0


class Breaker:
    """After FAILURES in a row nobody is sent to a service for SECONDS, then one of those who ask, to see; safe under
    threads. `error` is what is raised instead, and what counts as a failure. A lock is held for moments only.
    """

    def __init__(self, name: str, error: type[Unavailable], *, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self._what = name.replace("_", " ")
        self._error = error
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._until = 0.0
        for counter in (metrics.SERVICE_FAILURES, metrics.SERVICE_SPARED):
            counter.labels(name)  # from 0 on, so that the first one is seen as a rise

    @property
    def open(self) -> bool:
        """Whether the service is taken to be away."""
        return self._failures >= FAILURES

    def check(self) -> None:
        """Raises the error where the service is to be left alone."""
        with self._lock:
            now = self._clock()
            if not self.open:
                return
            if now >= self._until:  # whoever comes now sees whether it is back; the others wait for that
                self._until = now + SECONDS
                return
            wait = self._until - now
        metrics.SERVICE_SPARED.labels(self.name).inc()
        raise self._error(
            f"the {self._what} did not answer {FAILURES} times in a row: it is tried again in "
            f"{wait:.0f} seconds; see that it runs, and why it was silent in its log"
        )

    def failed(self) -> None:
        metrics.SERVICE_FAILURES.labels(self.name).inc()
        with self._lock:
            self._failures += 1
            self._until = self._clock() + SECONDS
            opened = self._failures == FAILURES
        if opened:
            logger.warning("the %s does not answer, and is asked once in %g seconds from now on", self._what, SECONDS)

    def answered(self) -> None:
        with self._lock:
            closed, self._failures = self.open, 0
        if closed:
            logger.warning("the %s answers again", self._what)

    @contextlib.contextmanager
    def asked(self) -> Iterator[None]:
        """One request, whose error tells that the service did not answer."""
        self.check()
        try:
            yield
        except FlywheelError as error:
            self.heard(error)
            raise
        self.answered()

    def heard(self, error: FlywheelError) -> None:
        """What a request came to: a refusal of that one, or another error, is an answer."""
        if isinstance(error, self._error) and not error.refused:
            self.failed()
        else:
            self.answered()
