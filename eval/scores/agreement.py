"""Whether the judge says of recorded answers what people said: raw agreement and Cohen's kappa (Cohen, 1960)."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from eval.questions.golden import Case
from eval.scores import judged_metrics
from eval.scores.judge import Judge
from eval.scores.ragas_metrics import CORRECTNESS, FAITHFULNESS, Sample
from rag_flywheel.domain import CorrectionState, Interaction, ReviewedCorrection
from rag_flywheel.domain.equivalence import normalised
from rag_flywheel.ports import Encoder

GOOD = 0.5
"""The value from which the judge is taken to call an answer good: at least half of what it claims holds."""

_JUDGED = (CORRECTNESS, FAITHFULNESS)
_CONFIRMED = "confirmed:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An answer that somebody was given, and what people said of it."""

    name: str  # of its interaction
    question: str
    answer: str
    cited: tuple[str, ...]  # the texts that it rests on
    reference: str | None  # another answer to the question by people; None where there is none
    good: bool  # confirmed; false: corrected, and the correction was accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Of judge and people, with 95% bootstrap intervals. Kappa is 1 where they always agree and 0 where they agree as
    often as chance would have it; it is None where both said one and the same thing of all answers.
    """

    metric: str  # whose values are the judge's verdicts: from GOOD on an answer is good
    n: int
    raw: float
    raw_interval: tuple[float, float]
    kappa: float | None
    kappa_interval: tuple[float, float] | None


def recorded(
    *,
    confirmed: Sequence[Interaction],
    corrected: Sequence[tuple[ReviewedCorrection, Interaction]],
    cases: Sequence[Case],
) -> list[Recorded]:
    """The answers that both can judge: confirmed ones, and those behind accepted corrections.

    A corrected answer is compared with the correction. A confirmed one is compared with what people answered to its
    question in another of the `cases` of its cluster: compared with itself it would always be right.
    """
    clusters = {case.case_id: case.cluster for case in cases}
    by_people = {
        case.cluster: case.answer
        for case in cases
        if case.answer is not None and not case.made and not case.case_id.startswith(_CONFIRMED)
    }
    good = [
        _recorded(
            interaction,
            by_people.get(clusters.get(f"{_CONFIRMED}{interaction.interaction_id}", normalised(interaction.query))),
            good=True,
        )
        for interaction in confirmed
    ]
    bad = [
        _recorded(interaction, reviewed.answer, good=False)
        for reviewed, interaction in corrected
        if reviewed.verdict_state is CorrectionState.ACCEPTED
    ]
    names = {answer.name for answer in bad}
    known = [
        *(answer for answer in good if answer.name not in names),
        *{answer.name: answer for answer in bad}.values(),
    ]
    return [answer for answer in known if answer.question.strip() and answer.answer.strip()]


def _recorded(interaction: Interaction, reference: str | None, *, good: bool) -> Recorded:
    return Recorded(
        name=str(interaction.interaction_id),
        question=interaction.query,
        answer=interaction.answer if interaction.answered else "",  # of a refusal there is nothing to judge
        cited=tuple(cited.text for cited in interaction.citations),
        reference=reference,
        good=good,
    )


def chosen(answers: Sequence[Recorded], *, limit: int) -> list[Recorded]:
    """At most `limit` of them, as many good as bad ones where there are as many; the same ones every time."""
    order = sorted(answers, key=lambda answer: hashlib.sha256(answer.name.encode()).digest())
    fewer, more = sorted(
        ([answer for answer in order if answer.good], [answer for answer in order if not answer.good]), key=len
    )
    fewer = fewer[: limit // 2]
    return [*fewer, *more[: limit - len(fewer)]]


def with_people(
    answers: Sequence[Recorded],
    *,
    judge: Judge,
    encoder: Encoder,
    resamples: int,
    seed: int,
    on_step: Callable[[int, int], None],
) -> list[Agreement]:
    """For each metric, how far the judge agrees with people on `answers`; one that it scored none of is absent.

    It asks the judge, within its budget and its cache: six requests for an answer with a reference, else two. Give it
    what is `chosen`, after the scorecards, as these need the budget more.
    """
    samples = [_sample(answer) for answer in answers]
    scores = judged_metrics.score(samples, judge=judge, encoder=encoder, names=_JUDGED, on_step=on_step)
    found = []
    for name in _JUDGED:
        values = [(scored[name], answer.good) for scored, answer in zip(scores, answers, strict=True) if name in scored]
        pairs = [(value >= GOOD, good) for value, good in values if value is not None]
        if pairs:
            found.append(agreement(pairs, metric=name, resamples=resamples, seed=seed))
    return found


def _sample(recorded: Recorded) -> Sample:
    return Sample(
        question=recorded.question,
        response=recorded.answer,
        answered=True,
        reference=recorded.reference,
        retrieved_ids=(),
        reference_ids=(),
        retrieved_texts=recorded.cited,
        reference_texts=(),
    )


def agreement(pairs: Sequence[tuple[bool, bool]], *, metric: str, resamples: int, seed: int) -> Agreement:
    """Of (the judge's verdict by `metric`, people's verdict) pairs, at least one. Raises ValueError where none is."""
    if not pairs:
        raise ValueError("agreement needs at least one pair of verdicts, got none")
    counts = np.array([[sum(pair == cell for pair in pairs) for cell in _CELLS]])
    # Drawing pairs with replacement is drawing the four counts.
    drawn = np.random.default_rng(seed).multinomial(len(pairs), counts[0] / len(pairs), size=resamples)
    [raw], [kappa] = _raw(counts), _kappa(counts)
    kappas = _kappa(drawn)
    return Agreement(
        metric=metric,
        n=len(pairs),
        raw=float(raw),
        raw_interval=_interval(_raw(drawn)),
        kappa=float(kappa) if np.isfinite(kappa) else None,
        kappa_interval=_interval(kappas[np.isfinite(kappas)]) if np.isfinite(kappa) else None,
    )


_CELLS = ((True, True), (True, False), (False, True), (False, False))


def _raw(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """(rows,) from (rows, 4)."""
    agreed: npt.NDArray[np.float64] = (counts[:, 0] + counts[:, 3]) / counts.sum(axis=1)
    return agreed


def _kappa(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """(rows,) from (rows, 4); not finite where chance alone agrees always."""
    n = counts.sum(axis=1)
    judge, people = (counts[:, 0] + counts[:, 1]) / n, (counts[:, 0] + counts[:, 2]) / n
    chance = judge * people + (1 - judge) * (1 - people)
    kappa = np.full(len(counts), np.nan)
    np.divide(_raw(counts) - chance, 1 - chance, out=kappa, where=chance < 1)
    return kappa


def _interval(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
