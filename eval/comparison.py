"""Control against treatment on the same questions: paired differences by slice and metric, with intervals and tests."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from eval.intervals import Numbers, tilted
from eval.questions.golden import GUARDS, TARGETS, Case, Slice
from eval.scores.ragas_metrics import LOWER_IS_BETTER
from eval.scores.scorecard import METRICS, Scorecard

ALL_GUARDS = "all guards"
"""The slice of every guard question: what is too few to hold on its own still counts here."""
_DRAWN_AT_ONCE = 1_000_000  # 16 MB

_Two = tuple[float | None, float | None]


class Role(StrEnum):
    """What a slice is for."""

    TARGET = "target"  # should be better
    GUARD = "guard"  # must not be worse
    PART = "stratum"  # a guard too: the questions of one source, language or group of askers


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One metric on one slice. Only questions that are scored on both sides count; without a control, on the one.

    `low` and `high` bound the difference, or where there is no control the mean `after`.
    """

    slice: str  # a `Slice`, ALL_GUARDS, or a part such as "source docs/a.md"
    role: Role
    metric: str
    n: int  # questions scored, in pairs
    clusters: int  # of which wordings of one question count once
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
    parts: Mapping[str, frozenset[str]],
    confidence: float,
    resamples: int,
    seed: int,
) -> list[Comparison]:
    """The comparisons by slice and metric: targets, guards, all guards together, and `parts` of these (name to case
    ids). Those without any question are left out.

    Intervals of the paired differences hold `confidence`, as 0.95 (`intervals.tilted`). Their resamples are of whole
    clusters, as wordings of one question share their fate, and where a slice has questions of several kinds
    (`Case.slice`), of each kind apart. p-values come from the paired permutation test (Fisher, 1935), which turns
    the signs of whole clusters: exact for few, with `resamples` random signs for many. Both are the same for one seed.

    Raises ValueError unless both scorecards hold the same questions.
    """
    if control is not None and control.values.keys() != treatment.values.keys():
        raise ValueError("control and treatment were scored on different questions: pairs need the same ones")
    guards = [case for case in treatment.cases if case.slice in GUARDS]
    slices = [
        _Asked(
            slice=slice,
            role=Role.TARGET if slice in TARGETS else Role.GUARD,
            cases=[case for case in treatment.cases if case.slice is slice],
        )
        for slice in Slice
    ]
    slices.append(_Asked(slice=ALL_GUARDS, role=Role.GUARD, cases=guards))
    slices += [
        _Asked(slice=name, role=Role.PART, cases=[case for case in guards if case.case_id in ids])
        for name, ids in parts.items()
    ]
    sides = [treatment] if control is None else [control, treatment]
    found = [
        comparison
        for asked in slices
        if asked.cases
        for comparison in _compared(asked, sides, confidence=confidence, resamples=resamples, seed=seed)
    ]
    return [comparison for comparison in found if comparison.n + comparison.failed]


