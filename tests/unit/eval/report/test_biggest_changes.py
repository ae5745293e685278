"""The questions that moved most."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from eval.questions.golden import Case
from eval.report.biggest_changes import swings
from eval.report.lineage import Lineage
from eval.report.report import Scored
from eval.scores.scorecard import Scorecard
from tests.fakes.evaluation import case, chunk, manifest, reply
from tests.fakes.reports import CORRECTION, D1, OTHER, assembled, full, ruling


def test_the_questions_won_and_lost_show_both_rankings_and_what_answers() -> None:
    [won], [lost] = full()["swings"]["won"], full()["swings"]["lost"]
    assert (won["case_id"], won["before"]["answered"], won["after"]["answered"]) == ("won", False, True)
    assert won["after"]["ranking"] == [
        {"title": "What is right?", "document_id": "correction:c1", "score": 1.0, "answers": True},
        {"title": "Deep", "document_id": "other", "score": 0.5, "answers": False},
    ]
    assert [(place["document_id"], place["answers"]) for place in lost["before"]["ranking"]] == [
        ("d1", True),
        ("other", False),
    ]
    assert [(place["document_id"], place["answers"]) for place in lost["after"]["ranking"]] == [
        ("other", False),
        ("d1", True),
    ]


def swung(cases: Sequence[Case], before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[str]]:
    """The ids won and lost."""
    control, treatment = (Scorecard(cases=tuple(cases), values=values) for values in (before, after))
    replies = {asked.case_id: reply(*(chunk(f"d{at}") for at in range(9))) for asked in cases}
    scored = Scored(control=control, treatment=treatment, retired=[], replies=(replies, replies))
    told = assembled(ruling(control, treatment), Lineage(manifest=manifest()), scored)
    assert all(len(question["after"]["ranking"]) == 5 for side in told["swings"].values() for question in side)
    return {verb: [question["case_id"] for question in questions] for verb, questions in told["swings"].items()}


def test_the_first_result_weighs_most_then_the_refusal_then_the_rest_of_the_ranking() -> None:
    cases = [case(name, "d1") for name in "abcde"]
    still = {"hit_at_1": 0.0, "refusal_correct": 1.0, "reciprocal_rank": 0.5}
    before = dict.fromkeys("abcde", still)
    after = {
        "a": {**still, "reciprocal_rank": 0.1},
        "b": {**still, "hit_at_1": 1.0, "refusal_correct": 0.0, "reciprocal_rank": 1.0},
        "c": {**still, "refusal_correct": 0.0, "reciprocal_rank": 1.0},
        "d": {**still, "reciprocal_rank": None},
        "e": still,
    }
    assert swung(cases, before, after) == {"won": ["b"], "lost": ["c", "a"]}


def test_where_nothing_moved_no_questions_are_shown() -> None:
    cases, still = [case("a", "d1")], {"a": {"hit_at_1": 1.0}}
    control = Scorecard(cases=tuple(cases), values=still)
    assert swings(control, control, ({"a": reply(OTHER)}, {"a": reply(OTHER)})) is None


def test_ten_of_each_are_shown() -> None:
    cases = [case(f"{at:02}", "d1") for at in range(30)]
    before = {asked.case_id: {"hit_at_1": float(at < 15)} for at, asked in enumerate(cases)}
    after = {name: {"hit_at_1": 1.0 - value["hit_at_1"]} for name, value in before.items()}
    told = swung(cases, before, after)
    assert told == {"won": [f"{at}" for at in range(15, 25)], "lost": [f"{at:02}" for at in range(10)]}


def test_where_only_the_sources_count_the_ranking_is_shown_without_corrections() -> None:
    asked = replace(case("a", "d1"), sources_only=True)
    control, treatment = (Scorecard(cases=(asked,), values={"a": {"hit_at_1": hit}}) for hit in (0.0, 1.0))
    scored = Scored(
        control=control, treatment=treatment, retired=[], replies=({"a": reply(OTHER)}, {"a": reply(CORRECTION, D1)})
    )
    told = assembled(ruling(control, treatment), Lineage(manifest=manifest()), scored)
    assert [place["document_id"] for place in told["swings"]["won"][0]["after"]["ranking"]] == ["d1"]
