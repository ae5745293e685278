"""API keys, and when each was used last."""

import sqlalchemy as sa
from alembic import op

revision = "0007_access"
down_revision = "0006_asides"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "access_keys",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_access_keys"),
    )
    op.create_index("ix_access_keys_key_id", "access_keys", ["key_id"])
    op.create_table(
        "key_uses",
        sa.Column("hour", sa.Text, nullable=False),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("hour", name="pk_key_uses"),
    )
    op.create_index("ix_key_uses_key_id", "key_uses", ["key_id"])
    for table in ("access_keys", "key_uses"):
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
