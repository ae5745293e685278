"""Implicit feedback keeps the rank of the passage that it is about, and the probability that a person looks at it.

Rows from before have neither: the ledger is append-only, and what reads them takes no rank for an unknown one.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002_propensity"
down_revision = "0001_ledger"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("feedback", sa.Column("rank", sa.Integer))
    op.add_column("feedback", sa.Column("propensity", sa.Double))
