"""From a URL to a migrated database: connections, transactions, and the one border for the database's errors."""

import contextlib
import json
import math
import sqlite3
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

from rag_flywheel.errors import FAULTS, ConfigError, Damaged, DiskUnavailable, InvalidInput, LedgerUnavailable, trouble

MIGRATIONS = Path(__file__).parent / "migrations"
HEAD = "0017_reviews"  # the newest revision there, so that a ledger which is at it needs no Alembic
MIGRATION_LOCK = 4_746_494_957_231_001  # PostgreSQL's advisory lock while the schema changes; any number that stays
CONNECTIONS = 10  # kept open; PostgreSQL allows 100 to all processes together by default
MORE_CONNECTIONS = 10  # opened under load; a thread beyond them waits for its turn
_WRITES = "ledger_writes"
_DISK = {
    "SQLITE_FULL": "is full",
    "SQLITE_IOERR": "fails, or is full",
    "SQLITE_READONLY": "may not be written to",
    "SQLITE_CANTOPEN": "cannot be used",
}
"""What SQLite's errors say of a disk, by the beginning of their names."""


def open_engine(url: str, *, timeout: float) -> Engine:
    """Connections to the database of `url`; none is opened yet. `timeout`: seconds for a connection or a lock.

    Raises ConfigError for a URL of another kind.
    """
    known = _known_url(url)
    options = {"timeout": timeout, "check_same_thread": False} if is_sqlite(known) else _postgres_options(timeout)
    engine = create_engine(
        known,
        connect_args=options,
        pool_size=CONNECTIONS,
        max_overflow=MORE_CONNECTIONS,
        pool_timeout=timeout,
        pool_pre_ping=not is_sqlite(known),  # a server that was restarted is met again without an error
        hide_parameters=True,  # they hold people's texts, which no message may show
        json_serializer=partial(json.dumps, allow_nan=False),  # PostgreSQL refuses NaN, so SQLite does too
    )
    if is_sqlite(known):
        _prepare_sqlite(engine)
    else:
        _prepare_postgres(engine, timeout)
    return engine


def sqlite_url(file: Path) -> str:
    """The URL of a SQLite file; what means something else in a URL, such as ? and %, is escaped."""
    return URL.create("sqlite", database=str(file)).render_as_string()


def is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def writing(engine: Engine) -> Engine:
    """The same connections, for transactions that will write."""
    return engine.execution_options(**{_WRITES: True})


def shown(url: URL) -> str:
    """What a message may say of a URL: a user, a password and options, which can hold one, are left out."""
    return URL.create(url.drivername, host=url.host, port=url.port, database=url.database).render_as_string()


@contextlib.contextmanager
def translated(url: URL) -> Iterator[None]:
    """Turn the database's errors into LedgerUnavailable, Damaged when the file is no longer a database, or InvalidInput
    when an id or a key is no text that it can hold.
    """
    try:
        yield
    except DataError as error:
        raise InvalidInput(
            f"an id or a key holds the character NUL, which the ledger at {shown(url)} cannot keep: send it without"
        ) from error
    except PoolTimeout as error:
        raise LedgerUnavailable(
            f"all {CONNECTIONS + MORE_CONNECTIONS} connections to the ledger at {shown(url)} stayed busy for "
            "ledger.timeout: ask again later"
        ) from error
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.DatabaseError) and error.orig.sqlite_errorname in (
            "SQLITE_CORRUPT",
            "SQLITE_NOTADB",
        ):
            raise Damaged(
                f"the ledger at {shown(url)} is not a sound SQLite file ({error.orig}): restore it from a backup"
            ) from error
        if (disk := _disk_trouble(error, url)) is not None:
            raise disk from error
        if isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated:
            raise LedgerUnavailable(
                f"the ledger at {shown(url)} does not answer: {_reason(error, url)}; check that ledger.url is right, "
                + ("and that no process keeps the file locked" if is_sqlite(url) else "and that the server runs")
            ) from error
        raise


def migrate(engine: Engine, *, timeout: float, lock_folder: Path) -> None:
    """Bring the schema to the newest revision; of several processes one does it and the others wait.

    Raises LedgerUnavailable, and Damaged when a newer release has already been here.
    """
    in_turn = (
        _one_opener(engine.url, timeout=timeout, lock_folder=lock_folder)
        if is_sqlite(engine.url)
        else contextlib.nullcontext()
    )
    with translated(engine.url), in_turn:
        with engine.connect() as connection:
            revision = revision_of(connection)
        if revision != HEAD:
            _upgrade(engine, revision)


