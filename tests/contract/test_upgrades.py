"""What a rolling upgrade rests on: a release that is still running works on with the schema of the next one."""

from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect

from rag_flywheel.adapters.ledger.engine import HEAD, MIGRATIONS, open_engine, sqlite_url, writing

REVISIONS = [
    script.revision for script in reversed(list(ScriptDirectory(str(MIGRATIONS)).walk_revisions("base", "heads")))
]


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    url = sqlite_url(tmp_path / "ledger.db") if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    made = open_engine(url, timeout=10)
    yield made
    made.dispose()


def upgraded(engine: Engine, revision: str) -> None:
    with writing(engine).begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def shape(engine: Engine) -> dict[str, Any]:
    """Of each table what a release that knows it relies on: its columns, and what may not be written."""
    with engine.connect() as connection:
        found = inspect(connection)
        return {
            table: {
                "columns": {
                    column["name"]: (str(column["type"]), column["nullable"]) for column in found.get_columns(table)
                },
                "demands": {
                    *(("unique", each["name"]) for each in found.get_unique_constraints(table)),
                    *(("unique", each["name"]) for each in found.get_indexes(table) if each["unique"]),
                    *(("check", each["name"]) for each in found.get_check_constraints(table)),
                    *(("refers", each["name"]) for each in found.get_foreign_keys(table)),
                },
                "needed": {
                    column["name"]
                    for column in found.get_columns(table)
                    if not column["nullable"] and column["default"] is None
                },
            }
            for table in found.get_table_names()
        }


def broken(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What the schema of after does not give, or asks besides, of a release that knows the one of before."""
    found = [f"{table} is gone" for table in before.keys() - after.keys()]
    for table in before.keys() & after.keys():
        was, now = before[table], after[table]
        found += [
            f"{table}.{name} was {kind} and is {now['columns'].get(name)}"
            for name, kind in was["columns"].items()
            if now["columns"].get(name) != kind
        ]
        found += [f"{table} wants a value in {name}" for name in now["needed"] - was["needed"]]
        found += [f"{table} has a new demand: {demand}" for demand in now["demands"] - was["demands"]]
    return found


def test_a_migration_takes_nothing_away_and_asks_nothing_more_of_the_release_before(engine: Engine) -> None:
    assert REVISIONS[-1] == HEAD
    upgraded(engine, REVISIONS[0])
    before = shape(engine)
    for revision in REVISIONS[1:]:
        upgraded(engine, revision)
        after = shape(engine)
        assert broken(before, after) == [], revision
        before = after


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE feedback RENAME COLUMN body TO said",
        "ALTER TABLE feedback ADD COLUMN more TEXT NOT NULL DEFAULT 'x'",
        "CREATE UNIQUE INDEX one_each ON feedback (interaction_id)",
        "DROP TABLE feedback",
    ],
)
def test_a_migration_that_breaks_the_release_before_would_be_noticed(tmp_path: Path, statement: str) -> None:
    engine = open_engine(sqlite_url(tmp_path / "ledger.db"), timeout=10)
    upgraded(engine, HEAD)
    before = shape(engine)
    with writing(engine).begin() as connection:
        connection.exec_driver_sql(statement)
    harmless = "DEFAULT" in statement  # whoever does not know the column leaves it out
    assert bool(broken(before, shape(engine))) is not harmless
    engine.dispose()
