"""What a version learns: when a known question is meant, how to weigh the channels, and a reranker.

Each part is adopted only where questions that it did not learn from say so; else the version keeps the untuned
ranking, and a note says what was tried.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ingest.learning import fusion
from ingest.learning.admission import calibrate
from ingest.learning.pairs import Lesson, Lessons, pairs
from rag_flywheel.config import Reranker as RerankerSettings
from rag_flywheel.domain import Admission, LearnedRanking, Passage, untuned
from rag_flywheel.ports import Cache, Reranker, RerankerStore
from rag_flywheel.search.admission import is_known
from rag_flywheel.search.fusion import RERANK
from rag_flywheel.search.retrieval import rank
from rag_flywheel.search.versions import Searcher

PAIRS_AT_MOST = 400  # those of corrections come first; half a minute of training on two cores
FUSION_ERRORS = 0.0  # standard errors by which learned weights must be better: they are drawn to the untuned ones
RERANKER_ERRORS = 2.0  # and a reranker, which starts from nothing and costs time at every question
CAUTION = (1.0, 1.5, 2.0, 4.0)  # what the admission error is divided by
HELD_AT_MOST = 40  # held-out questions that the reranker is tested on: each has all its candidates scored


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """What was learned, and what a reader of the report should know of it."""

    attempts: tuple[LearnedRanking, ...]  # in the order in which the gate is asked for them
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RerankerTraining:
    """How rerankers are trained, and where they and what came of earlier trainings are kept."""

    store: RerankerStore
    cache: Cache
    settings: RerankerSettings
    on_step: Callable[[int, int], None]


def learn(
    lessons: Lessons,
    *,
    searcher: Searcher,
    training: RerankerTraining,
    admission_error: float,
    live: LearnedRanking | None,
) -> Tuned:
    """Learn from lessons on one untuned version.

    The first attempt takes all that was learned. The second is as cautious as it can be without giving up much: it
    ranks as the `live` version does, and admits corrections for half of the error. Then come the new order with that
    error, a quarter of it in both orders, and what lies between the first two.
    """
    settings = training.settings
    questions = sorted({lesson.question for lesson in [*lessons.corrections, *lessons.others, *lessons.ranking]})
    encoded = searcher.encoder.encode_queries(questions)
    vectors = dict(zip(questions, encoded, strict=True))
    notes: list[str] = []
    real = [lesson for lesson in lessons.ranking if not lesson.made and (lesson.documents or lesson.evidence)]
    asked = len({lesson.cluster for lesson in real})
    enough = asked >= settings.minimum_groups

    def ranked(question: str) -> list[Passage]:  # what is known of other questions alone may teach an order
        return list(rank(question, vectors[question], searcher=searcher, without=is_known).passages)

    baseline = weights = untuned(tokens=searcher.encoder.token_dimension > 0)
    if enough:
        known = fusion.examples(real, ranked)
        learned_weights, note = fusion.learn(known, without=(RERANK,), baseline=baseline, errors=FUSION_ERRORS)
        weights = learned_weights or baseline
        notes.append(f"fusion: {note}")
    else:
        notes.append(f"ranking left as it is: {asked} questions with a known answer, {settings.minimum_groups} needed")
    admissions = calibrate(
        lessons.corrections,
        lessons.others,
        searcher=searcher,
        vectors=vectors,
        fusion=weights,
        errors=[admission_error / share for share in CAUTION],
    )
    notes.append(_admission_note(admissions))
    learned = LearnedRanking(fusion=dict(weights))
    if enough and settings.base:
        learned, note = _reranker(real, ranked, learned, training)
        notes.append(f"reranker: {note}")
    orders = [learned] if live is None else [learned, live]
    admitted: Sequence[Admission | None] = admissions or [None]
    return Tuned(attempts=tuple(_in_turn(admitted, orders)), notes=tuple(notes))


def _in_turn(admitted: Sequence[Admission | None], orders: Sequence[LearnedRanking]) -> list[LearnedRanking]:
    """The attempts, each once: the boldest, then the more cautious half, then what is left."""
    every = [replace(order, admission=admission) for admission in admitted for order in orders]
    cautious = [
        replace(order, admission=admission)
        for admission in admitted[len(admitted) // 2 :]
        for order in reversed(orders)
    ]
    return _distinct([every[0], *cautious, *every])


def _distinct(attempts: Sequence[LearnedRanking]) -> list[LearnedRanking]:
    return [attempt for at, attempt in enumerate(attempts) if attempt not in attempts[:at]]


def _reranker(
    real: Sequence[Lesson],
    rank: Callable[[str], list[Passage]],
    learned: LearnedRanking,
    training: RerankerTraining,
) -> tuple[LearnedRanking, str]:
    """`learned` with a tuned reranker where it ranks held-out questions better, else `learned` as it is.

    What came of the same pairs and held-out rankings before, adopted or not, is not worked out again.
    """
    store, settings = training.store, training.settings
    held = {cluster for cluster in {lesson.cluster for lesson in real} if _unit(cluster, settings.seed) < 1 / 3}
    taught = pairs([lesson for lesson in real if lesson.cluster not in held], rank, negatives=settings.negatives)
    if not taught or not held:
        return learned, "not tuned: no question's known answer was among its passages"
    taught = taught[:PAIRS_AT_MOST]
    testing = [lesson for lesson in real if lesson.cluster in held][:HELD_AT_MOST]
    found = {lesson.question: rank(lesson.question) for lesson in testing}
    recipe = [
        settings.model_dump(mode="json"),
        [(pair.query, pair.text, pair.relevant) for pair in taught],
        [
            [(passage.chunk.text, passage.scores.dense, passage.scores.sparse) for passage in passages]
            for passages in found.values()
        ],
        dict(learned.fusion),
    ]
    key = "reranker:" + hashlib.sha256(json.dumps(recipe).encode()).hexdigest()
    outcome = json.loads(training.cache.get([key]).get(key, b"null"))
    if outcome is None or not (outcome["digest"] is None or store.has(outcome["digest"])):
        digest = store.tune(taught, seed=settings.seed, on_step=training.on_step)
        model = store.load(digest)
        tested = fusion.examples(
            testing, lambda question: _scored(question, found[question], model, settings.candidates)
        )
        weights, note = fusion.learn(tested, without=(), baseline=learned.fusion, errors=RERANKER_ERRORS)
        outcome = {"digest": digest if weights else None, "fusion": weights, "note": note}
        training.cache.put({key: json.dumps(outcome).encode()})
    if outcome["digest"] is None:
        return learned, f"tuned on {len(taught)} pairs and left out: {outcome['note']}"
    adopted = replace(learned, fusion=outcome["fusion"], reranker=outcome["digest"])
    return adopted, f"tuned on {len(taught)} pairs and used: {outcome['note']}"


def _scored(question: str, passages: Sequence[Passage], model: Reranker, candidates: int) -> list[Passage]:
    """The passages, the first `candidates` of them with the reranker's score."""
    scores = model.score(question, [passage.chunk.text for passage in passages[:candidates]])
    scored = [
        replace(passage, scores=replace(passage.scores, rerank=float(score)))
        for passage, score in zip(passages[:candidates], scores, strict=True)
    ]
    return [*scored, *passages[candidates:]]


def _unit(cluster: str, seed: int) -> float:
    """A number in 0..1 that the cluster's name and the seed decide."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{cluster}".encode()).digest()[:8]) / 2**64


def _admission_note(admissions: Sequence[Admission]) -> str:
    if not admissions:
        return "no known question is used: there is none, or no question about something else to calibrate on"
    first = admissions[0]
    return (
        f"a known question is taken for a query that it fits better than {first.threshold:.3f}: cosine of the two "
        f"+ {first.words:.2f} x shared words + {first.answer:.2f} x the cosine of question and answer together "
        f"- {first.sentence:.2f} x the nearest sentence's cosine - {first.passage:.2f} x the best passage's "
        f"+ {first.tokens:.2f} x its lead over the passages token by token"
    )
