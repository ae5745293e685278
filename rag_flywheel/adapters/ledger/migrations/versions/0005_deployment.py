"""How versions prove themselves: exposures, canaries, hold-outs, freezes, and what other systems are told of it.

Exposures and deliveries have no body: they are the rows that come in great numbers, and their columns hold all of them.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005_deployment"
down_revision = "0004_asker_group"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_what_people_met()
    _create_what_was_decided()
    _create_what_others_are_told()


def _create_what_people_met() -> None:
    _create(
        "exposures",
        _instant("at"),
        sa.Column("unit", sa.Text, nullable=False),
        sa.Column("arm", sa.Text, nullable=False),
        sa.Column("canary_id", sa.Text),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column(
            "interaction_id",
            sa.Text,
            sa.ForeignKey("interactions.interaction_id", name="fk_exposures_interaction_id"),
        ),
        sa.Column("answered", sa.Boolean, nullable=False),
        sa.Column("failed", sa.Boolean, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        indexed=(("at",), ("unit",), ("canary_id", "step"), ("interaction_id",)),
    )


def _create_what_was_decided() -> None:
    _create(
        "canaries",
        sa.Column("canary_id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        _body(),
        indexed=(("canary_id",),),
    )
    _create("holdouts", _instant("since"), sa.Column("version_id", sa.Text), _body())
    _create("freezes", _instant("at"), sa.Column("frozen", sa.Boolean, nullable=False), _body())


def _create_what_others_are_told() -> None:
    _create(
        "notices",
        sa.Column("notice_id", sa.Text, nullable=False),
        _instant("at"),
        sa.Column("kind", sa.Text, nullable=False),
        _body(),
        sa.UniqueConstraint("notice_id", name="uq_notices_notice_id"),
    )
    _create(
        "deliveries",
        sa.Column(
            "notice_id", sa.Text, sa.ForeignKey("notices.notice_id", name="fk_deliveries_notice_id"), nullable=False
        ),
        sa.Column("receiver", sa.Text, nullable=False),
        _instant("at"),
        sa.Column("delivered", sa.Boolean, nullable=False),
        sa.Column("status", sa.Integer),
        indexed=(("notice_id", "receiver"),),
    )


def _create(table: str, *parts: sa.schema.SchemaItem, indexed: tuple[tuple[str, ...], ...] = ()) -> None:
    """An append-only table whose rows are numbered in the order in which they come."""
    op.create_table(
        table,
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        *parts,
        sa.PrimaryKeyConstraint("sequence", name=f"pk_{table}"),
    )
    for columns in indexed:
        op.create_index(f"ix_{table}_{columns[0]}", table, list(columns))
    _refuse_updates(table)


def _instant(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)


def _body() -> sa.Column[Any]:
    return sa.Column("body", sa.JSON, nullable=False)


def _refuse_updates(table: str) -> None:
    """What was written stays as it is; the function of PostgreSQL's trigger is there since 0001_ledger."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_update()"
        )
    else:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE ON {table} "
            f"BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: {table} cannot be updated'); END"
        )
