"""Backups and other releases than the one that took them; whole projects are in tests/cycle/test_backup.py."""

import json
import shutil
import sqlite3
import stat
import tempfile
import threading
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import pytest

from rag_flywheel import config, wiring
from rag_flywheel.adapters.ledger import dumping, engine
from rag_flywheel.cli.backups import folders, restoring
from rag_flywheel.errors import Unavailable
from rag_flywheel.privacy.pseudonyms import pseudonym
from tests.fakes import samples
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
    monkeypatch.setattr(folders, "PAUSE", 0.05)
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


def test_a_deployment_does_not_replace_what_another_keeps_apart(run: Run, backup: Path, tmp_path: Path) -> None:
    """Nor a backup by keys, nor keys by a backup."""
    other = tmp_path / "other" / "config.yaml"
    other.parent.mkdir()
    other.write_text(SETTINGS)
    kept = (tmp_path / "safe" / "pseudonyms.key").read_text()
    for place, apart, why in (
        (tmp_path / "second", tmp_path / "safe", "another deployment or tenant"),
        (tmp_path / "second", backup, "holds a backup"),
        (tmp_path / "safe", tmp_path / "third", "kept apart from a backup"),
    ):
        code, _, told = run("--config", str(other), "backup", str(place), "--apart", str(apart), "--yes")
        assert (code, why in told) == (6, True)
    assert (tmp_path / "safe" / "pseudonyms.key").read_text() == kept
    assert sorted(path.name for path in tmp_path.iterdir() if path.name in ("second", "third")) == []
    run("restore", str(backup), "--yes")
    assert run("backup", str(backup), "--apart", str(tmp_path / "safe"), "--yes")[0] == 0


@pytest.mark.parametrize("whole", [True, False], ids=["the new one is whole", "the new one is not"])
def test_a_kill_between_the_two_renames_of_a_replaced_backup_costs_neither(backup: Path, whole: bool) -> None:
    """The next run, which fails, leaves a whole one, and one that ends well leaves nothing else."""
    beside, old = (backup.with_name(f"{backup.name}{ending}") for ending in (".partial", ".replaced"))
    shutil.copytree(backup, beside)
    (beside / "new").touch()
    if not whole:
        (beside / folders.LIST).unlink()
    backup.rename(old)
    with pytest.raises(OSError, match="no room"), folders.written(backup, replace=True):
        raise OSError("no room")
    assert (folders.read_list(backup).kind, (backup / "new").exists()) == ("sqlite", whole)
    with folders.written(backup, replace=True) as folder:
        (folder / folders.LIST).write_text("{}")
    assert ((backup / folders.LIST).read_text(), beside.exists(), old.exists()) == ("{}", False, False)


def test_a_restore_that_ends_before_the_erased_are_erased_again_lets_nobody_in(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.yaml").write_text(SETTINGS)
    with wiring.services(config.load(tmp_path / "config.yaml"), config.secrets()) as services:
        user = pseudonym("ada", services.ledger.salt())
        services.ledger.add_interaction(replace(samples.interaction("i1"), user=user, asked=datetime.now(UTC)))
    assert run("backup", str(tmp_path / "backup"))[0] == 0
    assert run("forget", "ada")[0] == 0

    def killed(*_: Any) -> NoReturn:
        raise KeyboardInterrupt

    with monkeypatch.context() as changed:
        changed.setattr(restoring, "_settled", killed)
        assert run("restore", str(tmp_path / "backup"), "--yes")[0] != 0
    code, _, told = run("people", "export", "ada")
    assert (code, "a restore into" in told) == (8, True)
    assert run("restore", str(tmp_path / "backup"))[0] == 0
    assert json.loads(run("people", "export", "ada", "--json")[1])["interactions"] == []


def test_a_restore_that_is_killed_among_the_receipts_leaves_no_cut_key(
    run: Run, backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = {"signing.key": "5a" * 32, "public.key": "a5" * 32, "erasure-1.json": "{}", "keys/1.key": "0d" * 32}
    for name, words in kept.items():
        file = tmp_path / "data" / "receipts" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(words)
    safe, receipts = str(tmp_path / "safe"), tmp_path / "there" / "data" / "receipts"
    assert run("backup", str(backup), "--apart", safe, "--yes")[0] == 0
    receipts.parent.parent.mkdir()
    again = ("--config", str(tmp_path / "there" / "config.yaml"), "restore", str(backup), "--apart", safe)
    whole = folders.copy

    for name in ("erasure-1.json", "keys/1.key", "signing.key"):

        def cut(source: Path, target: Path, name: str = name) -> str:
            if target.is_relative_to(receipts) and source.name == Path(name).name:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text("5")
                raise KeyboardInterrupt
            return whole(source, target)

        with monkeypatch.context() as changed:
            changed.setattr(folders, "copy", cut)
            assert run(*again)[0] != 0
        assert not (receipts / name).exists()
    assert run(*again)[0] == 0
    assert {name: (receipts / name).read_text() for name in kept} == kept
    assert [file.name for file in receipts.rglob("*.restored")] == []


def test_a_folder_of_reports_that_is_a_link_to_another_disk_is_filled_and_stays_a_link(
    run: Run, backup: Path, tmp_path: Path
) -> None:
    memory = Path("/dev/shm")  # noqa: S108 - in memory, so another disk than tmp_path
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as fast:
        reports, report = tmp_path / "data" / "reports", Path(fast) / "part" / "f.bin"
        shutil.rmtree(reports, ignore_errors=True)
        reports.symlink_to(fast)
        report.parent.mkdir()
        report.write_bytes(b"1")
        assert run("backup", str(backup), "--yes")[0] == 0
        report.write_bytes(b"2")
        (reports / "later").write_bytes(b"3")
        assert run("restore", str(backup), "--yes")[0] == 0
        assert (reports.is_symlink(), report.read_bytes(), (reports / "later").exists()) == (True, b"1", False)
        assert run("restore", str(backup), "--yes")[0] == 0
