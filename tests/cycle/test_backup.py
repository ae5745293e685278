"""Backups of a whole project by its commands, and what comes of them on this machine and on an empty one."""

import json
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from qdrant_client import QdrantClient, models

from tests.cycle.pages import ANSWER, ASKED
from tests.cycle.project import Project
from tests.fakes.qdrant_server import QdrantServer
from tests.s3 import bucket


def asked(project: Project, *, user: str = "ada") -> Any:
    return project.run("ask", "How do I clean the filter?", "--user", user)


def kept_of(project: Project, user: str) -> list[Any]:
    return list(project.run("people", "export", user)["interactions"])


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    return tmp_path / "backups" / "monday"


@pytest.fixture
def apart(tmp_path: Path) -> Path:
    return tmp_path / "safe"


@pytest.fixture
def project(indexed: Project, tmp_path: Path) -> Project:
    return indexed.copy(tmp_path / "project")


@pytest.fixture
def empty(tmp_path: Path) -> Project:
    """Another machine, with nothing on it."""
    folder = tmp_path / "elsewhere" / "deep"
    folder.mkdir(parents=True)
    return Project(folder=folder)


def test_a_backup_of_a_service_that_answers_comes_back_on_an_empty_machine(
    project: Project, empty: Project, backup: Path, apart: Path
) -> None:
    with project.server() as server:
        before = server.ask("How do I clean the filter?")
        saved = project.run("backup", str(backup), "--apart", str(apart))
        server.ask("How do I drain the boiler?")
    restored = empty.run("restore", str(backup), "--apart", str(apart))
    assert (
        (restored["live"], restored["versions"])
        == (saved["live"], [saved["live"]])
        == (before["version"], [before["version"]])
    )
    assert restored["settings"] == str(empty.folder / "config.yaml")
    assert [each["question"] for each in kept_of(empty, "ada")] == ["How do I clean the filter?"]
    again = asked(empty)
    assert (again["answer"], again["version"]) == (before["answer"], before["version"])
    assert empty.run("audit")[0]["action"] == "restore"


def test_a_backup_takes_little_more_of_the_disk_than_what_it_is_of(project: Project, backup: Path) -> None:
    index = sum(512 * file.stat().st_blocks for file in (project.folder / "data/index").rglob("*"))
    assert project.run("backup", str(backup))["bytes"] < 2 * index + 2_000_000


def test_keys_are_in_no_backup_but_in_what_is_kept_apart(
    project: Project, empty: Project, backup: Path, apart: Path
) -> None:
    asked(project)
    project.run("forget", "ada")
    project.run("backup", str(backup), "--apart", str(apart))
    words = {
        line
        for file in (project.folder / "data/keys/pseudonyms.key", project.folder / "data/receipts/signing.key")
        for line in file.read_text().splitlines()
        if not line.startswith("#")
    }
    assert len(words) == 2
    in_it = b"".join(file.read_bytes() for file in backup.rglob("*") if file.is_file())
    assert [word for word in words if word.encode() in in_it or bytes.fromhex(word) in in_it] == []
    assert {file.stat().st_mode & 0o077 for file in backup.rglob("*") if file.is_file()} == {0}
    refused = empty.run("restore", str(backup), code=2)
    assert (refused["error"], "--apart" in refused["detail"]) == ("WrongKey", True)
    empty.run("restore", str(backup), "--apart", str(apart))
    (receipt,) = (empty.folder / "data/receipts").glob("erasure-*.json")
    assert empty.run("receipt", "verify", str(receipt))["verified"] is True


def test_who_was_erased_after_a_backup_is_erased_again_by_its_restore(
    project: Project, empty: Project, backup: Path, apart: Path, tmp_path: Path
) -> None:
    """Here, and on an empty machine that is given an old backup and what was kept apart since."""
    asked(project)
    asked(project, user="grace")
    project.run("backup", str(backup), "--apart", str(apart))
    assert project.run("forget", "ada")["state"] == "done"
    project.run("backup", str(tmp_path / "backups" / "tuesday"), "--apart", str(apart))
    for machine, words in ((project, ("--yes",)), (empty, ("--apart", str(apart)))):
        restored = machine.run("restore", str(backup), *words)
        assert "erased are there again, as of a backup: erasing them" in "\n".join(restored["notes"])
        assert restored["erasures"] == []
        assert (kept_of(machine, "ada"), len(kept_of(machine, "grace"))) == ([], 1)
        assert not any(b"ada" in file.read_bytes() for file in (machine.folder / "data").glob("ledger.db*"))


