"""A new key for the pseudonyms as they are stored, while others read and write.

First the key is where all find it. Then an epoch begins: whoever writes from then on stores under the new key, and who
wrote before has ended. Then the rows of before are stored anew, a few in a transaction. Meanwhile pseudonyms are looked
for in all their forms. Each step can be done again, so that whatever was broken off is gone on with.
"""

import secrets
import time
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import JSON, Column, Connection, Row, Table, Text, literal, select, update

from rag_flywheel.adapters.ledger import tables
from rag_flywheel.adapters.ledger.column_types import PEOPLE, Pseudonym, Value, as_stored, turned
from rag_flywheel.adapters.ledger.erasure import SqlErasure, rewriting
from rag_flywheel.adapters.ledger.pseudonym_keys import SIZE, PseudonymKeys, fingerprint
from rag_flywheel.adapters.ledger.sealing import DONE, EPOCH, FINGERPRINT, epoch_of, put
from rag_flywheel.errors import Conflict
from rag_flywheel.ports.leaving import Rekeying

BATCH = 500  # rows of one transaction
PAUSE = 0.1  # seconds until rows that somebody else holds are tried again


class SqlRekeying(SqlErasure, Rekeying):
    def rekey(self) -> Iterator[int]:
        keys = self._keys()
        with self._database.begin_epoch() as connection:
            if epoch_of(connection) < keys.newest:
                known = {epoch: key for epoch in range(1, keys.newest + 1) if (key := keys.of(epoch)) is not None}
                prints = {f"{FINGERPRINT}{epoch}": fingerprint(key) for epoch, key in known.items()}
                put(connection, {EPOCH: str(keys.newest), **prints})
        for table in tables.metadata.tables.values():
            if _people(table):
                yield from self._stored_anew(table, keys.newest)
        self.write_anew()
        with self._database.write() as connection:
            put(connection, {DONE: str(keys.newest)})

    def drop_keys(self) -> int:
        place, keys = self._database.sealing.place, self._keys_there()
        if not self._is_done(keys):
            raise Conflict("a new key has not been given to all rows yet: `rag-flywheel people rekey` goes on with it")
        later = tuple(key if epoch == keys.newest else None for epoch, key in enumerate(keys.later, start=1))
        dropped = sum(key is not None for key in keys.later) - sum(key is not None for key in later)
        if dropped:
            place.replace(PseudonymKeys(base=keys.base, later=later))
        return dropped

    def _keys(self) -> PseudonymKeys:
        """Those with the one to store under: a new one, where nothing was broken off."""
        keys, place = self._keys_there(), self._database.sealing.place
        if self._is_done(keys):
            keys = PseudonymKeys(base=keys.base, later=(*keys.later, secrets.token_bytes(SIZE)))
            place.replace(keys)
        return self._database.sealing.know(keys.newest)

    def _is_done(self, keys: PseudonymKeys) -> bool:
        """Whether all rows are stored under the newest key."""
        wanted = select(tables.settings.c.value).where(tables.settings.c.name == DONE)
        with self._database.read() as connection:
            return keys.newest == epoch_of(connection) == int(connection.scalar(wanted) or 0)

    def _keys_there(self) -> PseudonymKeys:
        """As they are by now: another process may have put one there."""
        return self._database.sealing.place.read() or self._database.sealing.keys

    def _stored_anew(self, table: Table, epoch: int) -> Iterator[int]:
        """Again and again, until no row of before is found: those that others hold are passed over at first."""
        key = as_stored(next(iter(table.primary_key)))
        while True:
            last, old, done = None, 0, 0
            while True:
                wanted = select(*map(as_stored, _columns(table))).order_by(key).limit(BATCH)
                with self._database.read() as connection:
                    found = connection.execute(wanted if last is None else wanted.where(key > last)).all()
                if not found:
                    break
                last = found[-1][0]
                stale = [row[0] for row in found if self._anew(table, row, epoch)]
                if stale:
                    with self._database.write() as connection, rewriting(connection):
                        number = self._store(table, stale, epoch, connection)
                    old, done = old + len(stale), done + number
                    yield number  # outside the transaction, which ends here
            if not old:
                return
            if not done:
                time.sleep(PAUSE)

    def _store(self, table: Table, keys: list[object], epoch: int, connection: Connection) -> int:
        """Of rows that nobody else holds, so that nobody who holds some waits for us while we wait for them."""
        key = as_stored(next(iter(table.primary_key)))
        wanted = select(*map(as_stored, _columns(table))).where(key.in_(keys)).order_by(key)
        rows = connection.execute(wanted.with_for_update(skip_locked=True, key_share=True)).all()
        changes = [(row[0], self._anew(table, row, epoch)) for row in rows]
        for at, changed in changes:
            if changed:
                connection.execute(update(table).where(key == at).values(changed))
        return len(rows)

    def _anew(self, table: Table, row: Row[Any], epoch: int) -> Mapping[Any, Any]:
        """What is to change in a row as it is stored."""
        sealing = self._database.sealing

        def turn(words: str) -> str:
            return sealing.sealed(sealing.opened(words), epoch)

        changed: dict[Any, Any] = {}
        for column, stored in zip(_columns(table), row, strict=True):
            if isinstance(column.type, Pseudonym):
                if stored is not None and (new := turn(stored)) != stored:
                    changed[column] = literal(new, Text())
            elif isinstance(column.type, Value) and (new := turned(stored, column.type.kind, turn)) != stored:
                changed[column] = literal(new, JSON())
        return changed


def _columns(table: Table) -> list[Column[Any]]:
    """The key, and those that hold pseudonyms."""
    key = next(iter(table.primary_key))
    return [key, *(column for column in table.columns if column is not key and _holds(column))]


def _people(table: Table) -> bool:
    return any(_holds(column) for column in table.columns)


def _holds(column: Column[Any]) -> bool:
    return isinstance(column.type, Pseudonym) or (isinstance(column.type, Value) and column.type.kind in PEOPLE)
