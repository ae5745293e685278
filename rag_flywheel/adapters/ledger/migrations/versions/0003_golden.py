"""Golden cases that people add or import, and the retirement of cases of any origin: two more append-only tables."""

import sqlalchemy as sa
from alembic import op

revision = "0003_golden"
down_revision = "0002_propensity"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table, instant in (("golden_cases", "added"), ("retirements", "retired")):
        op.create_table(
            table,
            sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
            sa.Column("case_id", sa.Text, nullable=False),
            sa.Column(instant, sa.DateTime(timezone=True), nullable=False),
            sa.Column("body", sa.JSON, nullable=False),
            sa.PrimaryKeyConstraint("sequence", name=f"pk_{table}"),
            sa.UniqueConstraint("case_id", name=f"uq_{table}_case_id"),
        )
        op.create_index(f"ix_{table}_{instant}", table, [instant])
        _refuse_updates(table)


def _refuse_updates(table: str) -> None:
    """What was written stays as it is; the function of PostgreSQL's trigger is there since 0001_ledger."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_update()"
        )
    else:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE ON {table} "
            f"BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: {table} cannot be updated'); END"
        )
