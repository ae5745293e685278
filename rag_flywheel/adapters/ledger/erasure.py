"""Forgetting a person: the one place where rows are deleted, and the one where rows that stay are rewritten."""

import contextlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Connection,
    Delete,
    Select,
    Table,
    Text,
    and_,
    cast,
    delete,
    exists,
    false,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    true,
    type_coerce,
    union,
    union_all,
    update,
)

from rag_flywheel.adapters.ledger import tables
from rag_flywheel.adapters.ledger.database import InDatabase
from rag_flywheel.adapters.ledger.engine import is_sqlite
from rag_flywheel.adapters.ledger.insights import forgotten
from rag_flywheel.adapters.ledger.topics import of_nothing
from rag_flywheel.domain import ItemKind, Json
from rag_flywheel.domain.erasures import ErasureEntry, Scope, Theirs, strings, without
from rag_flywheel.ports.leaving import Erasure

NAMING = (tables.replies, tables.notices, tables.retirements, tables.asides, tables.feedback, tables.traits)
"""Rows that are nothing without the record that they name."""
JUDGED = tables.golden_cases
TYPED = frozenset({"question", "query"})  # by others, who may have asked the same
HISTORY = (tables.decisions, tables.audit, tables.releases, tables.topic_rulings)
OWN = ("settings", "erasures")
NUMBERED = ("answer_traits",)  # numbers of other rows and days alone, and several for each answer
ROWS = 500  # read at a time


