"""What a version learns: when a correction applies, how to weigh the channels, and a reranker.

Each part is adopted only where questions that it did not learn from say so; else the version keeps the untuned
ranking, and a note says what was tried.
"""

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from ingest.pairs import Lesson, pairs, same_subject
from rag_flywheel.config import Reranker as RerankerSettings
from rag_flywheel.domain import LearnedRanking, Passage
from rag_flywheel.ports import Cache, Reranker, RerankerStore, Vectors
from rag_flywheel.retrieval import FEATURES, RERANK, Searcher, features, fuse, retrieve_by_vector

FOLDS = 5
ERRORS = 2.0  # standard errors by which a learned ranking must beat the untuned one
PAIRS_AT_MOST = 400  # those of corrections come first; half a minute of training on two cores
HELD_AT_MOST = 40  # questions that judge the reranker: each has all its candidates scored


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """What was learned, and what a reader of the report should know of it."""

    learned: LearnedRanking
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Example:
    """A question's candidates as features, with which of them answer it."""

    group: str
    values: NDArray[np.float64]  # (candidates, len(FEATURES))
    relevant: NDArray[np.bool_]  # (candidates,)


def admission_threshold(
    corrections: Sequence[Lesson], others: Sequence[Lesson], vectors: dict[str, Vectors], *, error: float
) -> float | None:
    """The cosine above which a correction is shown; None where there is no correction, or nothing to calibrate on.

    Split conformal calibration (Vovk et al., 2005; Angelopoulos and Bates, 2021, arXiv:2107.07511): of questions known
    to be about something else, at most a share `error` has a corrected question this near. Such questions are the
    `others`, and each corrected question against the other corrections. Questions made from the corpus do not count:
    they lie further off than those that people ask. With fewer than 1/error - 1 asked ones nothing can be promised, and
    the threshold is the largest margin: half-way between the nearest question about something else, made ones too, and
    the corrected question itself. `vectors` holds each question's unit vector.
    """
    asked: list[float] = []
    made: list[float] = []
    for lesson in [*corrections, *others]:
        strange = [vectors[one.question] for one in corrections if one is not lesson and not same_subject(one, lesson)]
        if strange:
            cosine = float(np.max(np.stack(strange) @ vectors[lesson.question]))
            (made if lesson.made else asked).append(cosine)
    if len(asked) < 1.0 / error - 1.0:
        nearest = max([*asked, *made], default=None)
        return None if nearest is None else (1.0 + nearest) / 2.0
    place = min(math.ceil((len(asked) + 1) * (1.0 - error)), len(asked))
    return sorted(asked)[place - 1]


def learn(
    corrections: Sequence[Lesson],
    others: Sequence[Lesson],
    ranking: Sequence[Lesson],
    *,
    searcher: Searcher,
    store: RerankerStore,
    cache: Cache,
    settings: RerankerSettings,
    admission_error: float,
    on_step: Callable[[int, int], None],
) -> Tuned:
    """Learn from lessons on one untuned version.

    `corrections` are those that the version holds, each a lesson; with the `others` they calibrate admission. `ranking`
    are the lessons that fusion and reranker may learn from: none whose group the gate will test.
    """
    questions = sorted({lesson.question for lesson in [*corrections, *others, *ranking]})
    encoded = searcher.encoder.encode_queries(questions)
    vectors = dict(zip(questions, encoded, strict=True))
    admission = admission_threshold(corrections, others, vectors, error=admission_error)
    notes = [_admission_note(len(corrections), admission)]
    real = [lesson for lesson in ranking if not lesson.made and (lesson.documents or lesson.evidence)]
    groups = {lesson.group for lesson in real}
    if len(groups) < settings.minimum_groups:
        notes.append(
            f"ranking left as it is: {len(groups)} questions with a known answer, {settings.minimum_groups} needed"
        )
        return Tuned(learned=LearnedRanking(admission=admission), notes=tuple(notes))

    def rank(question: str) -> list[Passage]:
        return retrieve_by_vector(question, vectors[question], searcher=searcher)

    fusion, note = _fusion(_examples(real, rank), without=(RERANK,), baseline={})
    notes.append(f"fusion: {note}")
    learned = LearnedRanking(admission=admission, fusion=fusion)
    reranker, note = _reranker(real, rank, learned, store=store, cache=cache, settings=settings, on_step=on_step)
    notes.append(f"reranker: {note}")
    return Tuned(learned=reranker, notes=tuple(notes))