def changes(control: Scorecard, treatment: Scorecard, metric: str) -> list[Change]:
    """The questions whose value changed, worst loss first."""
    changed = [
        Change(case_id=case.case_id, before=before, after=after)
        for case in treatment.cases
        for before in [control.values[case.case_id].get(metric)]
        for after in [treatment.values[case.case_id].get(metric)]
        if before is not None and after is not None and before != after
    ]
    return sorted(changed, key=lambda change: (change.after - change.before, change.case_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """The questions of one slice, and what they are for."""

    slice: str
    role: Role
    cases: Sequence[Case]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pairs:
    """One metric's values of a slice's questions, by the row of their cluster."""

    metric: str
    rows: NDArray[np.int64]  # (n,)
    sides: Numbers  # (n, sides): the control's where there is one, then the treatment's
    clusters: int  # of which wordings of one question count once
    failed: int

    @property
    def paired(self) -> bool:
        """Whether there is a control, and a question that is scored on both sides."""
        return self.sides.shape[1] == 2 and bool(len(self.rows))

    @property
    def shift(self) -> Numbers:
        """(n,) What is tested: the difference, or without a control the value."""
        return self.sides[:, -1] - self.sides[:, 0] if self.sides.shape[1] == 2 else self.sides[:, -1]

    def totals(self, clusters: int) -> Numbers:
        """(clusters, 2) The sum of a cluster's shifts, and their number."""
        weights = (self.shift, np.ones(len(self.rows)))
        return np.stack([np.bincount(self.rows, weight, clusters) for weight in weights], axis=1)


def _compared(
    asked: _Asked, sides: Sequence[Scorecard], *, confidence: float, resamples: int, seed: int
) -> list[Comparison]:
    """All metrics of a slice: one draw of clusters and signs serves them all."""
    kinds = sorted({case.slice for case in asked.cases})
    names = sorted(
        {(case.slice, case.cluster) for case in asked.cases}, key=lambda name: (kinds.index(name[0]), name[1])
    )
    row = {name: at for at, name in enumerate(names)}
    sizes = [sum(slice == kind for slice, _ in names) for kind in kinds]
    present = {metric for case in asked.cases for side in sides for metric in side.values[case.case_id]}
    pairs = [_pairs(metric, asked.cases, sides, row) for metric in METRICS if metric in present]
    totals = np.concatenate([pair.totals(len(names)) for pair in pairs], axis=1)
    rng = np.random.default_rng(seed)
    drawn = _drawn(totals, sizes, rng, resamples)
    signed = _signed(totals[:, ::2], rng, resamples)
    columns = [slice(2 * at, 2 * at + 2) for at in range(len(pairs))]
    return [
        _comparison(
            asked,
            pair,
            tilted(totals[:, those], drawn[:, those], sizes, confidence=confidence) if len(pair.rows) else (None, None),
            _p_values(totals[:, those.start], signed[:, at]) if pair.paired else (None, None),
        )
        for at, (pair, those) in enumerate(zip(pairs, columns, strict=True))
    ]


def _pairs(
    metric: str, cases: Sequence[Case], sides: Sequence[Scorecard], row: Mapping[tuple[Slice, str], int]
) -> _Pairs:
    asked = [case for case in cases if all(metric in side.values[case.case_id] for side in sides)]
    values = [[side.values[case.case_id][metric] for side in sides] for case in asked]
    scored = [(case, value) for case, value in zip(asked, values, strict=True) if None not in value]
    return _Pairs(
        metric=metric,
        rows=np.array([row[case.slice, case.cluster] for case, _ in scored], dtype=np.int64),
        sides=np.array([value for _, value in scored], dtype=np.float64).reshape(len(scored), len(sides)),
        clusters=len({case.cluster for case, _ in scored}),
        failed=len(asked) - len(scored),
    )


def _comparison(asked: _Asked, pairs: _Pairs, interval: _Two, p_values: _Two) -> Comparison:
    shift, after, paired = pairs.shift, pairs.sides[:, -1], pairs.paired
    (low, high), (risen, fallen) = interval, p_values
    ups, downs = (int((shift > 0).sum()), int((shift < 0).sum())) if paired else (0, 0)
    if pairs.metric in LOWER_IS_BETTER:
        risen, fallen, ups, downs = fallen, risen, downs, ups
    return Comparison(
        slice=asked.slice,
        role=asked.role,
        metric=pairs.metric,
        n=len(shift),
        clusters=pairs.clusters,
        failed=pairs.failed,
        before=float(pairs.sides[:, 0].mean()) if paired else None,
        after=float(after.mean()) if len(shift) else None,
        difference=float(shift.mean()) if paired else None,
        low=low,
        high=high,
        p_better=risen,
        p_worse=fallen,
        better=ups,
        worse=downs,
    )


def _drawn(totals: Numbers, sizes: Sequence[int], rng: np.random.Generator, resamples: int) -> Numbers:
    """(resamples, columns) The totals of resampled clusters, as many of each kind as there are (`sizes`)."""

    def some(rows: int) -> Numbers:
        return np.concatenate([_times(n, rows, rng) for n in sizes], axis=1) @ totals

    return np.concatenate([some(rows) for rows in _batches(len(totals), resamples)])


def _times(n: int, rows: int, rng: np.random.Generator) -> Numbers:
    """(rows, n) How often each of n is drawn in n draws with replacement: as a multinomial, and much faster."""
    drawn = rng.integers(n, size=(rows, n)) + n * np.arange(rows)[:, None]
    return np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n).astype(np.float64)


def _signed(sums: Numbers, rng: np.random.Generator, resamples: int) -> Numbers:
    """(resamples, columns) The totals where each cluster's sign is a matter of chance."""
    batches = _batches(len(sums), resamples)
    return np.concatenate([(2.0 * rng.integers(0, 2, size=(rows, len(sums))) - 1.0) @ sums for rows in batches])


def _batches(clusters: int, resamples: int) -> list[int]:
    """How many resamples to draw at once, so that the memory stays bounded."""
    at_once = max(1, _DRAWN_AT_ONCE // clusters)
    return [min(at_once, resamples - start) for start in range(0, resamples, at_once)]


def _p_values(sums: Numbers, signed: Numbers) -> tuple[float, float]:
    """How likely a total as high, and one as low, is under the signs of chance."""
    moved = sums[sums != 0.0]  # the sign of nothing changes nothing
    if not len(moved):
        return 1.0, 1.0
    exact = 2.0 ** len(moved) <= len(signed)
    if exact:
        signed = np.array(list(itertools.product((-1.0, 1.0), repeat=len(moved)))) @ moved
    total, near = moved.sum(), 1e-9 * np.abs(moved).sum()
    more, less = int((signed >= total - near).sum()), int((signed <= total + near).sum())
    own, count = (0, len(signed)) if exact else (1, len(signed) + 1)  # the sample itself is one of the arrangements
    return (more + own) / count, (less + own) / count
