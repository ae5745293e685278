"""Requests to be forgotten, and updates for them: rows that stay must not go on naming what was erased."""

import sqlalchemy as sa
from alembic import op

revision = "0009_erasures"
down_revision = "0008_sessions"
branch_labels = None
depends_on = None

REWRITTEN = ("interactions", "corrections", "decisions", "audit", "versions")
ERASING = "EXISTS (SELECT 1 FROM settings WHERE name = 'erasing')"  # a row that only an erasure's own transaction sees


def upgrade() -> None:
    op.create_table(
        "erasures",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("erasure_id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_erasures"),
    )
    op.create_index("ix_erasures_erasure_id", "erasures", ["erasure_id"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"""
            CREATE FUNCTION refuse_update_but_erasing() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF NOT {ERASING} THEN
                    RAISE EXCEPTION 'the ledger is append-only: % cannot be updated', TG_TABLE_NAME;
                END IF;
                RETURN NULL;
            END
            $$
            """
        )
    for table in (*REWRITTEN, "erasures"):
        _refuse_updates(table, new=table == "erasures")


def _refuse_updates(table: str, *, new: bool) -> None:
    postgres = op.get_bind().dialect.name == "postgresql"
    if not new:
        op.execute(f"DROP TRIGGER {table}_append_only" + (f" ON {table}" if postgres else ""))
    if postgres:
        function = "refuse_update" if new else "refuse_update_but_erasing"
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
        )
    else:
        but = "" if new else f"WHEN NOT {ERASING} "
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE ON {table} {but}"
            f"BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: {table} cannot be updated'); END"
        )