def test_a_version_with_a_correction_of_whoever_was_erased_after_the_backup_goes_with_the_next_reindex(
    project: Project, backup: Path
) -> None:
    interaction = project.run("ask", ASKED, "--user", "ada")["interaction_id"]
    correction = project.run("correct", interaction, "--answer", ANSWER, "--user", "ada")["id"]
    for reviewer in ("grace", "edsger"):  # a second one, where it gives reason to look twice
        project.run("review", "decide", correction, "--verdict", "accept", "--reviewer", reviewer)
    assert project.run("reindex")["decision"] == "promoted"
    project.run("backup", str(backup))
    erasure = project.run("forget", "ada")["id"]
    tuesday = backup.with_name("tuesday")
    project.run("backup", str(tuesday))
    assert [file.stem for file in (tuesday / "receipts" / "keys").iterdir()] == [erasure], "it can be gone on with"
    restored = project.run("restore", str(backup), "--yes")
    assert len(restored["erasures"]) == 1
    assert kept_of(project, "ada") == []
    assert project.run("reindex")["decision"] == "promoted"
    assert "R290" not in project.run("ask", ASKED)["answer"]
    assert project.run("promote", restored["live"], code=6)["error"] == "Barred"


def test_a_restore_that_was_killed_leaves_nothing_that_answers_and_goes_on_when_it_is_called_again(
    project: Project, empty: Project, backup: Path, apart: Path
) -> None:
    project.run("backup", str(backup), "--apart", str(apart))
    empty.run("restore", str(backup), "--apart", str(apart))
    half = empty.folder / "data" / "restoring" / "new"
    half.mkdir(parents=True)
    (empty.folder / "data" / "index").rename(half / "index")
    refused = empty.run("ask", "How do I clean the filter?", code=8)
    assert "a restore into" in refused["detail"]
    empty.run("restore", str(backup))
    assert "cold water" in asked(empty)["answer"]
    assert not (empty.folder / "data" / "restoring").exists()


def test_what_a_killed_backup_left_is_cleared_by_the_next_one(project: Project, backup: Path) -> None:
    partial = backup.with_name(f"{backup.name}.partial")
    partial.mkdir(parents=True)
    (partial / "ledger").write_text("half")
    project.run("backup", str(backup))
    assert [path.name for path in backup.parent.iterdir()] == [backup.name]


