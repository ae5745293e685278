"""Which accepted correction took the place of which. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from rag_flywheel.domain.equivalence import same_question
from rag_flywheel.domain.feedback import CorrectionState, ReviewedCorrection
from rag_flywheel.domain.ids import CORRECTION_PREFIX, CorrectionId


def replaced(corrections: Sequence[ReviewedCorrection]) -> dict[CorrectionId, CorrectionId]:
    """Each accepted correction that another one took the place of, with that other one.

    The newest accepted one wins, by the time of its latest review (then by its id): it replaces those that were
    accepted before it and answer the very same question, or that it names in `supersedes`. A replaced one may have been
    replaced by one that was itself replaced; accepting it again makes it the newest.
    """
    found: dict[CorrectionId, CorrectionId] = {}
    latest: dict[str, CorrectionId] = {}
    before: set[CorrectionId] = set()
    for reviewed in sorted(_accepted(corrections), key=_accepted_at):
        this, question = reviewed.correction.correction_id, same_question(reviewed.correction.question)
        older = (named_by(reviewed) & before) | ({latest[question]} if question in latest else set())
        for name in older:
            found.setdefault(name, this)  # who came first took the place; a third finds it taken
        latest[question] = this
        before.add(this)
    return found


def named_by(reviewed: ReviewedCorrection) -> set[CorrectionId]:
    """The corrections that this one names in `supersedes`."""
    return {
        CorrectionId(span.document_id.removeprefix(CORRECTION_PREFIX))
        for span in reviewed.correction.supersedes
        if span.document_id.startswith(CORRECTION_PREFIX)
    }


def predecessors(
    correction_id: CorrectionId, replaced: Mapping[CorrectionId, CorrectionId]
) -> tuple[CorrectionId, ...]:
    """The corrections whose place this one took, also through others, the latest first."""
    older: dict[CorrectionId, list[CorrectionId]] = defaultdict(list)
    for name, by in replaced.items():
        older[by].append(name)
    found, rest = [], sorted(older[correction_id])
    while rest:
        found += rest
        rest = sorted(name for by in rest for name in older[by])
    return tuple(found)


def _accepted(corrections: Sequence[ReviewedCorrection]) -> list[ReviewedCorrection]:
    return [reviewed for reviewed in corrections if reviewed.verdict_state is CorrectionState.ACCEPTED]


def _accepted_at(reviewed: ReviewedCorrection) -> tuple[datetime, CorrectionId]:
    assert reviewed.review is not None  # only reviewed corrections are accepted
    return reviewed.review.reviewed, reviewed.correction.correction_id
