"""Which accepted correction took the place of which. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from rag_flywheel.domain.equivalence import same_question
from rag_flywheel.domain.feedback import CorrectionState, ReviewedCorrection
from rag_flywheel.domain.groups import covers
from rag_flywheel.domain.ids import CORRECTION_PREFIX, CorrectionId


def replaced(
    corrections: Sequence[ReviewedCorrection], questions: Mapping[CorrectionId, str] | None = None
) -> dict[CorrectionId, CorrectionId]:
    """Each accepted correction that another one took the place of, with that other one.

    The newest accepted one wins, by the time of its latest review (then by its id): it replaces those that were
    accepted before it and answer the very same question for the same people, or that it names in `supersedes` if all
    who read those read it, too. A replaced one may have been replaced by one that was itself replaced; accepting it
    again makes it the newest. `questions`: `same_question` of each, where that is known.
    """
    return _places(corrections, {} if questions is None else questions).whole


def partly_replaced(corrections: Sequence[ReviewedCorrection]) -> dict[CorrectionId, tuple[str, ...]]:
    """Each accepted correction that another one takes the place of for some people alone, with their groups.

    Of two that answer the very same question the one for fewer people counts for these, and of two that some people
    may read both the newer one for those. What one group is told never takes away what another one is.
    """
    places = _places(corrections, {})
    return {name: tuple(sorted(groups)) for name, groups in places.some.items() if name not in places.whole}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Places:
    whole: dict[CorrectionId, CorrectionId]
    some: dict[CorrectionId, set[str]]


def _places(corrections: Sequence[ReviewedCorrection], questions: Mapping[CorrectionId, str]) -> _Places:
    places = _Places(whole={}, some=defaultdict(set))
    standing: dict[str, list[CorrectionId]] = defaultdict(list)
    before: dict[CorrectionId, tuple[str, ...]] = {}
    for reviewed in sorted(_accepted(corrections), key=_accepted_at):
        this = reviewed.correction.correction_id
        question = questions.get(this) or same_question(reviewed.correction.question)
        groups = reviewed.correction.groups or ()
        named = named_by(reviewed) & before.keys() if reviewed.correction.supersedes else ()
        for name in sorted(named):
            if covers(groups, before[name]):
                places.whole.setdefault(name, this)  # who came first took the place; a third finds it taken
            else:
                places.some[name] |= set(groups)
        for name in standing[question]:
            if before[name] == groups:
                places.whole.setdefault(name, this)
            elif covers(groups, before[name]):
                places.some[this] |= set(before[name])
            else:
                places.some[name] |= set(groups) & set(before[name] or groups)
        standing[question] = [*(name for name in standing[question] if name not in places.whole), this]
        before[this] = groups
    return places


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
