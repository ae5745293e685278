"""The least that has to be left out of a candidate so that the guard questions that it lost are back.

What took each of them is told by `cycle.lost_questions`. A question can often be brought back in several ways, and what
is left out brings back several questions: the smallest set is sought, and only as much of it is left out as the gate
cannot bear to lose.

What is left out is chosen by looking at lost questions, which then speak in its favour: `eval.lone_losses` tells which
of them count as lost all the same.
"""

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

from rag_flywheel.cycle.lost_questions import (
    KNOWN,
    LEARNED,
    Again,
    Cause,
    Differences,
    Explained,
    Kind,
    Lost,
    examined,
    explain,
)
from rag_flywheel.domain import Chunk, CorrectionId, DocumentId, InteractionId

REACH = 0.25
"""What every new known question loses where the live version's rule is kept of when one is meant, in questions left
out: that rule may be the narrower one, but none of them is gone."""
NAMED = 10  # ids that a sentence names of one kind

Remedy = frozenset[Cause]


@dataclass(frozen=True, slots=True, kw_only=True)
class Blamed:
    """What took the lost questions that were looked at, and what is to be left out for it."""

    by_question: Mapping[str, tuple[Cause, ...]]  # by case id; none where it is not explained
    corrections: tuple[CorrectionId, ...]  # to be set aside, those that took most first
    confirmed: tuple[InteractionId, ...]  # likewise: known questions of these confirmations
    order: bool  # whether the live version's order of the passages is to be kept
    admission: bool  # whether its rule is to be kept of when a known question is meant
    documents: tuple[DocumentId, ...]  # new or changed, before answers; named, never left out
    vanished: tuple[DocumentId, ...]  # whose passages answered, and are gone or read otherwise
    borne: tuple[str, ...]  # case ids: explained, and still lost, since the gate can bear that
    unexplained: tuple[str, ...]  # case ids
    lost: int  # questions, of which some were not looked at where they are very many

    @property
    def leaves_out(self) -> bool:
        """Whether anything is left out, so that it is worth to ask the gate again."""
        return bool(self.corrections or self.confirmed or self.order or self.admission)

    def taken_by(self, cause: Cause) -> list[str]:
        """The ids of the cases that it took, alone or with others."""
        return [case_id for case_id, causes in self.by_question.items() if cause in causes]


