"""Locks, transactions, the deployment's secret key, and the audit log."""

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from sqlalchemy import func, select

from rag_flywheel.adapters.ledger import tables
from rag_flywheel.adapters.ledger.database import Database, InDatabase
from rag_flywheel.adapters.ledger.engine import is_sqlite
from rag_flywheel.adapters.ledger.locks import advisory_lock, file_lock
from rag_flywheel.domain import AuditEntry
from rag_flywheel.ports.ledger import Operations

MARKED = (
    *(tables.interactions, tables.feedback, tables.corrections, tables.reviews, tables.versions),
    *(tables.topic_rulings, tables.topic_members, tables.erasures),
)


class SqlOperations(InDatabase, Operations):
    def __init__(self, database: Database, *, lock_folder: Path) -> None:
        super().__init__(database)
        self._lock_folder = lock_folder

    def salt(self) -> bytes:
        return self._database.sealing.keys.base

    def lock(self, name: str) -> AbstractContextManager[None]:
        if is_sqlite(self._database.url):
            return file_lock(name, folder=self._lock_folder)
        return self._advisory_lock(name)

    @contextlib.contextmanager
    def _advisory_lock(self, name: str) -> Iterator[None]:
        with self._database.alone() as connection, advisory_lock(name, connection=connection):
            yield

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        with self._database.write():
            yield

    def marks(self) -> dict[str, tuple[int, int]]:
        with self._database.read() as connection:
            return {
                table.name: (last or 0, count)
                for table in MARKED
                for last, count in connection.execute(
                    select(func.max(table.c.sequence), func.count()).select_from(table)
                )
            }

    def add_audit(self, entry: AuditEntry) -> None:
        self._database.append(tables.audit, {"at": entry.at, "body": entry}, what="audit entry")

    def audit(self, *, limit: int) -> list[AuditEntry]:
        rows = tables.audit.c
        with self._database.read() as connection:
            return list(connection.scalars(select(rows.body).order_by(rows.sequence.desc()).limit(limit)))
