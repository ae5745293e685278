"""The gate's report, as values, text and page."""

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from eval import report
from eval.comparison import compare
from eval.golden import Slice
from eval.invariants import Breach, Invariant
from eval.ragas_metrics import JUDGE_FREE, JUDGED
from eval.scoring import METRICS, Scorecard
from rag_flywheel.config import Gate
from rag_flywheel.domain import DocumentId, Outcome, VersionId
from tests.fakes.evaluation import NOW, case, manifest

HOSTILE = 'Is <script>alert("1 | 2")</script> `safe`?'


def document(*, first: bool = False) -> dict[str, Any]:
    """A report on three questions: one corrected, one that got worse, one whose judge failed."""
    cases = (
        case("won", "correction:c1", slice=Slice.CORRECTED),
        case("lost", "d1", question=HOSTILE),
        case("same", "d2", slice=Slice.KNOWN_ITEM),
    )
    before = Scorecard(
        cases=cases,
        values={
            "won": {"hit_at_1": 0.0},
            "lost": {"hit_at_1": 1.0, "rouge_l": 0.4},
            "same": {"hit_at_1": 1.0, "faithfulness": 0.5},
        },
    )
    after = Scorecard(
        cases=cases,
        values={
            "won": {"hit_at_1": 1.0},
            "lost": {"hit_at_1": 0.0, "rouge_l": 0.4},
            "same": {"hit_at_1": 1.0, "faithfulness": None},
        },
    )
    control = None if first else before
    return report.assemble(
        Outcome.REFUSED,
        ["One & only reason."],
        manifest=manifest(notes=["scan.pdf: no text was found"]),
        decided=NOW,
        comparisons=compare(control, after, resamples=100, seed=0),
        breaches=[Breach(invariant=Invariant.SHRINK, message="3 of 4 are gone.", documents=(DocumentId("d7"),))],
        control=control,
        treatment=after,
        compared_with=None if first else VersionId("v1"),
        retired=[case("old", "gone", question="What was it?")],
        judge=None,
        settings=Gate(),
    )


class Page(HTMLParser):
    """What a page holds: tags with their attributes, and that every one that was opened is closed."""

    VOID = ("meta", "line", "circle", "rect")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def written(folder: Path, *, first: bool = False) -> dict[str, str]:
    report.write(document(first=first), folder / "reports" / "v2")
    return {name: (folder / "reports" / "v2" / name).read_text(encoding="utf-8") for name in report.FILES}


def test_the_json_file_holds_the_whole_report(tmp_path: Path) -> None:
    assert json.loads(written(tmp_path)["report.json"]) == document()


def test_the_report_tells_decision_changes_evidence_and_origin() -> None:
    told = document()
    assert (told["version"], told["compared_with"], told["outcome"]) == ("v2", "v1", "refused")
    assert [(one["case_id"], one["before"], one["after"]) for one in told["changed"]] == [
        ("lost", 1.0, 0.0),
        ("won", 0.0, 1.0),
    ]
    assert {one["slice"]: (one["questions"], one["made"]) for one in told["slices"]} == {
        "corrected": (1, 0),
        "golden": (1, 0),
        "confirmed": (0, 0),
        "known_item": (1, 1),
    }
    assert [one["case_id"] for one in told["retired"]] == ["old"]
    assert told["manifest"]["corrections"] == ["c1"]
    assert told["manifest"]["notes"] == ["scan.pdf: no text was found"]


def test_only_what_may_refuse_is_marked_as_guarded() -> None:
    guarded = {(one["slice"], one["metric"]) for one in document()["comparisons"] if one["guarded"]}
    assert guarded == {("golden", "hit_at_1"), ("known_item", "hit_at_1")}


def test_rows_are_texts_with_failures_counted_and_no_number_where_there_is_none() -> None:
    assert report.rows(document()) == [
        ("corrected", "hit_at_1", "1", "0", "0.000", "1.000", "+1.000", "+1.000 to +1.000"),
        ("golden", "hit_at_1", "1", "0", "1.000", "0.000", "-1.000", "-1.000 to -1.000"),
        ("golden", "rouge_l", "1", "0", "0.400", "0.400", "0.000", "0.000 to 0.000"),
        ("known_item", "hit_at_1", "1", "0", "1.000", "1.000", "0.000", "0.000 to 0.000"),
        ("known_item", "faithfulness", "0", "1", "–", "–", "–", "–"),
    ]


def test_rows_of_a_first_version_have_means_and_no_difference() -> None:
    assert report.rows(document(first=True))[0] == (
        "corrected",
        "hit_at_1",
        "1",
        "0",
        "–",
        "1.000",
        "–",
        "1.000 to 1.000",
    )


@pytest.mark.parametrize("first", [False, True])
def test_text_and_page_hold_reasons_breaches_changes_retired_cases_and_notes(tmp_path: Path, first: bool) -> None:
    files = written(tmp_path, first=first)
    for name in ("report.md", "report.html"):
        for told in ("3 of 4 are gone.", "What was it?", "scan.pdf: no text was found", "hit_at_1", "2025-06-01 03:00"):
            assert told.replace("_", " ") in files[name].replace("_", " "), f"{name} lacks {told}"


@pytest.mark.parametrize("first", [False, True])
def test_the_page_is_well_formed_and_needs_nothing_from_elsewhere(tmp_path: Path, first: bool) -> None:
    text = written(tmp_path, first=first)["report.html"]
    page = Page(text)
    assert page.open == []
    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe"}
    assert "http" not in text
    assert "url(" not in text


def test_every_plot_says_what_it_shows_and_every_column_has_a_header(tmp_path: Path) -> None:
    page = Page(written(tmp_path)["report.html"])
    plots = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert len(plots) == 8  # two for each comparison with values
    assert plots[0]["aria-label"] == "+1.000, 95% interval +1.000 to +1.000"
    assert plots[1]["aria-label"] == "mean 0.000 before, 1.000 after, on a scale from 0 to 1"
    assert all(attributes.get("scope") in ("col", "row") for tag, attributes in page.tags if tag == "th")


def test_questions_are_shown_as_they_are_and_never_as_markup(tmp_path: Path) -> None:
    files = written(tmp_path)
    assert "&lt;script&gt;" in files["report.html"]
    assert "One &amp; only reason." in files["report.html"]
    [row] = [line for line in files["report.md"].splitlines() if "alert" in line]
    assert row.replace("\\|", "").count("|") == 7  # six columns
    assert "<script" not in row


def test_every_metric_and_slice_is_explained() -> None:
    assert set(report.METRICS) == set(METRICS)
    assert {*JUDGE_FREE, *JUDGED} < set(report.METRICS)
    assert set(report.SLICES) == set(Slice)
