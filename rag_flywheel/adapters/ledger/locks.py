"""Named locks across processes, let go by the operating system or the server when their holder dies."""

import contextlib
import hashlib
import json
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import Connection, text

from rag_flywheel.adapters.ledger.engine import is_sqlite, open_engine, translated
from rag_flywheel.errors import FAULTS, AlreadyRunning, LedgerUnavailable, trouble


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """A lock whose holder has said who it is."""

    name: str
    file: Path
    process: int
    host: str
    since: datetime
    held: bool  # still; else its holder ended without letting go


def noted(folder: Path) -> list[Noted]:
    """The locks in the folder that have a note of a holder, by name. One that is free is taken for a moment."""
    found = []
    for file in sorted(folder.glob("*.lock")):
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):  # no note, or one that is being written
            about = json.loads(file.read_text(encoding="utf-8"))
            found.append(
                Noted(
                    name=file.stem,
                    file=file,
                    process=int(about["pid"]),
                    host=str(about["host"]),
                    since=datetime.fromisoformat(about["since"]),
                    held=_is_held(file),
                )
            )
    return found


def _is_held(file: Path) -> bool:
    try:
        with FileLock(file, thread_local=False).acquire(blocking=False):
            return False
    except Timeout:
        return True


@contextlib.contextmanager
def file_lock(name: str, *, folder: Path) -> Iterator[None]:
    """Hold `folder`/`name`.lock. Raises AlreadyRunning, with its holder, when it is held."""
    file = folder / f"{name}.lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = FileLock(file, thread_local=False).acquire(blocking=False)
    except Timeout as error:
        raise _running(name, _read_holder(file)) from error
    except OSError as error:
        if error.errno in FAULTS:
            raise trouble(file, FAULTS[error.errno]) from error
        raise LedgerUnavailable(f"the lock file {file} cannot be used: {error.strerror}") from error
    with held:
        _note(file, json.dumps(_holder()))
        try:
            yield
        finally:
            _note(file, "")  # so that nobody is told of a holder that is gone


@contextlib.contextmanager
def lock_beside(url: str, name: str, *, timeout: float, folder: Path) -> Iterator[None]:
    """Hold a ledger's lock without opening the ledger, which may be put in another's place meanwhile.

    Raises AlreadyRunning, with its holder, when it is held, and LedgerUnavailable.
    """
    engine = open_engine(url, timeout=timeout)
    with contextlib.ExitStack() as held:
        held.callback(engine.dispose)
        if is_sqlite(engine.url):
            held.enter_context(file_lock(name, folder=folder))
        else:
            held.enter_context(translated(engine.url))
            connection = held.enter_context(engine.connect()).execution_options(isolation_level="AUTOCOMMIT")
            held.enter_context(advisory_lock(name, connection=connection))
        yield


@contextlib.contextmanager
def advisory_lock(name: str, *, connection: Connection) -> Iterator[None]:
    """Hold an advisory lock of the database on a connection that is used for nothing else, outside transactions.

    Raises AlreadyRunning, with its holder, when it is held.
    """
    key = int.from_bytes(hashlib.blake2b(f"rag-flywheel:{name}".encode(), digest_size=8).digest(), signed=True)
    about = _holder()
    connection.execute(
        text("SELECT set_config('application_name', :value, false)"),
        {"value": f"{about['pid']} on {about['host']} since {about['since']}"[:63]},  # PostgreSQL cuts it there
    )
    if not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}):
        raise _running(name, _find_holder(connection, key))
    try:
        yield
    finally:  # the end of the connection would let go too, but only a moment later
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": key})


def _note(file: Path, holder: str) -> None:
    """Say who holds the lock. Where the disk takes no note the lock is held all the same."""
    with contextlib.suppress(OSError):
        file.write_text(holder, encoding="utf-8")


def _running(name: str, holder: str) -> AlreadyRunning:
    return AlreadyRunning(
        f"`{name}` is running already, in process {holder}: wait until it ends; the lock goes with its process"
    )


def _holder() -> dict[str, str]:
    return {
        "pid": str(os.getpid()),
        "host": socket.gethostname(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _read_holder(file: Path) -> str:
    """Who holds the file; it may have been read before its holder wrote."""
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        about = json.loads(file.read_text(encoding="utf-8"))
        return f"{about['pid']} on {about['host']} since {about['since']}"
    return "unknown"


def _find_holder(connection: Connection, key: int) -> str:
    """Who holds the key; its two halves stand apart in pg_locks."""
    high, low = (key >> 32) & 0xFFFFFFFF, key & 0xFFFFFFFF
    found = connection.scalar(
        text(
            "SELECT application_name FROM pg_stat_activity JOIN pg_locks USING (pid) WHERE locktype = 'advisory' "
            "AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
            "AND classid::bigint = :high AND objid::bigint = :low AND objsubid = 1"
        ),
        {"high": high, "low": low},
    )
    return found or "unknown"
