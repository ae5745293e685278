"""Backups where ledger and versions are on servers: PostgreSQL, and a Qdrant server or its stand-in."""

import shutil
from pathlib import Path

import pytest

from tests.cycle.project import Project
from tests.fakes.qdrant_server import QdrantServer
from tests.postgres import PostgresServer


def on(indexed: Project, folder: Path, *, ledger: str, index: str, prefix: str = "rag") -> Project:
    folder.mkdir(parents=True)
    shutil.copytree(indexed.folder / "pages", folder / "pages")
    made = Project(folder=folder)
    made.variables.update(
        RAG_FLYWHEEL_LEDGER__URL=ledger, RAG_FLYWHEEL_INDEX__URL=index, RAG_FLYWHEEL_INDEX__PREFIX=prefix
    )
    return made


@pytest.fixture
def project(indexed: Project, tmp_path: Path, postgres_url: str, qdrant_url: str, qdrant_prefix: str) -> Project:
    made = on(indexed, tmp_path / "project", ledger=postgres_url, index=qdrant_url, prefix=qdrant_prefix)
    made.write("config.yaml", "sources: [pages]\ngolden: ''\n")
    assert made.run("reindex")["decision"] == "promoted"
    return made


def test_the_cache_has_no_log_that_one_host_alone_can_read_where_the_ledger_is_on_a_server(
    indexed: Project, project: Project
) -> None:
    """Which the file itself says: 2 at its byte 18 is the write-ahead log."""
    heads = [(each.folder / "data" / "cache.db").read_bytes()[:20] for each in (indexed, project)]
    assert [head[18] for head in heads] == [2, 1]


def test_a_backup_comes_back_on_other_servers_that_are_empty(
    indexed: Project, project: Project, tmp_path: Path, postgres_server: PostgresServer
) -> None:
    backup, apart = tmp_path / "backups" / "monday", tmp_path / "safe"
    before = project.run("ask", "How do I clean the filter?", "--user", "ada")
    project.run("ask", "How do I clean the filter?", "--user", "grace")
    saved = project.run("backup", str(backup), "--apart", str(apart))
    assert project.run("forget", "grace")["state"] == "done"
    project.run("backup", str(tmp_path / "backups" / "tuesday"), "--apart", str(apart))
    with QdrantServer() as server:
        database = postgres_server.new_database()
        empty = on(indexed, tmp_path / "elsewhere", ledger=postgres_server.url(database), index=server.url)
        restored = empty.run("restore", str(backup), "--apart", str(apart))
        assert (restored["live"], restored["versions"]) == (saved["live"], [saved["live"]])
        again = empty.run("ask", "How do I clean the filter?")
        assert (again["answer"], again["version"]) == (before["answer"], before["version"])
        assert len(empty.run("people", "export", "ada")["interactions"]) == 1
        assert empty.run("people", "export", "grace")["interactions"] == []
        assert empty.run("reindex")["decision"] == "unchanged"
    postgres_server.drop(database)


def test_what_came_after_the_backup_is_gone_after_its_restore_and_the_alias_is_back(
    project: Project, tmp_path: Path
) -> None:
    backup = tmp_path / "backups" / "monday"
    saved = project.run("backup", str(backup))
    project.run("ask", "How do I clean the filter?", "--user", "ada")
    project.write("pages/new.md", "# New\n\nSomething new is here to be read by everybody.\n")
    assert project.run("reindex")["version"] != saved["live"]
    assert project.run("restore", str(backup), code=6)["error"] == "Conflict"
    restored = project.run("restore", str(backup), "--yes")
    assert (restored["live"], restored["versions"]) == (saved["live"], [saved["live"]])
    assert project.run("people", "export", "ada")["interactions"] == []


def test_a_backup_says_what_to_install_where_postgresql_s_programs_are_missing(
    project: Project, tmp_path: Path
) -> None:
    project.variables["PATH"] = str(tmp_path)
    refused = project.run("backup", str(tmp_path / "backups" / "monday"), code=2)
    assert (refused["error"], "postgresql-client" in refused["detail"]) == ("ConfigError", True)
    assert list((tmp_path / "backups").iterdir()) == []


def test_a_backup_of_one_kind_of_store_is_refused_by_the_settings_of_another(
    project: Project, indexed: Project, tmp_path: Path
) -> None:
    backup = tmp_path / "backups" / "monday"
    project.run("backup", str(backup))
    for name in ("RAG_FLYWHEEL_LEDGER__URL", "RAG_FLYWHEEL_INDEX__URL"):
        other = Project(folder=project.folder, variables={k: v for k, v in project.variables.items() if k != name})
        assert other.run("restore", str(backup), "--yes", code=2)["error"] == "ConfigError"
    assert project.run("ask", "How do I clean the filter?")["version"]
