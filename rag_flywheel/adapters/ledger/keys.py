"""API keys, as rows: one for each change of a key."""

from datetime import UTC, datetime

from sqlalchemy import func, select

from rag_flywheel.adapters.ledger import tables
from rag_flywheel.adapters.ledger.database import InDatabase, insert_once
from rag_flywheel.domain import AccessKey
from rag_flywheel.ports.ledger import Keys


class SqlKeys(InDatabase, Keys):
    def add_key(self, key: AccessKey) -> None:
        row = {"key_id": key.key_id, "body": key}
        self._database.append(tables.access_keys, row, what=f"key {key.key_id}")

    def key(self, key_id: str) -> AccessKey | None:
        rows = tables.access_keys.c
        latest = select(rows.body).where(rows.key_id == key_id).order_by(rows.sequence.desc()).limit(1)
        with self._database.read() as connection:
            found: AccessKey | None = connection.scalar(latest)
        return found

    def claim_key(self, key_id: str) -> AccessKey | None:
        # SQLite has one writer at a time, so there the transaction itself is the claim.
        own = select(tables.access_keys.c.sequence).where(tables.access_keys.c.key_id == key_id)
        with self._database.write() as connection:
            connection.execute(own.with_for_update())
        return self.key(key_id)

    def access_keys(self) -> list[tuple[AccessKey, datetime | None]]:
        rows, uses = tables.access_keys.c, tables.key_uses.c
        ends = select(func.max(rows.sequence).label("last"), func.min(rows.sequence).label("first"))
        latest = ends.group_by(rows.key_id).subquery()
        used = select(uses.key_id, func.max(uses.at).label("at")).group_by(uses.key_id).subquery()
        wanted = (
            select(rows.body, used.c.at)
            .join(latest, rows.sequence == latest.c.last)
            .outerjoin(used, used.c.key_id == rows.key_id)
            .order_by(latest.c.first)
        )
        with self._database.read() as connection:
            return [(row.body, row.at) for row in connection.execute(wanted)]

    def key_used(self, key_id: str, *, at: datetime) -> None:
        hour = f"{key_id} {at.astimezone(UTC):%Y-%m-%d %H}"
        with self._database.read() as connection:
            known = connection.scalar(select(tables.key_uses.c.hour).where(tables.key_uses.c.hour == hour))
        if known is not None:  # of most requests: no turn to write is needed
            return
        with self._database.write() as connection:
            insert_once(connection, tables.key_uses, {"hour": hour, "key_id": key_id, "at": at})
