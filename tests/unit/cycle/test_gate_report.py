"""What whole cycles over fakes report, what people retired, and what is not worked out twice."""

from pathlib import Path

from eval.guardrails.checks import Invariant
from eval.questions import splits
from rag_flywheel.domain.equivalence import normalised
from tests.fakes.judging import a_good_judge
from tests.fakes.openai_server import OpenAIServer
from tests.unit.cycle.house import FACTS, FENCE, VARNISH, House, built_in, named

# --- what reaches the report ----------------------------------------------------------------------------------------


def test_strata_churn_neighbours_wordings_and_judged_questions_of_the_ledger_reach_the_report(tmp_path: Path) -> None:
    house = built_in(tmp_path, "gate: {minimum_slice: 2, sealed: 0}\n")
    pages = list(FACTS)
    for number in range(24):
        page = pages[number % 2]
        house.add_golden(f"q{number}", f"What of matter {number} does somebody look up?", f"{page}.md")
        house.praise(page, f"Say, which case number {number} was it?", group=("alpha", "beta")[number % 2])
    house.cycle()
    house.correct("c1", FENCE, VARNISH)
    house.cycle()
    told = house.report()
    asked = {slice["slice"]: slice["questions"] for slice in told["slices"]}
    assert min(asked.values()) > 0, asked
    strata = {comparison["slice"] for comparison in told["comparisons"] if comparison["role"] == "stratum"}
    assert {"source boiler.md", "source pump.md", "group alpha", "group beta"} <= strata
    assert told["churn"]["asked"] == 25
    [changed] = [reply for reply in told["churn"]["changed"] if reply["question"] == FENCE]
    assert changed["after"]["document_id"] == "correction:c1"
    assert house.checked(Invariant.GAP)["value"] is not None


def test_a_question_whose_evidence_is_gone_is_listed_as_retired_and_counted(tmp_path: Path) -> None:
    house = built_in(tmp_path, "gate: {sealed: 0}\nguardrails: {maximum_stale: 1.0}\n")
    house.add_golden("kept", "What of matter 0 does somebody look up?", "boiler.md")
    lost = [f"What of matter {number} does somebody look up?" for number in range(1, 9)]
    for number, question in enumerate(lost):
        house.add_golden(f"lost{number}", question, "nowhere.md")
    house.cycle()
    told = house.report()
    open_to_the_gate = {question for question in lost if not splits.is_tuning(normalised(question), seed=0)}
    assert {case["question"] for case in told["retired"]} == open_to_the_gate != set()
    assert all("nowhere.md" in case["reason"] for case in told["retired"])
    assert house.checked(Invariant.STALE)["value"] > 0.5


def test_what_judge_and_people_say_of_the_same_answers_and_what_it_cost_reach_the_report(tmp_path: Path) -> None:
    with OpenAIServer(reply=a_good_judge) as server:
        house = built_in(
            tmp_path, f"judge: {{url: '{server.url}', model: test-model}}\ngate: {{known_items: 4, neighbours: 2}}\n"
        )
        house.praise("boiler", "How is the flame lit?")
        house.correct("c1", FENCE, VARNISH)
        house.cycle()
        told = house.report()
        asked = len(server.requests)
        assert asked > 0
        assert (told["judge"], told["costs"]["calls"]) == ("test-model", asked)
        assert told["agreement"]["n"] > 0
        assert told["agreement"]["metric"] in {comparison["metric"] for comparison in told["comparisons"]}
        assert any(comparison["metric"] == "faithfulness" and comparison["n"] for comparison in told["comparisons"])
        house.cycle(force=True)
        assert len(server.requests) == asked, "nothing is judged twice"


# --- retired --------------------------------------------------------------------------------------------------------


def test_a_retired_question_is_used_neither_for_tuning_nor_for_the_gate(tmp_path: Path) -> None:
    house = built_in(tmp_path, "reranker: {minimum_groups: 2}\ngate: {sealed: 0}\n")
    asked = {number: f"What of matter {number} does somebody look up?" for number in range(12)}
    for number, question in asked.items():
        house.add_golden(f"q{number}", question, "boiler.md")
    house.cycle()
    assert set(asked.values()) <= house.searched()
    seen = next(number for number, question in asked.items() if splits.is_tuning(normalised(question), seed=0))
    tested = next(number for number, question in asked.items() if not splits.is_tuning(normalised(question), seed=0))
    for number in (seen, tested):
        house.retire(f"golden:q{number}")
    house.cycle()
    assert house.searched() & set(asked.values()) == {
        question for number, question in asked.items() if number not in (seen, tested)
    }
    [retired] = house.report()["retired"]
    assert retired["question"] == asked[tested]
    assert retired["reason"] == "retired by rita: nobody asks so"


def test_a_retired_correction_stays_in_the_version_and_is_asked_no_more(house: House) -> None:
    house.cycle()
    house.correct("c1", FENCE, VARNISH)
    house.retire("correction:c1")
    house.cycle()
    told = house.report()
    assert told["manifest"]["counts"]["corrections"] == 1
    assert {slice["slice"]: slice["questions"] for slice in told["slices"]}["corrected"] == 0
    assert "correction:c1" in {case["case_id"] for case in told["retired"]}


# --- what is not worked out twice -----------------------------------------------------------------------------------


def test_in_the_next_cycle_the_live_versions_scores_come_from_the_cache(house: House) -> None:
    house.cycle()
    house.correct("c1", FENCE, VARNISH)
    house.cycle()
    first = len(named(house, "scoring the live version"))
    asked = len(named(house, "answering with the live version"))
    assert 0 < first < asked, "only the questions that are new are scored"
    house.cycle(force=True)
    assert named(house, "answering with the live version")
    assert named(house, "scoring the live version") == []


def test_replies_that_are_those_of_the_live_version_are_not_scored_again(house: House) -> None:
    house.cycle()
    house.correct("c1", FENCE, VARNISH)
    house.cycle()
    asked, scored = (len(named(house, f"{verb} the candidate")) for verb in ("answering with", "scoring"))
    assert 0 < scored < asked
    house.cycle(force=True)
    assert named(house, "answering with the candidate")
    assert named(house, "scoring the candidate") == []
