"""Reviews that were taken back, who has which correction in hand, and second reviews that compare reviewers."""

import sqlalchemy as sa
from alembic import op

revision = "0013_reviewing"
down_revision = "0012_topics"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("reviews", sa.Column("undoes", sa.Text))
    op.create_table(
        "assignments",
        _sequence(),
        sa.Column("correction_id", sa.Text, nullable=False),
        sa.Column("reviewer", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_assignments"),
        _of_a_correction("assignments"),
    )
    op.create_table(
        "second_reviews",
        _sequence(),
        sa.Column("second_id", sa.Text, nullable=False),
        sa.Column("correction_id", sa.Text, nullable=False),
        sa.Column("reviewed", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_second_reviews"),
        sa.UniqueConstraint("second_id", name="uq_second_reviews_second_id"),
        _of_a_correction("second_reviews"),
    )
    for table in ("assignments", "second_reviews"):
        op.create_index(f"ix_{table}_correction_id", table, ["correction_id"])
        if op.get_bind().dialect.name == "postgresql":  # whose function is there since 0001_ledger
            op.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION refuse_update()"
            )
        else:
            op.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE ON {table} "
                f"BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: {table} cannot be updated'); END"
            )


def _sequence() -> sa.Column[int]:
    return sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False)


def _of_a_correction(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["correction_id"], ["corrections.correction_id"], name=f"fk_{table}_correction_id")
