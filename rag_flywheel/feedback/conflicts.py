"""Which corrections stand, and which contradict one another. Pure."""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rag_flywheel.domain import CorrectionId, CorrectionState, ReviewedCorrection
from rag_flywheel.domain.equivalence import NearIndex, agree, near_index, near_texts, normalised, same_question
from rag_flywheel.domain.supersession import replaced


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """A standing correction that answers the same question, or nearly the same one, otherwise."""

    other: ReviewedCorrection
    same_question: bool  # accepting one of the two supersedes the other; else both stay until one is rejected


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Corrections that are pending, held or accepted and not replaced, by question, and who replaced the others."""

    replaced: Mapping[CorrectionId, CorrectionId]  # an accepted correction -> the one that took its place
    corrections: Mapping[CorrectionId, ReviewedCorrection]  # those that stand, in the order of the ledger
    asked: Mapping[
        str, Mapping[str, tuple[CorrectionId, ...]]
    ]  # a question's normalised text -> answer -> who gives it
    near: NearIndex  # of those texts


def survey(corrections: Sequence[ReviewedCorrection]) -> Standing:
    """Who stands, by question: what `disagreements` looks through, made once for any number of them."""
    replaced_by = replaced(corrections)
    standing = {
        reviewed.correction.correction_id: reviewed for reviewed in corrections if _stands(reviewed, replaced_by)
    }
    asked: dict[str, dict[str, list[CorrectionId]]] = defaultdict(lambda: defaultdict(list))
    accepted_first = sorted(
        standing.values(), key=lambda reviewed: reviewed.verdict_state is not CorrectionState.ACCEPTED
    )
    for reviewed in accepted_first:
        asked[normalised(reviewed.correction.question)][reviewed.answer].append(reviewed.correction.correction_id)
    return Standing(
        replaced=replaced_by,
        corrections=standing,
        asked={text: {answer: tuple(names) for answer, names in answers.items()} for text, answers in asked.items()},
        near=near_index(asked),
    )


def disagreements(correction_id: CorrectionId, known: Standing) -> Iterator[Disagreement]:
    """The standing corrections that contradict this one of the survey, lazily: of its own words first, accepted first.

    None where it does not stand itself. The answers are compared as the reviewer worded them.
    """
    reviewed = known.corrections.get(correction_id)
    if reviewed is None:
        return
    text, question = normalised(reviewed.correction.question), same_question(reviewed.correction.question)
    for wording in itertools.chain([text], near_texts(text, known.near)):
        for answer, names in known.asked[wording].items():
            if not agree(reviewed.answer, answer):  # it agrees with itself
                for other in (known.corrections[name] for name in names):
                    yield Disagreement(other=other, same_question=same_question(other.correction.question) == question)


def agreements(correction_id: CorrectionId, known: Standing) -> Iterator[ReviewedCorrection]:
    """The other standing corrections that say the same to the very question, or nearly the same one, lazily."""
    reviewed = known.corrections.get(correction_id)
    if reviewed is None:
        return
    text = normalised(reviewed.correction.question)
    for wording in itertools.chain([text], near_texts(text, known.near)):
        for answer, names in known.asked[wording].items():
            if agree(reviewed.answer, answer):
                yield from (known.corrections[name] for name in names if name != correction_id)


def _stands(reviewed: ReviewedCorrection, replaced_by: Mapping[CorrectionId, CorrectionId]) -> bool:
    return reviewed.correction.correction_id not in replaced_by and reviewed.verdict_state in (
        CorrectionState.PENDING,
        CorrectionState.HELD,
        CorrectionState.ACCEPTED,
    )