def test_nothing_is_overwritten_unless_it_is_said(project: Project, backup: Path, tmp_path: Path) -> None:
    first = project.run("backup", str(backup))
    assert project.run("backup", str(backup), code=6)["error"] == "Conflict"
    assert json.loads((backup / "backup.json").read_text())["made"] == first["made"]
    assert project.run("backup", str(backup), "--yes")["made"] > first["made"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    assert project.run("backup", str(tmp_path / "mine"), "--yes", code=6)["error"] == "Conflict"
    assert project.run("backup", str(project.folder / "data" / "mine"), code=2)["error"] == "InvalidInput"
    live = project.run("versions", "list")
    assert project.run("restore", str(backup), code=6)["error"] == "Conflict"
    assert project.run("versions", "list") == live


def test_a_damaged_backup_replaces_nothing(project: Project, backup: Path) -> None:
    asked(project)
    project.run("backup", str(backup))
    file = max((backup / "index").rglob("*.mmap"), key=lambda path: path.stat().st_size, default=None)
    damaged = file or backup / "ledger"
    with damaged.open("r+b") as opened:
        opened.write(b"\xff")
    asked(project)
    refused = project.run("restore", str(backup), "--yes", code=8)
    assert (refused["error"], str(damaged) in refused["detail"]) == ("Damaged", True)
    assert len(kept_of(project, "ada")) == 2
    shutil.rmtree(backup / "index")
    assert project.run("restore", str(backup), "--yes", code=8)["error"] == "Damaged"
    assert project.run("restore", str(backup.parent), code=2)["error"] == "InvalidInput"


def test_a_backup_and_a_restore_wait_for_no_reindex(project: Project, backup: Path) -> None:
    """Exit code 6, nothing is replaced, and they are called again when the night is over."""
    project.run("backup", str(backup))
    asked(project)
    project.write("pages/new.md", "# New\n\nSomething new is here to be read by everybody.\n")
    with project.stopped_at("reading", "reindex") as running:
        assert project.run("backup", str(backup), "--yes", code=6)["error"] == "AlreadyRunning"
        assert project.run("restore", str(backup), "--yes", code=6)["error"] == "AlreadyRunning"
        running.go_on()
        running.ended()
    assert len(kept_of(project, "ada")) == 1
    project.run("backup", str(backup), "--yes")
    project.run("restore", str(backup), "--yes")


def test_a_backup_in_an_object_store_comes_back_on_an_empty_machine(
    project: Project, empty: Project, apart: Path
) -> None:
    before = asked(project)
    with bucket() as store:
        url = f"{store.url}/flywheel/monday.tar.gz"
        for each in (project, empty):
            each.variables.update(store.variables)
        saved = project.run("backup", url, "--apart", str(apart))
        assert saved["backup"] == url
        assert project.run("backup", url, code=6)["error"] == "Conflict"
        restored = empty.run("restore", url, "--apart", str(apart))
        assert empty.run("restore", f"{store.url}/sunday.tar.gz", "--yes", code=2)["error"] == "InvalidInput"
    assert (restored["restored"], restored["live"]) == (url, saved["live"])
    again = asked(empty)
    assert (again["answer"], again["version"]) == (before["answer"], before["version"])


def test_of_a_qdrant_cluster_everything_but_the_index_is_taken_and_the_next_reindex_builds_it_again(
    project: Project, empty: Project, backup: Path, apart: Path
) -> None:
    shutil.copytree(project.folder / "pages", empty.folder / "pages")
    with QdrantServer(nodes=3) as cluster, QdrantServer(nodes=3) as other:
        project.variables["RAG_FLYWHEEL_INDEX__URL"] = cluster.url
        empty.variables["RAG_FLYWHEEL_INDEX__URL"] = other.url
        live = project.run("reindex", "--force")["version"]
        asked(project)
        saved = project.run("backup", str(backup), "--apart", str(apart))
        assert (saved["index"], saved["live"]) == ("left out", live)
        asked(project)
        assert project.run("restore", str(backup), "--yes")["live"] == live  # the versions there stay
        assert len(kept_of(project, "ada")) == 1
        restored = empty.run("restore", str(backup), "--apart", str(apart))
        assert (restored["live"], restored["versions"]) == (None, [])
        assert any(live in note for note in restored["notes"])
        assert empty.run("reindex")["decision"] == "promoted"
        assert asked(empty)["answer"]


def test_a_backup_without_the_index_replaces_nothing_where_the_cluster_has_gone_on_without_its_version(
    project: Project, backup: Path
) -> None:
    with QdrantServer(nodes=3) as cluster:
        project.variables["RAG_FLYWHEEL_INDEX__URL"] = cluster.url
        first = project.run("reindex", "--force")["version"]
        project.run("backup", str(backup))
        second = project.run("reindex", "--force")["version"]
        with closing(QdrantClient(cluster.url, check_compatibility=False)) as client:
            client.update_collection_aliases(
                [
                    models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=alias.alias_name))
                    for alias in client.get_aliases().aliases
                    if first in alias.alias_name
                ]
            )
        refused = project.run("restore", str(backup), "--yes", code=6)
        assert (refused["error"], "index.prefix" in refused["detail"]) == ("Conflict", True)
        assert asked(project)["version"] == second
        project.variables["RAG_FLYWHEEL_INDEX__PREFIX"] = "again"
        assert project.run("restore", str(backup), "--yes")["live"] is None
        assert project.run("reindex")["decision"] == "promoted"