def revision_of(connection: Connection) -> str | None:
    """The revision of the schema, None before the first one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def _upgrade(engine: Engine, revision: str | None) -> None:
    # Nearly every opening finds the newest schema, and Alembic takes longer to import than a ledger to open.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    known = {script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}
    if revision is not None and revision not in known:
        raise Damaged(
            f"the ledger at {shown(engine.url)} is at revision {revision}, which this release does not know; its "
            f"newest is {HEAD}: use the release that wrote it, or a newer one"
        )
    with writing(engine).begin() as connection:
        if not is_sqlite(engine.url):
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))  # the value is interpolated
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextlib.contextmanager
def _one_opener(url: URL, *, timeout: float, lock_folder: Path) -> Iterator[None]:
    """A busy SQLite file refuses the first switch to its write-ahead log without waiting, so openers take turns."""
    assert url.database is not None
    try:
        lock_folder.mkdir(parents=True, exist_ok=True)
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        turn = FileLock(lock_folder / "ledger-open.lock", timeout=timeout, thread_local=False).acquire()
    except Timeout as error:
        raise LedgerUnavailable(
            f"another process has been opening the ledger at {shown(url)} for {timeout:g} seconds: try again "
            "when it is done"
        ) from error
    except OSError as error:
        if error.errno in FAULTS:
            raise trouble(Path(url.database), FAULTS[error.errno]) from error
        raise LedgerUnavailable(
            f"the ledger at {shown(url)} needs a folder that can be written to: {error.strerror}, {error.filename}"
        ) from error
    with turn:
        yield


def _known_url(url: str) -> URL:
    try:
        known = make_url(url)
    except (ArgumentError, ValueError):
        # Without its cause, and without the URL: either can hold the password.
        raise ConfigError(
            "ledger.url is not a URL: expected sqlite:///FILE or postgresql+psycopg://HOST/NAME"
        ) from None
    if known.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        return known.set(drivername="postgresql+psycopg")
    if known.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise ConfigError(
            f"ledger.url is a {known.drivername} URL: expected sqlite:///FILE or postgresql+psycopg://..."
        )
    if not known.database or known.database == ":memory:":
        raise ConfigError(
            "ledger.url names no file: expected sqlite:///FILE; a ledger in memory would forget everything"
        )
    return known


def _postgres_options(timeout: float) -> dict[str, object]:
    return {
        "connect_timeout": max(1, math.ceil(timeout)),  # whole seconds
        "tcp_user_timeout": math.ceil(timeout * 1000),  # a host that vanished is noticed while a query waits for it
        "application_name": "rag-flywheel",
    }


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the driver's own BEGIN comes late and never for DDL; ours is below
        connection.execute("PRAGMA journal_mode=WAL")  # readers and the writer do not wait for each other
        connection.execute("PRAGMA foreign_keys=ON")
        # FULL: what was acknowledged survives a power cut. NORMAL could lose the record of a version whose alias,
        # which is on disk, already names it.
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA secure_delete=ON")  # an erased text is overwritten, not just unlinked

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        options = connection.get_execution_options()
        if options.get("isolation_level") == "AUTOCOMMIT":
            return
        # A writer takes its lock first: one that had read before would be refused at once instead of waiting.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get(_WRITES, False) else "BEGIN")


def _prepare_postgres(engine: Engine, timeout: float) -> None:
    @event.listens_for(engine, "connect")
    def _(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        # Not as a connection option, which would displace the options of the URL.
        cursor = connection.cursor()
        cursor.execute(f"SET lock_timeout = {math.ceil(timeout * 1000)}")  # milliseconds
        cursor.close()
        connection.commit()


def _disk_trouble(error: DBAPIError, url: URL) -> DiskUnavailable | None:
    """What the database says of its disk; None where it says something else."""
    if getattr(error.orig, "sqlstate", None) == "53100":
        return DiskUnavailable(f"the disk of the ledger at {shown(url)} is full: make room on its server")
    if isinstance(error.orig, sqlite3.Error) and url.database is not None:
        name = str(getattr(error.orig, "sqlite_errorname", ""))
        what = next((told for start, told in _DISK.items() if name.startswith(start)), None)
        return None if what is None else trouble(Path(url.database), what)
    return None


def _reason(error: DBAPIError, url: URL) -> str:
    """The first line of the driver's message, which tells the reason; PostgreSQL's later lines can quote values."""
    reason = (str(error.orig).strip().splitlines() or [type(error.orig).__name__])[0]
    return reason.replace(str(url.password), "***") if url.password else reason
