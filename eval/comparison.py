"""Control against treatment on the same questions: paired differences by slice and metric, with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eval.golden import Slice
from eval.ragas_metrics import Score
from eval.scoring import METRICS, Scorecard

CONFIDENCE = 0.95
_DRAWN_AT_ONCE = 1_000_000  # 16 MB


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One metric on one slice. Only questions that are scored on both sides count; without a control, on the one.

    `low` and `high` bound the difference, or where there is no control the mean `after`.
    """

    slice: Slice
    metric: str
    n: int  # questions scored, in pairs
    failed: int  # questions whose scoring failed on either side
    before: float | None  # the control's mean; None without a control, or without pairs
    after: float | None
    difference: float | None  # after - before
    low: float | None
    high: float | None
    better: int  # questions whose value rose
    worse: int  # questions whose value fell

    @property
    def coverage(self) -> float:
        """The share of questions that could be scored; 1 where the metric applies to none."""
        return self.n / (self.n + self.failed) if self.n + self.failed else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A question whose value of a metric differs between the versions."""

    case_id: str
    before: float
    after: float


def compare(control: Scorecard | None, treatment: Scorecard, *, resamples: int, seed: int) -> list[Comparison]:
    """The comparisons by slice and metric, in the order of their declaration; those without any question are left out.

    95% intervals by the paired percentile bootstrap (Efron and Tibshirani, 1993, chapter 13), the same for one seed.
    Raises ValueError unless both scorecards hold the same questions.
    """
    if control is not None and control.values.keys() != treatment.values.keys():
        raise ValueError("control and treatment were scored on different questions: pairs need the same ones")
    found = [
        _compare(slice, metric, control, treatment, resamples=resamples, seed=seed)
        for slice in Slice
        for metric in METRICS
    ]
    return [one for one in found if one.n + one.failed]


def changes(control: Scorecard, treatment: Scorecard, metric: str) -> list[Change]:
    """The questions whose value changed, worst loss first."""
    changed = [
        Change(case_id=case.case_id, before=before, after=after)
        for case in treatment.cases
        for before in [control.values[case.case_id].get(metric)]
        for after in [treatment.values[case.case_id].get(metric)]
        if before is not None and after is not None and before != after
    ]
    return sorted(changed, key=lambda one: (one.after - one.before, one.case_id))


def _compare(
    slice: Slice, metric: str, control: Scorecard | None, treatment: Scorecard, *, resamples: int, seed: int
) -> Comparison:
    sides = [treatment] if control is None else [control, treatment]
    rows = [
        [side.values[case.case_id][metric] for side in sides]
        for case in treatment.cases
        if case.slice is slice and all(metric in side.values[case.case_id] for side in sides)
    ]
    complete = [row for row in rows if None not in row]
    pairs = _array(complete, len(sides))
    after = pairs[:, -1]
    shift = after - pairs[:, 0] if control is not None else after
    low, high = _interval(shift, resamples=resamples, seed=seed)
    paired = control is not None and bool(len(pairs))
    return Comparison(
        slice=slice,
        metric=metric,
        n=len(pairs),
        failed=len(rows) - len(complete),
        before=float(pairs[:, 0].mean()) if paired else None,
        after=float(after.mean()) if len(pairs) else None,
        difference=float(shift.mean()) if paired else None,
        low=low,
        high=high,
        better=int((shift > 0).sum()) if paired else 0,
        worse=int((shift < 0).sum()) if paired else 0,
    )


def _array(rows: Sequence[Sequence[Score]], columns: int) -> NDArray[np.float64]:
    return np.array(rows, dtype=np.float64).reshape(len(rows), columns)


def _interval(values: NDArray[np.float64], *, resamples: int, seed: int) -> tuple[float | None, float | None]:
    """Percentiles of the resampled mean; (None, None) without values."""
    if not len(values):
        return None, None
    if values.min() == values.max():  # as most metrics of an untouched slice are: every resample has this mean
        return float(values[0]), float(values[0])
    rng = np.random.default_rng(seed)
    at_once = max(1, _DRAWN_AT_ONCE // len(values))
    sizes = [min(at_once, resamples - start) for start in range(0, resamples, at_once)]
    means = np.concatenate([values[rng.integers(len(values), size=(rows, len(values)))].mean(axis=1) for rows in sizes])
    tail = (1.0 - CONFIDENCE) / 2.0
    low, high = np.quantile(means, [tail, 1.0 - tail])
    return float(low), float(high)
