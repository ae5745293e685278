"""Whether what was found holds an answer, as far as that shows without reading."""

import math
import time
from dataclasses import replace

import numpy as np
import pytest

from rag_flywheel.answering import answerable
from rag_flywheel.answering.answerable import COMPARED, FEATURES, Rule, Weights
from rag_flywheel.domain import Confidence, Passage, Scores, Searched
from tests.fakes.samples import found

LEVELS = {0.0: -2.0, 0.05: 0.0, 0.1: 0.5, 0.15: 1.0, 1.0: 9.0}
PLAIN = Weights(
    centre=(0.0,) * len(FEATURES),
    spread=(1.0,) * len(FEATURES),
    weight=(1.0,) * len(FEATURES),
    bias=0.25,
    levels=LEVELS,
    conversation=-1.5,
)
RULE = Rule(weights=PLAIN, refused=0.05, doubted=0.15)
NOTHING_SAID = Searched(ranking=())


def passage(text: str, rank: int, *, dense: float | None, sparse: float | None = None) -> Passage:
    return replace(found(text, rank), scores=Scores(dense=dense, sparse=sparse))


def ranking(first: float, *, others: float = 0.2, count: int = 20) -> list[Passage]:
    """A first passage, and others alike in a corpus."""
    rest = [passage(f"Other {at}.", at, dense=others, sparse=1.0) for at in range(2, count + 1)]
    return [passage("The router restarts.", 1, dense=first, sparse=2.0), *rest]


def features(question: str, *passages: Passage, best: float = 0.5) -> dict[str, float]:
    values = answerable.features(question, passages, shown=5, best=best)
    return dict(zip(FEATURES, values.tolist(), strict=True))


@pytest.mark.parametrize("name", ["margin", "standing"])
def test_a_passage_that_stands_out_tells_more_than_one_that_is_like_its_corpus(name: str) -> None:
    out, alike = features("How?", *ranking(0.6)), features("How?", *ranking(0.6, others=0.55))
    assert out[name] > alike[name]


def test_a_search_that_found_few_passages_is_not_compared_and_its_features_count_as_usual() -> None:
    few = features("How?", *ranking(0.6, count=COMPARED - 1))
    assert [name for name, value in few.items() if math.isnan(value)] == [
        "margin",
        "standing",
        "words_margin",
        "agreement",
    ]
    values = np.array([math.nan if math.isnan(value) else 0.0 for value in few.values()])
    assert answerable.log_odds(values, PLAIN) == PLAIN.bias


def test_a_rare_word_that_the_passage_lacks_counts_for_more_than_one_that_stands_everywhere() -> None:
    everywhere = [passage(f"The router number{at}.", at, dense=0.2) for at in range(2, 12)]
    lacks_rare = features("router zyxel", passage("The router restarts.", 1, dense=0.5), *everywhere)
    lacks_common = features("router zyxel", passage("The zyxel restarts.", 1, dense=0.5), *everywhere)
    assert 0 < lacks_rare["words_held"] < 0.5 < lacks_common["words_held"] < 1


def test_another_form_of_a_word_counts_as_the_word_and_function_words_do_not_count() -> None:
    told = features("How are routers restarted?", *ranking(0.5))
    assert told["words_held"] == 1.0
    assert told["length"] == pytest.approx(math.log(3))


def test_without_words_or_passages_nothing_is_held_and_nothing_fails() -> None:
    assert features("", *ranking(0.5))["words_held"] == 0.0
    assert features("How is it restarted?")["words_held"] == 0.0


@pytest.mark.parametrize(
    ("odds", "expected"), [(-0.1, None), (0.1, Confidence.LOW), (0.9, Confidence.LOW), (1.1, Confidence.HIGH)]
)
def test_an_answer_is_refused_below_one_level_and_doubtful_below_the_other(
    odds: float, expected: Confidence | None
) -> None:
    assert answerable.confidence(odds, RULE, NOTHING_SAID) is expected


def test_what_the_version_learned_and_a_conversation_move_both_levels() -> None:
    assert answerable.confidence(0.1, RULE, Searched(ranking=(), refusal=0.2)) is None
    assert answerable.confidence(-1.0, RULE, Searched(ranking=(), conversation=True)) is Confidence.LOW


@pytest.mark.parametrize(("refused", "doubted"), [(-0.1, 0.2), (0.2, 0.1), (0.1, 1.0)])
def test_shares_that_cannot_be_are_refused(refused: float, doubted: float) -> None:
    with pytest.raises(ValueError, match="shares need"):
        Rule(weights=PLAIN, refused=refused, doubted=doubted)


def test_questions_that_a_corpus_answers_move_its_levels_to_where_they_lie_and_few_do_so_less() -> None:
    odds = np.linspace(3.0, 13.0, 101).tolist()  # 5% lie below 3.5, 10% below 4
    assert answerable.shift(odds, LEVELS, others=0) == pytest.approx(3.5)
    assert answerable.shift(odds, LEVELS) == pytest.approx(3.5 * 101 / 111)
    assert 0 < answerable.shift(odds[:3], LEVELS) < 1.0
    assert answerable.shift([], LEVELS) == 0.0


def test_the_shipped_weights_know_every_feature_and_their_levels_rise() -> None:
    weights = answerable.shipped()
    assert len(weights.weight) == len(weights.centre) == len(weights.spread) == len(FEATURES)
    assert min(weights.spread) > 0
    levels = [answerable.level(share / 100, weights.levels) for share in range(1, 51)]
    assert levels == sorted(levels)
    assert levels[0] < levels[-1]


def test_a_longer_question_or_passage_takes_no_more_time() -> None:
    long = "word9 " * 300_000
    started = time.perf_counter()
    features(long, *(passage(long, at, dense=0.3, sparse=1.0) for at in range(1, 51)))
    assert time.perf_counter() - started < 2.0
