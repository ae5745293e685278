"""What people decided on topics, as rows; which questions that was about in a table of its own, so that a question can
be forgotten without the decision.
"""

from collections import defaultdict
from dataclasses import replace

from sqlalchemy import Delete, delete, insert, select
from sqlalchemy.exc import IntegrityError

from rag_flywheel.adapters.ledger import tables
from rag_flywheel.adapters.ledger.database import InDatabase
from rag_flywheel.domain import InteractionId
from rag_flywheel.domain.topics import TopicRuling
from rag_flywheel.errors import NotFound
from rag_flywheel.ports.ledger import Topics


class SqlTopics(InDatabase, Topics):
    def add_topic_ruling(self, ruling: TopicRuling) -> None:
        row = {"ruling_id": ruling.ruling_id, "at": ruling.at, "body": replace(ruling, members=())}
        members = [{"ruling_id": ruling.ruling_id, "interaction_id": name} for name in ruling.members]
        with self._database.write() as connection:
            self._database.append(tables.topic_rulings, row, what=f"ruling {ruling.ruling_id}")
            try:
                connection.execute(insert(tables.topic_members), members)
            except IntegrityError as error:
                raise NotFound("a question of this topic was deleted meanwhile: look at it again") from error

    def topic_rulings(self) -> list[TopicRuling]:
        rows, of = tables.topic_rulings.c, tables.topic_members.c
        with self._database.read() as connection:
            members: dict[str, list[InteractionId]] = defaultdict(list)
            for member in connection.execute(select(of.ruling_id, of.interaction_id).order_by(of.sequence)):
                members[member.ruling_id].append(member.interaction_id)
            found = list(connection.scalars(select(rows.body).order_by(rows.at, rows.sequence)))
        return [replace(ruling, members=tuple(members[ruling.ruling_id])) for ruling in found]


def of_nothing() -> Delete:
    """Deletes rulings on questions of which none is left."""
    rows, of = tables.topic_rulings.c, tables.topic_members.c
    return delete(tables.topic_rulings).where(rows.ruling_id.not_in(select(of.ruling_id)))
