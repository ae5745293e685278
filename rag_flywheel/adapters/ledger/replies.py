"""Replies that were given under an idempotency key, as rows."""

from datetime import datetime

from sqlalchemy import select

from rag_flywheel.adapters.ledger import tables
from rag_flywheel.adapters.ledger.database import InDatabase, insert_once
from rag_flywheel.domain import Json
from rag_flywheel.ports.ledger import Replies


class SqlReplies(InDatabase, Replies):
    def remembered(self, key: str) -> tuple[str, Json] | None:
        rows = tables.replies.c
        with self._database.read() as connection:
            row = connection.execute(select(rows.digest, rows.reply).where(rows.key == key)).one_or_none()
        return None if row is None else (row.digest, row.reply)

    def remember(self, key: str, *, digest: str, reply: Json, at: datetime) -> bool:
        with self._database.write() as connection:
            return insert_once(connection, tables.replies, {"key": key, "digest": digest, "reply": reply, "at": at})
