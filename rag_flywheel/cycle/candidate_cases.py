"""A candidate's questions: what tuning may learn from, and what the gate tests it on against the live version."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from eval.questions import golden, splits
from eval.questions.golden import TARGETS, Case, Slice
from eval.questions.known_items import Nearby, Rephrase, known_items, neighbours
from eval.questions.rewordings import rewordings
from ingest.learning.pairs import Lesson, Lessons
from ingest.reading.raw import Skipped
from rag_flywheel.domain import (
    Chunk,
    CorrectionId,
    DocumentId,
    Interaction,
    InteractionId,
    Manifest,
    ReviewedCorrection,
)
from rag_flywheel.domain.equivalence import agree
from rag_flywheel.feedback.contradiction import other_negation, other_number


@dataclass(frozen=True, slots=True, kw_only=True)
class FromPeople:
    """Questions whose answer people gave or judged."""

    corrections: Sequence[ReviewedCorrection]  # those that the candidate holds
    confirmed: Sequence[Interaction]
    judged: Sequence[Case]


@dataclass(frozen=True, slots=True, kw_only=True)
class FromCorpus:
    """How questions are made of a version's own passages. Tuning sees neither neighbours nor rewordings."""

    chunks: Sequence[Chunk]
    known_items: int  # at most; as many are made where the corpus gives them
    neighbours: int = 0  # questions about passages that are near a new correction, at most
    near: Sequence[Nearby] = ()  # what is near the new corrections
    reworded: bool = False  # whether other wordings of the new corrections' questions are made
    seed: int
    rephrase: Rephrase | None  # where a language model may word them


def cases(
    people: FromPeople, corpus: FromCorpus, *, control: Manifest | None, skipped: Sequence[Skipped]
) -> list[Case]:
    """Every question whose answer is known, wordings of one question in one cluster.

    Corrections that the control does not hold are the target, the others guards. A judgement of a document that was
    dropped as a duplicate counts for the one that says the same.
    """
    before: set[CorrectionId] = set() if control is None else set(control.corrections)
    new = [reviewed for reviewed in people.corrections if reviewed.correction.correction_id not in before]
    old = [reviewed for reviewed in people.corrections if reviewed.correction.correction_id in before]
    same = {DocumentId(left_out.name): left_out.same_as for left_out in skipped if left_out.same_as is not None}
    target = golden.from_corrections(new, slice=Slice.CORRECTED)
    chunks, seed, rephrase = corpus.chunks, corpus.seed, corpus.rephrase
    items = known_items(chunks, limit=corpus.known_items, seed=seed, rephrase=rephrase)
    found = [
        *target,
        *(rewordings(target, chunks=chunks, seed=seed, rephrase=rephrase) if corpus.reworded else ()),
        *golden.from_corrections(old, slice=Slice.CONFIRMED),
        *golden.by_evidence(new),
        *(replace(case, documents=case.documents | _same(case, same)) for case in people.judged),
        *golden.from_confirmed(people.confirmed),
        *items,
        *neighbours(chunks, corpus.near, known=items, limit=corpus.neighbours, seed=seed, rephrase=rephrase),
    ]
    return _agreeing(golden.with_corrections(splits.clustered(found)), people.corrections)


def asked_by_the_gate(found: Sequence[Case], *, seed: int) -> list[Case]:
    """The cases that the gate asks: the half that tuning does not see, and what is about corrections.

    A corrected question is asked although tuning saw it: that it finds its correction is what was promised. Whether the
    correction stays out of other questions' way is for the others to show, its neighbours first.
    """
    always = (*TARGETS, Slice.NEIGHBOUR)
    return [
        case
        for case in found
        if case.slice in always or _is_correction(case) or not splits.is_tuning(case.cluster, seed=seed)
    ]


def lessons(
    found: Sequence[Case],
    *,
    corrections: Sequence[ReviewedCorrection],
    interaction: Callable[[InteractionId], Interaction],
    weights: Mapping[InteractionId, float],
    seed: int,
) -> Lessons:
    """What the half of the cases that tuning sees teaches, and what all corrections do.

    `weights`: how much to trust that an interaction's answer was good, as `implicit.weights` tells; 1 where none is
    given. The lesson of a confirmed answer weighs that much. The lesson of a correction, which says the contrary of the
    answer, lies as far on the other side of 1.
    """
    by_case = {f"correction:{reviewed.correction.correction_id}": reviewed for reviewed in corrections}
    confirmed = {f"confirmed:{name}": weight for name, weight in weights.items()}
    answerable = [case for case in found if case.answerable and not case.sources_only]
    corrected = {
        case.case_id: _corrected(case, by_case[case.case_id], interaction, weights)
        for case in answerable
        if _is_correction(case)
    }
    seen = [case for case in answerable if splits.is_tuning(case.cluster, seed=seed)]
    others = [_lesson(case, weight=confirmed.get(case.case_id, 1.0)) for case in seen if case.case_id not in corrected]
    ranking = [corrected[case.case_id] for case in seen if case.case_id in corrected]
    return Lessons(corrections=tuple(corrected.values()), others=tuple(others), ranking=(*ranking, *others))


def _is_correction(case: Case) -> bool:
    return case.case_id.startswith("correction:")


def _agreeing(found: Sequence[Case], corrections: Sequence[ReviewedCorrection]) -> list[Case]:
    """The cases, with every correction whose answer says the same as theirs among what answers them.

    Questions of one answer are often labelled apart; a right answer to both is no harm to either.
    """
    return [
        replace(
            case,
            documents=case.documents
            | {reviewed.correction.document_id for reviewed in corrections if _agree(case, reviewed)},
        )
        if not case.sources_only
        else case
        for case in found
    ]


def _agree(case: Case, reviewed: ReviewedCorrection) -> bool:
    """Whether they say the same, which few words tell apart where one has another number or a negation."""
    return (
        case.answerable
        and case.answer is not None
        and agree(case.answer, reviewed.answer)
        and other_number(reviewed.answer, [case.answer], question=case.question) is None
        and other_negation(reviewed.answer, [case.answer]) is None
    )


def _same(case: Case, same: Mapping[DocumentId, DocumentId]) -> frozenset[DocumentId]:
    return frozenset(same[document] for document in case.documents if document in same)


def _lesson(case: Case, *, weight: float) -> Lesson:
    return Lesson(
        question=case.question,
        cluster=case.cluster,
        answer=case.answer,
        documents=case.documents,
        evidence=case.evidence,
        made=case.made,
        weight=weight,
    )


def _corrected(
    case: Case,
    reviewed: ReviewedCorrection,
    interaction: Callable[[InteractionId], Interaction],
    weights: Mapping[InteractionId, float],
) -> Lesson:
    """With the passages that were shown for the question and do not hold the right answer: its hard negatives."""
    asked = interaction(reviewed.correction.interaction_id)
    shown = [place.span for place in asked.ranking[: asked.shown]]
    wrong = tuple(span for span in shown if not any(span.overlaps(right) for right in case.evidence))
    weight = 2.0 - weights.get(asked.interaction_id, 1.0)
    return replace(_lesson(case, weight=weight), rejected=wrong, corrected=True)
