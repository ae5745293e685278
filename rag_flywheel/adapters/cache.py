"""A cache of bytes in one SQLite file."""

import contextlib
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path


class SqliteCache:
    """A `Cache` in one file, safe under threads and processes. A damaged file is put aside and begun anew."""

    def __init__(self, file: Path) -> None:
        self._lock = threading.Lock()
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._connection = _open(file)
        except sqlite3.DatabaseError:
            file.unlink()
            self._connection = _open(file)

    def get(self, keys: Sequence[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        with self._lock:
            for some in (keys[at : at + 500] for at in range(0, len(keys), 500)):
                marks = ",".join("?" * len(some))
                found.update(self._connection.execute(f"SELECT key, value FROM cache WHERE key IN ({marks})", some))
        return found

    def put(self, values: Mapping[str, bytes]) -> None:
        with self._lock, self._connection:
            self._connection.executemany("INSERT OR IGNORE INTO cache VALUES (?, ?)", values.items())

    def close(self) -> None:
        with self._lock:
            self._connection.close()


def _open(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=30, check_same_thread=False)
    with contextlib.ExitStack() as undo:
        undo.callback(connection.close)
        # Losing the last writes at a power cut costs a little work, so the file is not synced at each write.
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("CREATE TABLE IF NOT EXISTS cache (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID")
        undo.pop_all()
    return connection
