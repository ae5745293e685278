"""Backups where ledger and versions are on servers: PostgreSQL, and a Qdrant server or its stand-in."""

import shutil
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from rag_flywheel.adapters.ledger import dumping, locks
from rag_flywheel.adapters.ledger.pseudonym_keys import KeyPlace
from rag_flywheel.adapters.ledger.sql_ledger import open_ledger
from rag_flywheel.errors import ConfigError, LedgerUnavailable
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


def run_sql(url: str, *statements: str) -> list[tuple[object, ...]]:
    """The rows of the last one."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        for statement in statements:
            cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def opened(url: str, folder: Path) -> bytes:
    """The salt of the ledger, which is made where there is none."""
    keys = KeyPlace(file=folder / "pseudonyms.key")
    ledger = open_ledger(url, timeout=5, lock_folder=folder / "locks", keys=keys)
    ledger.close()
    return ledger.salt()


def test_what_others_keep_in_the_database_of_a_ledger_is_neither_in_the_way_of_a_restore_nor_lost_by_it(
    postgres_url: str, postgres_server: PostgresServer, postgres_database: str, tmp_path: Path
) -> None:
    """An extension that the ledger's role does not own, another schema, a table and a function beside the ledger's."""
    role = f"role_{postgres_database}"
    postgres_server.execute(f"CREATE ROLE {role} LOGIN")
    run_sql(postgres_url, f"GRANT CREATE ON SCHEMA public TO {role}", "CREATE EXTENSION pg_trgm", "CREATE SCHEMA shop")
    url = make_url(postgres_url).set(username=role).render_as_string(hide_password=False)
    salt = opened(url, tmp_path)
    before = run_sql(url, "SELECT name, value FROM settings ORDER BY name")
    dumped = dumping.dump(url, timeout=5, file=tmp_path / "dump")
    run_sql(
        url, "CREATE TABLE orders AS SELECT 1 AS id", "CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'"
    )
    run_sql(url, "DELETE FROM settings")
    dumping.check_fits(url, timeout=5, kind=dumped.kind, revision=dumped.revision, schema=dumped.schema)
    dumping.load(url, timeout=5, file=tmp_path / "dump")
    assert run_sql(url, "SELECT name, value FROM settings ORDER BY name") == before
    assert run_sql(url, "SELECT id, one() FROM orders") == [(1, 1)]
    assert opened(url, tmp_path) == salt
    triggers = "SELECT count(*) FROM pg_trigger WHERE tgname LIKE '%_append_only'"
    assert run_sql(url, triggers) > [(5,)]
    run_sql(postgres_url, f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def test_a_ledger_in_a_schema_of_its_own_comes_back_into_a_schema_of_that_name_alone(
    postgres_url: str, tmp_path: Path
) -> None:
    run_sql(postgres_url, "CREATE SCHEMA answers")
    url = f"{postgres_url}&options=-csearch_path%3Danswers"
    salt = opened(url, tmp_path)
    dumped = dumping.dump(url, timeout=5, file=tmp_path / "dump")
    dumping.load(url, timeout=5, file=tmp_path / "dump")
    assert opened(url, tmp_path) == salt
    assert not dumping.has_tables(postgres_url, timeout=5)
    with pytest.raises(ConfigError, match="the schema answers"):
        dumping.check_fits(postgres_url, timeout=5, kind=dumped.kind, revision=dumped.revision, schema=dumped.schema)
    run_sql(url, "UPDATE alembic_version SET version_num = '9999_next'")
    with pytest.raises(ConfigError, match="an empty database"):
        dumping.check_fits(url, timeout=5, kind=dumped.kind, revision=dumped.revision, schema=dumped.schema)


def test_a_restore_beside_a_reindex_or_what_others_made_of_the_ledger_is_refused_and_changes_nothing(
    project: Project, postgres_url: str, tmp_path: Path
) -> None:
    """A view of theirs on the ledger; the service answers afterwards as before."""
    backup = tmp_path / "backups" / "monday"
    project.run("backup", str(backup))
    project.run("ask", "How do I clean the filter?", "--user", "ada")
    with locks.lock_beside(postgres_url, "reindex", timeout=5, folder=tmp_path):
        assert project.run("restore", str(backup), "--yes", code=6)["error"] == "AlreadyRunning"
    run_sql(postgres_url, "CREATE VIEW mine AS SELECT * FROM audit")
    refused = project.run("restore", str(backup), "--yes", code=7)
    assert (refused["error"], "depend on" in refused["detail"]) == (LedgerUnavailable.__name__, True)
    assert len(project.run("people", "export", "ada")["interactions"]) == 1
    run_sql(postgres_url, "DROP VIEW mine")
    project.run("restore", str(backup), "--yes")
    assert project.run("people", "export", "ada")["interactions"] == []


def test_a_backup_of_before_anything_was_live_takes_the_alias_back_too(
    indexed: Project, tmp_path: Path, postgres_url: str
) -> None:
    backup = tmp_path / "backups" / "monday"
    with QdrantServer() as server:
        project = on(indexed, tmp_path / "project", ledger=postgres_url, index=server.url)
        project.write("config.yaml", "sources: [pages]\ngolden: ''\n")
        project.run("backup", str(backup))
        assert project.run("reindex")["decision"] == "promoted"
        restored = project.run("restore", str(backup), "--yes")
        assert (restored["live"], restored["versions"]) == (None, [])
        assert project.run("reindex")["decision"] == "promoted"
