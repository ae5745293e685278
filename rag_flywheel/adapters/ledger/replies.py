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
        wanted = select(rows.digest, rows.reply)
        found = self._database.find(lambda: wanted.where(self._database.is_one(rows.key, key)))
        return (found[0].digest, found[0].reply) if found else None

    def remember(self, key: str, *, digest: str, reply: Json, at: datetime) -> bool:
        with self._database.write() as connection:
            if self.remembered(key) is not None:  # stored before there was a new key
                return False
            return insert_once(connection, tables.replies, {"key": key, "digest": digest, "reply": reply, "at": at})
