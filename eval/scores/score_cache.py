"""Scores that are kept from one cycle to the next: the live version is not asked again what it was asked before."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version as installed

from eval.questions.golden import Case, judgements
from eval.scores.ragas_metrics import Score
from eval.scores.scorecard import METRICS, Scorecard
from rag_flywheel.domain import Json, VersionId
from rag_flywheel.ports import Cache


def scored(
    cases: Sequence[Case],
    *,
    version: VersionId,
    settings: Mapping[str, Json],
    references: Mapping[str, Sequence[str]],
    cache: Cache,
    score: Callable[[Sequence[Case]], Scorecard],
) -> Scorecard:
    """The scorecard of a version for `cases`, where `score` is asked only for those that are new or have changed.

    A version never changes, so its scores depend on the case, on the `references` that the scorecard takes, and on what
    is no part of a version: give the settings of generator, embedder and judge. A case of which a score failed is
    scored again the next time. What is kept are values under digests. Raises what `cache` and `score` raise.
    """
    shared = [version, settings, installed("rag-flywheel"), installed("ragas"), METRICS]
    keys = {case.case_id: _key(case, references.get(case.case_id, ()), shared) for case in cases}
    found = cache.get(list(keys.values()))
    kept: dict[str, Mapping[str, Score]] = {name: json.loads(found[key]) for name, key in keys.items() if key in found}
    new = [case for case in cases if case.case_id not in kept]
    fresh = score(new).values if new else {}
    whole = {name: scores for name, scores in fresh.items() if None not in scores.values()}
    cache.put({keys[name]: json.dumps(dict(scores)).encode() for name, scores in whole.items()})
    return Scorecard(cases=tuple(cases), values={**kept, **fresh})


def _key(case: Case, texts: Sequence[str], shared: Sequence[object]) -> str:
    """A digest of all that the scores depend on. The slice, the cluster and the like are not: they only sort them."""
    about = [case.question, case.answer, judgements(case), case.answerable, case.sources_only]
    parts = json.dumps([shared, about, list(texts)], sort_keys=True)
    return "scores:" + hashlib.sha256(parts.encode()).hexdigest()
