"""Backups and other releases than the one that took them; whole projects are in tests/cycle/test_backup.py."""

import json
import shutil
import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest

from rag_flywheel.adapters.ledger import dumping, engine
from rag_flywheel.cli.backups import folders
from rag_flywheel.errors import Unavailable
from tests.unit.cli.conftest import Run

SETTINGS = "sources: []\ngolden: ''\nprivacy: {consent: assumed}\n"
NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "9999_next"
down_revision = "%s"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("wombats", sa.Column("name", sa.Text))
"""


@pytest.fixture
def backup(run: Run, tmp_path: Path) -> Path:
    """Of a ledger that knows what ada said."""
    (tmp_path / "config.yaml").write_text(SETTINGS)
    assert run("consent", "withdraw", "ada", "--purpose", "learn")[0] == 0
    assert run("backup", str(tmp_path / "backup"), "--apart", str(tmp_path / "safe"))[0] == 0
    return tmp_path / "backup"


def test_a_backup_of_an_older_release_is_brought_up_to_the_newer_one_that_restores_it(
    run: Run, backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = Path(shutil.copytree(engine.MIGRATIONS, tmp_path / "migrations"))
    (newer / "versions" / "9999_next.py").write_text(NEXT % engine.HEAD)
    for module in (engine, dumping):
        monkeypatch.setattr(module, "MIGRATIONS", newer)
    monkeypatch.setattr(engine, "HEAD", "9999_next")
    there = str(tmp_path / "there" / "config.yaml")
    (tmp_path / "there").mkdir()
    code, said, _ = run("--config", there, "restore", str(backup), "--apart", str(tmp_path / "safe"))
    assert (code, "made" in said, "no version is live" in said) == (0, True, True)
    with closing(sqlite3.connect(tmp_path / "there" / "data" / "ledger.db")) as ledger:
        assert ledger.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999_next",)]
    shown = json.loads(run("--config", there, "consent", "show", "ada", "--json")[1])
    assert shown["purposes"]["learn"]["said"] is False


def test_a_backup_of_a_newer_release_is_refused_and_changes_nothing(run: Run, backup: Path, tmp_path: Path) -> None:
    said = json.loads((backup / folders.LIST).read_text())
    (backup / folders.LIST).write_text(json.dumps(said | {"revision": "9999_next"}))
    before = (tmp_path / "data" / "ledger.db").read_bytes()
    code, _, told = run("restore", str(backup), "--yes")
    assert (code, "with a newer one" in told) == (8, True)
    assert (tmp_path / "data" / "ledger.db").read_bytes() == before
    (backup / folders.LIST).write_text(json.dumps(said | {"files": {"../outside": "0" * 64}}))
    code, _, told = run("restore", str(backup), "--yes")
    assert (code, "outside the backup" in told) == (8, True)
    (backup / folders.LIST).write_text("{")
    assert run("restore", str(backup), "--yes")[0] == 8


def test_what_is_kept_apart_is_no_backup_and_loses_what_was_destroyed_here(
    run: Run, backup: Path, tmp_path: Path
) -> None:
    key = tmp_path / "data" / "receipts" / "keys" / "3f2a.key"
    key.parent.mkdir(parents=True)
    key.write_text("0d" * 32)
    again = ("backup", str(backup), "--apart", str(tmp_path / "safe"), "--yes")
    assert run(*again)[0] == 0
    assert (tmp_path / "safe" / "receipts" / "keys" / "3f2a.key").exists()
    assert not (backup / "receipts").exists()
    key.unlink()
    assert run(*again)[0] == 0
    assert not (tmp_path / "safe" / "receipts").exists()
    code, _, told = run("restore", str(tmp_path / "safe"), "--yes")
    assert (code, "--apart" in told) == (2, True)


def test_the_newest_suppression_list_outlives_an_older_one(run: Run, backup: Path, tmp_path: Path) -> None:
    """Both are kept, each line once."""
    listed = tmp_path / "data" / "receipts" / "suppressed.jsonl"
    listed.parent.mkdir(parents=True)
    line = '{"subject": "%s", "session": null, "since": null, "until": "2026-05-01T00:00:00+00:00", "erasure": "%s"}\n'
    listed.write_text(line % ("a", "one"))
    assert run("backup", str(backup), "--yes")[0] == 0
    listed.write_text(line % ("b", "two") + line % ("a", "one"))
    assert run("restore", str(backup), "--yes")[0] == 0
    assert listed.read_text() == line % ("b", "two") + line % ("a", "one")


def test_a_backup_is_for_its_owner_alone(backup: Path) -> None:
    modes = {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in (backup, *backup.rglob("*"))}
    assert modes == {0}


def test_a_file_that_is_written_to_meanwhile_is_copied_again_until_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "PAUSE", 0.01)
    file, stop = tmp_path / "busy", threading.Event()
    file.write_bytes(b"x" * 100)

    def write() -> None:
        number = 0
        while not stop.wait(0.0001):
            number += 1
            file.write_bytes(str(number % 10).encode() * 100)

    writer = threading.Thread(target=write)
    writer.start()
    timer = threading.Timer(0.05, stop.set)
    timer.start()
    digest = folders.copy(file, tmp_path / "copy")
    writer.join()
    copied = (tmp_path / "copy").read_bytes()
    assert (len(set(copied)), len(copied), digest) == (1, 100, folders.digest_of(tmp_path / "copy"))


def test_a_file_that_never_rests_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "TRIES", 2)
    monkeypatch.setattr(folders, "PAUSE", 0)
    (tmp_path / "busy").write_text("x")
    numbers = iter(range(100))
    monkeypatch.setattr(folders, "_stamp", lambda file: (next(numbers), 1, 0))
    with pytest.raises(Unavailable, match="changes all the time"):
        folders.copy(tmp_path / "busy", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_holes_stay_holes(tmp_path: Path) -> None:
    with (tmp_path / "mostly").open("wb") as opened:
        opened.write(b"head")
        opened.truncate(64 << 20)
    digest = folders.copy(tmp_path / "mostly", tmp_path / "copy")
    assert digest == folders.digest_of(tmp_path / "mostly") == folders.digest_of(tmp_path / "copy")
    assert (tmp_path / "copy").stat().st_blocks * 512 < 4 << 20
