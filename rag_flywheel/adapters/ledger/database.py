"""Connections and transactions of the ledger: one thread, one transaction, and rows that are only ever appended."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    Executable,
    Row,
    Table,
    Text,
    insert,
    text,
    type_coerce,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL
from sqlalchemy.exc import IntegrityError

from rag_flywheel.adapters.ledger.engine import is_sqlite, shown, translated, writing
from rag_flywheel.adapters.ledger.sealing import Sealing, epoch_of
from rag_flywheel.errors import Conflict, LedgerUnavailable, NotFound

WRITING = 4_746_494_957_231_002  # PostgreSQL's advisory lock that all share who write in an epoch
_FOREIGN_KEY = ("23503", "SQLITE_CONSTRAINT_FOREIGNKEY")  # how PostgreSQL and SQLite name its violation


class _Local(threading.local):
    """The connection on which this thread has a transaction open."""

    connection: Connection | None = None


class Database:
    """A migrated database, safe under threads. Every method raises LedgerUnavailable when it does not answer."""

    def __init__(self, engine: Engine, *, timeout: float, sealing: Sealing) -> None:
        self._engine = engine
        self.sealing = sealing
        vars(engine.dialect)["pseudonyms"] = (
            sealing  # for the types of the tables; each engine has a dialect of its own
        )
        self._writing = writing(engine)
        self._timeout = timeout
        self._turn = threading.Lock()
        self._local = _Local()

    @property
    def url(self) -> URL:
        return self._engine.url

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """This thread's open transaction, so that it sees its own writes; else a connection for one read."""
        with translated(self.url):
            if self._local.connection is not None:
                yield self._local.connection
            else:
                with self._engine.connect() as connection:
                    yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction; inside another one of this thread a savepoint, so that a failed part leaves nothing behind."""
        outer = self._local.connection
        with translated(self.url):
            if outer is not None:
                with outer.begin_nested():
                    yield outer
                return
            with self._turn_to_write(), self._writing.begin() as connection:
                self._local.connection = connection
                try:
                    with self.sealing.writing(self._epoch_to_write_in(connection)):
                        yield connection
                finally:
                    self._local.connection = None

    def _epoch_to_write_in(self, connection: Connection) -> int:
        """It stays the epoch until the transaction ends: on SQLite nobody else writes, and on PostgreSQL `begin_epoch`
        waits for all who hold the lock.
        """
        if not is_sqlite(self.url):
            connection.execute(text("SELECT pg_advisory_xact_lock_shared(:key)"), {"key": WRITING})
        return epoch_of(connection)

    @contextlib.contextmanager
    def begin_epoch(self) -> Iterator[Connection]:
        """A transaction after all that write, and before all that will."""
        with self.write() as connection:
            if not is_sqlite(self.url):
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITING})
            yield connection

    def is_one(self, column: Column[Any], words: str) -> ColumnElement[bool]:
        """Whether a column holds the pseudonym, or what holds pseudonyms, in any of its stored forms."""
        return type_coerce(column, Text).in_(self.sealing.forms(words))

    def find(self, wanted: Callable[[], Executable]) -> Sequence[Row[Any]]:
        """Rows that are found by `is_one`. They are asked for again where a key came meanwhile that was not known."""
        while True:
            newest = self.sealing.keys.newest
            with self.read() as connection:
                found = connection.execute(wanted()).all()
                epoch = epoch_of(connection)  # after the rows, which are of no later one
            if epoch <= newest:
                return found
            self.sealing.know(epoch)

    @contextlib.contextmanager
    def _turn_to_write(self) -> Iterator[None]:
        """SQLite has one writer at a time, and those who wait poll for it in no order. So the threads of a process
        queue here, which makes the longest wait of 40 busy threads six times shorter.
        """
        if not is_sqlite(self.url):
            yield
            return
        if not self._turn.acquire(timeout=self._timeout):
            raise LedgerUnavailable(
                f"the ledger at {shown(self.url)} is busy: no turn to write in {self._timeout:g} seconds; ask again "
                "later"
            )
        try:
            yield
        finally:
            self._turn.release()

    @contextlib.contextmanager
    def alone(self) -> Iterator[Connection]:
        """A connection of its own, outside transactions; what its session holds on the server ends with it."""
        with translated(self.url), self._engine.connect() as connection:
            outside = connection.execution_options(isolation_level="AUTOCOMMIT")
            outside.detach()  # closed at the end, never given to another
            yield outside

    def append(self, table: Table, row: Mapping[str, object], *, what: str, parent: str = "") -> None:
        """Raises NotFound when `parent`, which the row refers to, does not exist, and Conflict when the row does."""
        with self.write() as connection:
            try:
                connection.execute(insert(table).values(row))
            except IntegrityError as error:
                if _code(error) in _FOREIGN_KEY:
                    raise NotFound(f"no {parent}, which the {what} refers to") from error
                raise Conflict(f"the {what} is in the ledger already: what was written is never replaced") from error

    def close(self) -> None:
        self._engine.dispose()


class InDatabase:
    """What keeps its rows in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database


def insert_once(connection: Connection, table: Table, row: Mapping[str, object]) -> bool:
    """Whether the row was new; one with the same primary key is left as it is, and waited for while it is written."""
    new = postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
    key = next(iter(table.primary_key))
    return connection.scalar(new.values(row).on_conflict_do_nothing().returning(key)) is not None


def _code(error: IntegrityError) -> str:
    return str(getattr(error.orig, "sqlstate", None) or getattr(error.orig, "sqlite_errorname", None))
