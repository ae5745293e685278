"""What somebody decides on a topic: that it is addressed, that nothing is to be done, or that it is open after all."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from rag_flywheel.domain import AuditEntry, DocumentId
from rag_flywheel.domain.topics import TopicRuling, TopicState
from rag_flywheel.errors import InvalidInput
from rag_flywheel.feedback.intake import checked_text
from rag_flywheel.feedback.topics import Topic
from rag_flywheel.ports import Operations, Redactor, Topics

MEMBERS = 20
"""Questions of a topic that a ruling remembers it by: the newest ones."""


class RulingLedger(Operations, Topics, Protocol):
    """Where rulings are recorded, and who made them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What somebody says of a topic, as it comes in."""

    state: TopicState
    who: str
    why: str
    document_id: DocumentId | None = None  # that holds the answer


def rule(
    topic: Topic,
    word: Word,
    *,
    ledger: RulingLedger,
    redactor: Redactor,
    at: datetime,
    new_id: Callable[[], str],
) -> TopicRuling:
    """Record it; the latest one counts. The audit log names the topic and tells no words of it.

    Raises InvalidInput for a state that nobody decides, without a reason, and for a document of a topic that is not
    addressed by it; NotFound where a question of the topic was deleted meanwhile.
    """
    if word.state is TopicState.BACK:
        raise InvalidInput(f"whether a topic is {word.state} is found; say open, addressed or dismissed")
    if word.document_id is not None and word.state is not TopicState.ADDRESSED:
        raise InvalidInput(f"a document that holds the answer goes with the state addressed, got {word.state}")
    ruling = TopicRuling(
        ruling_id=new_id(),
        topic_id=topic.topic_id,
        at=at,
        state=word.state,
        who=redactor.redact(word.who).text,
        why=redactor.redact(checked_text(word.why, "the reason")).text,
        document_id=word.document_id,
        members=topic.interaction_ids[:MEMBERS],
    )
    with ledger.transaction():
        ledger.add_topic_ruling(ruling)
        ledger.add_audit(
            AuditEntry(
                at=at,
                who=ruling.who,
                action=f"topic: {ruling.state}",
                subject=ruling.topic_id,
                detail={"questions": topic.times, "document": ruling.document_id},
            )
        )
    return ruling
