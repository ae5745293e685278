"""Who is signed in with a browser."""

import sqlalchemy as sa
from alembic import op

revision = "0008_sessions"
down_revision = "0007_access"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sessions",
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("pseudonym", sa.Text, nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_sessions"),
    )
    op.create_index("ix_sessions_pseudonym", "sessions", ["pseudonym"])
    op.create_table(
        "session_uses",
        sa.Column("quarter", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("quarter", name="pk_session_uses"),
    )
    op.create_index("ix_session_uses_digest", "session_uses", ["digest"])
    op.create_table(
        "session_ends",
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_session_ends"),
    )
    for table in ("sessions", "session_uses", "session_ends"):
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
