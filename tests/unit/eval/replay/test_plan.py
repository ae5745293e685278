"""Who asks what in a replay, and which questions are probes."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eval.replay.dataset import Dataset, Query, Source, load
from eval.replay.plan import IMPLICIT, Options, Plan, draw
from rag_flywheel.domain import DocumentId
from rag_flywheel.domain.equivalence import agree
from rag_flywheel.errors import InvalidInput
from tests.fakes import beir

SEEDS = range(5)


@pytest.fixture
def things(tmp_path: Path) -> Dataset:
    """12 questions with three wordings, and 8 with one."""
    singles = [
        {
            "_id": f"single-{number}",
            "text": f"What is on page {number}?",
            "answer": f"Number {number} is.",
            "cluster": f"s{number}",
        }
        for number in range(8)
    ]
    judged = [*beir.judgements(), *((str(single["_id"]), "page-of-singles", 1) for single in singles)]
    pages = [*beir.documents(), {"_id": "page-of-singles", "text": "Numbers."}]
    return load(beir.write(tmp_path, asked=[*beir.queries(), *singles], pages=pages, judged=judged))


def drawn(dataset: Dataset, **options: Any) -> list[Plan]:
    given: dict[str, Any] = {"mode": "full", "accepted": 0.5, "hostile": 0.0, "noise": 0.0, "turns": 1, **options}
    return [draw(dataset, Options(**given), seed=seed) for seed in SEEDS]


def corrected(plan: Plan) -> set[str]:
    return {ask.query.cluster for ask in plan.asks if ask.kind == "correct"}


def test_half_of_the_questions_with_several_wordings_are_corrected_and_the_rest_is_untouched(things: Dataset) -> None:
    for plan in drawn(things):
        assert len(corrected(plan)) == 6
        assert not any(name.startswith("s") and name[1:].isdigit() for name in corrected(plan))
        slices = {probe.cluster: probe.slice for probe in plan.probes}
        assert {cluster for cluster, slice in slices.items() if slice == "corrected"} == corrected(plan)
        assert set(slices.values()) == {"corrected", "untouched"}


def test_a_few_corrections_leave_the_other_questions_untouched(things: Dataset) -> None:
    for plan, half in zip(drawn(things, corrections=2), drawn(things), strict=True):
        assert len(corrected(plan)) == 2
        assert corrected(plan) < corrected(half)
        untouched = {probe.cluster for probe in plan.probes if probe.slice == "untouched"}
        assert corrected(half) - corrected(plan) <= untouched
    assert all(len(corrected(plan)) == 6 for plan in drawn(things, corrections=100))


def test_one_wording_of_a_corrected_question_is_asked_with_its_gold_answer_and_the_others_are_probes(
    things: Dataset,
) -> None:
    for plan in drawn(things):
        for ask in (ask for ask in plan.asks if ask.kind == "correct"):
            others = {query.query_id for query in things.queries if query.cluster == ask.query.cluster} - {
                ask.query.query_id
            }
            assert {probe.query_id for probe in plan.probes if probe.cluster == ask.query.cluster} == others
            assert (ask.answer, ask.hostile) == (ask.query.answer, None)


@pytest.mark.parametrize(("accepted", "asked"), [(0.0, 0), (0.5, 7), (1.0, 14)])
def test_of_a_share_of_the_untouched_questions_one_wording_is_asked_to_be_confirmed(
    things: Dataset, accepted: float, asked: int
) -> None:
    for plan in drawn(things, accepted=accepted):
        confirmed = [ask.query for ask in plan.asks if ask.kind == "confirm"]
        assert len({query.cluster for query in confirmed}) == len(confirmed) == asked
        untouched = {query.query_id for query in things.queries if query.cluster not in corrected(plan)}
        probes = {probe.query_id for probe in plan.probes if probe.slice == "untouched"}
        assert probes == untouched - {query.query_id for query in confirmed}


def test_a_question_that_is_asked_is_no_probe_under_another_name(tmp_path: Path) -> None:
    queries = beir.queries()
    for query in queries:
        if query["_id"].endswith("-2"):
            query["text"] = "Tell me the STEPS"
    dataset = load(beir.write(tmp_path, asked=queries))
    for plan in drawn(dataset, accepted=1.0):
        assert any(ask.query.text == "Tell me the STEPS" for ask in plan.asks)
        assert not any(probe.question == "Tell me the STEPS" for probe in plan.probes)


def test_the_gap_mode_removes_what_answers_the_corrected_questions_and_no_other_document(things: Dataset) -> None:
    for plan in drawn(things, mode="gap"):
        assert plan.removed == {f"page-{cluster}" for cluster in corrected(plan)}
    assert all(not plan.removed for plan in drawn(things))


def test_an_untouched_question_that_loses_all_its_documents_to_the_gap_is_no_longer_answerable() -> None:
    page = frozenset({DocumentId("shared")})
    queries = [
        Query(
            query_id=f"{cluster}-{wording}", text=f"{cluster} {wording}", answer="Yes.", cluster=cluster, relevant=page
        )
        for cluster in "abcd"
        for wording in range(2)
    ]
    rich = Query(query_id="rich", text="rich", answer="Yes.", cluster="rich", relevant=page | {DocumentId("other")})
    sources = tuple(Source(document_id=DocumentId(name), title="", text=name) for name in ("shared", "other"))
    dataset = Dataset(name="gap", documents=sources, queries=(*queries, rich))
    for plan in drawn(dataset, mode="gap", accepted=0.0):
        assert {probe.cluster for probe in plan.probes} == set("abcd") | {"rich"}
        assert {probe.cluster for probe in plan.probes if probe.answerable} == {"rich"}
    for plan in drawn(dataset, accepted=0.0):
        assert all(probe.answerable for probe in plan.probes)


def test_a_share_of_the_corrections_is_wrong_or_poisoned_by_turns_and_disagrees_with_gold(things: Dataset) -> None:
    for plan in drawn(things, hostile=0.67):
        bad = [ask for ask in plan.asks if ask.hostile is not None]
        assert sorted(str(ask.hostile) for ask in bad) == ["poisoned", "poisoned", "wrong", "wrong"]
        for ask in bad:
            assert not agree(ask.answer, ask.query.answer)
            wrong = ask.answer.removeprefix(f"{ask.query.text} ")
            assert (wrong != ask.answer) == (ask.hostile == "poisoned")
            assert wrong in {query.answer for query in things.queries if query.cluster != ask.query.cluster}
        hostile = {ask.query.cluster for ask in bad}
        assert {probe.cluster for probe in plan.probes if probe.slice == "adversarial"} == hostile
        assert {probe.cluster for probe in plan.probes if probe.slice == "corrected"} == corrected(plan) - hostile


def test_a_hostile_share_changes_nothing_but_the_answers_of_the_corrections(things: Dataset) -> None:
    for honest, mixed in zip(drawn(things), drawn(things, hostile=0.5), strict=True):
        assert [(ask.query, ask.kind) for ask in honest.asks] == [(ask.query, ask.kind) for ask in mixed.asks]


def test_a_share_of_the_askers_leaves_signals_by_chance_and_nothing_else_changes(things: Dataset) -> None:
    for quiet, noisy in zip(drawn(things), drawn(things, noise=0.5), strict=True):
        assert [replace(ask, implicit=None) for ask in noisy.asks] == list(quiet.asks)
        assert noisy.probes == quiet.probes
    everybody = [ask.implicit for plan in drawn(things, noise=1.0) for ask in plan.asks]
    assert {signal for signal in everybody if signal} == {(kind, value) for kind in IMPLICIT for value in (True, False)}
    assert None not in everybody


def test_hostile_answers_need_answers_that_disagree(tmp_path: Path) -> None:
    same = [{**query, "answer": "The same for all of them."} for query in beir.queries()]
    with pytest.raises(InvalidInput, match="hostile corrections need answers that disagree"):
        drawn(load(beir.write(tmp_path, asked=same)), hostile=0.5)


def test_corrections_and_confirmations_are_dealt_evenly_over_the_turns(things: Dataset) -> None:
    for plan in drawn(things, turns=3, accepted=1.0):
        assert [ask.turn for ask in plan.asks] == sorted(ask.turn for ask in plan.asks)
        for kind, each in (("correct", {2}), ("confirm", {4, 5})):
            assert {sum((ask.turn, ask.kind) == (turn, kind) for ask in plan.asks) for turn in (1, 2, 3)} == each
        turns = {ask.query.cluster: ask.turn for ask in plan.asks if ask.kind == "correct"}
        assert all(probe.turn == turns.get(probe.cluster) for probe in plan.probes)


def test_the_seed_alone_decides(things: Dataset) -> None:
    first = drawn(things, hostile=0.5)
    random.seed(99)
    assert drawn(things, hostile=0.5) == first
    assert len({tuple(ask.query.query_id for ask in plan.asks) for plan in first}) == len(SEEDS)
