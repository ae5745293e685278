"""What a ledger says when its database does not answer, and that it tells no secret then."""

import contextlib
import socket
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rag_flywheel.adapters.ledger.database import Database
from rag_flywheel.adapters.ledger.engine import CONNECTIONS, MORE_CONNECTIONS, open_engine, sqlite_url
from rag_flywheel.adapters.ledger.sealing import Sealing
from rag_flywheel.adapters.ledger.sql_ledger import open_ledger
from rag_flywheel.domain import InteractionId
from rag_flywheel.errors import ConfigError, Damaged, LedgerUnavailable
from tests.contract.rows import (
    an_interaction,
)
from tests.fakes.keys import keys_in
from tests.postgres import PostgresServer, running_postgres

END_CONNECTIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'test_%'"


@pytest.mark.parametrize("scheme", ["postgresql+psycopg", "postgresql", "postgres"])
def test_a_server_that_is_not_there_is_unavailable_and_no_password_is_told(scheme: str, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        url = f"{scheme}://ann:s3cret@127.0.0.1:{taken.getsockname()[1]}/rag?sslpassword=s4cret"
        with pytest.raises(LedgerUnavailable, match=r"127\.0\.0\.1:\d+/rag does not answer: .*refused") as caught:
            open_ledger(url, timeout=2, lock_folder=tmp_path, keys=keys_in(tmp_path))
    assert caught.value.__cause__ is not None
    assert "cret" not in "".join(traceback.format_exception(caught.value))


def test_a_server_that_never_answers_is_unavailable_after_the_timeout(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(LedgerUnavailable, match="timeout"):
            open_ledger(
                f"postgresql://127.0.0.1:{silent.getsockname()[1]}/rag",
                timeout=1,
                lock_folder=tmp_path,
                keys=keys_in(tmp_path),
            )


def test_a_server_that_stops_makes_the_ledger_unavailable_for_reads_writes_and_locks(tmp_path: Path) -> None:
    with running_postgres() as server:
        ledger = open_ledger(server.url("postgres"), timeout=2, lock_folder=tmp_path, keys=keys_in(tmp_path))
        ledger.add_interaction(an_interaction())
    with pytest.raises(LedgerUnavailable):
        ledger.interaction(InteractionId("i1"))
    with pytest.raises(LedgerUnavailable):
        ledger.add_interaction(an_interaction("i2"))
    with pytest.raises(LedgerUnavailable), ledger.lock("reindex"):
        pass
    ledger.close()


def test_connections_that_the_server_closed_are_replaced_without_an_error(
    postgres_server: PostgresServer, postgres_url: str, tmp_path: Path
) -> None:
    ledger = open_ledger(postgres_url, timeout=10, lock_folder=tmp_path, keys=keys_in(tmp_path))
    ledger.add_interaction(an_interaction())
    postgres_server.execute(END_CONNECTIONS)
    assert ledger.interaction(InteractionId("i1")) == an_interaction()
    ledger.close()


def test_a_connection_lost_inside_a_transaction_is_unavailable_and_leaves_nothing(
    postgres_server: PostgresServer, postgres_url: str, tmp_path: Path
) -> None:
    ledger = open_ledger(postgres_url, timeout=10, lock_folder=tmp_path, keys=keys_in(tmp_path))

    def write_around_a_crash() -> None:
        with ledger.transaction():
            ledger.add_interaction(an_interaction("before"))
            postgres_server.execute(END_CONNECTIONS)
            ledger.add_interaction(an_interaction("after"))

    with pytest.raises(LedgerUnavailable):
        write_around_a_crash()
    assert ledger.interactions(limit=9) == []
    ledger.add_interaction(an_interaction("later"))
    assert [interaction.interaction_id for interaction in ledger.interactions(limit=9)] == ["later"]
    ledger.close()


def test_a_sqlite_file_locked_for_longer_than_the_timeout_is_unavailable_and_no_text_is_told(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "ledger.sqlite")
    ledger = open_ledger(url, timeout=0.1, lock_folder=tmp_path, keys=keys_in(tmp_path))
    other = open_ledger(url, timeout=0.1, lock_folder=tmp_path, keys=keys_in(tmp_path))
    with other.transaction(), pytest.raises(LedgerUnavailable, match="database is locked") as caught:
        ledger.add_interaction(an_interaction())
    assert caught.value.__cause__ is not None
    assert "電視" not in "".join(traceback.format_exception(caught.value))
    ledger.add_interaction(an_interaction())  # free again
    assert ledger.interaction(InteractionId("i1")) == an_interaction()
    ledger.close()
    other.close()


def test_a_thread_that_gets_no_turn_to_write_within_the_timeout_is_told_so(tmp_path: Path) -> None:
    ledger = open_ledger(
        sqlite_url(tmp_path / "ledger.sqlite"), timeout=0.1, lock_folder=tmp_path, keys=keys_in(tmp_path)
    )
    refused = pytest.raises(LedgerUnavailable, match=r"no turn to write in 0\.1 seconds")
    with ThreadPoolExecutor(1) as other, ledger.transaction(), refused:
        other.submit(ledger.add_interaction, an_interaction()).result()
    ledger.close()


def test_a_thread_that_gets_no_connection_within_the_timeout_is_told_so(tmp_path: Path) -> None:
    engine = open_engine(sqlite_url(tmp_path / "ledger.sqlite"), timeout=0.1)
    place = keys_in(tmp_path)
    database = Database(engine, timeout=0.1, sealing=Sealing(place.make(bytes(32)), place))
    with contextlib.ExitStack() as busy:
        for _ in range(CONNECTIONS + MORE_CONNECTIONS):
            busy.enter_context(database.read())
        with pytest.raises(LedgerUnavailable, match="all 20 connections"), database.read():
            pass
    database.close()


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LedgerUnavailable, match="needs a folder that can be written to"):
        open_ledger(
            sqlite_url(tmp_path / "file" / "ledger.sqlite"), timeout=1, lock_folder=tmp_path, keys=keys_in(tmp_path)
        )


def test_a_file_that_is_no_database_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_text("not a database, but long enough to look at" * 100)
    with pytest.raises(Damaged, match="not a sound SQLite file"):
        open_ledger(sqlite_url(tmp_path / "ledger.sqlite"), timeout=1, lock_folder=tmp_path, keys=keys_in(tmp_path))


@pytest.mark.parametrize(
    "url",
    ["", "ledger.sqlite", "sqlite://", "sqlite:///:memory:", "mysql://ann:s3cret@host/db", "postgresql+asyncpg://h/d"],
)
def test_a_url_of_another_kind_is_a_config_error_that_says_what_is_expected(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected sqlite:///FILE") as caught:
        open_ledger(url, timeout=1, lock_folder=tmp_path, keys=keys_in(tmp_path))
    assert "s3cret" not in str(caught.value)