def bearable(questions: int, won: int, *, margin: float, confidence: float) -> int:
    """How many of so many guard questions may be lost, where `won` others are won, for the gate to call them not worse.

    The greatest number with which the lower end of the interval of the mean difference, as a normal distribution has
    it, lies above -`margin`. That is an estimate: the gate decides by its own interval. 0 where not even the first may.
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    borne = 0
    for losses in range(1, questions - won + 1):
        mean = (won - losses) / questions
        if mean - z * sqrt(max((won + losses) / questions - mean**2, 0.0) / questions) <= -margin:
            break
        borne = losses
    return borne


def blame(
    lost: Sequence[Lost], chunks: Sequence[Chunk], differ: Differences, again: Again, *, bearable: int, seed: int
) -> Blamed:
    """What took the lost questions of a candidate of these chunks, and what to leave out so that no more of them stay
    lost than are `bearable`, where that is possible. Raises what `again` raises.
    """
    looked_at = examined(lost, seed=seed)
    explained = explain(looked_at, chunks, differ, again)
    share = len(looked_at) / len(lost) if lost else 1.0
    given = {of.lost.case.case_id: of for of in explained}
    known = len({cause for cause in differ.new.values() if cause.kind in KNOWN})
    left_out = _least(explained, admission=max(1.0, REACH * known), bearable=int(bearable * share))
    by_question = {case_id: _told(of, left_out) for case_id, of in given.items()}
    taken = Counter(cause for causes in by_question.values() for cause in causes)

    def names(kind: Kind, among: Iterable[Cause]) -> list[str]:
        return [cause.name for cause in sorted(among, key=lambda cause: (-taken[cause], cause)) if cause.kind is kind]

    return Blamed(
        by_question=by_question,
        corrections=tuple(CorrectionId(name) for name in names(Kind.CORRECTION, left_out)),
        confirmed=tuple(InteractionId(name) for name in names(Kind.CONFIRMED, left_out)),
        order=Cause(kind=Kind.ORDER) in left_out,
        admission=Cause(kind=Kind.ADMISSION) in left_out,
        documents=tuple(DocumentId(name) for name in names(Kind.DOCUMENT, taken)),
        vanished=tuple(DocumentId(name) for name in names(Kind.VANISHED, taken)),
        borne=tuple(name for name, of in given.items() if of.remedies and not _is_back(of, left_out)),
        unexplained=tuple(case_id for case_id, causes in by_question.items() if not causes),
        lost=len(lost),
    )


def sentences(blamed: Blamed, left_out: Container[str]) -> list[str]:
    """What a report says of it: ids and numbers. `left_out`: the ids of what the next attempt is without."""
    looked_at = len(blamed.by_question)
    told = [f"{looked_at} of {blamed.lost} lost questions were looked at"] if looked_at < blamed.lost else []
    for kind, names in (
        (Kind.CORRECTION, blamed.corrections),
        (Kind.CONFIRMED, blamed.confirmed),
        (Kind.ORDER, ("",) if blamed.order else ()),
        (Kind.ADMISSION, ("",) if blamed.admission else ()),
        (Kind.DOCUMENT, blamed.documents),
        (Kind.VANISHED, blamed.vanished),
    ):
        for name in names:
            number = len(blamed.taken_by(Cause(kind=kind, name=name)))
            done = "it is left out" if name in left_out else _DONE[kind]
            told.append(f"{_WORDS[kind].format(name=name)} took {_lost_questions(number)}: {done}")
    if blamed.borne:
        told.append(f"{_lost_questions(len(blamed.borne))} could be brought back, but so small a loss can be borne")
    if blamed.unexplained:
        more = f" and {len(blamed.unexplained) - NAMED} more" if len(blamed.unexplained) > NAMED else ""
        told.append(
            f"what took {_lost_questions(len(blamed.unexplained))} is not known: "
            f"{', '.join(blamed.unexplained[:NAMED])}{more}"
        )
    return told


_WORDS = {
    Kind.CORRECTION: "the correction {name}",
    Kind.CONFIRMED: "the question that was confirmed in {name}",
    Kind.ORDER: "the order of the passages that was learned",
    Kind.ADMISSION: "the rule that was learned of when a known question is meant",
    Kind.DOCUMENT: "the new or changed document {name}",
    Kind.VANISHED: "that {name} is gone, or reads otherwise,",
}


_DONE = {
    Kind.CORRECTION: "nothing else tells of that, and it stays in",
    Kind.CONFIRMED: "nothing else tells of that, and it stays in",
    Kind.ORDER: "other rankings do without it",
    Kind.ADMISSION: "other rankings do without it",
    Kind.DOCUMENT: "documents are not left out for that",
    Kind.VANISHED: "nothing can be left out for that",
}


def _lost_questions(number: int) -> str:
    return f"{number} lost question{'' if number == 1 else 's'}"


# --- the least that brings them back --------------------------------------------------------------------------------


def _told(of: Explained, left_out: AbstractSet[Cause]) -> tuple[Cause, ...]:
    """The remedy that is taken, else the smallest, else what is only named."""
    by_choice = sorted(of.remedies, key=lambda remedy: (not remedy <= left_out, len(remedy), sorted(remedy)))
    return tuple(sorted(by_choice[0])) if by_choice else of.named


def _is_back(of: Explained, left_out: AbstractSet[Cause]) -> bool:
    return any(remedy <= left_out for remedy in of.remedies)


def _least(explained: Sequence[Explained], *, admission: float, bearable: int) -> AbstractSet[Cause]:
    """What to leave out so that at most `bearable` questions stay lost, as cheaply as a greedy choice finds it
    (Chvatal, Mathematics of Operations Research, 1979). A correction, a confirmed question and the order cost 1 each,
    the rule of when a known question is meant costs `admission`.

    No correction is left out for a question that the order alone brings back: these are seen to when it is clear what
    the others need.
    """
    order = frozenset({Cause(kind=Kind.ORDER)})
    by_order = [of for of in explained if order in of.remedies]
    others = [of for of in explained if of.remedies and order not in of.remedies]
    without_remedy = sum(not of.remedies for of in explained)
    spare = bearable - without_remedy if without_remedy <= bearable else bearable  # where it is too much in any case
    left_out: frozenset[Cause] = frozenset()

    def cost(causes: Iterable[Cause]) -> float:
        return sum(admission if cause.kind is Kind.ADMISSION else 1.0 for cause in causes)

    def still_lost(among: Sequence[Explained], without: Remedy) -> list[Explained]:
        return [of for of in among if not _is_back(of, without)]

    while len(still := still_lost(others, left_out)) > spare:
        remedies = {remedy for of in still for remedy in of.remedies}
        worth = {}
        for remedy in remedies:
            back = {of.lost.case.cluster for of in still if _is_back(of, left_out | remedy)}
            worth[remedy] = len(back) / cost(remedy - left_out)
        best = min(remedies, key=lambda remedy: (-worth[remedy], _dear(remedy), sorted(remedy)))
        left_out |= best
    for cause in sorted(left_out, key=lambda cause: (-cost([cause]), cause)):
        if len(still_lost(others, left_out - {cause})) == len(still):  # what came later does its work
            left_out -= {cause}
    if len(still_lost([*others, *by_order], left_out)) > spare and still_lost(by_order, left_out):
        left_out |= order
    return left_out


def _dear(remedy: Remedy) -> tuple[int, int]:
    """What is worth as much is left out in this order: what was learned before what people said, and as few as
    possible.
    """
    return (sum(cause.kind not in LEARNED for cause in remedy), len(remedy))
