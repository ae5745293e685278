"""Questions with their answers, and feedback, as rows."""

from collections.abc import Collection
from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import JSON, or_, select, type_coerce

from rag_flywheel.adapters.ledger import tables
from rag_flywheel.adapters.ledger.column_types import turned
from rag_flywheel.adapters.ledger.database import InDatabase
from rag_flywheel.adapters.ledger.insights import add_facts
from rag_flywheel.domain import Feedback, Interaction, InteractionId, StandIn
from rag_flywheel.domain.insights import judgement
from rag_flywheel.errors import no_interaction
from rag_flywheel.ports.ledger import Conversations

_STAND_INS: TypeAdapter[list[StandIn]] = TypeAdapter(list[StandIn])


class SqlConversations(InDatabase, Conversations):
    def add_interaction(self, interaction: Interaction) -> None:
        row = {
            "interaction_id": interaction.interaction_id,
            "asked": interaction.asked,
            "pseudonym": interaction.user,
            "answered": interaction.answered,
            "asker_group": interaction.group,
            "session": interaction.session,
            "body": interaction,
        }
        with self._database.write() as connection:
            self._database.append(tables.interactions, row, what=f"interaction {interaction.interaction_id}")
            add_facts(connection, interaction)

    def interaction(self, interaction_id: InteractionId) -> Interaction:
        wanted = select(tables.interactions.c.body).where(tables.interactions.c.interaction_id == interaction_id)
        with self._database.read() as connection:
            found: Interaction | None = connection.scalar(wanted)
        if found is None:
            raise no_interaction(interaction_id)
        return found

    def interactions_named(self, names: Collection[InteractionId]) -> dict[InteractionId, Interaction]:
        rows = tables.interactions.c
        wanted = select(rows.interaction_id, rows.body).where(rows.interaction_id.in_(sorted(set(names))))
        with self._database.read() as connection:
            return {InteractionId(name): body for name, body in connection.execute(wanted)}

    def interactions(
        self, *, since: datetime | None = None, answered: bool | None = None, limit: int
    ) -> list[Interaction]:
        rows = tables.interactions.c
        wanted = select(rows.body).order_by(rows.asked.desc(), rows.sequence.desc()).limit(limit)
        if since is not None:
            wanted = wanted.where(rows.asked >= since)
        if answered is not None:
            wanted = wanted.where(rows.answered == answered)
        with self._database.read() as connection:
            return list(connection.scalars(wanted))

    def interaction_ids(self, *, answered: bool | None = None, limit: int) -> list[InteractionId]:
        rows = tables.interactions.c
        wanted = select(rows.interaction_id).order_by(rows.asked.desc(), rows.sequence.desc()).limit(limit)
        if answered is not None:
            wanted = wanted.where(rows.answered == answered)
        with self._database.read() as connection:
            return list(connection.scalars(wanted))

    def interactions_of(self, user: str) -> list[Interaction]:
        rows = tables.interactions.c
        wanted = select(rows.body).order_by(rows.asked, rows.sequence)
        found = self._database.find(lambda: wanted.where(self._database.is_one(rows.pseudonym, user)))
        return [row.body for row in found]

    def stand_ins(self, session: str | None, interaction_id: InteractionId) -> list[StandIn]:
        asked, given, corrected, reviewed = (
            table.c for table in (tables.interactions, tables.feedback, tables.corrections, tables.reviews)
        )
        its = asked.interaction_id == interaction_id
        is_one = self._database.is_one
        named = self._database.find(
            lambda: select(asked.interaction_id).where(
                its if session is None else or_(its, is_one(asked.session, session))
            )
        )
        of = [row.interaction_id for row in named]
        if not of:
            return []
        corrections = corrected.interaction_id.in_(of)
        wanted = (
            select(type_coerce(asked.body, JSON)).where(asked.interaction_id.in_(of)),
            select(type_coerce(given.body, JSON)).where(given.interaction_id.in_(of)),
            select(type_coerce(corrected.body, JSON)).where(corrections),
            select(type_coerce(reviewed.body, JSON)).where(
                reviewed.correction_id.in_(select(corrected.correction_id).where(corrections))
            ),
        )
        with self._database.read() as connection:
            bodies = (body for each in wanted for body in connection.scalars(each))
            # Not the whole value: a conversation may be long, and each question looks through it.
            found = [each for body in bodies for each in body.get("stand_ins", ())]
        told = turned({"stand_ins": found}, Interaction, self._database.sealing.opened)
        return _STAND_INS.validate_python(told["stand_ins"])

    def add_feedback(self, feedback: Feedback) -> None:
        self._database.append(
            tables.feedback,
            {
                "feedback_id": feedback.feedback_id,
                "interaction_id": feedback.interaction_id,
                "given": feedback.given,
                "pseudonym": feedback.user,
                "body": feedback,
                "rank": feedback.rank,
                "propensity": feedback.propensity,
                "good": judgement(feedback),
                "stage": None if feedback.stage is None else feedback.stage.value,
            },
            what=f"feedback {feedback.feedback_id}",
            parent=f"interaction {feedback.interaction_id}",
        )

    def feedback(
        self,
        *,
        interaction_id: InteractionId | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[Feedback]:
        rows = tables.feedback.c
        wanted = select(rows.body).order_by(rows.given, rows.sequence)
        if interaction_id is not None:
            wanted = wanted.where(rows.interaction_id == interaction_id)
        if since is not None:
            wanted = wanted.where(rows.given >= since)
        if until is not None:
            wanted = wanted.where(rows.given <= until)
        with self._database.read() as connection:
            return list(connection.scalars(wanted))
