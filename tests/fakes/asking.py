"""Questions to a chat, and a generator that shows what it was given."""

from collections.abc import Iterator, Sequence

from rag_flywheel.answering.chat import Chat, open_chat
from rag_flywheel.domain import Draft, Passage, Question, Searched, Turn
from rag_flywheel.ports import Redactor
from rag_flywheel.services import Services
from tests.fakes.samples import NOON

QUESTION = "How do I put the previous version back?"


class Retelling:
    """A generator that tells every passage it is given, piece by piece, and remembers what it was asked."""

    name = "retelling"

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[str]]] = []
        self.searched: list[Searched | None] = []
        self.rewritten: list[tuple[str, list[str]]] = []

    def masked_by(self, redactor: Redactor) -> "Retelling":
        return self

    def rewrite(self, question: str, history: Sequence[Turn]) -> str:
        self.rewritten.append((question, [turn.text for turn in history]))
        return f"{history[-1].text} {question}" if history else question

    def prepare(self, found: Sequence[Sequence[Passage]]) -> None:
        """Nothing can be done before."""

    def answer(
        self, question: str, passages: Sequence[Passage], *, searched: Searched | None = None
    ) -> Iterator[str | Draft]:
        self.asked.append((question, [passage.chunk.document_id for passage in passages]))
        self.searched.append(searched)
        pieces = [f"{passage.chunk.text} " for passage in passages]
        yield from pieces
        yield Draft(text="".join(pieces), answered=bool(pieces), citations=())


def chat(made: Services) -> Chat:
    return open_chat(made)


def question(
    text: str = QUESTION,
    *,
    user: str | None = None,
    session: str | None = None,
    history: Sequence[Turn] = (),
    consent: bool = True,
    group: str | None = None,
) -> Question:
    return Question(
        text=text, asked=NOON, user=user, session=session, history=tuple(history), consent=consent, group=group
    )
