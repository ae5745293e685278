"""The whole ledger as one file, and back from it, at one moment and while others write: a SQLite file by SQLite, a
database of PostgreSQL by its own client programs.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, inspect, select, text
from sqlalchemy.engine import URL

from rag_flywheel.adapters.ledger import tables as held
from rag_flywheel.adapters.ledger.engine import MIGRATIONS, is_sqlite, open_engine, revision_of, shown, translated
from rag_flywheel.adapters.ledger.sealing import FINGERPRINT
from rag_flywheel.errors import ConfigError, Damaged, LedgerUnavailable, on_disk


@dataclass(frozen=True, slots=True, kw_only=True)
class Dumped:
    """What was written of a ledger."""

    kind: str  # of database, as its URL names it
    revision: str | None  # of its schema
    key: str  # the fingerprint of the first key of its pseudonyms


def dump(url: str, *, timeout: float, file: Path) -> Dumped:
    """Write the ledger into a new file. Raises LedgerUnavailable, DiskUnavailable, and ConfigError where PostgreSQL's
    programs are not here.
    """
    engine = open_engine(url, timeout=timeout)
    try:
        with translated(engine.url), engine.connect() as connection:
            outside = connection.execution_options(isolation_level="AUTOCOMMIT")
            revision = revision_of(outside)
            key = outside.scalar(select(held.settings.c.value).where(held.settings.c.name == f"{FINGERPRINT}0"))
            if is_sqlite(engine.url):
                # It reads as of one moment, lets writers go on, and leaves behind what deleted rows left in free pages.
                outside.exec_driver_sql("VACUUM INTO ?", (str(file),))
        if not is_sqlite(engine.url):
            _run(engine.url, "pg_dump", "--no-owner", "--no-privileges", "--exclude-table-data=rates", f"--file={file}")
        with on_disk(file), file.open("rb") as written:
            os.fsync(written.fileno())
    finally:
        engine.dispose()
    return Dumped(kind=engine.url.get_backend_name(), revision=revision, key=str(key))


def load(url: str, *, timeout: float, file: Path) -> None:
    """Put a dump in the place of the ledger, which is gone then, in one step. Nobody may be using it.

    Raises LedgerUnavailable, DiskUnavailable, and ConfigError where PostgreSQL's programs are not here.
    """
    engine = open_engine(url, timeout=timeout)
    try:
        if is_sqlite(engine.url):
            _replace(Path(engine.url.database or ""), file)
        else:
            drops = file.with_suffix(".drop")
            drops.write_text("".join(f"{line}\n" for line in _drops(engine)), encoding="utf-8")
            _run(engine.url, "psql", "--quiet", "--no-psqlrc", "--single-transaction", "--set=ON_ERROR_STOP=1",
                 "--output=/dev/null", f"--file={drops}", f"--file={file}")  # fmt: skip
    finally:
        engine.dispose()


def check_fits(url: str, *, kind: str, revision: str | None) -> None:
    """Raises ConfigError for a dump of another kind of database, Damaged for one of a newer release."""
    engine = open_engine(url, timeout=1)
    if engine.url.get_backend_name() != kind:
        raise ConfigError(
            f"the backup's ledger is of {kind}, and the ledger here would be {shown(engine.url)}: let `ledger.url` "
            "name a database of that kind, or leave it empty for SQLite"
        )
    if revision is not None and not (MIGRATIONS / "versions" / f"{revision}.py").exists():
        raise Damaged(
            f"the backup's ledger is at revision {revision}, which this release does not know: restore it with the "
            "release that wrote it, or with a newer one"
        )


def has_tables(url: str, *, timeout: float) -> bool:
    """Whether there is a ledger already; none is made."""
    engine = open_engine(url, timeout=timeout)
    try:
        if is_sqlite(engine.url):
            return Path(engine.url.database or "").exists()
        with translated(engine.url), engine.connect() as connection:
            return bool(inspect(connection).get_table_names())
    finally:
        engine.dispose()


def _replace(ledger: Path, file: Path) -> None:
    """The log of the one before goes first: it is none of the new one's."""
    with on_disk(ledger):
        ledger.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = ledger.with_name(f"{ledger.name}.restored")
        shutil.copyfile(file, beside)
        with beside.open("rb") as written:
            os.fsync(written.fileno())
        for log in ("-wal", "-shm"):
            ledger.with_name(f"{ledger.name}{log}").unlink(missing_ok=True)
        beside.replace(ledger)


def _drops(engine: Engine) -> list[str]:
    """What takes away all that a ledger has made: a newer release's tables may refer to those of the dump."""
    quoted = engine.dialect.identifier_preparer.quote
    functions = text(
        "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = current_schema()::regnamespace "
        "AND proowner = current_user::regrole AND oid NOT IN (SELECT objid FROM pg_depend WHERE deptype = 'e')"
    )
    with translated(engine.url), engine.connect() as connection:
        tables = [f"DROP TABLE {quoted(name)} CASCADE;" for name in inspect(connection).get_table_names()]
        return tables + [f"DROP FUNCTION {name} CASCADE;" for name in connection.scalars(functions)]


def _run(url: URL, program: str, *arguments: str) -> None:
    """Run a program of PostgreSQL's on the database; the password goes by the environment, which others cannot see."""
    found = shutil.which(program)
    if found is None:
        raise ConfigError(
            f"{program} is not installed, which writes and reads a backup of PostgreSQL: install PostgreSQL's client "
            "programs, of the server's version or newer (Debian: postgresql-client)"
        )
    where = url.set(drivername="postgresql", password=None).render_as_string()
    password = {} if url.password is None else {"PGPASSWORD": str(url.password)}
    done = subprocess.run(
        [found, *arguments, f"--dbname={where}"],
        env={**os.environ, **password}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        lines = done.stderr.splitlines()  # of the reason the first alone, since later ones quote values
        said = next((line for line in lines if "error:" in line.lower()), f"it ended with {done.returncode}")
        raise LedgerUnavailable(
            f"{program} could not work on the ledger at {shown(url)}: {said}; see that the server runs, that {program} "
            "is no older than it, and that nobody else uses the ledger, then try again"
        )
