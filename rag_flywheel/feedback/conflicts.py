"""Which corrections stand, and which contradict one another. Pure."""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

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
    wordings: Mapping[CorrectionId, str]  # of all corrections, standing or not: the question's normalised text
    asked: Mapping[
        str, Mapping[str, tuple[CorrectionId, ...]]
    ]  # a question's normalised text -> answer -> who gives it
    near: NearIndex  # of those texts
    contested: frozenset[CorrectionId]  # those that have `disagreements`


def survey(corrections: Sequence[ReviewedCorrection], before: Standing | None = None) -> Standing:
    """Who stands, by question: what `disagreements` looks through, made once for any number of them. With what was made
    `before` a few of them changed, only what these touch is made anew.
    """
    replaced_by = replaced(corrections)
    wordings = _wordings(corrections, before)
    standing = {
        reviewed.correction.correction_id: reviewed for reviewed in corrections if _stands(reviewed, replaced_by)
    }
    asked: dict[str, dict[str, list[CorrectionId]]] = defaultdict(lambda: defaultdict(list))
    accepted_first = sorted(
        standing.values(), key=lambda reviewed: reviewed.verdict_state is not CorrectionState.ACCEPTED
    )
    for reviewed in accepted_first:
        name = reviewed.correction.correction_id
        asked[wordings[name]][reviewed.answer].append(name)
    made = Standing(
        replaced=replaced_by,
        corrections=standing,
        wordings=wordings,
        asked={text: {answer: tuple(names) for answer, names in answers.items()} for text, answers in asked.items()},
        near=near_index(asked, None if before is None else before.near),
        contested=frozenset(),
    )
    return replace(made, contested=_contested(made, before))


def _wordings(corrections: Sequence[ReviewedCorrection], before: Standing | None) -> dict[CorrectionId, str]:
    known = {} if before is None else before.wordings
    asked = {entry.correction.correction_id: entry.correction.question for entry in corrections}
    return {name: known.get(name) or normalised(question) for name, question in asked.items()}


def _contested(made: Standing, before: Standing | None) -> frozenset[CorrectionId]:
    """Of what is as it was before, with all that is near it, the same holds."""
    if before is None:
        return frozenset(name for name in made.corrections if _is_contested(name, made))
    texts = made.asked.keys() | before.asked.keys()
    changed = {text for text in texts if made.asked.get(text) != before.asked.get(text)}
    near = (near_texts(text, now.near) for now in (made, before) for text in changed & now.asked.keys())
    touched = changed.union(*near)
    names = {name for text in touched for names in made.asked.get(text, {}).values() for name in names}
    kept = (before.contested & made.corrections.keys()) - names
    return kept.union(name for name in names if _is_contested(name, made))


def _is_contested(name: CorrectionId, known: Standing) -> bool:
    return next(disagreements(name, known), None) is not None


def disagreements(correction_id: CorrectionId, known: Standing) -> Iterator[Disagreement]:
    """The standing corrections that contradict this one of the survey, lazily: of its own words first, accepted first.

    None where it does not stand itself. The answers are compared as the reviewer worded them.
    """
    reviewed = known.corrections.get(correction_id)
    if reviewed is None:
        return
    text, question = known.wordings[correction_id], same_question(reviewed.correction.question)
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
    text = known.wordings[correction_id]
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
