"""Records whose time is over, deleted a few at a time: nobody waits long for a turn to write, however many there are,
and a process that dies in between has done all up to there.
"""

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from datetime import datetime

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Connection,
    Table,
    Text,
    and_,
    cast,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    type_coerce,
    update,
)

from rag_flywheel.adapters.ledger import tables
from rag_flywheel.adapters.ledger.column_types import as_stored
from rag_flywheel.adapters.ledger.database import InDatabase
from rag_flywheel.adapters.ledger.erasure import rewriting
from rag_flywheel.adapters.ledger.insights import forgotten
from rag_flywheel.adapters.ledger.topics import of_nothing
from rag_flywheel.domain import ItemKind, Review, Session, Verdict, standing
from rag_flywheel.domain.retention import Kind
from rag_flywheel.ports.leaving import Expiry

BATCH = 500  # rows of one transaction, without those that hang on them


class SqlExpiry(InDatabase, Expiry):
    def expire(self, kind: Kind, *, before: datetime, spare: AbstractSet[str] = frozenset()) -> Iterator[int]:
        if kind is Kind.INTERACTIONS:
            free = ~_corrected(tables.interactions.c.interaction_id)
            return self._each(tables.interactions, "asked", before, _interactions, free)
        if kind is Kind.FEEDBACK:
            free = ~_corrected(tables.feedback.c.interaction_id)
            return self._each(tables.feedback, "given", before, _plainly(tables.feedback), free)
        if kind is Kind.CORRECTIONS:
            return self._each(tables.corrections, "submitted", before, _corrections(before, spare))
        if kind is Kind.EXPOSURES:
            return self._each(tables.exposures, "at", before, _plainly(tables.exposures))
        if kind is Kind.AUDIT:
            return self._each(tables.audit, "at", before, _plainly(tables.audit))
        if kind is Kind.NOTICES:
            return self._each(tables.notices, "at", before, _notices)
        if kind is Kind.REPORTS:
            told = ~cast(tables.decisions.c.body, Text).contains('"report": {}')
            return self._each(tables.decisions, "decided", before, _reports(spare), told)
        if kind is Kind.REPLIES:
            return self._each(tables.replies, "at", before, _plainly(tables.replies))
        if kind is Kind.SESSIONS:
            return self._sessions(before)
        raise ValueError(f"{kind} is not kept in the ledger")

    def _each(
        self,
        table: Table,
        moment: str,
        before: datetime,
        end: Callable[[Connection, list[object]], int],
        *only: ColumnElement[bool],
    ) -> Iterator[int]:
        """Go through the old rows of a table once, oldest first, and end them batch by batch."""
        at, key = table.c[moment], as_stored(_key(table))
        last: tuple[datetime, object] | None = None
        while True:
            wanted = select(at, key).where(at < before, *only).order_by(at, key).limit(BATCH)
            if last is not None:
                wanted = wanted.where(at >= last[0], or_(at > last[0], key > last[1]))
            with self._database.read() as connection:
                found = connection.execute(wanted).all()
            if not found:
                return
            last = (found[-1][0], found[-1][1])
            with self._database.write() as connection:
                number = end(connection, [row[1] for row in found])
            yield number  # outside the transaction, which ends here

    def _sessions(self, before: datetime) -> Iterator[int]:
        """By when they were used last. They have no time beside the body, so all are looked at."""
        rows, uses, ends, last = tables.sessions.c, tables.session_uses.c, tables.session_ends.c, ""
        while True:
            seen = select(func.max(uses.at)).where(uses.digest == rows.digest).scalar_subquery()
            wanted = select(rows.digest, rows.body, seen).where(rows.digest > last).order_by(rows.digest).limit(BATCH)
            with self._database.read() as connection:
                found = connection.execute(wanted).all()
            if not found:
                return
            last = found[-1][0]
            old = [digest for digest, session, at in found if _used(session, at) < before]
            if old:
                with self._database.write() as connection:
                    connection.execute(delete(tables.session_uses).where(uses.digest.in_(old)))
                    connection.execute(delete(tables.session_ends).where(ends.digest.in_(old)))
                    number = connection.execute(delete(tables.sessions).where(rows.digest.in_(old))).rowcount
                yield number


