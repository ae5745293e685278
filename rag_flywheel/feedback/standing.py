"""How many corrections are in which state, and how many wait for a reviewer: numbers alone."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from rag_flywheel.domain import CorrectionId, CorrectionState, ReviewedCorrection, supersession
from rag_flywheel.feedback.review import waits
from rag_flywheel.feedback.review_counts import QUEUES, queue_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    states: Mapping[CorrectionState, int]  # every state
    queues: Mapping[str, int]  # every queue
    oldest: datetime | None  # when that was handed in which waits longest


def standing(corrections: Sequence[ReviewedCorrection], live: frozenset[CorrectionId]) -> Standing:
    """Of these, of which the live version holds some."""
    replaced = supersession.replaced(corrections)

    def state(entry: ReviewedCorrection) -> CorrectionState:
        name = entry.correction.correction_id
        if entry.verdict_state is CorrectionState.ACCEPTED and name in live:
            return CorrectionState.LIVE
        return CorrectionState.SUPERSEDED if name in replaced else entry.verdict_state

    states, waiting = Counter(map(state, corrections)), [entry for entry in corrections if waits(entry)]
    queues = Counter(map(queue_of, waiting))
    return Standing(
        states={each: states[each] for each in CorrectionState},
        queues={each: queues[each] for each in QUEUES},
        oldest=min((entry.correction.submitted for entry in waiting), default=None),
    )
