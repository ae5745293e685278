"""What can be counted of answers without reading them, and what signals say of answers: also of what is there."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0016_insights"
down_revision = "0015_conversations"
branch_labels = None
depends_on = None

ROWS = 1000  # read at a time


def upgrade() -> None:
    postgres = op.get_bind().dialect.name == "postgresql"
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "answer_facts",
        sa.Column("sequence", number, nullable=False),
        sa.Column("interaction_id", sa.Text, nullable=False),
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("version_id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("asker_group", sa.Text),
        sa.PrimaryKeyConstraint("sequence", name="pk_answer_facts"),
        sa.UniqueConstraint("interaction_id", name="uq_answer_facts_interaction_id"),
        sa.ForeignKeyConstraint(
            ["interaction_id"], ["interactions.interaction_id"], name="fk_answer_facts_interaction_id"
        ),
    )
    op.create_table(
        "traits",
        sa.Column("sequence", number, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("groups", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_traits"),
    )
    op.create_table(
        "answer_traits",
        sa.Column("answer", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("trait", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("cited", sa.Boolean, nullable=False),
        sa.Column("day", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("answer", "trait", name="pk_answer_traits"),
        sa.ForeignKeyConstraint(["answer"], ["answer_facts.sequence"], name="fk_answer_traits_answer"),
    )
    op.add_column("feedback", sa.Column("good", sa.Boolean))
    op.add_column("feedback", sa.Column("stage", sa.Text))
    _fill()
    op.create_index("ix_answer_facts_day", "answer_facts", ["day", "version_id", "state", "asker_group"])
    op.create_index("ix_traits_name", "traits", ["name", "kind", "groups"], unique=True)
    op.create_index("ix_answer_traits_cited", "answer_traits", ["cited", "trait", "day", "answer"])
    op.create_index("ix_feedback_good", "feedback", ["good", "interaction_id"])
    op.create_index("ix_feedback_stage", "feedback", ["stage", "interaction_id"])
    for table in ("answer_facts", "traits", "answer_traits"):
        if postgres:
            op.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION refuse_update()"
            )
        else:
            op.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE ON {table} "
                f"BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: {table} cannot be updated'); END"
            )


def _fill() -> None:
    connection = op.get_bind()
    facts = sa.table(
        "answer_facts", *map(sa.column, ("sequence", "interaction_id", "day", "version_id", "state", "asker_group"))
    )
    traits = sa.table("traits", *map(sa.column, ("sequence", "kind", "name", "groups")))
    having = sa.table("answer_traits", *map(sa.column, ("answer", "trait", "cited", "day")))
    numbers: dict[tuple[str, str, str], int] = {}
    for rows in _batches("interactions"):
        for row in rows:
            body = row.body
            state = "refused" if not body["answered"] else "answered surely"
            state = "doubtful" if body["answered"] and body.get("confidence") == "low" else state
            state = "imported" if body["arm"] == "imported" else state  # by another service
            day = datetime.fromisoformat(body["asked"]).astimezone(UTC).date().isoformat()
            connection.execute(
                facts.insert().values(
                    sequence=row.sequence,
                    interaction_id=body["interaction_id"],
                    day=day,
                    version_id=body["version_id"],
                    state=state,
                    asker_group=body.get("group"),
                )
            )
            for key, cited in _traits(body).items():
                if key not in numbers:
                    numbers[key] = len(numbers) + 1
                    kind, name, groups = key
                    connection.execute(
                        traits.insert().values(sequence=numbers[key], kind=kind, name=name, groups=groups)
                    )
                connection.execute(
                    having.insert().values(answer=row.sequence, trait=numbers[key], cited=cited, day=day)
                )
    if connection.dialect.name == "postgresql":  # whose counters do not see numbers that are given
        for table in (facts, traits):
            counter = sa.func.pg_get_serial_sequence(table.name, "sequence")
            highest = sa.select(sa.func.max(table.c.sequence)).scalar_subquery()
            connection.execute(sa.select(sa.func.setval(counter, highest)))
    _fill_feedback(connection)


def _fill_feedback(connection: sa.Connection) -> None:
    feedback = sa.table("feedback", sa.column("sequence"), sa.column("good"), sa.column("stage"))
    settings = sa.table("settings", sa.column("name"), sa.column("value"))
    connection.execute(settings.insert().values(name="erasing", value="now"))  # lets rows be updated
    for rows in _batches("feedback"):
        for row in rows:
            good, stage = _judgement(row.body), row.body.get("stage")
            if good is not None or stage is not None:
                its = feedback.c.sequence == row.sequence
                connection.execute(feedback.update().where(its).values(good=good, stage=stage))
    connection.execute(settings.delete().where(settings.c.name == "erasing"))


def _batches(name: str) -> Any:
    connection, last = op.get_bind(), 0
    table = sa.table(name, sa.column("sequence"), sa.column("body", sa.JSON))
    while True:
        wanted = sa.select(table.c.sequence, table.c.body).where(table.c.sequence > last)
        rows = connection.execute(wanted.order_by(table.c.sequence).limit(ROWS)).all()
        if not rows:
            return
        last = rows[-1].sequence
        yield rows


def _judgement(body: Mapping[str, Any]) -> bool | None:
    kind, value = body["kind"], body.get("value")
    if kind == "thumb":
        return bool(value == "up")
    if kind == "stars" and isinstance(value, int):
        return value >= 4
    return False if kind == "edited" else None


def _traits(body: Mapping[str, Any]) -> dict[tuple[str, str, str], bool]:
    ranking = body["ranking"]
    then = {shown["document_id"]: shown.get("groups") for shown in ranking}
    cited = {citation["document_id"] for citation in body["citations"]}
    seen = cited | {shown["document_id"] for shown in ranking[: body["shown"]]}
    found = {("document", name, _key(then.get(name))): name in cited for name in seen}
    if not seen:
        found["nothing", "", _key(body.get("groups"))] = False
    if all(name.startswith("correction:") for name in seen):
        found["bare", "", _key(None)] = False
    if body.get("groups"):
        found["askers", "", _key(body["groups"])] = False
    return found


def _key(groups: list[str] | None) -> str:
    return json.dumps(None if groups is None else sorted(groups))
