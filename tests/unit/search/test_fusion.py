"""Features of passages, and their fused scores."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_flywheel.domain import UNTUNED, Scores, untuned
from rag_flywheel.search.fusion import DENSE, FEATURES, RERANK, RRF, SENTENCE, SPARSE, TOKENS, features, fuse

COSINES = st.none() | st.floats(-1, 1)
BM25 = st.none() | st.floats(0, 100)
LOGITS = st.none() | st.floats(-30, 30)
SCORES = st.builds(Scores, dense=COSINES, sparse=BM25, sentence=COSINES, tokens=COSINES, rerank=LOGITS)


def test_reciprocal_rank_fusion_is_the_papers_over_its_greatest_value() -> None:
    # Ranks by dense: a 1, b 2, c absent; by BM25: b 1, c 2, a absent. Greatest possible: 2 / 61.
    scores = [Scores(dense=0.9), Scores(dense=0.5, sparse=7.0), Scores(sparse=3.0)]
    expected = [1 / 61, 1 / 62 + 1 / 61, 1 / 62]
    assert features(scores)[:, FEATURES.index(RRF)] == pytest.approx(np.array(expected) * 61 / 2)


def test_the_first_of_both_channels_has_the_greatest_fused_score() -> None:
    assert fuse(features([Scores(dense=0.2, sparse=1.0), Scores(dense=0.1)]), {})[0] == pytest.approx(1.0)


def test_each_feature_by_hand() -> None:
    made = features([Scores(dense=0.9, sparse=4.0, rerank=0.0), Scores(dense=0.6), Scores(sparse=8.0, rerank=-2.0)])
    assert made[:, FEATURES.index(DENSE)] == pytest.approx([1.0, 0.7, 0.7])  # absent: the lowest seen
    assert made[:, FEATURES.index(SPARSE)] == pytest.approx([0.5, 0.0, 1.0])  # absent: 0
    assert made[:, FEATURES.index(SENTENCE)] == pytest.approx(made[:, FEATURES.index(DENSE)])  # absent: the passage
    absent = 1 / (1 + np.exp(2.0))
    assert made[:, FEATURES.index(RERANK)] == pytest.approx([0.5, absent, absent])


def test_the_sentence_counts_by_its_distance_to_the_best_one() -> None:
    made = features([Scores(dense=0.9, sentence=0.4), Scores(dense=0.6, sentence=0.7), Scores(sparse=8.0)])
    assert made[:, FEATURES.index(SENTENCE)] == pytest.approx([0.7, 1.0, 0.9])


def test_tokens_count_by_the_distance_to_the_best_and_for_nothing_where_a_version_has_none() -> None:
    made = features([Scores(dense=0.9, tokens=0.4), Scores(dense=0.6, tokens=0.7), Scores(sparse=8.0)])
    assert made[:, FEATURES.index(TOKENS)] == pytest.approx([0.7, 1.0, 0.7])  # absent: the lowest seen
    without = features([Scores(dense=0.9), Scores(dense=0.6)])
    assert without[:, FEATURES.index(TOKENS)] == pytest.approx([1.0, 1.0])


def test_untuned_weights_are_of_features() -> None:
    assert set(UNTUNED) <= set(FEATURES)
    first, second = features([Scores(dense=0.5, sentence=0.6), Scores(dense=0.6, sentence=0.5)])
    low, high = fuse(np.stack([second, first]), UNTUNED)
    assert low < high


def test_words_in_common_decide_more_where_no_tokens_are_compared() -> None:
    by_words = Scores(dense=0.5, sparse=10.0, sentence=0.5)
    by_meaning = Scores(dense=0.55, sparse=4.0, sentence=0.62)
    for tokens, first in ((False, 0), (True, 1)):
        scores = fuse(features([by_words, by_meaning]), untuned(tokens=tokens))
        assert int(np.argmax(scores)) == first


def test_features_of_nothing_are_an_empty_table() -> None:
    assert features([]).shape == (0, len(FEATURES))
    assert fuse(features([]), {}).shape == fuse(features([]), {DENSE: 1.0}).shape == (0,)


@given(st.lists(SCORES, min_size=1, max_size=30))
def test_features_are_finite_and_in_their_ranges(scores: list[Scores]) -> None:
    made = features(scores)
    assert made.shape == (len(scores), len(FEATURES))
    assert np.isfinite(made).all()
    for name, least in ((RRF, 0.0), (DENSE, -1.0), (SPARSE, 0.0), (SENTENCE, -1.0), (TOKENS, -1.0), (RERANK, 0.0)):
        column = made[:, FEATURES.index(name)]
        assert column.min() >= least - 1e-9, name
        assert column.max() <= 1.0 + 1e-9, name


@given(st.lists(SCORES, min_size=1, max_size=30))
def test_the_order_of_the_candidates_changes_no_feature_that_is_no_rank(scores: list[Scores]) -> None:
    backwards = features(scores[::-1])[::-1]
    for name in (DENSE, SPARSE, RERANK):
        at = FEATURES.index(name)
        assert features(scores)[:, at] == pytest.approx(backwards[:, at])


@given(
    st.lists(SCORES, min_size=1, max_size=20),
    st.dictionaries(st.sampled_from(FEATURES), st.floats(-50, 50), min_size=1),
)
def test_fused_scores_are_probabilities(scores: list[Scores], fusion: dict[str, float]) -> None:
    fused = fuse(features(scores), fusion)
    assert ((fused >= 0.0) & (fused <= 1.0)).all()


def test_fusion_is_the_softmax_of_the_weighted_sum() -> None:
    values = np.array([[0.5, 1.0, 0.25, 0.0, 0.0, 0.0, 0.75], [0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]])
    odds = np.exp([2 * 0.5 - 1 * 0.25, -1.0])
    assert fuse(values, {RRF: 2.0, SPARSE: -1.0}) == pytest.approx(odds / odds.sum())


def test_great_weights_tell_apart_what_is_nearly_alike() -> None:
    values = np.array([[1.0, 0.90, 0.0, 0.0, 0.0, 0.0, 0.0], [1.0, 0.95, 0.0, 0.0, 0.0, 0.0, 0.0]])
    low, high = fuse(values, {RRF: 500.0, DENSE: 9.0})
    assert low < high
