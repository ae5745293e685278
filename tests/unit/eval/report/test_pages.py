"""The gate's report as text and page."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eval.comparison import compare
from eval.gate import decide
from eval.report.lineage import Lineage
from eval.report.report import Judging, Scored
from eval.scores.scorecard import METRICS, Scorecard
from rag_flywheel.config import Gate
from rag_flywheel.domain import CorrectionId
from tests.fakes.evaluation import case, chunk, manifest, reply
from tests.fakes.page import Page
from tests.fakes.reports import AFTER, BEFORE, assembled, document, full, ruling, written
from tests.fakes.samples import reviewed


@pytest.mark.parametrize("first", [False, True])
def test_text_and_page_hold_reasons_breaches_changes_retired_cases_and_notes(tmp_path: Path, first: bool) -> None:
    files = written(document(first=first), tmp_path)
    for name in ("report.md", "report.html"):
        for told in ("3 of 4 are gone.", "What was it?", "scan.pdf: no text was found", "hit_at_1", "2026-05-01 12:00"):
            assert told.replace("_", " ") in files[name].replace("_", " "), f"{name} lacks {told}"


def test_broken_guardrails_stand_before_those_that_hold_and_are_told_once(tmp_path: Path) -> None:
    files = written(full(), tmp_path)
    for name in ("report.md", "report.html"):
        guardrails = files[name][files[name].index("Guardrails") :]
        assert guardrails.index("3 of 4 are gone.") < guardrails.index("Share of one author: 0.25, and 0.5 at most")
        assert guardrails.count("3 of 4 are gone.") == 1


def test_churn_tells_how_many_changed_and_where_the_first_passage_is(tmp_path: Path) -> None:
    files = written(full(), tmp_path)
    for name in ("report.md", "report.html"):
        assert "40 recent real questions were asked of both versions, and 1 are answered differently" in files[name]
        assert "another passage first" in files[name]
        assert "d1 0–9, a correction" in files[name]


def test_the_judge_is_named_with_its_agreement_by_a_named_metric_and_its_cost(tmp_path: Path) -> None:
    files = written(full(), tmp_path)
    assert json.loads(files["report.json"])["agreement"]["metric"] == "faithfulness"
    for name in ("report.md", "report.html"):
        assert "By faithfulness it agrees with people on 75% (50% to 92%) of 12 answers" in files[name]
        assert "1,234" in files[name]
        assert "its budget of 1,234 calls is spent" in files[name]


def test_a_judge_that_was_not_stopped_says_nothing_of_it(tmp_path: Path) -> None:
    told = assembled(
        ruling(BEFORE),
        Lineage(manifest=manifest()),
        Scored(control=BEFORE, treatment=AFTER, retired=[]),
        judging=Judging(model="a-judge", costs={"calls": 3, "stopped": None}),
    )
    assert told["costs"] == {"calls": 3}
    assert "Stopped" not in written(told, tmp_path)["report.md"]


@pytest.mark.parametrize("told", [document(), document(first=True), full()], ids=["plain", "first", "full"])
def test_the_page_is_well_formed_and_needs_nothing_from_elsewhere(tmp_path: Path, told: dict[str, Any]) -> None:
    text = written(told, tmp_path)["report.html"]
    page = Page(text)
    assert page.open == []
    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe"}
    assert "http" not in text
    assert "url(" not in text
    assert all(attributes.get("scope") in ("col", "row") for tag, attributes in page.tags if tag == "th")
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {attributes["aria-labelledby"] for _, attributes in page.tags if "aria-labelledby" in attributes} <= set(ids)


def test_questions_are_shown_as_they_are_and_never_as_markup(tmp_path: Path) -> None:
    files = written(full(), tmp_path)
    assert "<script" not in files["report.html"]
    assert "&lt;script&gt;" in files["report.html"]
    assert "<script" not in files["report.md"]
    rows = [line for line in files["report.md"].splitlines() if "alert" in line and line.startswith("|")]
    assert [row.replace("\\|", "").count("|") for row in rows] == [7, 5]  # changed, and churn


def test_tables_in_the_text_have_as_many_cells_in_each_row(tmp_path: Path) -> None:
    lines = [line.strip() for line in written(full(), tmp_path)["report.md"].splitlines()]
    tables = "\n".join(line if line.startswith("|") else "" for line in lines).split("\n\n")
    assert len([table for table in tables if table.strip()]) == 10
    for table in tables:
        assert len({line.replace("\\|", "").count("|") for line in table.split("\n") if line}) <= 1, table


def test_a_report_of_five_hundred_questions_from_as_many_files_stays_small(tmp_path: Path) -> None:
    cases = [
        case(f"golden:{at:04}", f"docs/folder-{at}/file.md", question=f"What about {at}? {'Long. ' * 40}")
        for at in range(500)
    ]
    sides = [
        Scorecard(
            cases=tuple(cases),
            values={asked.case_id: dict.fromkeys(METRICS, 0.5) | {"hit_at_1": hit} for asked in cases},
        )
        for hit in (1.0, 0.0)
    ]
    parts = {f"source docs/folder-{at}/file.md": frozenset({asked.case_id}) for at, asked in enumerate(cases)}
    comparisons = compare(sides[0], sides[1], parts=parts, confidence=0.95, resamples=100, seed=0)
    replies = {asked.case_id: reply(*(chunk(f"docs/folder-{at}/file.md") for at in range(10))) for asked in cases}
    told = assembled(
        decide(comparisons, [], first=False, possible=None, confidence=0.95, settings=Gate()),
        Lineage(
            manifest=replace(manifest(), corrections=tuple(CorrectionId(f"c{at}") for at in range(1000))),
            reviewed=[reviewed(f"c{at}") for at in range(1000)],
        ),
        Scored(control=sides[0], treatment=sides[1], retired=[], replies=(replies, replies)),
    )
    assert len(told["small_strata"]) == 500
    assert max(len(text.encode()) for text in written(told, tmp_path).values()) < 1_500_000
