"""How the corrections of a version fare, in six numbers."""

import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from eval.questions.golden import GUARDS, Case, relevant
from eval.scores.scorecard import Reply
from rag_flywheel.domain import CORRECTION_PREFIX, CorrectionId, ReviewedCorrection, VersionRecord, VersionState
from rag_flywheel.domain.probes import Found, Probe

_NORMAL = 1.959964  # standard deviations either side that hold 95%


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A share in 0..1 with its 95% interval, or a time in seconds without one; None where nothing was counted."""

    value: float | None
    n: int  # what it is a share of, or how many times there are
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What became of the corrections."""

    discoverability: Rate  # of the probes, those whose correction was found
    usage: Rate  # of those, the ones whose answer rests on it
    false_trigger_rate: Rate  # of questions that no correction answers, those that one came first for or was cited for
    retention: Rate  # of the oldest corrections, those that their own question still finds
    correction_lag_p50: Rate  # seconds from acceptance to live
    correction_lag_p95: Rate


def rates(
    probes: Sequence[Probe], *, oldest: Container[CorrectionId], false_triggers: Rate, lags: Sequence[float]
) -> Rates:
    """Of probes of one version; `false_triggers` and `lags` are what the functions of these names give."""
    asked = [found for probe in probes for found in probe.all]
    found = [outcome for outcome in asked if outcome is not Found.NOT_FOUND]
    old = [probe.own for probe in probes if probe.correction_id in oldest]
    return Rates(
        discoverability=share(len(found), len(asked)),
        usage=share(found.count(Found.AND_USED), len(found)),
        false_trigger_rate=false_triggers,
        retention=share(len(old) - old.count(Found.NOT_FOUND), len(old)),
        correction_lag_p50=_quantile(lags, 0.5),
        correction_lag_p95=_quantile(lags, 0.95),
    )


def share(count: int, n: int) -> Rate:
    """`count` of `n` with its score interval (Wilson, JASA 1927), which holds near 0 and 1 and for small n too."""
    if not n:
        return Rate(value=None, n=0)
    p, z = count / n, _NORMAL
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Rate(value=p, n=n, low=max(0.0, middle - half), high=min(1.0, middle + half))


def false_triggers(cases: Sequence[Case], replies: Mapping[str, Reply]) -> Rate:
    """Of the guard questions that no correction answers, the share for which a correction comes first or is cited.

    `replies` are one version's, by case id.
    """
    strange = [
        case
        for case in cases
        if case.slice in GUARDS
        and not case.sources_only
        and not any(name.startswith(CORRECTION_PREFIX) for name in case.relevant_documents)
    ]
    return share(sum(_is_triggered(case, replies[case.case_id]) for case in strange), len(strange))


def _is_triggered(case: Case, reply: Reply) -> bool:
    seen = reply.passages[: reply.shown]
    wrong = {
        passage.chunk.document_id
        for passage in seen
        if passage.chunk.is_correction and not relevant(case, passage.chunk)
    }
    named = [
        *(passage.chunk.document_id for passage in seen[:1]),
        *(cited.document_id for cited in reply.draft.citations),
    ]
    return any(name in wrong for name in named)


def lags(
    corrections: Sequence[ReviewedCorrection], records: Sequence[VersionRecord], *, decided: datetime
) -> list[float]:
    """Seconds from each correction's latest acceptance to the first time after it that a version with it became live;
    up to `decided`, when this version was decided on, where that has not been. The corrections are accepted ones.
    """
    accepted = {
        reviewed.correction.correction_id: reviewed.review.reviewed
        for reviewed in corrections
        if reviewed.review is not None
    }
    lived = sorted(
        (at, record.manifest.version_id, record.manifest.corrections)
        for record in records
        for at, state in record.states
        if state is VersionState.LIVE
    )
    first: dict[CorrectionId, datetime] = {}
    for at, _, names in lived:
        for name in names:
            if name in accepted and at >= accepted[name]:
                first.setdefault(name, at)
    return [max(0.0, (first.get(name, decided) - at).total_seconds()) for name, at in accepted.items()]


def _quantile(values: Sequence[float], q: float) -> Rate:
    """The least value that at least the share `q` of them does not exceed."""
    if not values:
        return Rate(value=None, n=0)
    return Rate(value=sorted(values)[math.ceil(q * len(values)) - 1], n=len(values))
