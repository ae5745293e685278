"""What only a ledger in a database can promise: several processes, failures, migrations, and nothing left behind."""

import contextlib
import multiprocessing
import random
import socket
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, event, inspect, text
from sqlalchemy.exc import DBAPIError

from rag_flywheel.adapters.ledger import tables
from rag_flywheel.adapters.ledger.database import Database
from rag_flywheel.adapters.ledger.engine import HEAD, MIGRATIONS, open_engine, sqlite_url
from rag_flywheel.adapters.ledger.sealing import adopt
from rag_flywheel.adapters.ledger.sql_ledger import SqlLedger, open_ledger
from rag_flywheel.domain import FeedbackId, FeedbackKind, InteractionId, Stage
from rag_flywheel.domain.erasures import Scope
from rag_flywheel.domain.insights import Chosen, TraitKind
from rag_flywheel.domain.topics import AnswerState
from rag_flywheel.errors import AlreadyRunning, Damaged, InvalidInput, NotFound
from tests.contract.rows import (
    NOON,
    a_consent,
    a_correction,
    a_decision,
    a_delivery,
    a_feedback,
    a_freeze,
    a_golden_case,
    a_holdout,
    a_key,
    a_manifest,
    a_notice,
    a_release,
    a_retirement,
    a_review,
    a_second_review,
    a_session,
    a_topic_ruling,
    an_aside,
    an_assignment,
    an_entry,
    an_erasure,
    an_interaction,
)
from tests.fakes.keys import keys_in
from tests.fakes.samples import canary, exposure, interaction

PROCESSES = multiprocessing.get_context("forkserver")  # they import this module once
PROCESSES.set_forkserver_preload([__name__])


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "new" / "ledger.sqlite")
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def ledger(url: str, tmp_path: Path) -> Iterator[SqlLedger]:
    opened = open_ledger(url, timeout=10, lock_folder=tmp_path / "locks", keys=keys_in(tmp_path / "locks"))
    yield opened
    opened.close()


@pytest.fixture
def engine(url: str, ledger: SqlLedger) -> Iterator[Engine]:
    """A second way into the ledger's database, past the adapter."""
    made = open_engine(url, timeout=10)
    yield made
    made.dispose()


def fill(ledger: SqlLedger) -> None:
    """At least one row in every table."""
    ledger.add_interaction(an_interaction())
    ledger.add_feedback(a_feedback())
    ledger.add_correction(a_correction())
    ledger.add_review(a_review())
    ledger.add_topic_ruling(a_topic_ruling())
    ledger.add_assignment(an_assignment())
    ledger.add_second_review(a_second_review())
    ledger.add_version(a_manifest())
    ledger.add_decision(a_decision())
    ledger.add_golden_case(a_golden_case())
    ledger.add_retirement(a_retirement())
    ledger.add_aside(an_aside())
    ledger.add_exposure(exposure())
    ledger.add_canary(canary())
    ledger.add_holdout(a_holdout())
    ledger.add_freeze(a_freeze())
    ledger.add_notice(a_notice())
    ledger.add_delivery(a_delivery())
    ledger.add_audit(an_entry())
    ledger.add_key(a_key())
    ledger.key_used("k1", at=NOON)
    ledger.open_session(a_session())
    ledger.session_seen("5e", at=NOON)
    ledger.end_session("5e", at=NOON)
    ledger.remember("key", digest="d", reply={}, at=NOON)
    ledger.add_erasure(an_erasure())
    ledger.add_consent(a_consent())
    ledger.spend(a_release(), epsilon=1, delta=1)


# --- the schema -----------------------------------------------------------------------------------------------------


def test_the_migrated_schema_equals_the_tables_in_the_code(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, tables.metadata) == []
        assert set(inspect(connection).get_table_names()) == {*tables.metadata.tables, "alembic_version"}


def test_the_newest_revision_is_the_one_that_needs_no_migration() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == HEAD


def test_the_database_itself_refuses_to_update_a_row_of_any_table(engine: Engine, ledger: SqlLedger) -> None:
    fill(ledger)
    for name, table in tables.metadata.tables.items():
        column = next(iter(table.columns)).name
        with engine.begin() as connection:
            assert connection.scalar(text(f"SELECT count(*) FROM {name}"))
            with pytest.raises(DBAPIError, match=f"append-only: {name}"):
                connection.execute(text(f"UPDATE {name} SET {column} = {column}"))


