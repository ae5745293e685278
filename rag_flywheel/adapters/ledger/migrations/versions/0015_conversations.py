"""The conversation of an interaction, by which what it has masked is found to be numbered on."""

import sqlalchemy as sa
from alembic import op

revision = "0015_conversations"
down_revision = "0014_rekeying"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("interactions", sa.Column("session", sa.Text))
    op.create_index("ix_interactions_session", "interactions", ["session"])
