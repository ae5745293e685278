"""How a ledger stands, told without changing it: it is not migrated, and a SQLite file is not made."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from rag_flywheel.adapters.ledger.engine import HEAD, is_sqlite, open_engine, revision_of, shown, translated, writing
from rag_flywheel.errors import Damaged


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What was found of a ledger."""

    place: str  # its URL, without secrets
    revision: str | None  # of its schema; None where there is none yet
    newest: str = HEAD  # that this release knows
    read_only: bool = False
    clock: datetime | None = None  # the database server's; None for a file
    locks: tuple[str, ...] = ()  # who holds locks of a server's, in words

    @property
    def current(self) -> bool:
        return self.revision == self.newest


def standing(url: str, *, timeout: float) -> Standing:
    """Connect, look, and begin a write. Raises ConfigError, LedgerUnavailable, and Damaged for a file that is not
    sound.
    """
    engine = open_engine(url, timeout=timeout)
    place = shown(engine.url)
    try:
        if is_sqlite(engine.url):
            if not Path(engine.url.database or "").exists():
                return Standing(place=place, revision=None)
            return _of_file(engine, place)
        return _of_server(engine, place)
    finally:
        engine.dispose()


def _of_file(engine: Engine, place: str) -> Standing:
    with translated(engine.url):
        with engine.connect() as connection:
            wrong = connection.scalar(text("PRAGMA quick_check(1)"))
            revision = revision_of(connection)
        if wrong != "ok":
            raise Damaged(f"the ledger at {place} is not a sound SQLite file ({wrong}): restore it from a backup")
        with writing(engine).connect() as connection:
            connection.execute(text("SELECT 1"))  # the lock of a writer is taken, and let go with nothing written
    return Standing(place=place, revision=revision)


def _of_server(engine: Engine, place: str) -> Standing:
    with translated(engine.url), engine.connect() as connection:
        clock: datetime = connection.scalars(text("SELECT clock_timestamp()")).one()
        return Standing(
            place=place,
            revision=revision_of(connection),
            read_only=_is(connection, "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on'"),
            clock=clock.astimezone(UTC),
            locks=tuple(
                connection.scalars(
                    text(
                        "SELECT DISTINCT application_name FROM pg_stat_activity JOIN pg_locks USING (pid) WHERE "
                        "locktype = 'advisory' AND granted AND objsubid = 1 AND application_name LIKE '% since %' AND "
                        "database = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1"
                    )
                )
            ),
        )


def _is(connection: Connection, question: str) -> bool:
    return bool(connection.scalar(text(question)))
