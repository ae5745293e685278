"""Which corrections stand, and which contradict one another. Pure."""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from rag_flywheel.domain import CorrectionId, CorrectionState, ReviewedCorrection
from rag_flywheel.domain.equivalence import NearIndex, agree, near_index, near_texts, normalised, same_question
from rag_flywheel.domain.supersession import replaced


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """A standing correction that answers the same question, or nearly the same one, otherwise."""

    other: ReviewedCorrection
    same_question: bool  # accepting one of the two supersedes the other; else both stay until one is rejected


Asked = Mapping[str, Mapping[str, tuple[CorrectionId, ...]]]
"""A question's normalised text -> answer -> who gives it, accepted ones first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Corrections that are pending, held or accepted and not replaced, by question, and who replaced the others."""

    every: Mapping[CorrectionId, ReviewedCorrection]  # standing or not, in the order of the ledger
    questions: Mapping[CorrectionId, str]  # `same_question` of every one
    wordings: Mapping[CorrectionId, str]  # of every one: the question's normalised text
    replaced: Mapping[CorrectionId, CorrectionId]  # an accepted correction -> the one that took its place
    corrections: Mapping[CorrectionId, ReviewedCorrection]  # those that stand, in the order of the ledger
    asked: Asked  # by those that stand
    near: NearIndex  # of the normalised texts
    contested: frozenset[CorrectionId]  # those that have `disagreements`


def survey(corrections: Sequence[ReviewedCorrection], before: Standing | None = None) -> Standing:
    """Who stands, by question: what `disagreements` looks through, made once for any number of them. With what was made
    `before` a few of them changed, only what these touch is made anew.
    """
    every = {entry.correction.correction_id: entry for entry in corrections}
    questions = _of_each(every, same_question, {} if before is None else before.questions)
    wordings = _of_each(every, normalised, {} if before is None else before.wordings)
    replaced_by = replaced(corrections, questions)
    standing = {name: entry for name, entry in every.items() if name not in replaced_by and _stands(entry)}
    if before is None:
        touched, asked = set(wordings.values()), dict[str, Mapping[str, tuple[CorrectionId, ...]]]()
    else:
        changed = {name for name, entry in every.items() if before.every.get(name) is not entry}
        changed |= (before.every.keys() - every.keys()) | (before.replaced.keys() ^ replaced_by.keys())
        touched = {known[name] for known in (wordings, before.wordings) for name in changed & known.keys()}
        asked = {text: answers for text, answers in before.asked.items() if text not in touched}
    asked |= _asked({name: entry for name, entry in standing.items() if wordings[name] in touched}, wordings)
    made = Standing(
        every=every,
        questions=questions,
        wordings=wordings,
        replaced=replaced_by,
        corrections=standing,
        asked=asked,
        near=near_index(asked, None if before is None else before.near),
        contested=frozenset(),
    )
    return replace(made, contested=_contested(made, before, touched))


def _of_each(
    every: Mapping[CorrectionId, ReviewedCorrection], key: Callable[[str], str], known: Mapping[CorrectionId, str]
) -> dict[CorrectionId, str]:
    """A key of each one's question, which nothing changes."""
    return {name: known.get(name) or key(entry.correction.question) for name, entry in every.items()}


def _asked(standing: Mapping[CorrectionId, ReviewedCorrection], wordings: Mapping[CorrectionId, str]) -> Asked:
    asked: dict[str, dict[str, list[CorrectionId]]] = defaultdict(lambda: defaultdict(list))
    accepted_first = sorted(standing.items(), key=lambda each: each[1].verdict_state is not CorrectionState.ACCEPTED)
    for name, reviewed in accepted_first:
        asked[wordings[name]][reviewed.answer].append(name)
    return {text: {answer: tuple(names) for answer, names in answers.items()} for text, answers in asked.items()}


def _contested(made: Standing, before: Standing | None, touched: AbstractSet[str]) -> frozenset[CorrectionId]:
    """Of what is as it was before, with all that is near it, the same holds."""
    if before is None:
        return frozenset(name for name in made.corrections if _is_contested(name, made))
    near = (near_texts(text, now.near) for now in (made, before) for text in touched & now.asked.keys())
    around = set(touched).union(*near)
    names = {name for text in around for names in made.asked.get(text, {}).values() for name in names}
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
    text, question = known.wordings[correction_id], known.questions[correction_id]
    for wording in itertools.chain([text], near_texts(text, known.near)):
        for answer, names in known.asked[wording].items():
            if not agree(reviewed.answer, answer):  # it agrees with itself
                for other in (known.corrections[name] for name in names):
                    yield Disagreement(
                        other=other, same_question=known.questions[other.correction.correction_id] == question
                    )


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


def _stands(reviewed: ReviewedCorrection) -> bool:
    return reviewed.verdict_state in (CorrectionState.PENDING, CorrectionState.HELD, CorrectionState.ACCEPTED)
