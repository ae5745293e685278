"""The ledger: append-only tables, and triggers that keep them so.

A migration is frozen history, so nothing here is imported from the code that moves on. There is no way down: going
back would drop what people said, so it means restoring a backup.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001_ledger"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    "interactions",
    "feedback",
    "corrections",
    "reviews",
    "versions",
    "version_states",
    "decisions",
    "audit",
    "replies",
    "settings",
)


def upgrade() -> None:
    _create_what_people_did()
    _create_what_versions_became()
    _create_what_is_kept_once()
    _refuse_updates()


def _create_what_people_did() -> None:
    _create(
        "interactions",
        _sequence(),
        sa.Column("interaction_id", sa.Text, nullable=False),
        _instant("asked"),
        sa.Column("pseudonym", sa.Text),
        sa.Column("answered", sa.Boolean, nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        unique="interaction_id",
        indexed=("asked", "pseudonym"),
    )
    _create(
        "feedback",
        _sequence(),
        sa.Column("feedback_id", sa.Text, nullable=False),
        _child_of("interactions", "interaction_id", "feedback"),
        _instant("given"),
        sa.Column("pseudonym", sa.Text),
        sa.Column("body", sa.JSON, nullable=False),
        unique="feedback_id",
        indexed=("interaction_id", "given", "pseudonym"),
    )
    _create(
        "corrections",
        _sequence(),
        sa.Column("correction_id", sa.Text, nullable=False),
        _child_of("interactions", "interaction_id", "corrections"),
        _instant("submitted"),
        sa.Column("pseudonym", sa.Text),
        sa.Column("body", sa.JSON, nullable=False),
        unique="correction_id",
        indexed=("interaction_id", "submitted", "pseudonym"),
    )
    _create(
        "reviews",
        _sequence(),
        sa.Column("review_id", sa.Text, nullable=False),
        _child_of("corrections", "correction_id", "reviews"),
        _instant("reviewed"),
        sa.Column("body", sa.JSON, nullable=False),
        unique="review_id",
        indexed=("correction_id",),
    )


def _create_what_versions_became() -> None:
    _create(
        "versions",
        _sequence(),
        sa.Column("version_id", sa.Text, nullable=False),
        _instant("created"),
        sa.Column("body", sa.JSON, nullable=False),
        unique="version_id",
    )
    _create(
        "version_states",
        _sequence(),
        _child_of("versions", "version_id", "version_states"),
        _instant("at"),
        sa.Column("state", sa.Text, nullable=False),
        indexed=("version_id",),
    )
    _create(
        "decisions",
        _sequence(),
        _child_of("versions", "version_id", "decisions"),
        _instant("decided"),
        sa.Column("body", sa.JSON, nullable=False),
        indexed=("version_id",),
    )
    _create("audit", _sequence(), _instant("at"), sa.Column("body", sa.JSON, nullable=False), indexed=("at",))


def _create_what_is_kept_once() -> None:
    _create(
        "replies",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("reply", sa.JSON, nullable=False),
        _instant("at"),
    )
    _create("settings", sa.Column("name", sa.Text, nullable=False), sa.Column("value", sa.Text, nullable=False))


def _create(name: str, *columns: sa.Column[Any], unique: str | None = None, indexed: tuple[str, ...] = ()) -> None:
    """A table whose first column is its primary key."""
    constraints: list[sa.Constraint] = [sa.PrimaryKeyConstraint(columns[0].name, name=f"pk_{name}")]
    if unique is not None:
        constraints.append(sa.UniqueConstraint(unique, name=f"uq_{name}_{unique}"))
    op.create_table(name, *columns, *constraints)
    for column in indexed:
        op.create_index(f"ix_{name}_{column}", name, [column])


def _sequence() -> sa.Column[int]:
    return sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False)


def _instant(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)


def _child_of(parent: str, key: str, table: str) -> sa.Column[Any]:
    return sa.Column(key, sa.Text, sa.ForeignKey(f"{parent}.{key}", name=f"fk_{table}_{key}"), nullable=False)


def _refuse_updates() -> None:
    """What was written stays as it is; only an erasure may delete it."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            """
            CREATE FUNCTION refuse_update() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                RAISE EXCEPTION 'the ledger is append-only: % cannot be updated', TG_TABLE_NAME;
            END
            $$
            """
        )
    for table in TABLES:
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
