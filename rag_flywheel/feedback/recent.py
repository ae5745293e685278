"""The newest questions that were not surely answered, read once of the ledger: that takes a millisecond for each."""

import threading
from collections.abc import Mapping
from dataclasses import replace

from rag_flywheel.domain import Interaction, InteractionId, Shown
from rag_flywheel.domain.insights import answer_state
from rag_flywheel.domain.topics import AnswerState
from rag_flywheel.errors import NotFound
from rag_flywheel.ports import Conversations

RECENT = 10_000  # interactions, the newest ones, that gaps and suspects are looked for in
FEW = 200  # interactions that are read one by one; more are read with all the others


class RecentQuestions:
    """Of the RECENT newest answers and refusals those that are not sure, each without its texts but the question and
    without passages that were not shown. What is gone from the ledger is forgotten with the next look. Safe under
    threads.
    """

    def __init__(self) -> None:
        self._known: Mapping[InteractionId, Interaction | None] = {}  # None: it was answered surely
        self._lock = threading.Lock()

    def unsure(self, ledger: Conversations) -> dict[InteractionId, Interaction]:
        with self._lock:
            names = [
                name for answered in (False, True) for name in ledger.interaction_ids(answered=answered, limit=RECENT)
            ]
            known = dict(self._known)
            missing = [name for name in names if name not in known]
            for asked in _many(ledger) if len(missing) > FEW else _each(missing, ledger):
                known[asked.interaction_id] = brief(asked) if is_unsure(asked) else None
            self._known = {name: known[name] for name in names if name in known}
            return {name: asked for name, asked in self._known.items() if asked is not None}


def is_unsure(asked: Interaction) -> bool:
    """Whether it was refused, or answered with doubt."""
    return answer_state(answered=asked.answered, confidence=asked.confidence) is not AnswerState.SURE


def brief(asked: Interaction) -> Interaction:
    """What gaps need of it: no answer, and of the ranking what was shown and what is nearest to the question."""
    kept = {*asked.ranking[: asked.shown], *([max(asked.ranking, key=_nearness)] if asked.ranking else [])}
    return replace(
        asked,
        answer="",
        ranking=tuple(sorted(kept, key=lambda shown: shown.rank)),
        citations=tuple(replace(citation, title="", text="") for citation in asked.citations),
        suggestions=(),
    )


def _nearness(shown: Shown) -> float:
    return shown.scores.dense or shown.scores.question or -1.0


def _many(ledger: Conversations) -> list[Interaction]:
    return [asked for answered in (False, True) for asked in ledger.interactions(answered=answered, limit=RECENT)]


def _each(names: list[InteractionId], ledger: Conversations) -> list[Interaction]:
    found = []
    for name in names:
        try:
            found.append(ledger.interaction(name))
        except NotFound:  # it was deleted just now
            continue
    return found
