"""The ledger's records of deployment: what people met, what was decided, and what other systems are told of it.

`SqlLedger` calls these functions for the methods of the port that have their names.
"""

from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Table, and_, func, or_, select

from rag_flywheel.adapters.ledger import tables as tables
from rag_flywheel.adapters.ledger.database import Database
from rag_flywheel.domain import Arm, Canary, CanaryId, Delivery, Exposure, Freeze, HoldOut, Notice

_ARMS = {arm.value: arm for arm in Arm}


def add_exposure(database: Database, exposure: Exposure) -> None:
    """Raises NotFound when there is no such interaction."""
    database.append(
        tables.exposures,
        {
            "at": exposure.at,
            "unit": exposure.unit,
            "arm": exposure.arm.value,
            "canary_id": exposure.canary_id,
            "step": exposure.step,
            "interaction_id": exposure.interaction_id,
            "answered": exposure.answered,
            "failed": exposure.failed,
            "seconds": exposure.seconds,
        },
        what="exposure",
        parent=f"interaction {exposure.interaction_id}",
    )


def exposures(
    database: Database, *, canary_id: CanaryId | None, step: int | None, since: datetime | None
) -> list[Exposure]:
    """Oldest first: of one canary, of one of its steps, from `since` on."""
    rows = tables.exposures.c
    wanted = select(
        rows.at,
        rows.unit,
        rows.arm,
        rows.canary_id,
        rows.step,
        rows.interaction_id,
        rows.answered,
        rows.failed,
        rows.seconds,
    ).order_by(rows.at, rows.sequence)
    if canary_id is not None:
        wanted = wanted.where(rows.canary_id == canary_id)
    if step is not None:
        wanted = wanted.where(rows.step == step)
    if since is not None:
        wanted = wanted.where(rows.at >= since)
    with database.read() as connection:
        # By place and not by name: there can be a million of them.
        return [
            Exposure(
                at=at,
                unit=unit,
                arm=_ARMS[arm],
                canary_id=canary,
                step=of_step,
                interaction_id=interaction,
                answered=answered,
                failed=failed,
                seconds=seconds,
            )
            for at, unit, arm, canary, of_step, interaction, answered, failed, seconds in connection.execute(wanted)
        ]


def newest(database: Database, table: Table) -> Any | None:
    """The value appended last, whatever the clocks of the hosts say; None where there is none."""
    wanted = select(table.c.body).order_by(table.c.sequence.desc()).limit(1)
    with database.read() as connection:
        return connection.scalar(wanted)


def add_canary(database: Database, canary: Canary) -> None:
    """Record a canary that begins, or a change of it."""
    database.append(
        tables.canaries,
        {"canary_id": canary.canary_id, "state": canary.state.value, "body": canary},
        what=f"canary {canary.canary_id}",
    )


def canaries(database: Database) -> list[Canary]:
    """Each as it stands, in the order in which they began."""
    rows = tables.canaries.c
    ends = select(func.min(rows.sequence).label("first"), func.max(rows.sequence).label("last"))
    spans = ends.group_by(rows.canary_id).subquery()
    wanted = select(rows.body).join(spans, spans.c.last == rows.sequence).order_by(spans.c.first)
    with database.read() as connection:
        return list(connection.scalars(wanted))


def add_holdout(database: Database, holdout: HoldOut) -> None:
    """Record a hold-out that begins, changes, or ends."""
    database.append(
        tables.holdouts,
        {"since": holdout.since, "version_id": holdout.version_id, "body": holdout},
        what="hold-out",
    )


def add_freeze(database: Database, freeze: Freeze) -> None:
    """Record that promotions are frozen, or free again."""
    database.append(tables.freezes, {"at": freeze.at, "frozen": freeze.frozen, "body": freeze}, what="freeze")


def add_notice(database: Database, notice: Notice) -> None:
    """Raises Conflict when there is a notice of this id."""
    database.append(
        tables.notices,
        {"notice_id": notice.notice_id, "at": notice.at, "kind": notice.kind, "body": notice},
        what=f"notice {notice.notice_id}",
    )


def add_delivery(database: Database, delivery: Delivery) -> None:
    """Raises NotFound when there is no such notice."""
    database.append(
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


def undelivered(database: Database, receiver: str, *, attempts: int) -> list[tuple[Notice, tuple[Delivery, ...]]]:
    """Notices that the receiver was not told of in fewer than `attempts` attempts, with these; both oldest first."""
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
    with database.read() as connection:
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
