"""The gate's report as values."""

import json
from pathlib import Path

import pytest

from eval.comparison import ALL_GUARDS
from eval.gate import Ruling
from eval.questions.golden import Slice
from eval.report import legend, report
from eval.report.churn import Change
from eval.report.lineage import Lineage, ReadSources
from eval.report.report import Scored
from eval.scores.ragas_metrics import JUDGE_FREE, JUDGED
from eval.scores.scorecard import METRICS, Scorecard
from rag_flywheel.domain import Outcome
from tests.fakes.evaluation import manifest
from tests.fakes.reports import AFTER, BEFORE, assembled, document, full, ruling, written


def test_the_json_file_holds_the_whole_report(tmp_path: Path) -> None:
    assert json.loads(written(full(), tmp_path)["report.json"]) == full()


def test_the_report_tells_decision_changes_evidence_and_origin() -> None:
    told = document()
    assert (told["version"], told["compared_with"], told["outcome"]) == ("v2", "v1", "refused")
    assert [(question["case_id"], question["before"], question["after"]) for question in told["changed"]] == [
        ("lost", 1.0, 0.0),
        ("won", 0.0, 1.0),
    ]
    asked = {
        slice["slice"]: (slice["questions"], slice["made"], slice["sealed"])
        for slice in told["slices"]
        if slice["questions"]
    }
    assert asked == {"corrected": (1, 0, 0), "golden": (2, 0, 1), "known_item": (1, 1, 0)}
    assert [question["case_id"] for question in told["retired"]] == ["old"]
    assert told["manifest"]["notes"] == ["scan.pdf: no text was found"]


@pytest.mark.parametrize(
    ("outcome", "better", "first", "verdict"),
    [
        (Outcome.PASSED, True, False, "Passed as better"),
        (Outcome.PASSED, False, False, "Passed as not worse"),
        (Outcome.PASSED, False, True, "Passed as the first version"),
        (Outcome.REFUSED, True, False, "Refused"),
        (Outcome.UNDECIDED, False, False, "Undecided"),
    ],
)
def test_the_verdict_stands_first_with_its_reasons(
    outcome: Outcome, better: bool, first: bool, verdict: str, tmp_path: Path
) -> None:
    told = assembled(
        Ruling(
            outcome=outcome,
            reasons=("One & only reason.",),
            better=better,
            confidence=0.95,
            target_met=True,
            tested=(),
            checks=(),
        ),
        Lineage(manifest=manifest(parent=None if first else "v1")),
        Scored(control=None, treatment=Scorecard(cases=(), values={}), retired=[]),
    )
    files = written(told, tmp_path)
    assert told["verdict"] == verdict
    assert files["report.md"].startswith(f"# {verdict}: index version v2\n")
    assert "- One & only reason." in files["report.md"]
    shown = files["report.html"]
    assert shown.index(f"<h1>{verdict}</h1>") < shown.index("<li>One &amp; only reason.</li>") < shown.index("<h2")


def test_only_what_may_refuse_is_marked_as_guarded() -> None:
    guarded = {
        (comparison["slice"], comparison["metric"]) for comparison in document()["comparisons"] if comparison["guarded"]
    }
    assert guarded == {("golden", "hit_at_1"), ("known_item", "hit_at_1"), (ALL_GUARDS, "hit_at_1")}


def test_a_comparison_has_the_names_that_scripts_know() -> None:
    assert list(document()["comparisons"][0]) == [
        *("slice", "role", "metric", "n", "groups", "failed", "before", "after", "difference", "low", "high"),
        *("p_better", "p_worse", "better", "worse", "finding", "p", "guarded"),
    ]


def test_rows_are_texts_with_failures_counted_and_no_number_where_there_is_none() -> None:
    assert report.rows(document()) == [
        ("corrected", "hit_at_1", "1", "0", "0.000", "1.000", "+1.000", "+1.000 to +1.000"),
        ("golden", "hit_at_1", "2", "0", "1.000", "0.000", "-1.000", "-1.000 to -1.000"),
        ("golden", "rouge_l", "1", "0", "0.400", "0.400", "0.000", "0.000 to 0.000"),
        ("known_item", "hit_at_1", "1", "0", "1.000", "1.000", "0.000", "0.000 to 0.000"),
        ("known_item", "faithfulness", "0", "1", "–", "–", "–", "–"),
        ("all guards", "hit_at_1", "3", "0", "1.000", "0.333", "-0.667", "-0.667 to -0.667"),
        ("all guards", "rouge_l", "1", "0", "0.400", "0.400", "0.000", "0.000 to 0.000"),
        ("all guards", "faithfulness", "0", "1", "–", "–", "–", "–"),
    ]


