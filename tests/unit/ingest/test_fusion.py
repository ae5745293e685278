"""Weights of the channels: likeliest to put answers first, drawn to the untuned ranking, used where that is better."""

import numpy as np
import pytest

from ingest.learning.fusion import Example, examples, fit, learn
from ingest.learning.pairs import Lesson
from rag_flywheel.domain import Scores, untuned
from rag_flywheel.search.fusion import DENSE, FEATURES, KNOWN, RERANK, RRF, SENTENCE, SPARSE, TOKENS, features
from tests.fakes.samples import chunk, confirmed_chunk, passage

CHANNELS = [FEATURES.index(name) for name in (RRF, DENSE, SPARSE)]


def example(number: int, *, knows: str, weight: float = 1.0, passages: int = 12) -> Example:
    """A question whose answer the channel `knows` has near the top, and the other one anywhere."""
    random = np.random.default_rng(number)
    right = random.integers(passages)
    known, unknown = random.uniform(0, 0.7, passages), random.uniform(0, 0.7, passages)
    known[right] = random.uniform(0.6, 0.9)
    dense, sparse = (known, unknown) if knows == DENSE else (unknown, known)
    scores = [Scores(dense=cosine, sparse=20 * other) for cosine, other in zip(dense, sparse, strict=True)]
    relevant = np.arange(passages) == right
    return Example(cluster=str(number), weight=weight, values=features(scores), relevant=relevant)


def test_the_channel_that_knows_weighs_more() -> None:
    for knows, other in ((DENSE, SPARSE), (SPARSE, DENSE)):
        weights = fit([example(number, knows=knows) for number in range(40)], CHANNELS)
        assert weights[knows] > 4 * max(weights[other], 0.0)  # below 0 it takes back what RRF gives the other channel


def test_what_a_known_question_led_to_is_no_example_of_what_the_channels_found() -> None:
    pieces = [chunk("a", "text"), chunk("b", "text")]
    known = passage(confirmed_chunk(pieces[0], "Why?"), scores=Scores(question=0.9))
    found = [passage(piece, rank, scores=Scores(dense=1 / rank)) for rank, piece in enumerate(pieces, start=2)]
    asked = Lesson(
        question="q", cluster="q", answer=None, documents=frozenset({pieces[0].document_id}), evidence=(), weight=1.0
    )
    [with_it], [without] = (
        examples([asked], lambda question: [known, *found]),
        examples([asked], lambda question: found),
    )
    assert with_it.relevant.tolist() == without.relevant.tolist() == [True, False]
    assert with_it.values == pytest.approx(without.values)


def test_with_few_questions_the_weights_stay_near_the_untuned_ranking() -> None:
    """In standard deviations of each feature, as the penalty measures them."""
    few, many = ([example(number, knows=DENSE) for number in range(count)] for count in (2, 80))
    away = []
    for known in (few, many):
        deviations = np.mean([asked.values[:, CHANNELS].std(axis=0) for asked in known], axis=0)
        before = np.array([untuned(tokens=False).get(FEATURES[at], 0.0) for at in CHANNELS])
        moved = deviations * (np.array(list(fit(known, CHANNELS).values())) - before)
        away.append(float(np.linalg.norm(moved)))
    assert away[0] < 0.5 * away[1]


def test_the_size_of_a_feature_does_not_matter() -> None:
    """A penalty on raw weights would hold back a channel whose scores lie close together. RRF has no untuned weight."""
    known = [example(number, knows=DENSE) for number in range(30)]
    close = [
        Example(
            cluster=asked.cluster, weight=1.0, values=asked.values * [0.1, 1, 1, 1, 1, 1, 1], relevant=asked.relevant
        )
        for asked in known
    ]
    assert fit(close, CHANNELS)[RRF] == pytest.approx(10 * fit(known, CHANNELS)[RRF], rel=0.02)


def test_a_question_of_double_weight_counts_like_two() -> None:
    once = [example(number, knows=DENSE) for number in range(20)]
    twice = [*once, example(0, knows=DENSE)]
    heavy = [example(0, knows=DENSE, weight=2.0), *once[1:]]
    assert fit(heavy, CHANNELS) == pytest.approx(fit(twice, CHANNELS), rel=0.05)


def test_weights_are_left_out_where_they_are_no_better_on_questions_not_learned_from() -> None:
    both = [
        Example(
            cluster=str(number),
            weight=1.0,
            values=features([Scores(dense=0.9, sparse=19.0), Scores(dense=0.5, sparse=3.0)]),
            relevant=np.array([True, False]),
        )
        for number in range(20)
    ]
    weights, note = learn(both, without=(RERANK,), baseline={}, errors=0.0)
    assert weights == {}
    assert note.startswith("untuned is as good: reciprocal rank on 20 held-out questions 1.000 before, 1.000 after")


def test_more_proof_can_be_asked_for_than_there_is() -> None:
    known = [example(number, knows=DENSE) for number in range(30)]
    assert set(learn(known, without=(RERANK,), baseline={}, errors=0.0)[0]) == {RRF, DENSE, SPARSE, SENTENCE, TOKENS}
    assert learn(known, without=(RERANK,), baseline={}, errors=50.0)[0] == {}


def test_few_questions_prove_nothing() -> None:
    weights, note = learn(
        [example(number, knows=DENSE) for number in range(4)], without=(RERANK,), baseline={}, errors=0.0
    )
    assert (weights, note) == ({}, "only 4 questions whose answer was found, 5 needed")


@pytest.mark.parametrize("telling", [True, False])
def test_known_questions_have_a_weight_only_where_they_tell_something(telling: bool) -> None:
    random = np.random.default_rng(7)
    known = []
    for number in range(40):
        asked = example(number, knows=DENSE)
        values = asked.values.copy()
        values[:, FEATURES.index(DENSE)] = random.uniform(0.5, 1.0, len(values))
        near = random.uniform(0.0, 0.6, len(values)) + 0.5 * asked.relevant * telling
        values[:, FEATURES.index(KNOWN)] = near
        known.append(Example(cluster=asked.cluster, weight=1.0, values=values, relevant=asked.relevant))
    weights, _ = learn(known, without=(RERANK,), baseline={}, errors=0.0)
    assert (weights.get(KNOWN, 0.0) > 0.0) == telling


def test_known_questions_of_other_answers_never_count_against_a_passage() -> None:
    """While learning, the question's own known question is left out; in use it speaks for the passage."""
    random = np.random.default_rng(3)
    known = []
    for number in range(40):
        asked = example(number, knows=DENSE)
        values = asked.values.copy()
        values[:, FEATURES.index(KNOWN)] = random.uniform(0.4, 0.8, len(values)) * ~asked.relevant
        known.append(Example(cluster=asked.cluster, weight=1.0, values=values, relevant=asked.relevant))
    assert fit(known, range(len(FEATURES) - 1))[KNOWN] == 0.0
