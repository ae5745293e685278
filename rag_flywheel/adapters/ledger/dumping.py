"""The whole ledger as one file, and back from it, at one moment and while others write: a SQLite file by SQLite, a
database of PostgreSQL by its own client programs.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, func, inspect, select, text
from sqlalchemy.engine import URL

from rag_flywheel.adapters.ledger import tables as held
from rag_flywheel.adapters.ledger.engine import MIGRATIONS, is_sqlite, open_engine, revision_of, shown, translated
from rag_flywheel.adapters.ledger.sealing import FINGERPRINT
from rag_flywheel.errors import ConfigError, Damaged, LedgerUnavailable, on_disk

BARE = (
    *("--no-owner", "--no-privileges", "--no-comments", "--no-security-labels", "--no-tablespaces"),
    *("--no-publications", "--no-subscriptions"),
)
"""What a dump leaves out: it is the operator's, and another role or server may not be able to make it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dumped:
    """What was written of a ledger."""

    kind: str  # of database, as its URL names it
    revision: str | None  # of its schema
    schema: str  # of PostgreSQL that its tables are in; "" for SQLite
    key: str  # the fingerprint of the first key of its pseudonyms


def dump(url: str, *, timeout: float, file: Path) -> Dumped:
    """Write the ledger into a new file: of a database of PostgreSQL its own tables, and what makes them.

    Raises LedgerUnavailable, DiskUnavailable, and ConfigError where PostgreSQL's programs are not here.
    """
    engine, schema = open_engine(url, timeout=timeout), ""
    try:
        with translated(engine.url), engine.connect() as connection:
            outside = connection.execution_options(isolation_level="AUTOCOMMIT")
            revision = revision_of(outside)
            key = outside.scalar(select(held.settings.c.value).where(held.settings.c.name == f"{FINGERPRINT}0"))
            if is_sqlite(engine.url):
                # It reads as of one moment, lets writers go on, and leaves behind what deleted rows left in free pages.
                outside.exec_driver_sql("VACUUM INTO ?", (str(file),))
            else:
                schema, tables, functions = _ours(outside)
        if not is_sqlite(engine.url):
            made = [f"{definition.rstrip()};\n" for definition in functions.values()]
            named = [f"--table={_quoted(schema)}.{_quoted(table)}" for table in tables]
            with on_disk(file):
                file.write_text("".join(made), encoding="utf-8")  # which their triggers call; no option names functions
            _run(engine.url, "pg_dump", *BARE, "--strict-names", *named, to=file)
        with on_disk(file), file.open("rb") as written:
            os.fsync(written.fileno())
    finally:
        engine.dispose()
    return Dumped(kind=engine.url.get_backend_name(), revision=revision, schema=schema, key=str(key))


def load(url: str, *, timeout: float, file: Path) -> None:
    """Put a dump in the place of the ledger, which is gone then, in one step. Nobody may be using it. What else is in
    the database stays, and after an error all is as it was.

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


def check_fits(url: str, *, timeout: float, kind: str, revision: str | None, schema: str) -> None:
    """Raises ConfigError for a dump of another kind of database or of another schema, and where PostgreSQL holds tables
    of a newer release, which this one cannot name; Damaged for a dump of a newer release. Raises LedgerUnavailable.
    """
    engine = open_engine(url, timeout=timeout)
    if engine.url.get_backend_name() != kind:
        raise ConfigError(
            f"the backup's ledger is of {kind}, and the ledger here would be {shown(engine.url)}: let `ledger.url` "
            "name a database of that kind, or leave it empty for SQLite"
        )
    if not _is_known(revision):
        raise Damaged(
            f"the backup's ledger is at revision {revision}, which this release does not know: restore it with the "
            "release that wrote it, or with a newer one"
        )
    if not is_sqlite(engine.url):
        try:
            with translated(engine.url), engine.connect() as connection:
                here, at = connection.scalar(select(func.current_schema())), revision_of(connection)
        finally:
            engine.dispose()
        if here != schema:
            raise ConfigError(
                f"the backup's ledger is of the schema {schema}, and `ledger.url` leads to {here or 'none'}: "
                "make one of that name where it is missing, and name it in the URL (`?options=-csearch_path%3DNAME`)"
            )
        if not _is_known(at):
            raise ConfigError(
                f"the ledger at {shown(engine.url)} is at revision {at}, whose tables this release cannot take away: "
                "let `ledger.url` name an empty database"
            )


def has_tables(url: str, *, timeout: float) -> bool:
    """Whether there is a ledger already; none is made."""
    engine = open_engine(url, timeout=timeout)
    try:
        if is_sqlite(engine.url):
            return Path(engine.url.database or "").exists()
        with translated(engine.url), engine.connect() as connection:
            return bool(_ours(connection)[1])
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
    """What takes away all that the ledger has made. It fails where something that is not the ledger's depends on it."""
    with translated(engine.url), engine.connect() as connection:
        schema, tables, functions = _ours(connection)
    named = [f"{_quoted(schema)}.{_quoted(table)}" for table in tables]
    return ([f"DROP TABLE {', '.join(named)};"] if named else []) + [f"DROP FUNCTION {name};" for name in functions]


def _ours(connection: Connection) -> tuple[str, list[str], dict[str, str]]:
    """The schema on PostgreSQL, the ledger's tables that are in it, and by name how the functions of their triggers are
    made.
    """
    schema = connection.scalar(select(func.current_schema())) or ""
    tables = sorted({*held.metadata.tables, "alembic_version"} & {*inspect(connection).get_table_names()})
    functions = text(
        "SELECT oid::regprocedure::text AS name, pg_get_functiondef(oid) AS made FROM pg_proc WHERE pronamespace = "
        "current_schema()::regnamespace AND oid IN (SELECT tgfoid FROM pg_trigger JOIN pg_class ON tgrelid = "
        "pg_class.oid WHERE NOT tgisinternal AND relnamespace = pronamespace AND relname = ANY(:tables)) ORDER BY 1"
    )
    return schema, tables, {row.name: row.made for row in connection.execute(functions, {"tables": tables})}


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def _is_known(revision: str | None) -> bool:
    return revision is None or (MIGRATIONS / "versions" / f"{revision}.py").exists()


def _run(url: URL, program: str, *arguments: str, to: Path | None = None) -> None:
    """Run a program of PostgreSQL's on the database; what it says is put to the end of the file `to`. The password goes
    by the environment, which others cannot see.
    """
    found = shutil.which(program)
    if found is None:
        raise ConfigError(
            f"{program} is not installed, which writes and reads a backup of PostgreSQL: install PostgreSQL's client "
            "programs, of the server's version or newer (Debian: postgresql-client)"
        )
    where = url.set(drivername="postgresql", password=None).render_as_string()
    password = {} if url.password is None else {"PGPASSWORD": str(url.password)}
    with open(os.devnull if to is None else to, "ab") as said:
        done = subprocess.run(
            [found, *arguments, f"--dbname={where}"],
            env={**os.environ, **password}, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.PIPE, text=True,
            check=False,
        )  # fmt: skip
    if done.returncode != 0:
        lines = done.stderr.splitlines()  # of the reason the first alone, since later ones quote values
        why = next((line for line in lines if "error:" in line.lower()), f"it ended with {done.returncode}")
        raise LedgerUnavailable(
            f"{program} could not work on the ledger at {shown(url)}: {why}; see that the server runs, that {program} "
            "is no older, and that nobody else uses the ledger or has what depends on its tables, then try again"
        )
