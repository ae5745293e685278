"""What people agree to: what their texts may be kept and used for, who said so, when, and how."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rag_flywheel.domain.checks import aware


class Purpose(StrEnum):
    """What a person's texts are for. The first is a condition of the others: what is not kept cannot be used."""

    ANSWER = "answer"  # to keep question and answer, so that they can be looked at, explained, rated and corrected
    LEARN = "learn"  # to make later versions of them
    EVALUATE = "evaluate"  # to ask versions the same questions, and to compare what people met


EVERY_PURPOSE = frozenset(Purpose)


class Means(StrEnum):
    """How somebody said so."""

    API = "api"
    PAGE = "page"
    HEADER = "header"  # of a request of OpenAI's form
    METADATA = "metadata"  # of a request of OpenAI's form
    COMMAND = "command"
    RECORD = "record"  # nothing was said with the question: by what the person had said before
    ASSUMED = "assumed"  # nobody said anything, and the settings take that for a yes


class ConsentState(StrEnum):
    """Of the events of a consent record, those of ISO/IEC TS 27560:2023 that happen here."""

    GIVEN = "given"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentEvent:
    """What a person said at one instant, of all that they ask or of one conversation. It is never changed.

    Who gives a purpose gives `answer` with it, and who withdraws that withdraws all.
    """

    event_id: str
    at: datetime
    user: str | None  # pseudonym; None: nobody who was named, in the conversation
    session: str | None  # pseudonym of the one conversation that is meant; None: all of them
    state: ConsentState
    purposes: frozenset[Purpose]
    how: Means
    notice: str  # version of the text that the person had before them; empty: none was named
    said_by: str  # who sent it, for the records

    def __post_init__(self) -> None:
        aware("at", self.at)
        if self.user is None and self.session is None:
            raise ValueError("consent is somebody's: it needs a person or a conversation")
        if not self.purposes:
            raise ValueError("consent is for a purpose, got none")
        if self.state is ConsentState.GIVEN and Purpose.ANSWER not in self.purposes:
            object.__setattr__(self, "purposes", self.purposes | {Purpose.ANSWER})
        if self.state is ConsentState.WITHDRAWN and Purpose.ANSWER in self.purposes:
            object.__setattr__(self, "purposes", EVERY_PURPOSE)
