"""What a version learns, and that it keeps the untuned ranking where nothing better is shown."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from ingest.learning.pairs import Lesson, Lessons
from ingest.learning.tuning import CAUTION, RerankerTraining, Tuned, learn
from rag_flywheel.config import Reranker as RerankerSettings
from rag_flywheel.domain import Admission, Candidate, DocumentId, Evidence, LearnedRanking, Scores, VersionId, untuned
from rag_flywheel.search.fusion import DENSE, RERANK, RRF, SENTENCE, SPARSE, TOKENS
from rag_flywheel.search.retrieval import retrieve
from rag_flywheel.search.versions import Searcher
from tests.fakes.encoder import HashingEncoder
from tests.fakes.rankings import MemoryCache, MemoryRerankers, ScriptedIndex
from tests.fakes.samples import chunk, confirmed_chunk, correction_chunk, span

Script = tuple[list[Lesson], dict[str, list[Candidate]]]
MANY = 20  # questions, from which anything can be learned
SETTINGS = RerankerSettings(base="a cross-encoder", candidates=10, minimum_groups=10, negatives=3)


def lesson(
    question: str,
    *,
    cluster: str | None = None,
    documents: Sequence[str] = (),
    evidence: Sequence[Evidence] = (),
    rejected: Sequence[Evidence] = (),
    corrected: bool = False,
    made: bool = False,
) -> Lesson:
    return Lesson(
        question=question,
        cluster=cluster or question,
        answer=None,
        documents=frozenset(DocumentId(document) for document in documents),
        evidence=tuple(evidence),
        rejected=tuple(rejected),
        corrected=corrected,
        made=made,
    )


# --- admission ------------------------------------------------------------------------------------------------------


def test_confirmed_questions_alone_get_an_admission_that_lets_in_their_other_wordings() -> None:
    asked = {f"q{number}": chunk(f"d{number}", f"text {number}") for number in range(4)}
    known = {question: confirmed_chunk(piece, question, by=f"i {question}") for question, piece in asked.items()}

    def found(question: str, cosine: float) -> list[Candidate]:
        """The known question itself with this cosine, the others far off, and a passage that does not answer."""
        far = Candidate(chunk=chunk("other", "text"), scores=Scores(dense=0.2))
        return [
            far,
            *(
                Candidate(chunk=piece, scores=Scores(question=cosine if name == question else 0.1))
                for name, piece in known.items()
            ),
        ]

    others = [lesson(question, evidence=[span(piece.document_id, 0, 6)]) for question, piece in asked.items()]
    script = {question: found(question, 1.0) for question in asked} | {"another wording of q2": found("q2", 0.7)}
    tuned = learn(
        Lessons(corrections=(), others=tuple(others), ranking=()),
        searcher=searcher(script),
        training=training(MemoryRerankers()),
        admission_error=0.05,
        live=None,
    )
    assert tuned.attempts[0].admission is not None
    first, *rest = retrieve("another wording of q2", searcher=searcher(script, tuned.attempts[0]))
    assert (first.chunk.document_id, first.chunk.confirmed) == ("d2", "i q2")
    assert [passage.chunk.document_id for passage in rest] == ["other"]


# --- attempts -------------------------------------------------------------------------------------------------------

ERROR = 0.2
UNLEARNED = LearnedRanking(fusion=untuned(tokens=False))  # by an encoder that gives none
LIVE = LearnedRanking(admission=Admission(threshold=-1.0, words=0.1, passage=0.1), fusion={DENSE: 3.0}, reranker="old")


def attempted(
    *, strange: int = 400, ranking: Script | None = None, live: LearnedRanking | None = None
) -> tuple[LearnedRanking, ...]:
    """The attempts of a version with one correction, and so many questions about something else at ever better fits."""
    lessons, found = ranking or ([], {})
    known = correction_chunk("c1", "c", "answer")
    others = [lesson(f"o{place}") for place in range(strange)]
    searches = dict(found) | {"c": [Candidate(chunk=known, scores=Scores(question=1.0, words=1.0))]}
    searches |= {
        other.question: [Candidate(chunk=known, scores=Scores(question=place / strange))]
        for place, other in enumerate(others)
    }
    corrections = (lesson("c", documents=["correction:c1"], corrected=True),) if strange else ()
    return learn(
        Lessons(corrections=corrections, others=tuple(others), ranking=tuple(lessons)),
        searcher=searcher(searches),
        training=training(MemoryRerankers(says_right)),
        admission_error=ERROR,
        live=live,
    ).attempts


def thresholds(attempts: Sequence[LearnedRanking]) -> list[float]:
    return [attempt.admission.threshold for attempt in attempts if attempt.admission is not None]


def order(attempt: LearnedRanking) -> tuple[object, ...]:
    """What ranks the passages, whatever is admitted beside them."""
    return (tuple(attempt.fusion.items()), attempt.reranker)


def test_the_first_attempt_is_the_boldest_and_the_second_admits_for_half_of_the_error() -> None:
    attempts = attempted()
    assert len(attempts) == len(thresholds(attempts)) == len(CAUTION)
    by_caution = sorted(set(thresholds(attempts)))
    assert thresholds(attempts) == [by_caution[CAUTION.index(share)] for share in (1.0, 2.0, 4.0, 1.5)]


def test_the_second_attempt_is_in_the_live_order_and_each_admission_is_tried_in_both() -> None:
    attempts = attempted(ranking=script(MANY, nobody_knows), live=LIVE)
    assert len(attempts) == 2 * len(CAUTION)
    first, second, third, *_ = attempts
    assert order(first) == order(third) != order(second) == order(LIVE)
    assert second.admission == third.admission
    assert first.reranker not in (None, LIVE.reranker)
    for admission in {attempt.admission for attempt in attempts}:
        assert len({order(attempt) for attempt in attempts if attempt.admission == admission}) == 2


def test_attempts_are_distinct_where_no_ranking_is_learned() -> None:
    attempts = attempted(live=replace(UNLEARNED, admission=LIVE.admission))
    assert len(attempts) == len(CAUTION)
    assert all(attempt not in attempts[:at] for at, attempt in enumerate(attempts))


def test_attempts_are_distinct_where_few_questions_leave_one_threshold() -> None:
    assert len(attempted(strange=2)) == 1
    assert len(attempted(strange=2, live=LIVE)) == 2


@pytest.mark.parametrize("live", [None, UNLEARNED, replace(UNLEARNED, admission=LIVE.admission)])
def test_without_corrections_and_other_questions_there_is_one_attempt(live: LearnedRanking | None) -> None:
    """What the live version admits is not taken over: it was calibrated for known questions that are not there."""
    assert attempted(strange=0, live=live) == (UNLEARNED,)


def test_without_known_questions_a_learned_ranking_and_the_live_one_are_the_attempts() -> None:
    learned, last = attempted(strange=0, ranking=script(MANY, dense_knows), live=LIVE)
    assert learned.fusion
    assert last == LearnedRanking(fusion=LIVE.fusion, reranker=LIVE.reranker)


# --- fusion and reranker --------------------------------------------------------------------------------------------


def script(
    count: int,
    scores: Callable[[np.random.Generator, bool], Scores],
    *,
    passages: int = 6,
    answers: int = 1,
    seed: int = 3,
) -> Script:
    """Questions q0.. with `passages` candidates each, of which the first `answers` answer it."""
    random = np.random.default_rng(seed)
    lessons, found = [], {}
    for number in range(count):
        question = f"q{number}"
        lessons.append(lesson(question, documents=[f"{question}-{place}" for place in range(answers)]))
        found[question] = [
            Candidate(
                chunk=chunk(f"{question}-{place}", f"{'right' if place < answers else 'wrong'} {question} {place}"),
                scores=scores(random, place < answers),
            )
            for place in range(passages)
        ]
        random.shuffle(found[question])  # type: ignore[arg-type]
    return lessons, found


def searcher(found: dict[str, list[Candidate]], learned: LearnedRanking | None = None) -> Searcher:
    return Searcher(
        version=VersionId("v1"),
        index=ScriptedIndex(found),
        encoder=HashingEncoder(),
        learned=learned or UNLEARNED,
        reranker=None,
        candidates=50,
        reranked=10,
        shown=5,
    )


def training(
    store: MemoryRerankers,
    *,
    cache: MemoryCache | None = None,
    settings: RerankerSettings = SETTINGS,
    on_step: Callable[[int, int], None] = lambda done, total: None,
) -> RerankerTraining:
    return RerankerTraining(store=store, cache=cache or MemoryCache(), settings=settings, on_step=on_step)


def learned_from(written: Script, given: RerankerTraining | None = None) -> Tuned:
    lessons, found = written
    return learn(
        Lessons(corrections=(), others=(), ranking=tuple(lessons)),
        searcher=searcher(found),
        training=given or training(MemoryRerankers()),
        admission_error=0.02,
        live=None,
    )


def dense_knows(random: np.random.Generator, right: bool) -> Scores:
    """BM25 misleads, so that RRF, which trusts both alike, ranks the answer in the middle."""
    return Scores(dense=random.uniform(0.7, 0.9) if right else random.uniform(0.1, 0.75), sparse=random.uniform(0, 20))


def nobody_knows(random: np.random.Generator, right: bool) -> Scores:
    return Scores(dense=random.uniform(0, 1), sparse=random.uniform(0, 20))


def both_know(random: np.random.Generator, right: bool) -> Scores:
    return Scores(dense=0.9 if right else random.uniform(0, 0.5), sparse=19.0 if right else random.uniform(0, 5))


def says_right(query: str, text: str) -> float:
    return 4.0 if text.startswith("right") else -4.0


def reciprocal_ranks(written: Script, learned: LearnedRanking) -> NDArray[np.float64]:
    lessons, found = written
    ranks = []
    for asked in lessons:
        passages = retrieve(asked.question, searcher=searcher(found, learned))
        ranks.append(next(1 / passage.rank for passage in passages if asked.answered_by(passage.chunk)))
    return np.array(ranks)


def test_too_few_questions_leave_the_ranking_as_it_is() -> None:
    tuned = learned_from(script(9, dense_knows))
    assert tuned.attempts[0] == UNLEARNED
    assert "ranking left as it is: 9 questions with a known answer, 10 needed" in tuned.notes


def test_questions_made_from_the_corpus_teach_no_ranking() -> None:
    lessons, found = script(20, dense_knows)
    made = [replace(asked, made=True) for asked in lessons]
    assert learned_from((made, found)).attempts[0] == UNLEARNED


def test_fusion_is_learned_where_a_channel_knows_more_and_ranks_new_questions_better() -> None:
    tuned = learned_from(script(MANY, dense_knows))
    fusion = tuned.attempts[0].fusion
    assert set(fusion) == {RRF, DENSE, SPARSE, SENTENCE, TOKENS}
    assert fusion[DENSE] > abs(fusion[SPARSE])
    new = script(MANY, dense_knows, seed=4)
    before, after = reciprocal_ranks(new, UNLEARNED), reciprocal_ranks(new, tuned.attempts[0])
    assert after.mean() > before.mean() + 0.1


def test_fusion_is_left_out_where_it_is_not_better() -> None:
    tuned = learned_from(script(MANY, both_know))
    assert tuned.attempts[0] == UNLEARNED
    assert any(note.startswith("fusion: untuned is as good") for note in tuned.notes)


@dataclass(frozen=True)
class Trained:
    """What was learned of questions of which only the reranker knows the answers."""

    written: Script
    store: MemoryRerankers
    training: RerankerTraining
    steps: list[tuple[int, int]]
    tuned: Tuned

    def again(self, settings: RerankerSettings = SETTINGS) -> Tuned:
        """What is learned of the same questions."""
        return learned_from(self.written, replace(self.training, settings=settings))


@pytest.fixture(scope="module")
def once() -> Trained:
    store, steps, written = MemoryRerankers(says_right), list[tuple[int, int]](), script(MANY, nobody_knows)
    given = training(store, on_step=lambda done, total: steps.append((done, total)))
    tuned = learned_from(written, given)
    return Trained(written=written, store=store, training=given, steps=steps, tuned=tuned)


@pytest.fixture
def trained(once: Trained) -> Trained:
    return deepcopy(once)


def test_a_reranker_that_knows_is_used_with_the_weight_it_earned(trained: Trained) -> None:
    [digest] = trained.store.tuned
    [learned] = trained.tuned.attempts
    assert learned.reranker == digest
    assert learned.fusion[RERANK] > max(abs(learned.fusion[DENSE]), abs(learned.fusion[SPARSE]))
    assert trained.steps == [(1, 1)]


@pytest.mark.parametrize("scores", [nobody_knows, dense_knows, both_know])
def test_a_reranker_that_knows_nothing_is_not_praised_for_what_the_other_features_know(
    scores: Callable[[np.random.Generator, bool], Scores],
) -> None:
    tuned = learned_from(script(MANY, scores))
    assert tuned.attempts[0].reranker is None
    assert RERANK not in tuned.attempts[0].fusion
    assert "left out" in tuned.notes[-1]


def test_without_a_base_the_weights_alone_are_learned() -> None:
    store = MemoryRerankers(says_right)
    settings = SETTINGS.model_copy(update={"base": ""})
    tuned = learned_from(script(MANY, dense_knows), training(store, settings=settings))
    assert set(tuned.attempts[0].fusion) == {RRF, DENSE, SPARSE, SENTENCE, TOKENS}
    assert (tuned.attempts[0].reranker, store.runs) == (None, 0)


def test_the_reranker_is_tried_on_questions_that_it_did_not_learn_from(trained: Trained) -> None:
    lessons, found = trained.written
    [pairs] = trained.store.tuned.values()
    taught = {pair.cluster for pair in pairs}
    assert MANY / 3 < len(taught) < MANY
    assert {pair.relevant for pair in pairs} == {True, False}
    without_held = [asked for asked in lessons if asked.cluster in taught]
    tuned = learned_from((without_held, found), training(MemoryRerankers(says_right)))
    assert tuned.attempts[0].reranker is None  # nothing was left to try it on


def test_the_same_lessons_are_not_tuned_on_twice(trained: Trained) -> None:
    assert (trained.again(), trained.store.runs) == (trained.tuned, 1)


def test_a_remembered_reranker_that_is_gone_is_tuned_again(trained: Trained) -> None:
    trained.store.keep_only(set())
    assert (trained.again(), trained.store.runs) == (trained.tuned, 2)


def test_other_settings_make_another_reranker(trained: Trained) -> None:
    trained.again(SETTINGS.model_copy(update={"epochs": 3}))
    assert trained.store.runs == 2


@pytest.mark.parametrize(("passages", "answers"), [(1, 1), (4, 4), (4, 0)])
def test_a_corpus_in_which_nothing_can_be_told_apart_teaches_nothing(passages: int, answers: int) -> None:
    lessons, found = script(MANY, nobody_knows, passages=passages, answers=answers)
    known = [replace(asked, documents=asked.documents | {DocumentId("elsewhere")}) for asked in lessons]
    assert learned_from((known, found)).attempts[0] == UNLEARNED
