"""Notices to other systems and the attempts to deliver them, as rows."""

from itertools import groupby

from sqlalchemy import and_, func, or_, select

from rag_flywheel.adapters.ledger import tables
from rag_flywheel.adapters.ledger.database import InDatabase
from rag_flywheel.domain import Delivery, Notice
from rag_flywheel.ports.ledger import Outbox


class SqlOutbox(InDatabase, Outbox):
    def add_notice(self, notice: Notice) -> None:
        self._database.append(
            tables.notices,
            {"notice_id": notice.notice_id, "at": notice.at, "kind": notice.kind, "body": notice},
            what=f"notice {notice.notice_id}",
        )

    def undelivered(self, receiver: str, *, attempts: int) -> list[tuple[Notice, tuple[Delivery, ...]]]:
        notices, rows = tables.notices.c, tables.deliveries.c
        # Those that are settled as a set of their own, not looked up notice by notice: with the row estimates that
        # PostgreSQL has of a young table, it would compare every notice with every delivery.
        settled = (
            select(rows.notice_id)
            .where(rows.receiver == receiver)
            .group_by(rows.notice_id)
            .having(or_(func.count() >= attempts, func.count().filter(rows.delivered) > 0))
        )
        theirs = and_(rows.notice_id == notices.notice_id, rows.receiver == receiver)
        wanted = (
            select(notices.body, rows.at, rows.delivered, rows.status)
            .outerjoin_from(tables.notices, tables.deliveries, theirs)
            .where(notices.notice_id.not_in(settled))
            .order_by(notices.at, notices.sequence, rows.at, rows.sequence)
        )
        with self._database.read() as connection:
            found = connection.execute(wanted).all()
        return [
            (
                notice,
                tuple(
                    Delivery(notice_id=notice.notice_id, receiver=receiver, at=at, delivered=delivered, status=status)
                    for _, at, delivered, status in made
                    if at is not None
                ),
            )
            for notice, made in groupby(found, key=lambda row: row.body)
        ]

    def add_delivery(self, delivery: Delivery) -> None:
        self._database.append(
            tables.deliveries,
            {
                "notice_id": delivery.notice_id,
                "receiver": delivery.receiver,
                "at": delivery.at,
                "delivered": delivery.delivered,
                "status": delivery.status,
            },
            what="delivery",
            parent=f"notice {delivery.notice_id}",
        )
