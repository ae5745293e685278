"""A private PostgreSQL server for the tests, started from the local binaries.

PostgreSQL refuses to run as root, so under root it runs as `postgres` or `nobody`, with a folder of theirs.
"""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

USER = "flywheel"
START_SECONDS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresServer:
    """A running server that listens on a unix socket in `folder`, so that no port can be taken."""

    folder: Path

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://{USER}@/{database}?host={self.folder}"

    def execute(self, statement: str) -> None:
        """Run one statement as the server's owner, outside any test's database."""
        with psycopg.connect(host=str(self.folder), user=USER, dbname="postgres", autocommit=True) as connection:
            connection.execute(statement.encode())

    def new_database(self) -> str:
        """The name of a new, empty database."""
        name = f"test_{uuid.uuid4().hex}"
        self.execute(f"CREATE DATABASE {name}")
        return name

    def drop(self, database: str) -> None:
        self.execute(f"DROP DATABASE {database} WITH (FORCE)")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for the session."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def postgres_database(postgres_server: PostgresServer) -> Iterator[str]:
    """The name of a fresh database on the session's server."""
    name = postgres_server.new_database()
    yield name
    postgres_server.drop(name)


@pytest.fixture
def postgres_url(postgres_server: PostgresServer, postgres_database: str) -> str:
    """The URL of a fresh database."""
    return postgres_server.url(postgres_database)


@contextlib.contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """A server of one's own until the end of the block. Skips the test where no PostgreSQL is installed."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL is installed: initdb and postgres are neither in PATH nor in /usr/lib/postgresql")
    folder = Path(tempfile.mkdtemp(prefix="flywheel-pg-"))  # not pytest's: its folders are closed to other users
    try:
        with _started(binaries, folder, owner=_owner()) as server:
            yield server
    finally:
        shutil.rmtree(folder)


def _binaries() -> Path | None:
    """The folder with initdb and postgres: of PATH, of pg_config, or Debian's newest."""
    folders = [Path(found).resolve().parent for name in ("postgres", "initdb") if (found := shutil.which(name))]
    if shutil.which("pg_config"):
        told = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=False)
        folders.append(Path(told.stdout.strip()))  # empty where pg_config only says what to install
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version_of, reverse=True)
    return next((path for path in folders if (path / "initdb").exists() and (path / "postgres").exists()), None)


def _version_of(binaries: Path) -> float:
    return float(binaries.parent.name)


def _owner() -> pwd.struct_passwd | None:
    """Whom to run the server as; None for whoever runs the tests."""
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(KeyError):
        return pwd.getpwnam("postgres")
    return pwd.getpwnam("nobody")


@contextlib.contextmanager
def _started(binaries: Path, folder: Path, *, owner: pwd.struct_passwd | None) -> Iterator[PostgresServer]:
    user, group = (None, None) if owner is None else (owner.pw_uid, owner.pw_gid)
    groups: list[int] | None = None if owner is None else []
    if user is not None and group is not None:
        os.chown(folder, user, group)
    data, log = folder / "data", folder / "log"
    made = subprocess.run(
        [binaries / "initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
        check=False, capture_output=True, text=True, cwd=folder, user=user, group=group, extra_groups=groups,
    )  # fmt: skip
    if made.returncode != 0:
        pytest.fail(f"initdb made no database in {folder}; it said:\n{made.stderr}")
    speed = ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0"]
    settings = ["listen_addresses=", f"unix_socket_directories={folder}", "max_connections=200", *speed]
    server = [str(binaries / "postgres"), "-D", str(data), *(word for setting in settings for word in ("-c", setting))]
    # The shell ends the server when its input ends: at the end of the block, or when the tests are killed.
    script = '"$@" >"$0" 2>&1 & cat >/dev/null; kill -INT $!; wait $!'
    with subprocess.Popen(
        ["sh", "-c", script, log, *server],
        stdin=subprocess.PIPE, cwd=folder, user=user, group=group, extra_groups=groups,
    ) as shell:  # fmt: skip
        started = PostgresServer(folder=folder)
        _wait_for(started, log)
        yield started
        assert shell.stdin is not None
        shell.stdin.close()


def _wait_for(server: PostgresServer, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            return server.execute("SELECT 1")
        except psycopg.OperationalError:
            if time.monotonic() > until:
                pytest.fail(f"PostgreSQL did not start in {START_SECONDS} seconds; it said:\n{log.read_text()}")
            time.sleep(0.05)
