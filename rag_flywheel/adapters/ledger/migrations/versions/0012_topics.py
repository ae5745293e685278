"""What people decided on topics of questions, and which questions that was about."""

import sqlalchemy as sa
from alembic import op

revision = "0012_topics"
down_revision = "0011_releases"
branch_labels = None
depends_on = None

ERASING = "EXISTS (SELECT 1 FROM settings WHERE name = 'erasing')"  # as in 0009: a reason may quote somebody


def upgrade() -> None:
    op.create_table(
        "topic_rulings",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("ruling_id", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_topic_rulings"),
        sa.UniqueConstraint("ruling_id", name="uq_topic_rulings_ruling_id"),
    )
    op.create_table(
        "topic_members",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("ruling_id", sa.Text, nullable=False),
        sa.Column("interaction_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_topic_members"),
        sa.ForeignKeyConstraint(["ruling_id"], ["topic_rulings.ruling_id"], name="fk_topic_members_ruling_id"),
        sa.ForeignKeyConstraint(
            ["interaction_id"], ["interactions.interaction_id"], name="fk_topic_members_interaction_id"
        ),
    )
    for column in ("ruling_id", "interaction_id"):
        op.create_index(f"ix_topic_members_{column}", "topic_members", [column])
    if op.get_bind().dialect.name == "postgresql":
        for table, function in (("topic_rulings", "refuse_update_but_erasing"), ("topic_members", "refuse_update")):
            op.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE ON {table} "
                f"FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
            )
    else:
        for table, when in (("topic_rulings", f"WHEN NOT {ERASING} "), ("topic_members", "")):
            op.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE ON {table} {when}"
                f"BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: {table} cannot be updated'); END"
            )
