"""Counts about sensitive domains that were published, and so what of a month's budget is spent."""

import sqlalchemy as sa
from alembic import op

revision = "0011_releases"
down_revision = "0010_consents"
branch_labels = None
depends_on = None

ERASING = "EXISTS (SELECT 1 FROM settings WHERE name = 'erasing')"  # as in 0009: a topic may be somebody's words


def upgrade() -> None:
    op.create_table(
        "releases",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("month", sa.Text, nullable=False),
        sa.Column("measure", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_releases"),
    )
    op.create_index("ix_releases_month", "releases", ["month", "measure"], unique=True)
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE TRIGGER releases_append_only BEFORE UPDATE ON releases "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_update_but_erasing()"
        )
    else:
        op.execute(
            f"CREATE TRIGGER releases_append_only BEFORE UPDATE ON releases WHEN NOT {ERASING} "
            "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: releases cannot be updated'); END"
        )
