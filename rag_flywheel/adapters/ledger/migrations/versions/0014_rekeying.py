"""Updates for new keys: the pseudonyms of rows are stored anew. What may be updated to erase could be before."""

from alembic import op

revision = "0014_rekeying"
down_revision = "0013_reviewing"
branch_labels = None
depends_on = None

TABLES = ("feedback", "exposures", "sessions", "consents", "erasures", "replies")
ERASING = "EXISTS (SELECT 1 FROM settings WHERE name = 'erasing')"  # a row that only the updating transaction sees


def upgrade() -> None:
    postgres = op.get_bind().dialect.name == "postgresql"
    for table in TABLES:
        op.execute(f"DROP TRIGGER {table}_append_only" + (f" ON {table}" if postgres else ""))
        if postgres:  # whose function is there since 0009_erasures
            op.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION refuse_update_but_erasing()"
            )
        else:
            op.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE ON {table} WHEN NOT {ERASING} "
                f"BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: {table} cannot be updated'); END"
            )
