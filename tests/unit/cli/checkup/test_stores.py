"""What the doctor finds of what is stored, with each thing broken for real."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rag_flywheel.adapters.ledger.engine import sqlite_url
from rag_flywheel.adapters.ledger.locks import file_lock
from rag_flywheel.adapters.ledger.standing import standing
from rag_flywheel.domain import AuditEntry, VersionId
from rag_flywheel.services import Services
from tests.fakes.keys import keys_in
from tests.fakes.samples import manifest
from tests.postgres import PostgresServer
from tests.unit.cli.checkup.conftest import Look, publish, settings


@pytest.mark.parametrize("name", ["ledger", "clock", "locks", "index", "forms", "nights", "keys", "erasures"])
def test_nothing_is_found_of_what_is_in_order(look: Look, name: str) -> None:
    finding = look(name)
    assert (finding.level, finding.expected, finding.do) == ("ok", "", "")


def test_a_ledger_that_another_process_keeps_locked_is_wrong(folder: Path, look: Look) -> None:
    settings(folder, "ledger: {timeout: 0.2}\n")
    holder = sqlite3.connect(folder / "data" / "ledger.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    finding = look("ledger")
    holder.close()
    assert finding.level == "wrong"
    assert "locked" in finding.found


def test_a_ledger_with_a_damaged_page_is_wrong(folder: Path, look: Look) -> None:
    file = folder / "data" / "ledger.db"
    sqlite3.connect(file).execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
    raw = bytearray(file.read_bytes())
    raw[8192:40_960] = b"\xff" * (40_960 - 8192)
    file.write_bytes(raw)
    finding = look("ledger")
    assert finding.level == "wrong"
    assert "restore it from a backup" in finding.found


def test_a_ledger_of_an_older_release_is_told_and_not_migrated(folder: Path, look: Look) -> None:
    file = folder / "data" / "ledger.db"
    with sqlite3.connect(file) as old:
        old.execute("UPDATE alembic_version SET version_num = '0010_consents'")
    finding = look("ledger")
    assert (finding.level, "0010_consents" in finding.found) == ("warning", True)
    assert (look("index").level, look("keys").level) == ("skipped", "skipped")
    assert standing(sqlite_url(file), timeout=1).revision == "0010_consents"


def test_a_look_at_a_ledger_that_is_not_there_makes_none(tmp_path: Path) -> None:
    assert standing(sqlite_url(tmp_path / "ledger.db"), timeout=1).revision is None
    assert list(tmp_path.iterdir()) == []


def test_a_database_server_tells_its_clock_its_locks_and_that_it_takes_no_writes(
    postgres_server: PostgresServer, postgres_url: str, postgres_database: str, folder: Path, look: Look
) -> None:
    from rag_flywheel.adapters.ledger.sql_ledger import open_ledger

    ledger = open_ledger(postgres_url, timeout=5, lock_folder=folder, keys=keys_in(folder))
    with ledger.lock("reindex"):
        found = standing(postgres_url, timeout=5)
    assert found.current
    assert found.clock is not None
    assert abs(found.clock - datetime.now(UTC)) < timedelta(minutes=1)
    assert [str(os.getpid()) in lock for lock in found.locks] == [True]
    assert standing(postgres_url, timeout=5).locks == ()
    ledger.close()
    postgres_server.execute(f"ALTER DATABASE {postgres_database} SET default_transaction_read_only = on")
    settings(folder, f"ledger: {{url: '{postgres_url}'}}\n")
    finding = look("ledger")
    assert (finding.level, "takes no writes" in finding.found) == ("wrong", True)


def test_a_database_server_that_is_down_is_wrong(folder: Path, look: Look) -> None:
    settings(folder, "ledger: {url: 'postgresql+psycopg://me@127.0.0.1:9/none', timeout: 2}\n")
    finding = look("ledger")
    assert (finding.level, "does not answer" in finding.found) == ("wrong", True)


def test_what_was_recorded_in_the_future_is_told(opened: Services, look: Look) -> None:
    at = datetime.now(UTC) + timedelta(hours=3)
    opened.ledger.add_audit(AuditEntry(at=at, who="ada", action="rollback", subject="v1", detail={}))
    finding = look("clock")
    assert finding.level == "wrong"
    assert f"the last entry of the audit log is of {at:%Y-%m-%d %H:%M}" in finding.found
    assert "NTP" in finding.do


HOLDER = """
import sys, time
from pathlib import Path
from rag_flywheel.adapters.ledger.locks import file_lock
with file_lock("reindex", folder=Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def holder(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that holds the lock."""
    command = [sys.executable, "-c", HOLDER, str(folder / "data" / "locks")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_lock_of_a_process_that_was_killed_is_told_and_one_that_is_held_is_none_of_anybody_s_business(
    folder: Path, look: Look
) -> None:
    with holder(folder) as process:
        held = look("locks")
        assert (held.level, f"process {process.pid}" in held.found) == ("ok", True)
        assert look("nights").found == "one is on its way"
        process.kill()
        process.wait()
        left = look("locks")
    assert (left.level, f"process {process.pid}" in left.found) == ("warning", True)
    assert "ended in the middle" in left.found
    with file_lock("reindex", folder=folder / "data" / "locks"):
        pass  # the look left it free
    assert look("locks").found == "none is held"


def test_an_alias_that_names_a_version_that_is_gone_is_wrong(folder: Path, look: Look) -> None:
    (folder / "data" / "index" / "live").write_text("v7\n")
    finding = look("index")
    assert (finding.level, "names v7" in finding.found) == ("wrong", True)
    assert finding.do == "`rag-flywheel promote v2`"


def test_an_alias_that_names_nothing_is_wrong(folder: Path, look: Look) -> None:
    (folder / "data" / "index" / "live").write_bytes(b"\xff\xfe")
    finding = look("index")
    assert (finding.level, "name no version" in finding.found) == ("wrong", True)


def test_a_version_with_fewer_passages_than_were_written_is_wrong(opened: Services, look: Look) -> None:
    publish(opened, "v3", promoted=False)
    opened.ledger.add_version(replace(manifest("v4"), counts=replace(manifest("v4").counts, passages=99)))
    opened.index.build(VersionId("v4"), dimension=384, batches=[])
    finding = look("index")
    assert finding.level == "wrong"
    assert "v4 holds 0 passages, and 99 were written" in finding.found


def test_a_version_of_an_older_form_and_of_another_embedder_are_told(
    opened: Services, folder: Path, look: Look
) -> None:
    settings(folder, "embedder: {model: another}\n")
    finding = look("forms")
    assert (finding.level, "another embedder" in finding.found) == ("warning", True)


def test_before_the_first_reindex_there_is_nothing_to_complain_of_but_that(tmp_path: Path, folder: Path) -> None:
    from rag_flywheel.cli.checkup import apart
    from rag_flywheel.cli.checkup.every import EVERY
    from rag_flywheel.config import Secrets

    fresh = tmp_path / "fresh"
    fresh.mkdir()
    made = settings(fresh)
    names = set(EVERY) - {"embedder", "masking", "sources"}
    found = [found for name in names for found in apart.looked(name, EVERY[name], made, Secrets())]
    assert {each.level for each in found} == {"ok", "skipped"}
    assert [path.name for path in fresh.iterdir()] == ["config.yaml"]
