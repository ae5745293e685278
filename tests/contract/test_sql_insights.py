"""What only a ledger in a database can show of how it counts."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, event

from rag_flywheel.adapters.ledger.engine import sqlite_url
from rag_flywheel.adapters.ledger.insights import known_traits
from rag_flywheel.adapters.ledger.sql_ledger import open_ledger
from tests.contract.rows import an_interaction
from tests.fakes.keys import keys_in


def test_traits_are_looked_up_by_all_that_tells_them_apart_with_the_index(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "ledger.sqlite")
    ledger = open_ledger(url, timeout=10, lock_folder=tmp_path / "locks", keys=keys_in(tmp_path / "locks"))
    for number in range(5):
        ledger.add_interaction(replace(an_interaction(f"i{number}"), groups=frozenset({f"team{number}"})))
    engine, said = create_engine(url), list[tuple[str, Any]]()
    event.listen(engine, "before_cursor_execute", lambda *told: said.append((told[2], told[3])))
    wanted = [("askers", "", '["team1"]'), ("askers", "", '["nobody"]')]
    with engine.connect() as connection:
        assert list(known_traits(connection, wanted)) == wanted[:1]
        [(statement, values)] = said
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
        assert "(name=? AND kind=? AND groups=?)" in str(plan)
    ledger.close()
