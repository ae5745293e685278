"""Counts of who comes: in this process with `limits`, or in PostgreSQL, where several processes count together.

Both count in windows of a minute. `limits` has no storage in an SQL database (5.8: memory, Redis, Memcached, MongoDB),
and a server more is not worth it for one number a person.
"""

import contextlib
import math
import time

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from rag_flywheel.adapters.ledger.engine import open_engine, translated

MINUTE = 60  # seconds
_TABLE = "CREATE UNLOGGED TABLE IF NOT EXISTS rates (key text PRIMARY KEY, minute bigint NOT NULL, number int NOT NULL)"
_COUNT = text(
    "INSERT INTO rates (key, minute, number) VALUES (:key, :minute, 1) ON CONFLICT (key) DO UPDATE SET "
    "number = CASE WHEN rates.minute = excluded.minute THEN rates.number + 1 ELSE 1 END, minute = excluded.minute "
    "RETURNING number"
)
_FORGET = text("DELETE FROM rates WHERE minute < :minute - 1")


class MemoryRates:
    """`Rates` of one process."""

    in_memory = True

    def __init__(self) -> None:
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    def wait(self, key: str, *, per_minute: int) -> int:
        item = RateLimitItemPerMinute(per_minute)
        if self._limiter.get_window_stats(item, key).reset_time > time.time() + MINUTE + 1:
            self._limiter.clear(item, key)  # the clock was put back: the minute would last as long as it was ahead
        if self._limiter.hit(item, key):
            return 0
        return max(1, math.ceil(self._limiter.get_window_stats(item, key).reset_time - time.time()))

    def close(self) -> None:
        """Nothing is held."""


class PostgresRates:
    """`Rates` of all processes with this database. The table is no part of the ledger: it may be lost at any time."""

    in_memory = False

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._cleared = 0  # the minute in which the counts of those who have gone were forgotten
        # Of several processes that make the table at the same time, PostgreSQL lets one do so and refuses the others.
        with translated(engine.url), contextlib.suppress(IntegrityError, ProgrammingError), engine.begin() as opened:
            opened.execute(text(_TABLE))

    def wait(self, key: str, *, per_minute: int) -> int:
        now = int(time.time())
        minute = now // MINUTE
        with translated(self._engine.url), self._engine.begin() as opened:
            number = opened.scalar(_COUNT, {"key": key, "minute": minute})
            if minute > self._cleared:
                opened.execute(_FORGET, {"minute": minute})
                self._cleared = minute
        return 0 if number is not None and number <= per_minute else MINUTE - now % MINUTE

    def close(self) -> None:
        self._engine.dispose()


def open_rates(url: str, *, timeout: float) -> MemoryRates | PostgresRates:
    """In the database of `url` where that is PostgreSQL, else in this process.

    Raises ConfigError for a URL of another kind, and LedgerUnavailable.
    """
    if not url or url.startswith("sqlite"):
        return MemoryRates()
    return PostgresRates(open_engine(url, timeout=timeout))
