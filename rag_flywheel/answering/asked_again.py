"""Did it close? A topic's questions, asked of the live version as it is now. Nothing of it is recorded."""

from collections.abc import Sequence
from dataclasses import dataclass

from rag_flywheel.answering.chat import Chat
from rag_flywheel.domain import DocumentId, Draft, Groups, Interaction, Searched, VersionId
from rag_flywheel.domain.insights import answer_state
from rag_flywheel.domain.topics import AnswerState
from rag_flywheel.errors import LanguageModelUnavailable

AT_MOST = 20
"""Questions that are asked again at once: with a language model each of them costs something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedAgain:
    """One question, how surely it was answered, and how surely it is now."""

    question: str
    before: AnswerState
    now: AnswerState
    cited: tuple[DocumentId, ...]  # now, each once, in the order of the citations
    closed: bool  # whether it is answered surely, where it was not, or by other documents than then


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What became of the questions on one version."""

    version: VersionId
    questions: tuple[AskedAgain, ...]


def ask_again(asked: Sequence[Interaction], *, chat: Chat, groups: Groups) -> Replayed:
    """The first AT_MOST questions, each with what both its asker and somebody in `groups` may read.

    Raises NothingLive, Unavailable.
    """
    return Replayed(
        version=chat.searcher().version,
        questions=tuple(_again(before, chat, groups) for before in asked[:AT_MOST]),
    )


def _again(before: Interaction, chat: Chat, groups: Groups) -> AskedAgain:
    both = _both(before.groups, groups)
    searcher, ranking = chat.search(before.query, groups=both)
    searched = Searched(ranking=ranking.passages, refusal=searcher.learned.refusal, groups=both)
    pieces = chat.generator.answer(before.query, ranking.passages[: searcher.shown], searched=searched)
    draft = next(piece for piece in pieces if isinstance(piece, Draft))
    if draft.generator is not None:  # another's answer would be compared with the model's
        raise LanguageModelUnavailable("the language model is away: ask again once `/health` does not name it")
    was = answer_state(answered=before.answered, confidence=before.confidence)
    now = answer_state(answered=draft.answered, confidence=draft.confidence)
    cited = tuple(dict.fromkeys(citation.document_id for citation in draft.citations))
    others = set(cited) != {citation.document_id for citation in before.citations}
    return AskedAgain(
        question=before.query,
        before=was,
        now=now,
        cited=cited,
        closed=now is AnswerState.SURE and (was is not AnswerState.SURE or others),
    )


def _both(groups: Groups, other: Groups) -> Groups:
    if groups is None or other is None:
        return other if groups is None else groups
    return groups & other