def test_rows_of_a_first_version_have_means_and_no_difference() -> None:
    alone = ("corrected", "hit_at_1", "1", "0", "–", "1.000", "–", "1.000 to 1.000")
    assert report.rows(document(first=True))[0] == alone


def test_every_metric_slice_and_change_is_explained() -> None:
    assert set(legend.METRICS) == set(METRICS)
    assert {*JUDGE_FREE, *JUDGED} < set(legend.METRICS)
    assert set(legend.SLICES) == set(Slice)
    assert set(legend.CHANGES) == set(Change)


OPTIONAL = {"swings", "churn", "since_parent", "agreement", "costs"}


def test_what_is_not_given_is_absent() -> None:
    assert not OPTIONAL & document().keys()
    assert full().keys() >= OPTIONAL


@pytest.mark.parametrize(
    "heading",
    ["Questions that moved most", "recent questions", "cost", "agrees with people", "Sources changed", "were read"],
)
def test_a_part_that_has_nothing_is_not_on_the_page(heading: str, tmp_path: Path) -> None:
    without, all_of_it = written(document(), tmp_path / "a")["report.html"], written(full(), tmp_path / "b")
    assert heading.casefold() not in without.casefold()
    assert heading.casefold() in all_of_it["report.html"].casefold()


def test_the_origin_names_reviewers_and_what_changed_since_the_parent(tmp_path: Path) -> None:
    told = full()
    assert told["manifest"]["corrections"] == [
        {"correction_id": "c1", "reviewer": "Rita <R>", "reviewed": "2026-05-01T12:00:00+00:00"}
    ]
    assert told["since_parent"] == {
        "sources changed": {"count": 1, "names": ["guide.md"]},
        "sources removed": {"count": 1, "names": ["gone.md"]},
        "corrections added": {"count": 1, "names": ["c1"]},
    }
    assert "reviewed by Rita &lt;R> at 2026-05-01 12:00 UTC" in written(told, tmp_path)["report.md"]


def test_the_report_names_what_was_left_out_and_taken_out_and_what_is_alike(tmp_path: Path) -> None:
    told = full()
    assert {what: part["count"] for what, part in told["reading"].items()} == {
        "left_out": 300,
        "taken_out": 1,
        "alike": 1,
    }
    assert len(told["reading"]["left_out"]["named"]) == 200
    files = written(told, tmp_path)
    assert "Left out: scan-7.pdf: holds only pictures" in files["report.md"]
    assert "d1: 4 running heads taken out" in files["report.md"]
    assert "Nearly the same: d1, d7" in files["report.md"]
    assert "300 left out, with the reason" in files["report.html"]
    assert "Manual &lt;v2&gt;" in files["report.html"]
    assert "<code>d1</code>, <code>d7</code>" in files["report.html"]


@pytest.mark.parametrize("name", ["report.md", "report.html"])
def test_a_report_tells_of_files_that_were_left_out_where_nothing_else_is_to_tell(name: str, tmp_path: Path) -> None:
    sources = ReadSources(left_out=(("scan.pdf", "holds only pictures"),))
    told = assembled(
        ruling(BEFORE),
        Lineage(manifest=manifest(), sources=sources),
        Scored(control=BEFORE, treatment=AFTER, retired=[]),
    )
    assert "scan.pdf" in written(told, tmp_path)[name]
    assert "nearly" not in written(told, tmp_path)[name]


def test_a_correction_whose_review_is_not_known_has_no_reviewer() -> None:
    assert document()["manifest"]["corrections"] == [{"correction_id": "c1", "reviewer": None, "reviewed": None}]


def test_of_sealed_questions_only_totals_are_told(tmp_path: Path) -> None:
    told = full()
    assert told["sealed"] == {"questions": 1, "won": 0, "lost": 1, "retired": 1}
    for text in written(told, tmp_path).values():
        assert "What is sealed?" not in text
        assert "secret" not in text
