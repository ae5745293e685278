"""What a replay saw, in numbers: against values worked out by hand and against what must always hold."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import log2, sqrt
from typing import Any

import pytest

from eval.replay.measure import METRICS, measure, verdicts
from eval.replay.trial import Probe, Seen, Slice, Trial
from rag_flywheel.domain import DocumentId
from tests.fakes.encoder import HashingEncoder

GOLD = "Hold the button for ten seconds"


def documents(names: str) -> tuple[DocumentId, ...]:
    return tuple(DocumentId(name) for name in names.split())


def probe(
    query_id: str,
    *,
    slice: Slice = "corrected",
    cluster: str = "",
    relevant: str = "d1",
    agreeing: str = "",
    turn: int = 1,
    answerable: bool = True,
) -> Probe:
    return Probe(
        query_id=query_id,
        cluster=cluster or query_id,
        question=f"What about {query_id}?",
        answer=GOLD,
        slice=slice,
        turn=None if slice == "untouched" else turn,
        relevant=frozenset(documents(relevant)),
        answerable=answerable,
        agreeing=frozenset(documents(agreeing)),
    )


def seen(ranking: str, answer: str = "Something else") -> Seen:
    """Documents that stand at one place are joined by a +."""
    return Seen(ranking=tuple(documents(place.replace("+", " ")) for place in ranking.split()), answer=answer)


def trial(
    probes: Sequence[Probe],
    before: Mapping[str, Seen],
    *turns: Mapping[str, Seen],
    seed: int = 0,
    method: str = "flywheel",
) -> Trial:
    return Trial(seed=seed, method=method, probes=tuple(probes), before=before, turns=turns, notes=())


def hits(right: Mapping[str, bool]) -> dict[str, Seen]:
    return {query_id: seen("d1 x" if hit else "x y") for query_id, hit in right.items()}


def measured(*trials: Trial, resamples: int = 400, seed: int = 0) -> Any:
    return measure(trials, encoder=HashingEncoder(), resamples=resamples, seed=seed)


def numbers(value: Any) -> list[Any]:
    if isinstance(value, dict | list):
        return [number for inner in (value.values() if isinstance(value, dict) else value) for number in numbers(inner)]
    return [value]


def test_documents_at_one_place_count_once() -> None:
    asked = probe("q", relevant="d1 d2 d3")
    before, after = seen("x y z w d1"), seen("x+y d1+d2 z w d3")
    found = measured(trial([asked], {"q": before}, {"q": after}))["methods"]["flywheel"]["corrected"]
    assert (found["recall@10"]["before"], found["recall@10"]["after"]) == pytest.approx((1 / 3, 1))
    assert (found["MRR@10"]["before"], found["MRR@10"]["after"]) == pytest.approx((1 / 5, 1 / 2))
    assert found["precision@8"]["after"] == pytest.approx(2 / 8)


def test_the_values_are_those_of_the_definitions() -> None:
    asked = probe("q", relevant="d1 c1", agreeing="c9")
    before, after = seen("x y z d1"), seen("c9 x c1 d1", answer=GOLD)
    found = measured(trial([asked], {"q": before}, {"q": after}))["methods"]["flywheel"]["corrected"]
    ideal = 1 + 1 / log2(3) + 1 / log2(4)
    expected = {
        "hit@1": (0, 1),
        "hit@1 strict": (0, 0),
        "hit@5": (1, 1),
        "MRR@10": (1 / 4, 1),
        "nDCG@10": (1 / log2(5) / ideal, (1 + 1 / log2(4) + 1 / log2(5)) / ideal),
        "recall@10": (1 / 3, 1),
        "recall@75": (1 / 3, 1),
        "precision@8": (1 / 8, 3 / 8),
    }
    for metric, (low, high) in expected.items():
        assert (found[metric]["before"], found[metric]["after"]) == pytest.approx((low, high)), metric
    assert tuple(found) == METRICS


def test_answers_are_compared_with_the_gold_answer_in_meaning_and_in_words() -> None:
    replies = {"q": seen("d1", answer=GOLD)}
    found = measured(trial([probe("q")], {"q": seen("d1", answer="")}, replies))["methods"]["flywheel"]["corrected"]
    assert found["rouge_l"]["before"] == 0.0
    assert found["rouge_l"]["after"] == pytest.approx(1.0)
    assert found["semantic_similarity"]["after"] == pytest.approx(1.0)
    assert found["semantic_similarity"]["before"] < 0.9


def test_rouge_l_is_that_of_ragas() -> None:
    from ragas.metrics.collections import RougeScore

    answer = "Holding buttons: ten seconds, then release"
    found = measured(trial([probe("q")], {"q": seen("d1", answer)}, {"q": seen("d1", answer)}))
    theirs = asyncio.run(RougeScore(rouge_type="rougeL").ascore(reference=GOLD, response=answer)).value
    assert found["methods"]["flywheel"]["corrected"]["rouge_l"]["after"] == pytest.approx(theirs)


def test_each_text_is_encoded_once_however_often_it_was_answered() -> None:
    encoder = HashingEncoder()
    probes = [probe("a"), probe("b")]
    trials = [
        trial(probes, hits({"a": False, "b": False}), hits({"a": True, "b": True}), seed=seed) for seed in range(3)
    ]
    measure(trials, encoder=encoder, resamples=100, seed=0)
    assert encoder.encoded == 2


def test_an_interval_resamples_whole_questions_and_not_their_wordings() -> None:
    alone = [probe(f"q{number}") for number in range(20)]
    together = [replace(probed, cluster="won" if number < 10 else "lost") for number, probed in enumerate(alone)]
    before = hits({probed.query_id: False for probed in alone})
    after = hits({probed.query_id: number < 10 for number, probed in enumerate(alone)})
    free, tied = (
        measured(trial(probes, before, after))["methods"]["flywheel"]["corrected"]["hit@1"]
        for probes in (alone, together)
    )
    assert free["difference"] == tied["difference"] == 0.5
    assert (tied["low"], tied["high"]) == (0.0, 1.0)  # two questions: either may be drawn twice
    assert 0.0 < free["low"] < 0.5 < free["high"] < 1.0


def test_a_larger_question_weighs_as_many_probes_as_it_has() -> None:
    probes = [probe("a", cluster="large"), probe("b", cluster="large"), probe("c", cluster="large"), probe("d")]
    names = [probed.query_id for probed in probes]
    found = measured(trial(probes, hits(dict.fromkeys(names, False)), hits({name: name != "d" for name in names})))
    hit = found["methods"]["flywheel"]["corrected"]["hit@1"]
    assert (hit["difference"], hit["n"]) == (0.75, 4)
    assert (hit["low"], hit["high"]) == (0.0, 1.0)


def test_the_spread_is_the_standard_deviation_of_the_seeds() -> None:
    probes = [probe("a"), probe("b")]
    none = hits({"a": False, "b": False})
    first = trial(probes, none, hits({"a": True, "b": True}), seed=0)
    second = trial(probes, none, hits({"a": True, "b": False}), seed=1)
    alone, both = measured(first), measured(first, second)
    assert alone["methods"]["flywheel"]["corrected"]["hit@1"]["spread"] == 0.0
    hit = both["methods"]["flywheel"]["corrected"]["hit@1"]
    assert hit["spread"] == pytest.approx(sqrt(2) / 4)
    assert (hit["difference"], hit["n"]) == (0.75, 4)


def test_the_relative_change_needs_something_before() -> None:
    probes = [probe("a"), probe("b")]
    half, whole, none = ({"a": first, "b": other} for first, other in ((True, False), (True, True), (False, False)))
    relative = [
        measured(trial(probes, hits(before), hits(whole)))["methods"]["flywheel"]["corrected"]["hit@1"]["relative"]
        for before in (half, none)
    ]
    assert relative == [1.0, None]


def test_untouched_questions_that_a_gap_left_without_an_answer_do_not_hide_what_the_others_lose() -> None:
    probes = [probe("kept", slice="untouched"), probe("lost", slice="untouched", answerable=False)]
    before, after = hits({"kept": True, "lost": False}), hits({"kept": False, "lost": True})
    found = measured(trial(probes, before, after))["methods"]["flywheel"]
    assert (found["untouched"]["hit@1"]["difference"], found["answerable"]["hit@1"]["difference"]) == (0.0, -1.0)
    assert "answerable" not in measured(trial(probes[:1], before, after))["methods"]["flywheel"]
    corrected = probe("c")
    result = measured(trial([*probes, corrected], before | hits({"c": False}), after | hits({"c": True})))
    assert result["verdicts"]["flywheel"] == {"help": 1.0, "harm": 1.0, "dominated_by": []}


def test_a_slice_that_nobody_asked_is_absent_and_no_number_is_nan() -> None:
    result = measured(trial([probe("a")], hits({"a": False}), hits({"a": True})))
    assert set(result["methods"]["flywheel"]) == {"corrected"}
    assert result["verdicts"] == {}
    json.dumps(result, allow_nan=False)
    assert all(number is not None for number in numbers(result["turns"]))


def test_the_same_seed_gives_the_same_intervals() -> None:
    probes = [probe(f"q{number}") for number in range(9)]
    thirds = trial(
        probes,
        hits({probed.query_id: False for probed in probes}),
        hits({probed.query_id: number % 3 == 0 for number, probed in enumerate(probes)}),
    )
    assert measured(thirds) == measured(thirds)


def test_what_was_corrected_first_is_followed_over_all_turns() -> None:
    probes = [probe("a", turn=1), probe("b", turn=2), probe("c", slice="untouched")]
    right = {"a": False, "b": False, "c": True}
    result = measured(trial(probes, hits(right), hits({**right, "a": True}), hits({**right, "b": True, "c": False})))
    assert result["turns"]["flywheel"] == [
        {"corrected": 0.5, "untouched": 1.0, "first": 1.0},
        {"corrected": 0.5, "untouched": 0.0, "first": 0.0},
    ]
    assert result["methods"]["flywheel"]["corrected"]["hit@1"]["after"] == 0.5


def test_a_method_is_beaten_by_those_with_more_help_at_equal_or_less_harm() -> None:
    def slices(help: float, fall: float) -> Any:
        return {"corrected": {"hit@1": {"difference": help}}, "untouched": {"hit@1": {"difference": -fall}}}

    found = verdicts({"ours": slices(0.3, 0.0), "bold": slices(0.4, 0.1), "shy": slices(0.1, 0.0)})
    assert found["ours"] == {"help": 0.3, "harm": 0.0, "dominated_by": []}
    assert found["bold"]["dominated_by"] == []
    assert found["shy"]["dominated_by"] == ["ours"]


def test_a_probe_that_was_not_seen_is_an_error() -> None:
    with pytest.raises(KeyError):
        measured(trial([probe("a"), probe("b")], hits({"a": True, "b": True}), hits({"a": True})))
