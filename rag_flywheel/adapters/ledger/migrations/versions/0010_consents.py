"""What people agreed to and withdrew; and by time, what goes when its time is over."""

import sqlalchemy as sa
from alembic import op

revision = "0010_consents"
down_revision = "0009_erasures"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "consents",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("pseudonym", sa.Text),
        sa.Column("session", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_consents"),
        sa.UniqueConstraint("event_id", name="uq_consents_event_id"),
    )
    for column in ("at", "pseudonym", "session"):
        op.create_index(f"ix_consents_{column}", "consents", [column])
    for table in ("notices", "replies"):
        op.create_index(f"ix_{table}_at", table, ["at"])
    if op.get_bind().dialect.name == "postgresql":  # whose function is there since 0001_ledger
        op.execute(
            "CREATE TRIGGER consents_append_only BEFORE UPDATE ON consents "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_update()"
        )
    else:
        op.execute(
            "CREATE TRIGGER consents_append_only BEFORE UPDATE ON consents "
            "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: consents cannot be updated'); END"
        )