def _key(table: Table) -> Column[object]:
    return next(iter(table.primary_key))


def _used(session: Session, at: datetime | None) -> datetime:
    return session.opened if at is None else max(session.opened, at)


def _corrected(interaction_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether a correction rests on it."""
    return exists().where(tables.corrections.c.interaction_id == interaction_id)


def _plainly(table: Table) -> Callable[[Connection, list[object]], int]:
    return lambda connection, keys: connection.execute(delete(table).where(as_stored(_key(table)).in_(keys))).rowcount


def _interactions(connection: Connection, keys: list[object]) -> int:
    """With what was said of them, and what people met in them. On PostgreSQL others write meanwhile: who refers to
    these rows from now on waits, and finds them gone; what was written just before is seen after that.
    """
    rows = tables.interactions.c
    connection.execute(select(rows.sequence).where(rows.sequence.in_(keys)).with_for_update())
    free = select(rows.interaction_id).where(rows.sequence.in_(keys), ~_corrected(rows.interaction_id))
    names = list(connection.scalars(free))
    aside = tables.asides.c
    of_them = and_(aside.kind == ItemKind.QUESTION, aside.item.in_(names))
    connection.execute(delete(tables.asides).where(of_them))
    for table in (tables.feedback, tables.exposures, tables.topic_members):
        connection.execute(delete(table).where(table.c.interaction_id.in_(names)))
    connection.execute(of_nothing())
    for step in forgotten(names):
        connection.execute(step)
    return connection.execute(delete(tables.interactions).where(rows.interaction_id.in_(names))).rowcount


def _corrections(before: datetime, spare: AbstractSet[str]) -> Callable[[Connection, list[object]], int]:
    """Those that were not accepted, and on which nobody decided since."""

    def end(connection: Connection, keys: list[object]) -> int:
        rows, reviews, aside = tables.corrections.c, tables.reviews.c, tables.asides.c
        claimed = select(rows.correction_id).where(rows.sequence.in_(keys)).with_for_update()
        names = set(connection.scalars(claimed)) - spare
        decided = select(reviews.body).where(reviews.correction_id.in_(names))
        made: list[Review] = list(connection.scalars(decided.order_by(reviews.reviewed, reviews.sequence)))
        kept = {review.correction_id for review in made if review.reviewed >= before}
        latest = {review.correction_id: review for review in standing(made)}
        kept |= {name for name, review in latest.items() if review.verdict is Verdict.ACCEPT}
        gone = names - kept
        of_them = and_(aside.kind == ItemKind.CORRECTION, aside.item.in_(gone))
        connection.execute(delete(tables.asides).where(of_them))
        for table in (tables.assignments, tables.second_reviews, tables.reviews):
            connection.execute(delete(table).where(table.c.correction_id.in_(gone)))
        return connection.execute(delete(tables.corrections).where(rows.correction_id.in_(gone))).rowcount

    return end


def _notices(connection: Connection, keys: list[object]) -> int:
    """With the attempts to deliver them."""
    rows, tried = tables.notices.c, tables.deliveries.c
    names = list(connection.scalars(select(rows.notice_id).where(rows.sequence.in_(keys))))
    connection.execute(delete(tables.deliveries).where(tried.notice_id.in_(names)))
    return connection.execute(delete(tables.notices).where(rows.sequence.in_(keys))).rowcount


def _reports(spare: AbstractSet[str]) -> Callable[[Connection, list[object]], int]:
    """The decisions stay, for they are counted, without what they hold of the report."""

    def end(connection: Connection, keys: list[object]) -> int:
        rows = tables.decisions.c
        body = type_coerce(rows.body, JSON)
        wanted = select(rows.sequence, body).where(rows.sequence.in_(keys), rows.version_id.not_in(spare))
        found = connection.execute(wanted).all()
        with rewriting(connection):
            for sequence, whole in found:
                bare = literal({**whole, "report": {}}, JSON())
                connection.execute(update(tables.decisions).where(rows.sequence == sequence).values(body=bare))
        return len(found)

    return end