class SqlErasure(InDatabase, Erasure):
    def erase(self, scope: Scope) -> dict[str, int]:
        """Feedback and corrections that others gave on the person's interactions go with those. Counts exposures too,
        remembered replies (those that name an erased row, or were given to the person), and sessions of browsers.
        """
        with self._database.write() as connection:  # in one epoch, of which all keys are known
            theirs, corrections, steps = self._steps(scope)
            # On PostgreSQL others write meanwhile: who refers to these rows from now on waits, and finds them gone.
            connection.execute(theirs.with_for_update())
            connection.execute(corrections.with_for_update())
            for step in forgotten(theirs):
                connection.execute(step)
            return {table: connection.execute(step).rowcount for table, step in steps.items()}

    def _steps(self, scope: Scope) -> tuple[Select[Any], Select[Any], dict[str, Delete]]:
        """Their interactions, the corrections that go, and what is deleted of each table."""
        asked, given, corrected = tables.interactions.c, tables.feedback.c, tables.corrections.c
        exposed, replies, agreed = tables.exposures.c, tables.replies.c, tables.consents.c
        theirs = select(asked.interaction_id).where(self._is(asked.pseudonym, scope), *_within(asked.asked, scope))
        if scope.session is not None:
            theirs = theirs.where(asked.interaction_id.in_(self._conversation(scope)))
        of_feedback = or_(self._by(given.pseudonym, given.given, scope), given.interaction_id.in_(theirs))
        of_corrections = or_(
            self._by(corrected.pseudonym, corrected.submitted, scope), corrected.interaction_id.in_(theirs)
        )
        of_exposures = or_(self._by(exposed.unit, exposed.at, scope), exposed.interaction_id.in_(theirs))
        corrections = select(corrected.correction_id).where(of_corrections)
        names = union_all(theirs, select(given.feedback_id).where(of_feedback), corrections).subquery().c[0]
        suspected = tables.asides.c
        of_asides = or_(
            and_(suspected.kind == ItemKind.QUESTION, suspected.item.in_(theirs)),
            and_(suspected.kind == ItemKind.CORRECTION, suspected.item.in_(corrections)),
        )
        named = exists().where(cast(replies.reply, Text).contains('"' + names + '"'))
        forms, key = self._database.sealing.forms(scope.user), type_coerce(replies.key, Text)
        to_them = or_(*(key.contains(f":{form}:") for form in forms)) if scope.session is None else false()
        whole = scope.session is None and scope.since is None
        mine = and_(self._is(tables.sessions.c.pseudonym, scope), true() if whole else false())
        signed_in = select(tables.sessions.c.digest).where(mine)
        # Of a part, their word stays: without a no that was in it, the rest would be learned from.
        of_consents = and_(self._by(agreed.pseudonym, agreed.at, scope), true() if whole else false())
        used, ended = tables.session_uses, tables.session_ends
        members = tables.topic_members
        # A row goes before the one it refers to, and a row that finds others after them.
        steps = {
            "replies": delete(tables.replies).where(or_(named, and_(to_them, *_within(replies.at, scope)))),
            "asides": delete(tables.asides).where(of_asides),
            "assignments": delete(tables.assignments).where(tables.assignments.c.correction_id.in_(corrections)),
            "second_reviews": delete(tables.second_reviews).where(
                tables.second_reviews.c.correction_id.in_(corrections)
            ),
            "reviews": delete(tables.reviews).where(tables.reviews.c.correction_id.in_(corrections)),
            "corrections": delete(tables.corrections).where(of_corrections),
            "feedback": delete(tables.feedback).where(of_feedback),
            "exposures": delete(tables.exposures).where(of_exposures),
            "topic_members": delete(members).where(members.c.interaction_id.in_(theirs)),
            "topic_rulings": of_nothing(),
            "interactions": delete(tables.interactions).where(asked.interaction_id.in_(theirs)),
            "consents": delete(tables.consents).where(of_consents),
            "session_uses": delete(used).where(used.c.digest.in_(signed_in)),
            "session_ends": delete(ended).where(ended.c.digest.in_(signed_in)),
            "sessions": delete(tables.sessions).where(mine),
        }
        return theirs, corrections, steps

    def _is(self, who: Column[Any], scope: Scope) -> ColumnElement[bool]:
        return self._database.is_one(who, scope.user)

    def _by(self, who: Column[Any], at: ColumnElement[datetime], scope: Scope) -> ColumnElement[bool]:
        """What the person did in the scope; of one conversation only what hangs on its interactions."""
        return false() if scope.session is not None else and_(self._is(who, scope), *_within(at, scope))

    def _conversation(self, scope: Scope) -> list[str]:
        """The interactions of the one that is meant. PostgreSQL cannot look into JSON that holds a NUL."""
        rows = tables.interactions.c
        wanted = select(rows.interaction_id, rows.body)
        found = self._database.find(lambda: wanted.where(self._is(rows.pseudonym, scope)))
        return [row.interaction_id for row in found if row.body.session == scope.session]

    def scrub(self, theirs: Theirs, *, manifests: bool) -> dict[str, int]:
        named = Theirs(names=theirs.names, wrote=lambda text: False)
        history = (*HISTORY, *((tables.versions,) if manifests else ()))
        rewritten = [(tables.interactions, named, theirs), (tables.corrections, named, named)]
        rewritten += [(table, theirs, theirs) for table in history]
        counts = {
            table.name: self._delete(table, telling)
            for table, telling in [*((table, named) for table in NAMING), (JUDGED, theirs)]
        }
        for table, telling, out in rewritten:
            counts[table.name] = self._rewrite(table, telling, out, TYPED if telling is named else frozenset())
        return counts

    def _delete(self, table: Table, telling: Theirs) -> int:
        key = _key(table)
        gone = [row[key.name] for row in self._rows(table) if _tells(row, telling)]
        if not gone:
            return 0
        with self._database.write() as connection:
            if table is tables.notices:
                ids = select(tables.notices.c.notice_id).where(key.in_(gone))
                connection.execute(delete(tables.deliveries).where(tables.deliveries.c.notice_id.in_(ids)))
            if table is tables.traits:
                connection.execute(delete(tables.answer_traits).where(tables.answer_traits.c.trait.in_(gone)))
            is_one = self._database.is_one
            rows = (is_one(key, str(value)) if table is tables.replies else key == value for value in gone)
            return sum(connection.execute(delete(table).where(row)).rowcount for row in rows)

    def _rewrite(self, table: Table, telling: Theirs, theirs: Theirs, keep: frozenset[str]) -> int:
        key, body = _key(table), type_coerce(table.c.body, JSON)
        found = [row[key.name] for row in self._rows(table) if _tells(row, telling)]
        if not found:
            return 0
        with self._database.write() as connection, rewriting(connection):
            # As they are by now: a new key may have come for their pseudonyms since they were looked at.
            rows = connection.execute(select(key, body).where(key.in_(found)).with_for_update()).all()
            for at, whole in rows:
                bare = literal(without(whole, theirs, keep=keep), JSON())
                connection.execute(update(table).where(key == at).values(body=bare))
            return len(rows)

    def _rows(self, table: Table) -> Iterator[Mapping[str, Json]]:
        """As they are stored."""
        columns = [
            type_coerce(column, JSON).label(column.name) if column.name in ("body", "reply") else column
            for column in table.columns
        ]
        with (
            self._database.read() as connection,
            connection.execution_options(yield_per=ROWS).execute(select(*columns)) as found,  # who reads may stop early
        ):
            for row in found.mappings():
                yield {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}

    def records(self) -> Iterator[tuple[str, Mapping[str, Json]]]:
        for name, table in tables.metadata.tables.items():
            if name not in (*OWN, *NUMBERED):
                for row in self._rows(table):
                    yield name, row

    def people(self) -> set[str]:
        rows = (tables.interactions, tables.feedback, tables.corrections, tables.consents)
        known = [table.c.pseudonym for table in rows]
        found = union(*(select(column) for column in (*known, tables.exposures.c.unit)))
        with self._database.read() as connection:
            return {name for name in connection.scalars(found) if name is not None}

    def overwrite(self) -> None:
        """SQLite overwrites what it deletes, and its log is emptied here. PostgreSQL takes up the room of dead rows."""
        with self._database.alone() as connection:
            if is_sqlite(self._database.url):
                connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
                return
            for name in tables.metadata.tables:
                connection.execute(text(f"VACUUM {name}"))

    def write_anew(self) -> None:
        """Where SQLite moves entries from page to page, copies of them stay in the free room of pages, which
        `secure_delete` does not reach: ids of erased records were found there.
        """
        if is_sqlite(self._database.url):
            with self._database.alone() as connection:
                connection.execute(text("VACUUM"))
        self.overwrite()

    def add_erasure(self, entry: ErasureEntry) -> None:
        self._database.append(tables.erasures, _row(entry), what=f"erasure {entry.erasure_id}")

    def erasures(self) -> list[ErasureEntry]:
        rows = tables.erasures.c
        ends = select(func.max(rows.sequence).label("last"), func.min(rows.sequence).label("first"))
        latest = ends.group_by(rows.erasure_id).subquery()
        wanted = select(rows.body).join(latest, rows.sequence == latest.c.last).order_by(latest.c.first)
        with self._database.read() as connection:
            return list(connection.scalars(wanted))

    def close_erasure(self, entry: ErasureEntry) -> None:
        rows = tables.erasures.c
        with self._database.write() as connection:
            connection.execute(delete(tables.erasures).where(rows.erasure_id == entry.erasure_id))
            connection.execute(insert(tables.erasures).values(_row(entry)))


def _row(entry: ErasureEntry) -> dict[str, object]:
    return {"erasure_id": entry.erasure_id, "state": entry.state.value, "body": entry}


def _within(at: ColumnElement[datetime], scope: Scope) -> list[ColumnElement[bool]]:
    return [
        *([] if scope.since is None else [at >= scope.since]),
        *([] if scope.until is None else [at <= scope.until]),
    ]


def _tells(row: Mapping[str, Json], telling: Theirs) -> bool:
    return any(telling.is_in(text) for value in row.values() for text in strings(value))


def _key(table: Table) -> Column[Any]:
    return next(iter(table.primary_key))


@contextlib.contextmanager
def rewriting(connection: Connection) -> Iterator[None]:
    """Lets this transaction, and no other, update rows that stay, to erase or for a new key."""
    connection.execute(insert(tables.settings).values(name="erasing", value="now"))
    yield
    connection.execute(delete(tables.settings).where(tables.settings.c.name == "erasing"))
