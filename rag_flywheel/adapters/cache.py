"""A cache of bytes in one SQLite file, and one that costs time and never fails."""

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rag_flywheel.errors import Damaged, Unavailable
from rag_flywheel.ports import Cache

_log = logging.getLogger(__name__)


class SqliteCache:
    """A `Cache` in one file, safe under threads and processes. What is no SQLite file is deleted and begun anew.

    Raises Unavailable when the file cannot be used (read-only, no space, held by another for `patience` seconds), and
    Damaged when a part of it is broken.
    """

    def __init__(self, file: Path, *, patience: float = 30.0) -> None:
        self._file = file
        self._lock = threading.Lock()
        with self._translated():
            file.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._connection = _open(file, patience)
            except sqlite3.OperationalError:  # locked or out of reach, but not broken: others may be using it
                raise
            except sqlite3.DatabaseError:
                file.unlink()
                self._connection = _open(file, patience)

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

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.OperationalError) as error:
            raise Unavailable(
                f"the cache {self._file} cannot be used ({error}): make room, or let others end"
            ) from error
        except sqlite3.DatabaseError as error:
            raise Damaged(f"the cache {self._file} is broken ({error}): delete it, it is made again") from error


class ForgivingCache:
    """The cache below; while it is unavailable nothing is found in it and nothing is kept, which costs time only.

    Raises Damaged where the cache below does.
    """

    def __init__(self, below: Cache) -> None:
        self._below = below

    def get(self, keys: Sequence[str]) -> dict[str, bytes]:
        try:
            return self._below.get(keys)
        except Unavailable as error:
            _log.warning("going on without the cache: %s", error)
            return {}

    def put(self, values: Mapping[str, bytes]) -> None:
        try:
            self._below.put(values)
        except Unavailable as error:
            _log.warning("going on without the cache: %s", error)

    def forget(self, prefix: str, *, but: Sequence[str]) -> None:
        try:
            self._below.forget(prefix, but=but)
        except Unavailable as error:
            _log.warning("nothing was deleted from the cache: %s", error)

    def close(self) -> None:
        self._below.close()


def _open(file: Path, patience: float) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=patience, check_same_thread=False)
    with contextlib.ExitStack() as undo:
        undo.callback(connection.close)
        # Losing the last writes at a power cut costs a little work, so the file is not synced at each write.
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA secure_delete=ON")  # what is forgotten shall not stay in free pages
        connection.execute("CREATE TABLE IF NOT EXISTS cache (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID")
        undo.pop_all()
    return connection
