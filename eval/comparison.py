"""Control against treatment on the same questions: paired differences by slice and metric, with intervals and tests."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.stats import permutation_test

from eval.golden import GUARDS, TARGETS, Case, Slice
from eval.ragas_metrics import LOWER_IS_BETTER
from eval.scoring import METRICS, Scorecard

CONFIDENCE = 0.95
ALL_GUARDS = "all guards"
"""The slice of every guard question: what is too few to hold on its own still counts here."""
_DRAWN_AT_ONCE = 1_000_000  # 16 MB

Numbers = NDArray[np.float64]


class Role(StrEnum):
    """What a slice is for."""

    TARGET = "target"  # should be better
    GUARD = "guard"  # must not be worse
    STRATUM = "stratum"  # a guard too: the questions of one source, language or group of askers


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One metric on one slice. Only questions that are scored on both sides count; without a control, on the one.

    `low` and `high` bound the difference, or where there is no control the mean `after`.
    """

    slice: str  # a `Slice`, ALL_GUARDS, or a stratum such as "source docs/a.md"
    role: Role
    metric: str
    n: int  # questions scored, in pairs
    groups: int  # of which wordings of one question count once
    failed: int  # questions whose scoring failed on either side
    before: float | None  # the control's mean; None without a control, or without pairs
    after: float | None
    difference: float | None  # after - before
    low: float | None
    high: float | None
    p_better: float | None  # one-sided, against no difference; None without pairs
    p_worse: float | None
    better: int  # questions whose value got better: it rose, or fell where lower is better
    worse: int

    @property
    def worst(self) -> float | None:
        """The worse end of the interval, as a gain: below 0 is a loss, whichever way the metric goes."""
        if self.low is None or self.high is None:
            return None
        return -self.high if self.metric in LOWER_IS_BETTER else self.low

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


def compare(
    control: Scorecard | None,
    treatment: Scorecard,
    *,
    strata: Mapping[str, frozenset[str]],
    resamples: int,
    seed: int,
) -> list[Comparison]:
    """The comparisons by slice and metric: targets, guards, all guards together, `strata` (name to case ids) of
    guards. Those without any question are left out.

    Intervals hold 95%: the percentile bootstrap of paired differences (Efron and Tibshirani, 1993, chapter 13). It
    draws whole groups, as wordings of one question share their fate, and where a slice has questions of several kinds
    (`Case.slice`), from each kind apart. p-values come from the paired permutation test (Fisher, 1935), which turns
    the signs of whole groups: exact for few, with `resamples` random signs for many. Both are the same for one seed.

    Raises ValueError unless both scorecards hold the same questions.
    """
    if control is not None and control.values.keys() != treatment.values.keys():
        raise ValueError("control and treatment were scored on different questions: pairs need the same ones")
    guards = [case for case in treatment.cases if case.slice in GUARDS]
    slices: list[tuple[str, Role, Sequence[Case]]] = [
        (slice, Role.TARGET if slice in TARGETS else Role.GUARD, [one for one in treatment.cases if one.slice is slice])
        for slice in Slice
    ]
    slices.append((ALL_GUARDS, Role.GUARD, guards))
    slices += [(name, Role.STRATUM, [one for one in guards if one.case_id in ids]) for name, ids in strata.items()]
    found = [
        _compare(name, role, metric, cases, control, treatment, resamples=resamples, seed=seed)
        for name, role, cases in slices
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
    name: str,
    role: Role,
    metric: str,
    cases: Sequence[Case],
    control: Scorecard | None,
    treatment: Scorecard,
    *,
    resamples: int,
    seed: int,
) -> Comparison:
    sides = [treatment] if control is None else [control, treatment]
    asked = [case for case in cases if all(metric in side.values[case.case_id] for side in sides)]
    rows = [[side.values[case.case_id][metric] for side in sides] for case in asked]
    scored = [(case, row) for case, row in zip(asked, rows, strict=True) if None not in row]
    pairs = np.array([row for _, row in scored], dtype=np.float64).reshape(len(scored), len(sides))
    after = pairs[:, -1]
    shift = after - pairs[:, 0] if control is not None else after
    clusters = _clusters([case for case, _ in scored], shift)
    low, high = _interval(clusters, shift, resamples=resamples, seed=seed)
    paired = control is not None and bool(len(pairs))
    risen, fallen = _p_values(clusters, resamples=resamples, seed=seed) if paired else (None, None)
    ups, downs = (int((shift > 0).sum()), int((shift < 0).sum())) if paired else (0, 0)
    if metric in LOWER_IS_BETTER:
        risen, fallen, ups, downs = fallen, risen, downs, ups
    return Comparison(
        slice=name,
        role=role,
        metric=metric,
        n=len(pairs),
        groups=len({case.group for case, _ in scored}),
        failed=len(asked) - len(scored),
        before=float(pairs[:, 0].mean()) if paired else None,
        after=float(after.mean()) if len(pairs) else None,
        difference=float(shift.mean()) if paired else None,
        low=low,
        high=high,
        p_better=risen,
        p_worse=fallen,
        better=ups,
        worse=downs,
    )


