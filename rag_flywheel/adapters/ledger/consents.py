"""What people agreed to and withdrew, as rows: one for each time that somebody said something."""

from datetime import datetime

from sqlalchemy import select

from rag_flywheel.adapters.ledger import tables
from rag_flywheel.adapters.ledger.database import InDatabase
from rag_flywheel.domain.consent import ConsentEvent
from rag_flywheel.ports.ledger import Consents


class SqlConsents(InDatabase, Consents):
    def add_consent(self, event: ConsentEvent) -> None:
        self._database.append(
            tables.consents,
            {
                "event_id": event.event_id,
                "at": event.at,
                "pseudonym": event.user,
                "session": event.session,
                "state": event.state.value,
                "body": event,
            },
            what=f"consent {event.event_id}",
        )

    def consents(self, *, until: datetime | None = None) -> list[ConsentEvent]:
        rows = tables.consents.c
        wanted = select(rows.body).order_by(rows.at, rows.sequence)
        if until is not None:
            wanted = wanted.where(rows.at <= until)
        with self._database.read() as connection:
            return list(connection.scalars(wanted))

    def consents_of(self, user: str | None, session: str | None) -> list[ConsentEvent]:
        rows, is_one = tables.consents.c, self._database.is_one
        wanted = select(rows.body).order_by(rows.at, rows.sequence)
        if user is not None:
            return [row.body for row in self._database.find(lambda: wanted.where(is_one(rows.pseudonym, user)))]
        if session is None:
            return []
        of_nobody = wanted.where(rows.pseudonym.is_(None))
        return [row.body for row in self._database.find(lambda: of_nobody.where(is_one(rows.session, session)))]
