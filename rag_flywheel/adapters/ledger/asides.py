"""What guardrails point at, as rows: one for each change of what became of it."""

from datetime import datetime

from sqlalchemy import func, select

from rag_flywheel.adapters.ledger import tables
from rag_flywheel.adapters.ledger.database import InDatabase
from rag_flywheel.domain import Aside
from rag_flywheel.ports.ledger import Asides


class SqlAsides(InDatabase, Asides):
    def add_aside(self, aside: Aside) -> None:
        self._database.append(
            tables.asides,
            {
                "aside_id": aside.aside_id,
                "at": aside.at,
                "kind": aside.suspicion.kind,
                "item": aside.suspicion.item,
                "state": aside.state,
                "body": aside,
            },
            what=f"aside {aside.aside_id}",
        )

    def asides(self, *, until: datetime | None = None) -> list[Aside]:
        rows = tables.asides.c
        newest_first = (rows.at.desc(), rows.sequence.desc())
        place = func.row_number().over(partition_by=rows.aside_id, order_by=newest_first).label("place")
        ranked = select(rows.body, rows.at, rows.sequence, place)
        if until is not None:
            ranked = ranked.where(rows.at <= until)
        latest = ranked.subquery().c
        wanted = select(latest.body).where(latest.place == 1).order_by(latest.at, latest.sequence)
        with self._database.read() as connection:
            return list(connection.scalars(wanted))