def test_opening_again_keeps_what_was_there(url: str, ledger: SqlLedger, tmp_path: Path) -> None:
    fill(ledger)
    again = open_ledger(url, timeout=10, lock_folder=tmp_path / "locks", keys=keys_in(tmp_path / "locks"))
    assert again.salt() == ledger.salt()
    assert again.interaction(InteractionId("i1")) == an_interaction()
    again.close()


def test_a_ledger_of_the_first_release_is_brought_up_to_date_and_keeps_what_it_had(url: str, tmp_path: Path) -> None:
    engine = of_the_first_release(url)
    ledger = open_ledger(url, timeout=10, lock_folder=tmp_path / "locks", keys=keys_in(tmp_path / "locks"))
    [old] = ledger.feedback()
    assert (old.kind, old.value, old.rank, old.propensity) == (FeedbackKind.USED, True, None, None)
    new = replace(old, feedback_id=FeedbackId("f2"), rank=2, propensity=0.5)
    ledger.add_feedback(new)
    assert ledger.feedback() == [old, new]
    with engine.connect() as connection:
        kept = connection.execute(text("SELECT rank, propensity FROM feedback ORDER BY sequence")).all()
    assert [tuple(row) for row in kept] == [(None, None), (2, 0.5)]
    ledger.close()
    engine.dispose()


def test_an_interaction_of_the_first_release_has_no_group_and_a_new_one_shows_its_own_to_an_analyst(
    url: str, tmp_path: Path
) -> None:
    engine = of_the_first_release(url)
    ledger = open_ledger(url, timeout=10, lock_folder=tmp_path / "locks", keys=keys_in(tmp_path / "locks"))
    old = ledger.interaction(InteractionId("i1"))
    assert (old.question, old.group) == ("How?", None)
    new = replace(old, interaction_id=InteractionId("i2"), group="beta")
    ledger.add_interaction(new)
    assert ledger.interaction(InteractionId("i2")) == new
    with engine.connect() as connection:
        kept = connection.execute(text("SELECT asker_group FROM interactions ORDER BY sequence")).all()
    assert [tuple(row) for row in kept] == [(None,), ("beta",)]
    ledger.close()
    engine.dispose()


def test_answers_and_signals_of_an_older_release_are_counted_as_new_ones_are(url: str, tmp_path: Path) -> None:
    engine = of_the_first_release(url)
    thumb = '{"feedback_id": "f2", "interaction_id": "i1", "given": "2026-03-29T12:00:00Z", "user": null, "kind": '
    thumb += '"thumb", "value": "down", "stage": "missing"}'
    row = {**FIRST_ROWS["feedback"], "feedback_id": "f2", "body": thumb, "given": NOON}
    if engine.dialect.name == "sqlite":
        row["given"] = str(NOON)
    names = ", ".join(row)
    with engine.begin() as connection:
        insert = text(f"INSERT INTO feedback ({names}) VALUES ({', '.join(f':{name}' for name in row)})")
        connection.execute(insert, row)
        imported = {**FIRST_ROWS["interactions"], "interaction_id": "i0", "asked": row["given"]}
        imported["body"] = str(imported["body"]).replace('"i1"', '"i0"').replace('"control"', '"imported"')
        insert = text(f"INSERT INTO interactions ({', '.join(imported)}) VALUES (:{', :'.join(imported)})")
        connection.execute(insert, imported)
    ledger = open_ledger(url, timeout=10, lock_folder=tmp_path / "locks", keys=keys_in(tmp_path / "locks"))
    ledger.add_interaction(replace(an_interaction("i2"), groups=None))
    assert [(found.state, found.count) for found in ledger.answers(Chosen())] == [(AnswerState.SURE, 2)]
    assert [(said.good, said.bad) for said in ledger.judged(Chosen())] == [(0, 1)]
    assert ledger.failed_stages(Chosen()) == {Stage.MISSING: 1}
    assert {trait.kind for trait in ledger.traits()} == {TraitKind.NOTHING, TraitKind.BARE, TraitKind.DOCUMENT}
    ledger.close()
    engine.dispose()


def of_the_first_release(url: str) -> Engine:
    """A way into a database as the first release left it, with the rows of `FIRST_ROWS`."""
    engine = engine_at(url, "0001_ledger")
    for table, columns in FIRST_ROWS.items():
        names = ", ".join(columns)
        insert = text(f"INSERT INTO {table} ({names}) VALUES ({', '.join(f':{name}' for name in columns)})")
        instant = NOON if engine.dialect.name == "postgresql" else str(NOON)
        with engine.begin() as connection:
            connection.execute(
                insert, {name: instant if column is NOON else column for name, column in columns.items()}
            )
    return engine


