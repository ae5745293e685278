"""Updates of reviews for new keys: the keyed digests of the names in them are stored anew, as those of questions are.

An older release would not know digests that are stored so, and does not open such a ledger.
"""

from alembic import op

revision = "0017_reviews"
down_revision = "0016_insights"
branch_labels = None
depends_on = None

ERASING = "EXISTS (SELECT 1 FROM settings WHERE name = 'erasing')"  # a row that only the updating transaction sees


def upgrade() -> None:
    postgres = op.get_bind().dialect.name == "postgresql"
    op.execute("DROP TRIGGER reviews_append_only" + (" ON reviews" if postgres else ""))
    if postgres:  # whose function is there since 0009_erasures
        op.execute(
            "CREATE TRIGGER reviews_append_only BEFORE UPDATE ON reviews "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_update_but_erasing()"
        )
    else:
        op.execute(
            f"CREATE TRIGGER reviews_append_only BEFORE UPDATE ON reviews WHEN NOT {ERASING} "
            "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: reviews cannot be updated'); END"
        )