def _clusters(cases: Sequence[Case], values: Numbers) -> list[Numbers]:
    """For each kind of question the groups of it: (groups, 2), the sum of a group's values and their number."""
    kinds: dict[Slice, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for case, value in zip(cases, values.tolist(), strict=True):
        kinds[case.slice][case.group].append(value)
    return [
        np.array([(sum(members), len(members)) for members in groups.values()], dtype=np.float64)
        for groups in kinds.values()
    ]


def _interval(
    clusters: Sequence[Numbers], values: Numbers, *, resamples: int, seed: int
) -> tuple[float | None, float | None]:
    """Percentiles of the resampled mean; (None, None) without values."""
    if not len(values):
        return None, None
    if values.min() == values.max():  # as most metrics of an untouched slice are: every resample has this mean
        return float(values[0]), float(values[0])
    rng = np.random.default_rng(seed)
    drawn = np.sum([_drawn(groups, rng, resamples) for groups in clusters], axis=0)
    means = drawn[:, 0] / drawn[:, 1]
    tail = (1.0 - CONFIDENCE) / 2.0
    low, high = np.quantile(means, [tail, 1.0 - tail])
    return float(low), float(high)


def _drawn(groups: Numbers, rng: np.random.Generator, resamples: int) -> Numbers:
    """The total and the number of values in each resample of whole groups: (resamples, 2)."""
    at_once = max(1, _DRAWN_AT_ONCE // len(groups))
    sizes = [min(at_once, resamples - start) for start in range(0, resamples, at_once)]
    return np.concatenate([groups[rng.integers(len(groups), size=(rows, len(groups)))].sum(axis=1) for rows in sizes])


def _p_values(clusters: Sequence[Numbers], *, resamples: int, seed: int) -> tuple[float, float]:
    """How likely a total as high, and one as low, is where each group's sign is a matter of chance."""
    sums = np.concatenate([groups[:, 0] for groups in clusters])
    sums = sums[sums != 0.0]  # the sign of nothing changes nothing
    if not len(sums):
        return 1.0, 1.0
    if len(sums) == 1:
        return (0.5, 1.0) if sums[0] > 0.0 else (1.0, 0.5)  # the vendor wants two at least
    total: Callable[..., Numbers] = np.sum
    tested = permutation_test(
        (sums,), total, permutation_type="samples", n_resamples=resamples, rng=np.random.default_rng(seed)
    )
    null: Numbers = tested.null_distribution
    exact = 2.0 ** len(sums) <= resamples
    near = 1e-9 * float(np.abs(sums).sum())
    more, less = int((null >= tested.statistic - near).sum()), int((null <= tested.statistic + near).sum())
    own, drawn = (0, len(null)) if exact else (1, len(null) + 1)  # the sample itself is one of the arrangements
    return (more + own) / drawn, (less + own) / drawn
