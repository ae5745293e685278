"""The known questions near a query, and why each was admitted or kept out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rag_flywheel.domain import (
    CORRECTION_PREFIX,
    Admission,
    CorrectionId,
    DocumentId,
    Evidence,
    InteractionId,
    Shown,
)
from rag_flywheel.search.admission import Fitting, is_admitted
from rag_flywheel.search.retrieval import Ranking


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedQuestion:
    """A known question near the query: how well it fitted, and what came of it. See `admission.fits`."""

    correction_id: CorrectionId | None  # the correction that answers it, None where a source passage does
    confirmed: InteractionId | None  # whose confirmed answer it is; None for a correction's own, or as in RankedPassage
    question: str | None  # None where the version could not be searched again
    fit: float | None  # None where it was not above 0 and the version could not be searched again
    cosine: float  # of the query and the known question
    words: float  # Dice coefficient of their terms
    answer: float | None  # cosine of the query and the known question together with its answer, where that is known
    passage: float | None  # the best source passage's cosine, None where that is not known
    lead: float | None  # token by token, over the passage that is nearest so; None as for the passage
    threshold: float | None  # of the fit, None where the version has learned none
    admitted: bool
    reason: str


def correction_of(document: DocumentId) -> CorrectionId | None:
    if not document.startswith(CORRECTION_PREFIX):
        return None
    return CorrectionId(document.removeprefix(CORRECTION_PREFIX))


def judged(ranking: Ranking, admission: Admission | None) -> list[JudgedQuestion]:
    """Every known question that the search found, with what came of it."""
    answers = {fitting.candidate.chunk.span: fitting for fitting in ranking.admitted}
    best = ranking.nearest
    admitted = [
        _question(fitting, best, admission, admitted=True, reason=_admitted(fitting.fit, admission, place))
        for place, fitting in enumerate(ranking.admitted, start=1)
    ]
    kept_out = [
        _question(fitting, best, admission, admitted=False, reason=_kept_out(fitting, best, admission, answers))
        for fitting in ranking.kept_out
    ]
    return admitted + kept_out


def _question(
    fitting: Fitting, best: float | None, admission: Admission | None, *, admitted: bool, reason: str
) -> JudgedQuestion:
    chunk, scores = fitting.candidate.chunk, fitting.candidate.scores
    return JudgedQuestion(
        correction_id=correction_of(chunk.document_id),
        confirmed=chunk.confirmed,
        question=chunk.question,
        fit=fitting.fit,
        cosine=scores.question or 0.0,
        words=scores.words or 0.0,
        answer=scores.answer,
        passage=best,
        lead=fitting.lead,
        threshold=None if admission is None else admission.threshold,
        admitted=admitted,
        reason=reason,
    )


def recorded(ranking: Sequence[Shown], admission: Admission | None) -> list[JudgedQuestion]:
    """The admitted questions, from the record alone: a place that one of them led to has its cosine, and a score that
    is 1 more than its fit, or 1 at least.
    """
    return [
        JudgedQuestion(
            correction_id=correction_of(shown.document_id),
            confirmed=None,
            question=None,
            fit=(fit := shown.score - 1.0 if shown.score > 1.0 else None),
            cosine=shown.scores.question,
            words=shown.scores.words or 0.0,
            answer=shown.scores.answer,
            passage=None,
            lead=None,
            threshold=None if admission is None else admission.threshold,
            admitted=True,
            reason=_admitted(fit, admission, shown.rank),
        )
        for shown in ranking
        if shown.scores.question is not None
    ]


def _admitted(fit: float | None, admission: Admission | None, place: int) -> str:
    where = "its answer stands first" if place == 1 else f"its answer stands at rank {place}"
    if fit is None or admission is None:
        return f"no passage is nearer, and it fits well enough: {where}"
    has, needs = _apart(fit, admission.threshold)
    return f"no passage is nearer, and it fits {has}, above the {needs} that a known question needs: {where}"


def _kept_out(
    fitting: Fitting, best: float | None, admission: Admission | None, answers: Mapping[Evidence, Fitting]
) -> str:
    """`answers` holds the admitted question of each answer: only the best fitting one stands for it."""
    if admission is None:
        return "this version has not learned how well a known question must fit, so it uses none"
    if is_admitted(fitting, admission):
        has, other = _apart(fitting.fit, answers[fitting.candidate.chunk.span].fit)
        better = f"fits better ({other})" if other != has else f"fits as well ({other})"
        return f"it fits well enough ({has}), but another known question comes to the same answer and {better}"
    reasons = []
    if best is not None and fitting.cosine <= best:
        passage, question = _apart(best, fitting.cosine)
        nearer = "nearer to the query ({}) than" if passage != question else "as near to the query ({}) as"
        reasons.append(f"a passage is {nearer.format(passage)} the known question ({question})")
    elif not fitting.nearest:
        reasons.append(f"a passage is nearer to the query token by token, by {-fitting.lead:.2f}")
    if fitting.fit <= admission.threshold:
        has, needs = _apart(fitting.fit, admission.threshold)
        reasons.append(f"it fits {has}, not above the {needs} that a known question needs")
    return ", and ".join(reasons)


def _apart(value: float, other: float) -> tuple[str, str]:
    """Both numbers in two digits after the point, or in as many more as it takes to tell them apart."""
    digits = next((digits for digits in range(2, 6) if round(value, digits) != round(other, digits)), 2)
    return f"{value:.{digits}f}", f"{other:.{digits}f}"
