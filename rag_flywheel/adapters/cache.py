"""A cache of bytes in one SQLite file, and one that costs time and never fails."""

import contextlib
import logging
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from rag_flywheel.errors import Damaged, Unavailable
from rag_flywheel.ports import Cache

_log = logging.getLogger(__name__)
TABLE = "CREATE TABLE IF NOT EXISTS cache (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID"


class SqliteCache:
    """A `Cache` in one file, safe under threads and processes, and when `shared` under those of several hosts: SQLite's
    write-ahead log needs memory that one host alone has. What is no SQLite file is begun anew.

    Raises Unavailable when the file cannot be used (read-only, no space, held by another for `patience` seconds), and
    Damaged when a part of it is broken.
    """

    def __init__(self, file: Path, *, patience: float = 30.0, shared: bool = False) -> None:
        self._file = file
        self._patience = patience
        self._journal = "TRUNCATE" if shared else "WAL"
        self._lock = threading.Lock()
        with self._translated():
            file.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._connection = self._opened()
            except sqlite3.OperationalError:  # locked or out of reach, but not broken: others may be using it
                raise
            except sqlite3.DatabaseError:
                self._connection = self._emptied()

    def get(self, keys: Sequence[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        with self._lock, self._translated():
            for some in (keys[at : at + 500] for at in range(0, len(keys), 500)):
                marks = ",".join("?" * len(some))
                query = f"SELECT key, value FROM cache WHERE key IN ({marks})"  # noqa: S608  # question marks only
                found.update(self._connection.execute(query, some))
        return found

    def put(self, values: Mapping[str, bytes]) -> None:
        with self._lock, self._translated(), self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO cache VALUES (?, ?)", values.items())

    def forget(self, prefix: str, *, but: Sequence[str]) -> None:
        begins = "substr(key, 1, ?) = ?"
        kept = "".join(f" AND NOT {begins}" for _ in but)
        values = [value for start in (prefix, *but) for value in (len(start), start)]
        with self._lock, self._translated():
            with self._connection:
                self._connection.execute(f"DELETE FROM cache WHERE {begins}{kept}", values)  # noqa: S608  # likewise
            if not prefix:
                self._connection.execute("VACUUM")  # entries that moved have left copies in the free room of pages
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # the log holds what was deleted

    def begin_anew(self) -> None:
        """Put an empty cache in the place of what is there. Others that have the file open go on with the empty one."""
        with self._lock, self._translated():
            self._connection.close()
            self._connection = self._emptied()

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _opened(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._file, timeout=self._patience, check_same_thread=False)
        with contextlib.ExitStack() as undo:
            undo.callback(connection.close)
            try:
                connection.execute(f"PRAGMA journal_mode={self._journal}")
            except sqlite3.OperationalError as error:  # others are there, and keep it as it is
                _log.warning("the cache %s keeps its journal until all end that have it open: %s", self._file, error)
            # Losing the last writes at a power cut costs a little work, so the file is not synced at each write.
            connection.execute("PRAGMA synchronous=OFF")
            connection.execute("PRAGMA secure_delete=ON")  # what is forgotten shall not stay in free pages
            connection.execute(TABLE)
            undo.pop_all()
        return connection

    def _emptied(self) -> sqlite3.Connection:
        """Written over under SQLite's locks: a file that was deleted under others would live on with them."""
        with contextlib.closing(sqlite3.connect(self._file, timeout=self._patience)) as broken:
            try:
                _write_over(broken)
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError:  # not even its head is whole, so SQLite writes nothing to it
                self._discard()
        return self._opened()

    def _discard(self) -> None:
        if self._journal == "TRUNCATE":
            os.truncate(self._file, 0)
            return
        for ending in ("", "-wal", "-shm"):  # others on this host hold the file, and go on with what has no name now
            self._file.with_name(self._file.name + ending).unlink(missing_ok=True)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.OperationalError) as error:
            raise Unavailable(
                f"the cache {self._file} cannot be used ({error}): make room, or let others end"
            ) from error
        except sqlite3.DatabaseError as error:
            raise Damaged(
                f"the cache {self._file} is broken ({error}): it may be deleted, and is made again"
            ) from error


class Renewable(Cache, Protocol):
    """A cache that can be emptied where it is broken."""

    def begin_anew(self) -> None: ...


class ForgivingCache:
    """The cache below; while it is unavailable nothing is found in it and nothing is kept, and one that is damaged is
    begun anew, which costs time only.

    Raises Damaged where that cannot be done.
    """

    def __init__(self, below: Renewable) -> None:
        self._below = below

    def get(self, keys: Sequence[str]) -> dict[str, bytes]:
        with self._forgiven("going on without the cache"):
            return self._below.get(keys)
        return {}

    def put(self, values: Mapping[str, bytes]) -> None:
        with self._forgiven("going on without the cache"):
            self._below.put(values)

    def forget(self, prefix: str, *, but: Sequence[str]) -> None:
        with self._forgiven("nothing was deleted from the cache"):
            self._below.forget(prefix, but=but)

    def close(self) -> None:
        self._below.close()

    @contextlib.contextmanager
    def _forgiven(self, otherwise: str) -> Iterator[None]:
        try:
            try:
                yield
            except Damaged as error:
                _log.warning("the cache is begun anew, without what was in it: %s", error)
                self._below.begin_anew()
        except Unavailable as error:
            _log.warning("%s: %s", otherwise, error)


def _write_over(connection: sqlite3.Connection) -> None:
    with contextlib.closing(sqlite3.connect(":memory:")) as empty:
        empty.execute(TABLE)
        empty.backup(connection, progress=_refuse_wait)


def _refuse_wait(status: int, _remaining: int, _total: int) -> None:
    """`backup` would wait for a held lock for ever, after SQLite has waited as long as it may."""
    if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        raise sqlite3.OperationalError("database is locked")