def engine_at(url: str, revision: str) -> Engine:
    """A way into a database whose schema is as it was at a revision."""
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    return engine


FIRST_ROWS: dict[str, dict[str, object]] = {
    "interactions": {
        "interaction_id": "i1",
        "asked": NOON,
        "answered": True,
        "body": '{"interaction_id": "i1", "asked": "2026-03-29T12:00:00Z", "user": null, "session": null, '
        '"question": "How?", "query": "How?", "answer": "So.", "answered": true, "version_id": "v1", "arm": "control", '
        '"generator": "extractive", "ranking": [], "shown": 0, "citations": [], "consent": true, "seconds": 0.5}',
    },
    "feedback": {
        "feedback_id": "f1",
        "interaction_id": "i1",
        "given": NOON,
        "body": '{"feedback_id": "f1", "interaction_id": "i1", "given": "2026-03-29T12:00:00Z", "user": null, '
        '"kind": "used", "value": true, "stage": null}',
    },
}


def test_a_ledger_of_a_newer_release_is_refused_and_left_alone(url: str, ledger: SqlLedger, tmp_path: Path) -> None:
    ledger.close()
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999_future'"))
    with pytest.raises(Damaged, match="revision 9999_future, which this release does not know"):
        open_ledger(url, timeout=10, lock_folder=tmp_path / "locks", keys=keys_in(tmp_path / "locks"))
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "9999_future"
    engine.dispose()


def test_a_row_that_is_not_what_was_written_is_damage_and_its_text_is_not_quoted(
    engine: Engine, ledger: SqlLedger
) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO audit (at, body) VALUES (:at, :body)"),
            {"at": NOON if engine.dialect.name == "postgresql" else str(NOON), "body": '{"who": ["a private text"]}'},
        )
    with pytest.raises(Damaged, match="AuditEntry") as caught:
        ledger.audit(limit=1)
    assert "private" not in "".join(traceback.format_exception(caught.value))


def test_an_id_that_the_database_cannot_hold_is_not_found_or_invalid_and_never_a_crash(ledger: SqlLedger) -> None:
    with pytest.raises((InvalidInput, NotFound)):
        ledger.interaction(InteractionId("a\x00b"))


@contextlib.contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    """What is asked of the database inside the block."""
    asked: list[str] = []

    def note(connection: object, cursor: object, statement: str, *rest: object) -> None:
        asked.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield asked
    event.remove(engine, "before_cursor_execute", note)


def test_what_every_question_and_every_tick_asks_is_one_query_however_much_there_is(
    engine: Engine, tmp_path: Path
) -> None:
    sealing, _ = adopt(engine, keys_in(tmp_path / "locks"))
    ledger = SqlLedger(Database(engine, timeout=10, sealing=sealing), lock_folder=tmp_path / "locks")
    ledger.add_interaction(an_interaction())
    for number in range(5):
        ledger.add_aside(an_aside())
        ledger.add_exposure(exposure())
        ledger.add_canary(canary(f"canary{number}"))
        ledger.add_holdout(a_holdout())
        ledger.add_notice(a_notice(f"n{number}"))
        ledger.add_delivery(a_delivery(f"n{number}"))
    asks: list[Callable[[], object]] = [
        ledger.canary,
        ledger.holdout,
        ledger.canaries,
        ledger.exposures,
        lambda: ledger.undelivered("crm", attempts=9),
    ]
    for ask in asks:
        with statements(engine) as asked:
            assert ask()
        assert len([statement for statement in asked if statement.startswith("SELECT")]) == 1


# --- several processes ----------------------------------------------------------------------------------------------


def _open_and_remember(url: str, lock_folder: Path, start: "Connection[object, bool]", number: int) -> None:
    """In another process: open the ledger when told, and say its salt and whether this one was the first."""
    start.send(True)
    start.recv()
    ledger = open_ledger(url, timeout=20, lock_folder=lock_folder, keys=keys_in(lock_folder))
    first = ledger.remember("key", digest=str(number), reply=number, at=NOON)
    start.send((ledger.salt(), first))
    ledger.close()