def _reranker(
    real: Sequence[Lesson],
    rank: Callable[[str], list[Passage]],
    learned: LearnedRanking,
    *,
    store: RerankerStore,
    cache: Cache,
    settings: RerankerSettings,
    on_step: Callable[[int, int], None],
) -> tuple[LearnedRanking, str]:
    """`learned` with a tuned reranker where it ranks held-out questions better, else `learned` as it is.

    What came of the same pairs and held-out rankings before, adopted or not, is not worked out again.
    """
    held = {group for group in {lesson.group for lesson in real} if _unit(group, settings.seed) < 1 / 3}
    training = pairs([one for one in real if one.group not in held], rank, negatives=settings.negatives)
    if not training or not held:
        return learned, "not tuned: no question's known answer was among its passages"
    training = training[:PAIRS_AT_MOST]
    judging = [one for one in real if one.group in held][:HELD_AT_MOST]
    found = {lesson.question: rank(lesson.question) for lesson in judging}
    recipe = [
        settings.model_dump(mode="json"),
        [(pair.query, pair.text, pair.relevant) for pair in training],
        [[(one.chunk.text, one.scores.dense, one.scores.sparse) for one in passages] for passages in found.values()],
        dict(learned.fusion),
    ]
    key = "reranker:" + hashlib.sha256(json.dumps(recipe).encode()).hexdigest()
    outcome = json.loads(cache.get([key]).get(key, b"null"))
    if outcome is None or not (outcome["digest"] is None or store.has(outcome["digest"])):
        digest = store.tune(training, seed=settings.seed, on_step=on_step)
        model = store.load(digest)
        examples = _examples(judging, lambda question: _scored(question, found[question], model, settings.candidates))
        fusion, note = _fusion(examples, without=(), baseline=learned.fusion)
        outcome = {"digest": digest if fusion else None, "fusion": fusion, "note": note}
        cache.put({key: json.dumps(outcome).encode()})
    if outcome["digest"] is None:
        return learned, f"tuned on {len(training)} pairs and left out: {outcome['note']}"
    adopted = replace(learned, fusion=outcome["fusion"], reranker=outcome["digest"])
    return adopted, f"tuned on {len(training)} pairs and used: {outcome['note']}"


def _scored(question: str, passages: Sequence[Passage], model: Reranker, candidates: int) -> list[Passage]:
    """The passages, the first `candidates` of them with the reranker's score."""
    scores = model.score(question, [passage.chunk.text for passage in passages[:candidates]])
    scored = [
        replace(one, scores=replace(one.scores, rerank=float(score)))
        for one, score in zip(passages[:candidates], scores, strict=True)
    ]
    return [*scored, *passages[candidates:]]


def _examples(lessons: Iterable[Lesson], rank: Callable[[str], Sequence[Passage]]) -> list[_Example]:
    """The questions that have passages with and without the answer: the others teach an order nothing."""
    made = []
    for lesson in lessons:
        passages = [passage for passage in rank(lesson.question) if not passage.chunk.is_correction]
        relevant = np.array([lesson.answered_by(passage.chunk) for passage in passages])
        if relevant.any() and not relevant.all():
            made.append(
                _Example(group=lesson.group, values=features([one.scores for one in passages]), relevant=relevant)
            )
    return made


def _fusion(
    examples: Sequence[_Example], *, without: Sequence[str], baseline: Mapping[str, float]
) -> tuple[dict[str, float], str]:
    """Logistic weights of the features where they beat `baseline` on folds not learned from, else none, and why.

    With the reranker they must beat weights learned without it too: else its features would be praised for the others'.
    "Beat": the mean gain in reciprocal rank over the questions exceeds ERRORS standard errors. One, the usual rule
    (Breiman et al., 1984), adopted weights learned from pure noise in 21% of 120 simulated corpora of 40 questions.
    """
    used = [at for at, name in enumerate(FEATURES) if name not in without]
    groups = [example.group for example in examples]
    if len(set(groups)) < FOLDS:
        return {}, f"only {len(set(groups))} questions whose answer was found, {FOLDS} needed"
    before = np.array([_reciprocal_rank(example, baseline) for example in examples])
    if RERANK not in without:
        rival = _cross_validated(examples, [at for at in used if FEATURES[at] != RERANK])
        before = max(before, rival, key=np.mean)
    after = _cross_validated(examples, used)
    gain = after - before
    error = float(gain.std(ddof=1) / math.sqrt(len(gain)))
    note = (
        f"reciprocal rank on {len(examples)} held-out questions {before.mean():.3f} before, {after.mean():.3f} after "
        f"(standard error of the difference {error:.3f})"
    )
    return (_fit(examples, used), note) if gain.mean() > ERRORS * error else ({}, f"untuned is as good: {note}")


def _cross_validated(examples: Sequence[_Example], used: Sequence[int]) -> NDArray[np.float64]:
    """The reciprocal rank of each question by weights learned from the other folds; no group is in two."""
    ranks = np.zeros(len(examples))
    for train, test in GroupKFold(FOLDS).split(examples, groups=[example.group for example in examples]):
        weights = _fit([examples[at] for at in train], used)
        for at in test:
            ranks[at] = _reciprocal_rank(examples[at], weights)
    return ranks


def _fit(examples: Sequence[_Example], used: Sequence[int]) -> dict[str, float]:
    model = LogisticRegression(C=1.0, class_weight="balanced", max_iter=1000)
    values = np.concatenate([example.values for example in examples])[:, list(used)]
    model.fit(values, np.concatenate([example.relevant for example in examples]))
    return {FEATURES[at]: float(weight) for at, weight in zip(used, model.coef_[0], strict=True)}


def _reciprocal_rank(example: _Example, fusion: Mapping[str, float]) -> float:
    order = np.argsort(-fuse(example.values, fusion), kind="stable")
    return 1.0 / (1.0 + float(np.argmax(example.relevant[order])))


def _unit(group: str, seed: int) -> float:
    """A number in 0..1 that the group's name and the seed decide."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{group}".encode()).digest()[:8]) / 2**64


def _admission_note(corrections: int, threshold: float | None) -> str:
    if not corrections:
        return "no correction to admit"
    if threshold is None:
        return f"{corrections} corrections are not shown: there is no question about something else to calibrate on"
    return f"{corrections} corrections are shown to queries whose cosine to their question is above {threshold:.3f}"
