"""Topics: questions about much the same that the documents do not surely answer, and what people decide on them.

A topic is found anew each time, in what is recorded then. What is kept of it is what somebody decided, and which
questions that was about: no name, no words, no vectors.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rag_flywheel.domain.checks import aware
from rag_flywheel.domain.ids import CorrectionId, DocumentId, InteractionId


class TopicState(StrEnum):
    """How a topic stands. `BACK` is found, and never decided."""

    OPEN = "open"
    ADDRESSED = "addressed"  # somebody has written what was missing, or says where it stands
    DISMISSED = "dismissed"  # somebody says that nothing is to be done
    BACK = "back again"  # it was addressed or dismissed, and was asked since


class TopicKind(StrEnum):
    """What is wrong with the answers to a topic's questions."""

    MISSING = "content missing"  # no document is known to hold the answer
    NOT_FOUND = "not found"  # a document holds it, and the search did not bring it to the answer
    BAD_ANSWER = "answered badly"  # the search brought it, and people say that the answer is bad
    OFF_TOPIC = "off topic"  # no passage is about it


class AnswerState(StrEnum):
    """How surely a question was answered."""

    SURE = "answered surely"
    DOUBTFUL = "doubtful"
    REFUSED = "refused"


class Trend(StrEnum):
    """How often a topic was asked in the last seven days, beside the seven before them."""

    NEW = "new"  # never before
    RISING = "rising"  # more often, by more than chance makes likely
    STEADY = "steady"
    FALLING = "falling"


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicRuling:
    """What somebody decided on a topic. The latest one counts."""

    ruling_id: str
    topic_id: str
    at: datetime
    state: TopicState
    who: str
    why: str
    document_id: DocumentId | None = None  # that holds the answer
    correction_id: CorrectionId | None = None  # that was handed in to answer it
    members: tuple[InteractionId, ...] = ()  # the questions that it was about, as far as they are kept

    def __post_init__(self) -> None:
        aware("at", self.at)
        if self.state is TopicState.BACK:
            raise ValueError(f"whether a topic is {self.state} is found; it is ruled open, addressed or dismissed")