def test_processes_that_start_at_once_migrate_once_share_one_salt_and_one_of_them_is_first(
    url: str, tmp_path: Path
) -> None:
    pipes, processes = [], []
    for number in range(2):
        ours, theirs = PROCESSES.Pipe()
        process = PROCESSES.Process(target=_open_and_remember, args=(url, tmp_path / "locks", theirs, number))
        process.start()
        pipes.append(ours)
        processes.append(process)
    for pipe in pipes:
        pipe.recv()
    for pipe in pipes:
        pipe.send(True)
    answers = [pipe.recv() for pipe in pipes]
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert len({salt for salt, _ in answers}) == 1
    assert [first for _, first in answers].count(True) == 1
    ledger = open_ledger(url, timeout=10, lock_folder=tmp_path / "locks", keys=keys_in(tmp_path / "locks"))
    assert ledger.remembered("key") == (str(winner := [first for _, first in answers].index(True)), winner)
    ledger.close()


def _hold(url: str, lock_folder: Path, pipe: "Connection[bool, bool]") -> None:
    """In another process: take the lock, say so, and hold it until the end."""
    ledger = open_ledger(url, timeout=10, lock_folder=lock_folder, keys=keys_in(lock_folder))
    with ledger.lock("reindex"):
        pipe.send(True)
        pipe.recv()


def test_a_lock_is_refused_while_another_process_holds_it_and_free_once_that_was_killed(
    url: str, ledger: SqlLedger, tmp_path: Path
) -> None:
    ours, theirs = PROCESSES.Pipe()
    process = PROCESSES.Process(target=_hold, args=(url, tmp_path / "locks", theirs))
    process.start()
    ours.recv()
    with (
        pytest.raises(AlreadyRunning, match=f"in process {process.pid} on {socket.gethostname()} since 2"),
        ledger.lock("reindex"),
    ):
        pass
    process.kill()
    process.join()
    _soon(lambda: _takes(ledger, "reindex"))
    with ledger.lock("reindex"):
        assert not _takes(ledger, "reindex")


def _takes(ledger: SqlLedger, name: str) -> bool:
    try:
        with ledger.lock(name):
            return True
    except AlreadyRunning:
        return False


def _soon(done: Callable[[], bool]) -> None:
    """A server needs a moment to notice that a client is gone."""
    until = time.monotonic() + 5
    while not done():
        assert time.monotonic() < until, "not done within 5 seconds"
        time.sleep(0.02)


# --- on disk --------------------------------------------------------------------------------------------------------


def test_sqlite_writes_ahead_syncs_every_commit_and_checks_foreign_keys(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "ledger.sqlite")
    open_ledger(url, timeout=1, lock_folder=tmp_path, keys=keys_in(tmp_path)).close()
    engine = open_engine(url, timeout=1)
    with engine.connect() as connection:
        pragmas = {
            name: connection.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    engine.dispose()
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_file_may_have_any_name(tmp_path: Path) -> None:
    file = tmp_path / "50%20 off? #1" / "ledger.sqlite"
    ledger = open_ledger(sqlite_url(file), timeout=1, lock_folder=tmp_path, keys=keys_in(tmp_path))
    ledger.add_interaction(an_interaction())
    ledger.close()
    assert file.exists()


def test_an_erased_text_is_in_no_file_of_the_ledger_once_it_is_closed(tmp_path: Path) -> None:
    ledger = open_ledger(
        sqlite_url(tmp_path / "ledger.sqlite"), timeout=1, lock_folder=tmp_path, keys=keys_in(tmp_path)
    )
    ledger.add_interaction(replace(an_interaction(), answer="xyzzy " * 2000))
    ledger.close()
    assert b"xyzzy" in (tmp_path / "ledger.sqlite").read_bytes()
    ledger.erase(Scope(user="ann"))
    ledger.close()
    assert not [file for file in tmp_path.iterdir() if b"xyzzy" in file.read_bytes()]


def test_a_file_that_is_written_anew_holds_no_id_of_what_was_erased(tmp_path: Path) -> None:
    file, ids = tmp_path / "ledger.db", []
    ledger = open_ledger(sqlite_url(file), timeout=10, lock_folder=tmp_path, keys=keys_in(tmp_path))
    numbers = list(range(1500))
    random.Random(1).shuffle(numbers)
    for number in numbers:  # in no order, so that pages are divided and entries move
        name = f"{number * 2654435761 % 2**32:08x}{number:024x}"
        user = "ann" if number % 7 else "bob"
        ledger.add_interaction(interaction(name, question="Where is the ladder?", user=user))
        ids += [name] if user == "bob" else []
    ledger.erase(Scope(user="bob"))
    ledger.write_anew()
    ledger.close()
    content = file.read_bytes()
    assert [name for name in ids if name.encode() in content] == []
