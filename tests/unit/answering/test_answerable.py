"""Whether what was found holds an answer, as far as that shows without reading."""

import math
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
    few=(1.0, 2.0, 0.0, 0.0),
    few_bias=-0.5,
    levels=LEVELS,
    conversation=-1.5,
)
RULE = Rule(weights=PLAIN, refused=0.05, doubted=0.15)
NOTHING_SAID = Searched(ranking=())


def passage(text: str, rank: int, *, dense: float, tokens: float | None = None) -> Passage:
    return replace(found(text, rank), scores=Scores(dense=dense, tokens=tokens))


def ranking(first: float, *, others: float = 0.2, count: int = 20) -> list[Passage]:
    """A first passage, and others alike in a corpus."""
    rest = [passage(f"Other {at}.", at, dense=others, tokens=others) for at in range(2, count + 1)]
    return [passage("The router restarts.", 1, dense=first, tokens=first), *rest]


def features(*passages: Passage) -> dict[str, float]:
    values = answerable.features(passages, shown=5)
    return dict(zip(FEATURES, values.tolist(), strict=True))


@pytest.mark.parametrize("name", ["standing", "token_lead"])
def test_a_passage_that_stands_out_tells_more_than_one_that_is_like_its_corpus(name: str) -> None:
    out, alike = features(*ranking(0.6)), features(*ranking(0.6, others=0.55))
    assert out[name] > alike[name]


def test_a_search_that_found_few_passages_compares_nothing_and_goes_by_how_near_the_best_ones_are() -> None:
    few = features(*ranking(0.6, count=COMPARED - 1))
    assert [name for name, value in few.items() if math.isnan(value)] == ["standing", "token_lead"]
    assert answerable.log_odds(np.array(list(few.values())), PLAIN) == pytest.approx(0.6 + 2 * 0.6 - 0.5)


def test_a_feature_that_is_missing_beside_others_counts_as_usual() -> None:
    assert answerable.log_odds(np.array([0.5, math.nan, 0.25, math.nan]), PLAIN) == pytest.approx(0.75 + PLAIN.bias)


def test_in_a_corpus_of_a_few_pages_the_shipped_weights_refuse_what_is_near_in_topic_and_not_in_words() -> None:
    rule = Rule(weights=answerable.shipped(), refused=0.05, doubted=0.08)

    def judged(sentence: float, tokens: float) -> Confidence | None:
        odds = answerable.log_odds(np.array([sentence, tokens, math.nan, math.nan]), rule.weights)
        return answerable.confidence(odds, rule, NOTHING_SAID)

    assert judged(0.77, 0.53) is Confidence.HIGH  # "How do I light the boiler?" of a page that says it
    assert judged(0.51, 0.36) is None  # "Which refrigerant does the heat pump contain?" of a page on the pump's noise


def test_ever_less_near_passages_of_a_large_manual_do_not_change_what_the_best_ones_tell() -> None:
    tail = [passage(f"More {at}.", at, dense=0.1, tokens=0.1) for at in range(21, 51)]
    assert features(*ranking(0.6))["token_lead"] == features(*ranking(0.6), *tail)["token_lead"]


def test_the_best_sentence_of_the_passages_that_are_shown_counts_and_a_passage_without_one_counts_whole() -> None:
    plain = ranking(0.6)
    telling = replace(plain[2], scores=replace(plain[2].scores, sentence=0.8))
    unseen = replace(plain[9], scores=replace(plain[9].scores, sentence=0.9))
    told = features(*plain[:2], telling, *plain[3:9], unseen, *plain[10:])
    assert features(*plain)["best_sentence"] == 0.6
    assert told["best_sentence"] == 0.8


def test_an_index_without_vectors_of_tokens_is_judged_by_the_rest() -> None:
    plain = [replace(of, scores=replace(of.scores, tokens=None)) for of in ranking(0.6)]
    told = features(*plain)
    assert math.isnan(told["token_lead"])
    assert not math.isnan(told["standing"])


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
    assert len(weights.weight) == len(weights.few) == len(weights.centre) == len(weights.spread) == len(FEATURES)
    assert min(weights.spread) > 0
    levels = [answerable.level(share / 100, weights.levels) for share in range(1, 51)]
    assert levels == sorted(levels)
    assert levels[0] < levels[-1]
