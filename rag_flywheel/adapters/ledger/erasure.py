"""Forgetting a person: the one place where rows are deleted."""

from sqlalchemy import Text, and_, cast, delete, exists, or_, select, union_all

from rag_flywheel.adapters.ledger import tables
from rag_flywheel.adapters.ledger.database import InDatabase
from rag_flywheel.domain import ItemKind
from rag_flywheel.ports.ledger import Erasure


class SqlErasure(InDatabase, Erasure):
    def erase_user(self, user: str) -> dict[str, int]:
        """Feedback and corrections that others gave on the person's interactions go with those. Counts exposures too,
        remembered replies (those that name an erased row), and sessions.
        """
        asked, given, corrected = tables.interactions.c, tables.feedback.c, tables.corrections.c
        exposed = tables.exposures.c
        theirs = select(asked.interaction_id).where(asked.pseudonym == user)
        of_feedback = or_(given.pseudonym == user, given.interaction_id.in_(theirs))
        of_corrections = or_(corrected.pseudonym == user, corrected.interaction_id.in_(theirs))
        of_exposures = or_(exposed.unit == user, exposed.interaction_id.in_(theirs))
        corrections = select(corrected.correction_id).where(of_corrections)
        names = union_all(theirs, select(given.feedback_id).where(of_feedback), corrections).subquery().c[0]
        suspected = tables.asides.c
        of_asides = or_(
            and_(suspected.kind == ItemKind.QUESTION, suspected.item.in_(theirs)),
            and_(suspected.kind == ItemKind.CORRECTION, suspected.item.in_(corrections)),
        )
        named = exists().where(cast(tables.replies.c.reply, Text).contains('"' + names + '"'))
        signed_in = select(tables.sessions.c.digest).where(tables.sessions.c.pseudonym == user)
        used, ended = tables.session_uses, tables.session_ends
        # A row goes before the one it refers to, and a row that finds others after them.
        steps = {
            "replies": delete(tables.replies).where(named),
            "asides": delete(tables.asides).where(of_asides),
            "reviews": delete(tables.reviews).where(tables.reviews.c.correction_id.in_(corrections)),
            "corrections": delete(tables.corrections).where(of_corrections),
            "feedback": delete(tables.feedback).where(of_feedback),
            "exposures": delete(tables.exposures).where(of_exposures),
            "interactions": delete(tables.interactions).where(asked.pseudonym == user),
            "session_uses": delete(used).where(used.c.digest.in_(signed_in)),
            "session_ends": delete(ended).where(ended.c.digest.in_(signed_in)),
            "sessions": delete(tables.sessions).where(tables.sessions.c.pseudonym == user),
        }
        with self._database.write() as connection:
            # On PostgreSQL others write meanwhile: who refers to these rows from now on waits, and finds them gone.
            connection.execute(theirs.with_for_update())
            connection.execute(corrections.with_for_update())
            return {table: connection.execute(step).rowcount for table, step in steps.items()}
