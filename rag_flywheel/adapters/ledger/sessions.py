"""Sessions, as rows: one when a session is opened, one for each quarter of an hour of use, one when it is ended."""

from datetime import UTC, datetime

from sqlalchemy import func, select

from rag_flywheel.adapters.ledger import tables
from rag_flywheel.adapters.ledger.database import InDatabase, insert_once
from rag_flywheel.domain import Session, SessionNow
from rag_flywheel.ports.ledger import Sessions

QUARTER = 900  # seconds


class SqlSessions(InDatabase, Sessions):
    def open_session(self, session: Session) -> None:
        row = {"digest": session.digest, "pseudonym": session.pseudonym, "body": session}
        self._database.append(tables.sessions, row, what="session")

    def session(self, digest: str) -> SessionNow | None:
        rows, uses, ends = tables.sessions.c, tables.session_uses.c, tables.session_ends.c
        seen = select(func.max(uses.at)).where(uses.digest == digest).scalar_subquery()
        ended = select(ends.at).where(ends.digest == digest).scalar_subquery()
        wanted = select(rows.body, seen.label("seen"), ended.label("ended")).where(rows.digest == digest)
        with self._database.read() as connection:
            found = connection.execute(wanted).one_or_none()
        if found is None:
            return None
        session: Session = found.body
        return SessionNow(session=session, seen=max(session.opened, found.seen or session.opened), ended=found.ended)

    def session_seen(self, digest: str, *, at: datetime) -> None:
        quarter = f"{digest} {int(at.astimezone(UTC).timestamp()) // QUARTER}"
        with self._database.write() as connection:
            insert_once(connection, tables.session_uses, {"quarter": quarter, "digest": digest, "at": at})

    def end_session(self, digest: str, *, at: datetime) -> None:
        with self._database.write() as connection:
            insert_once(connection, tables.session_ends, {"digest": digest, "at": at})
