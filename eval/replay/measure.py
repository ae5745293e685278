"""What a replay saw, in numbers: each metric before and after on the same probes, with intervals, method by method."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from rouge_score.rouge_scorer import RougeScorer

from eval.replay.trial import Probe, Seen, Slice, Trial
from eval.scores import metrics
from eval.scores.ragas_metrics import ROUGE_L, SIMILARITY
from rag_flywheel.ports import Encoder

CONFIDENCE = 0.95
HIT = "hit@1"
STRICT = "hit@1 strict"
METRICS = (
    HIT,
    STRICT,
    "hit@5",
    "MRR@10",
    "nDCG@10",
    "recall@10",
    "recall@75",
    "precision@8",
    SIMILARITY,
    ROUGE_L,
)
SLICES: tuple[Slice, ...] = get_args(Slice)
FIRST = "first"
"""The corrected probes whose correction came in the first turn: what was learned first, and may be lost later."""
ANSWERABLE = "answerable"
"""The untouched probes that the sources still answer, where a gap left some without: only these can be harmed."""

_DRAWN_AT_ONCE = 1_000_000  # 8 MB

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sample:
    """The probes of one slice that one method was asked, in every seed."""

    clusters: tuple[str, ...]
    seeds: NDArray[np.int64]  # (n,)
    before: Numbers  # (n, metrics)
    after: Numbers  # (n, metrics)


def measure(trials: Sequence[Trial], *, encoder: Encoder, resamples: int, seed: int) -> dict[str, Any]:
    """The numbers of all trials, as plain JSON values and without NaN; what nothing was asked of is absent.

    - `methods`: {method: {slice: {metric: {before, after, difference, relative, low, high, spread, n}}}}. `relative` is
      difference / before, None where before is 0. `low` and `high` bound the difference: the 95% percentile bootstrap
      that resamples whole questions (Efron and Tibshirani, 1993), as wordings of one question share their fate and a
      probe comes in several seeds. `spread` is the standard deviation of the seeds' differences, 0 with one seed.
      `n` counts probes in all seeds. Where a gap took all documents of an untouched probe, the slice "answerable" has
      the others.
    - `turns`: {method: [{slice: hit@1, "first": hit@1}]} after each turn. `first` counts the corrected probes whose
      correction came in the first turn.
    - `verdicts`: {method: {help, harm, dominated_by}} where both slices were asked: help is the rise of hit@1 on
      corrected probes, harm its fall on untouched ones, or on the answerable ones where a gap left others.
      `dominated_by` names the methods with more help at equal or less harm.
    - `hostile_first`: {method: {slice: share of the probes for which a hostile correction comes first in the end}}.

    Relevant is what is judged so, the accepted correction of the probe's own question, and corrections that agree with
    its gold answer; "hit@1 strict" leaves the last out. Judgements are pooled, as at TREC: what is relevant after is
    so before as well, in the total of recall and in nDCG's ideal too, though it could not be found yet.

    The answer's semantic similarity (Risch et al., 2021, arXiv:2108.06130) and ROUGE-L (Lin, 2004) to the gold answer
    are computed as RAGAS does. Raises KeyError for a trial that did not see one of its probes.
    """
    likeness = _likeness(trials, encoder)
    names = tuple(dict.fromkeys(trial.method for trial in trials))
    by_method = {name: [trial for trial in trials if trial.method == name] for name in names}
    compared = {name: _slices(some, likeness, resamples=resamples, seed=seed) for name, some in by_method.items()}
    return {
        "methods": compared,
        "turns": {name: _turns(some) for name, some in by_method.items()},
        "verdicts": verdicts(compared),
        "hostile_first": {name: _hostile_first(some) for name, some in by_method.items()},
    }


def verdicts(methods: Mapping[str, Mapping[str, Mapping[str, Mapping[str, float]]]]) -> dict[str, dict[str, Any]]:
    """Help against harm, from the `methods` of `measure`."""
    places = {
        name: (slices["corrected"][HIT]["difference"], 0.0 - slices[harmed(slices)][HIT]["difference"])
        for name, slices in methods.items()
        if "corrected" in slices and "untouched" in slices
    }
    return {
        name: {
            "help": help,
            "harm": harm,
            "dominated_by": [
                other for other, (other_help, other_harm) in places.items() if other_help > help and other_harm <= harm
            ],
        }
        for name, (help, harm) in places.items()
    }


def _hostile_first(trials: Sequence[Trial]) -> dict[str, float]:
    """By slice, the share of the probes for which a hostile correction comes first in the end."""
    asked: dict[str, list[bool]] = defaultdict(list)
    for trial in trials:
        for probe in trial.probes if trial.hostile else ():
            ranking = trial.turns[-1][probe.query_id].ranking
            asked[probe.slice].append(bool(ranking) and not trial.hostile.isdisjoint(ranking[0]))
    return {slice: sum(hits) / len(hits) for slice, hits in asked.items()}


def harmed(slices: Mapping[str, object]) -> str:
    """The slice that shows harm: a question that a gap left without an answer has none to lose."""
    return ANSWERABLE if ANSWERABLE in slices else "untouched"


# --- one probe ------------------------------------------------------------------------------------------------------

Likeness = Mapping[tuple[str, str], tuple[float, float]]
"""(answer, gold answer) -> semantic similarity and ROUGE-L."""


def _likeness(trials: Sequence[Trial], encoder: Encoder) -> Likeness:
    """Each text is encoded once, and each pair compared once: most answers come again and again."""
    pairs = dict.fromkeys(
        (seen[probe.query_id].answer, probe.answer)
        for trial in trials
        for seen in (trial.before, trial.turns[-1])
        for probe in trial.probes
    )
    texts = list(dict.fromkeys(text or " " for pair in pairs for text in pair))  # " " as RAGAS has it
    vectors = dict(zip(texts, encoder.encode_documents(texts), strict=True)) if texts else {}
    rouge = RougeScorer(["rougeL"], use_stemmer=True)
    return {
        (answer, gold): (
            float(vectors[answer or " "] @ vectors[gold or " "]),
            float(rouge.score(gold, answer)["rougeL"].fmeasure),
        )
        for answer, gold in pairs
    }


def _hits(probe: Probe, seen: Seen) -> tuple[list[bool], int]:
    """Which places of the ranking are right, and how many right ones there are: documents at one place count once."""
    pool = probe.relevant | probe.agreeing
    right = [sum(document in pool for document in together) for together in seen.ranking]
    return [count > 0 for count in right], len(pool) - sum(count - 1 for count in right if count)


def _scores(probe: Probe, seen: Seen, likeness: Likeness) -> tuple[float, ...]:
    """In the order of METRICS."""
    hits, total = _hits(probe, seen)
    return (
        metrics.hit_at_1(hits),
        metrics.hit_at_1([not probe.relevant.isdisjoint(together) for together in seen.ranking[:1]]),
        metrics.hit_at_k(hits, 5),
        metrics.reciprocal_rank(hits),
        metrics.ndcg_at_10(hits, total),
        metrics.recall_at_k(hits, total, 10),
        metrics.recall_at_k(hits, total, 75),
        metrics.precision_at_k(hits, 8),
        *likeness[seen.answer, probe.answer],
    )


# --- many probes ----------------------------------------------------------------------------------------------------


def _slices(
    trials: Sequence[Trial], likeness: Likeness, *, resamples: int, seed: int
) -> dict[str, dict[str, dict[str, Any]]]:
    gap = any(not probe.answerable for trial in trials for probe in trial.probes if probe.slice == "untouched")
    parts = (*SLICES, ANSWERABLE) if gap else SLICES
    samples = {part: _sample(trials, part, likeness) for part in parts}
    return {
        part: _compared(sample, resamples=resamples, seed=seed) for part, sample in samples.items() if sample.clusters
    }


def _sample(trials: Sequence[Trial], part: str, likeness: Likeness) -> _Sample:
    asked = [(trial, probe) for trial in trials for probe in trial.probes if part in _parts(probe)]
    before = [_scores(probe, trial.before[probe.query_id], likeness) for trial, probe in asked]
    after = [_scores(probe, trial.turns[-1][probe.query_id], likeness) for trial, probe in asked]
    return _Sample(
        clusters=tuple(probe.cluster for _, probe in asked),
        seeds=np.array([trial.seed for trial, _ in asked], dtype=np.int64),
        before=np.array(before, dtype=np.float64).reshape(len(asked), len(METRICS)),
        after=np.array(after, dtype=np.float64).reshape(len(asked), len(METRICS)),
    )


def _compared(sample: _Sample, *, resamples: int, seed: int) -> dict[str, dict[str, Any]]:
    shift = sample.after - sample.before
    lows, highs = _intervals(shift, sample.clusters, resamples=resamples, seed=seed)
    by_seed = np.array([shift[sample.seeds == number].mean(axis=0) for number in np.unique(sample.seeds)])
    spreads = by_seed.std(axis=0, ddof=1) if len(by_seed) > 1 else np.zeros(len(METRICS))
    found = {}
    for at, metric in enumerate(METRICS):
        before, after = float(sample.before[:, at].mean()), float(sample.after[:, at].mean())
        difference = float(shift[:, at].mean())
        found[metric] = {
            "before": before,
            "after": after,
            "difference": difference,
            "relative": difference / before if before else None,
            "low": float(lows[at]),
            "high": float(highs[at]),
            "spread": float(spreads[at]),
            "n": len(shift),
        }
    return found


def _intervals(shift: Numbers, clusters: Sequence[str], *, resamples: int, seed: int) -> tuple[Numbers, Numbers]:
    """Percentiles of the mean over the probes of clusters that are drawn with replacement: (metrics,) each."""
    _, of = np.unique(clusters, return_inverse=True)
    sizes = np.bincount(of).astype(np.float64)
    sums = np.stack([np.bincount(of, weights=column) for column in shift.T], axis=1)
    rng = np.random.default_rng(seed)
    at_once = max(1, _DRAWN_AT_ONCE // len(sizes))
    chunks = [min(at_once, resamples - start) for start in range(0, resamples, at_once)]
    even = np.full(len(sizes), 1.0 / len(sizes))
    drawn = (rng.multinomial(len(sizes), even, size=rows).astype(np.float64) for rows in chunks)
    means = np.concatenate([times @ sums / (times @ sizes)[:, None] for times in drawn])
    tail = (1.0 - CONFIDENCE) / 2.0
    low, high = np.quantile(means, [tail, 1.0 - tail], axis=0)
    return low, high


def _turns(trials: Sequence[Trial]) -> list[dict[str, float]]:
    """After each turn that all trials have, the mean hit@1 by slice."""
    return [_curves(trials, turn) for turn in range(min((len(trial.turns) for trial in trials), default=0))]


def _curves(trials: Sequence[Trial], turn: int) -> dict[str, float]:
    hits: dict[str, list[float]] = defaultdict(list)
    for trial in trials:
        for probe in trial.probes:
            hit = metrics.hit_at_1(_hits(probe, trial.turns[turn][probe.query_id])[0])
            for part in _parts(probe):
                hits[part].append(hit)
    return {part: float(np.mean(hits[part])) for part in (*SLICES, FIRST) if part in hits}


def _parts(probe: Probe) -> Iterable[str]:
    """The slices that a probe counts in."""
    yield probe.slice
    if probe.slice == "corrected" and probe.turn == 1:
        yield FIRST
    if probe.slice == "untouched" and probe.answerable:
        yield ANSWERABLE
