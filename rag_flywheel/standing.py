"""Which corrections stand, which replaced which, and which contradict one another. Pure."""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from rag_flywheel.domain import CORRECTION_PREFIX, CorrectionId, CorrectionState, ReviewedCorrection
from rag_flywheel.wording import NearIndex, agree, near_index, near_texts, normalised, same_question


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """A standing correction that answers the same question, or nearly the same one, otherwise."""

    other: ReviewedCorrection
    same_question: bool  # accepting one of the two supersedes the other; else both stay until one is rejected


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Corrections that are pending or accepted and not replaced, by question, and who replaced the others."""

    replaced: Mapping[CorrectionId, CorrectionId]  # an accepted correction -> the one that took its place
    corrections: Mapping[CorrectionId, ReviewedCorrection]  # those that stand, in the order of the ledger
    asked: Mapping[
        str, Mapping[str, tuple[CorrectionId, ...]]
    ]  # a question's normalised text -> answer -> who gives it
    near: NearIndex  # of those texts


def replaced(reviewed: Sequence[ReviewedCorrection]) -> dict[CorrectionId, CorrectionId]:
    """Each accepted correction that another one took the place of, with that other one.

    The newest accepted one wins, by the time of its latest review (then by its id): it replaces those that were
    accepted before it and answer the very same question, or that it names in `supersedes`. A replaced one may have been
    replaced by one that was itself replaced; accepting it again makes it the newest.
    """
    found: dict[CorrectionId, CorrectionId] = {}
    latest: dict[str, CorrectionId] = {}
    before: set[CorrectionId] = set()
    for one in sorted(_accepted(reviewed), key=_accepted_at):
        this, question = one.correction.correction_id, same_question(one.correction.question)
        older = (named_by(one) & before) | ({latest[question]} if question in latest else set())
        for name in older:
            found.setdefault(name, this)  # who came first took the place; a third finds it taken
        latest[question] = this
        before.add(this)
    return found


def named_by(one: ReviewedCorrection) -> set[CorrectionId]:
    """The corrections that this one names in `supersedes`."""
    return {
        CorrectionId(span.document_id.removeprefix(CORRECTION_PREFIX))
        for span in one.correction.supersedes
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


def survey(reviewed: Sequence[ReviewedCorrection]) -> Standing:
    """Who stands, by question: what `disagreements` looks through, made once for any number of them."""
    gone = replaced(reviewed)
    standing = {one.correction.correction_id: one for one in reviewed if _stands(one, gone)}
    asked: dict[str, dict[str, list[CorrectionId]]] = defaultdict(lambda: defaultdict(list))
    for one in sorted(standing.values(), key=lambda one: one.review is None):  # accepted ones are found first
        asked[normalised(one.correction.question)][one.answer].append(one.correction.correction_id)
    return Standing(
        replaced=gone,
        corrections=standing,
        asked={text: {answer: tuple(names) for answer, names in answers.items()} for text, answers in asked.items()},
        near=near_index(asked),
    )


def disagreements(correction_id: CorrectionId, known: Standing) -> Iterator[Disagreement]:
    """The standing corrections that contradict this one of the survey, lazily: of its own words first, accepted first.

    None where it does not stand itself. The answers are compared as the reviewer worded them.
    """
    one = known.corrections.get(correction_id)
    if one is None:
        return
    text, question = normalised(one.correction.question), same_question(one.correction.question)
    for wording in itertools.chain([text], near_texts(text, known.near)):
        for answer, names in known.asked[wording].items():
            if not agree(one.answer, answer):  # it agrees with itself
                for other in (known.corrections[name] for name in names):
                    yield Disagreement(other=other, same_question=same_question(other.correction.question) == question)


def _accepted(reviewed: Sequence[ReviewedCorrection]) -> list[ReviewedCorrection]:
    return [one for one in reviewed if one.verdict_state is CorrectionState.ACCEPTED]


def _accepted_at(one: ReviewedCorrection) -> tuple[datetime, CorrectionId]:
    assert one.review is not None  # only reviewed corrections are accepted
    return one.review.reviewed, one.correction.correction_id


def _stands(one: ReviewedCorrection, gone: Mapping[CorrectionId, CorrectionId]) -> bool:
    return one.correction.correction_id not in gone and one.verdict_state in (
        CorrectionState.PENDING,
        CorrectionState.ACCEPTED,
    )
