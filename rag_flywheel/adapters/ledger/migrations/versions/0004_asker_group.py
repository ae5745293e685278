"""Interactions keep the group of people that the asker belongs to, so that an analyst can compare groups.

Rows from before have none: no group was asked for then.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004_asker_group"
down_revision = "0003_golden"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("interactions", sa.Column("asker_group", sa.Text))
