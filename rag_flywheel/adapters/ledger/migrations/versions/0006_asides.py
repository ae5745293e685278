"""What guardrails point at: set aside, reported, released, dropped, gone."""

import sqlalchemy as sa
from alembic import op

revision = "0006_asides"
down_revision = "0005_deployment"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "asides",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("aside_id", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("item", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_asides"),
    )
    for column in ("aside_id", "item"):
        op.create_index(f"ix_asides_{column}", "asides", [column])
    if op.get_bind().dialect.name == "postgresql":  # whose function is there since 0001_ledger
        op.execute(
            "CREATE TRIGGER asides_append_only BEFORE UPDATE ON asides "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_update()"
        )
    else:
        op.execute(
            "CREATE TRIGGER asides_append_only BEFORE UPDATE ON asides "
            "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: asides cannot be updated'); END"
        )
