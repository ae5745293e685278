"""The gate's report, as values, text and page."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eval.comparison import ALL_GUARDS, compare
from eval.gate import Finding, Ruling, decide
from eval.guardrails.checks import Check, Invariant, check
from eval.questions.golden import Case, Retired, Slice
from eval.report import legend, report
from eval.report.biggest_changes import swings
from eval.report.churn import Change, Changed, Churn, First, Kind
from eval.report.forest import panels
from eval.scores.agreement import Agreement
from eval.scores.ragas_metrics import FAITHFULNESS, JUDGE_FREE, JUDGED
from eval.scores.scorecard import METRICS, Reply, Scorecard
from rag_flywheel.config import Gate
from rag_flywheel.domain import CorrectionId, DocumentId, InteractionId, Outcome, VersionId
from tests.fakes.evaluation import case, chunk, manifest, reply
from tests.fakes.page import Page
from tests.fakes.samples import NOON, correction_chunk, reviewed

HOSTILE = 'Is <script>alert("1 | 2")</script> `safe`?'
CASES = (
    case("won", "correction:c1", slice=Slice.CORRECTED),
    case("lost", "d1", question=HOSTILE),
    case("same", "d2", slice=Slice.KNOWN_ITEM),
    replace(case("secret", "d3", question="What is sealed?"), sealed=True),
)
BEFORE = Scorecard(
    cases=CASES,
    values={
        "won": {"hit_at_1": 0.0},
        "lost": {"hit_at_1": 1.0, "rouge_l": 0.4},
        "same": {"hit_at_1": 1.0, "faithfulness": 0.5},
        "secret": {"hit_at_1": 1.0},
    },
)
AFTER = Scorecard(
    cases=CASES,
    values={
        "won": {"hit_at_1": 1.0},
        "lost": {"hit_at_1": 0.0, "rouge_l": 0.4},
        "same": {"hit_at_1": 1.0, "faithfulness": None},
        "secret": {"hit_at_1": 0.0},
    },
)
D1, OTHER, CORRECTION = (
    chunk("d1", title="The first | one"),
    chunk("other", headings=("A", "Deep")),
    correction_chunk("c1"),
)
REPLIES: tuple[Mapping[str, Reply], Mapping[str, Reply]] = (
    {"won": reply(OTHER, answer=None), "lost": reply(D1, OTHER), "same": reply(OTHER), "secret": reply(D1)},
    {"won": reply(CORRECTION, OTHER), "lost": reply(OTHER, D1), "same": reply(OTHER), "secret": reply(OTHER)},
)
HARM = check(
    Invariant.SHRINK,
    "share that is gone",
    value=0.75,
    limit=0.3,
    breach="3 of 4 are gone.",
    documents=[DocumentId("d7")],
)
HOLDS = check(Invariant.AUTHORS, "share of one author", value=0.25, limit=0.5, breach="Too much of one.")


def ruling(control: Scorecard | None, treatment: Scorecard = AFTER, checks: Sequence[Check] = (HOLDS, HARM)) -> Ruling:
    comparisons = compare(control, treatment, strata={}, resamples=100, seed=0)
    return decide(comparisons, checks, first=control is None, possible=0, settings=Gate())


def gone(case: Case) -> Retired:
    return Retired(case=case, reason="its evidence is gone: the sources no longer hold gone", stale=True)


def document(*, first: bool = False) -> dict[str, Any]:
    """A report without any optional part: of four questions one was won, two were lost, one judge failed."""
    control = None if first else BEFORE
    return report.assemble(
        ruling(control),
        manifest=manifest(notes=["scan.pdf: no text was found"]),
        decided=NOON,
        control=control,
        treatment=AFTER,
        compared_with=None if first else VersionId("v1"),
        retired=[gone(case("old", "gone", question="What was it?"))],
        judge=None,
        settings=Gate(),
    )


def full() -> dict[str, Any]:
    """The same with all that may be told."""
    first = First(document_id=DocumentId("d1"), start=0, end=9, kind=Kind.CORRECTION)
    churned = Changed(
        interaction_id=InteractionId("i7"), question=HOSTILE, changes=(Change.PASSAGE,), before=None, after=first
    )
    parent = replace(
        manifest(sources=["guide.md", "gone.md"]),
        version_id=VersionId("v1"),
        sources={"guide.md": "1" * 64, "gone.md": "0" * 64},
        corrections=(),
    )
    return report.assemble(
        ruling(BEFORE),
        manifest=manifest(notes=["scan.pdf: no text was found"]),
        decided=NOON,
        control=BEFORE,
        treatment=AFTER,
        compared_with=VersionId("v1"),
        retired=[gone(case("old", "gone", question="What was it?")), gone(replace(CASES[3], case_id="secret too"))],
        judge="a-judge",
        settings=Gate(),
        parent=parent,
        reviewed=[reviewed("c1", reviewer="Rita <R>")],
        replies=REPLIES,
        churn=Churn(asked=40, changed=(churned,), share=0.025, shares={Change.PASSAGE: 0.025}),
        agreement=Agreement(
            metric=FAITHFULNESS, n=12, raw=0.75, raw_interval=(0.5, 0.92), kappa=0.4, kappa_interval=(0.1, 0.7)
        ),
        costs={"calls": 1234, "seconds": 5.25, "cached": 7, "stopped": "its budget of 1,234 calls is spent"},
    )


def written(told: Mapping[str, Any], folder: Path) -> dict[str, str]:
    report.write(told, folder / "reports" / "v2")
    return {name: (folder / "reports" / "v2" / name).read_text(encoding="utf-8") for name in report.FILES}


# --- values ---------------------------------------------------------------------------------------------------------


def test_the_json_file_holds_the_whole_report(tmp_path: Path) -> None:
    assert json.loads(written(full(), tmp_path)["report.json"]) == full()


def test_the_report_tells_decision_changes_evidence_and_origin() -> None:
    told = document()
    assert (told["version"], told["compared_with"], told["outcome"]) == ("v2", "v1", "refused")
    assert [(one["case_id"], one["before"], one["after"]) for one in told["changed"]] == [
        ("lost", 1.0, 0.0),
        ("won", 0.0, 1.0),
    ]
    asked = {one["slice"]: (one["questions"], one["made"], one["sealed"]) for one in told["slices"] if one["questions"]}
    assert asked == {"corrected": (1, 0, 0), "golden": (2, 0, 1), "known_item": (1, 1, 0)}
    assert [one["case_id"] for one in told["retired"]] == ["old"]
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
    told = report.assemble(
        Ruling(outcome=outcome, reasons=("One & only reason.",), better=better, judged=(), checks=()),
        manifest=manifest(),
        decided=NOON,
        control=None,
        treatment=Scorecard(cases=(), values={}),
        compared_with=None if first else VersionId("v1"),
        retired=[],
        judge=None,
        settings=Gate(),
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
    ["Questions that moved most", "recent questions", "cost", "agrees with people", "Sources changed"],
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


def test_a_correction_whose_review_is_not_known_has_no_reviewer() -> None:
    assert document()["manifest"]["corrections"] == [{"correction_id": "c1", "reviewer": None, "reviewed": None}]


# --- the questions that moved most ----------------------------------------------------------------------------------


def test_the_questions_won_and_lost_show_both_rankings_and_what_answers() -> None:
    [won], [lost] = full()["swings"]["won"], full()["swings"]["lost"]
    assert (won["case_id"], won["before"]["answered"], won["after"]["answered"]) == ("won", False, True)
    assert won["after"]["ranking"] == [
        {"title": "What is right?", "document_id": "correction:c1", "score": 1.0, "answers": True},
        {"title": "Deep", "document_id": "other", "score": 0.5, "answers": False},
    ]
    assert [(one["document_id"], one["answers"]) for one in lost["before"]["ranking"]] == [
        ("d1", True),
        ("other", False),
    ]
    assert [(one["document_id"], one["answers"]) for one in lost["after"]["ranking"]] == [
        ("other", False),
        ("d1", True),
    ]


def swung(cases: Sequence[Case], before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[str]]:
    """The ids won and lost."""
    control, treatment = (Scorecard(cases=tuple(cases), values=values) for values in (before, after))
    replies = {one.case_id: reply(*(chunk(f"d{at}") for at in range(9))) for one in cases}
    told = report.assemble(
        ruling(control, treatment),
        manifest=manifest(),
        decided=NOON,
        control=control,
        treatment=treatment,
        compared_with=VersionId("v1"),
        retired=[],
        judge=None,
        settings=Gate(),
        replies=(replies, replies),
    )
    assert all(len(one["after"]["ranking"]) == 5 for side in told["swings"].values() for one in side)
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
    before = {one.case_id: {"hit_at_1": float(at < 15)} for at, one in enumerate(cases)}
    after = {name: {"hit_at_1": 1.0 - value["hit_at_1"]} for name, value in before.items()}
    told = swung(cases, before, after)
    assert told == {"won": [f"{at}" for at in range(15, 25)], "lost": [f"{at:02}" for at in range(10)]}


def test_where_only_the_sources_count_the_ranking_is_shown_without_corrections() -> None:
    asked = replace(case("a", "d1"), sources_only=True)
    control, treatment = (Scorecard(cases=(asked,), values={"a": {"hit_at_1": hit}}) for hit in (0.0, 1.0))
    told = report.assemble(
        ruling(control, treatment),
        manifest=manifest(),
        decided=NOON,
        control=control,
        treatment=treatment,
        compared_with=VersionId("v1"),
        retired=[],
        judge=None,
        settings=Gate(),
        replies=({"a": reply(OTHER)}, {"a": reply(CORRECTION, D1)}),
    )
    assert [one["document_id"] for one in told["swings"]["won"][0]["after"]["ranking"]] == ["d1"]


def test_of_sealed_questions_only_totals_are_told(tmp_path: Path) -> None:
    told = full()
    assert told["sealed"] == {"questions": 1, "won": 0, "lost": 1, "retired": 1}
    for text in written(told, tmp_path).values():
        assert "What is sealed?" not in text
        assert "secret" not in text


# --- the forest plot ------------------------------------------------------------------------------------------------


def told_of(slice: str, low: float, high: float, **more: Any) -> dict[str, Any]:
    """A comparison as the report has it."""
    plain = {"slice": slice, "metric": "hit_at_1", "role": "guard", "finding": "not worse"}
    return plain | {"difference": (low + high) / 2, "low": low, "high": high} | more


def test_targets_and_guards_have_an_axis_each_that_holds_all_their_intervals() -> None:
    target = told_of("corrected", 0.31, 0.93, role="target", finding="better")
    [rise, fall] = panels([target, told_of("golden", -0.07, 0.01)], margin=0.05)
    assert (rise.margin, rise.axis.ticks) == (None, (0.0, 0.2, 0.4, 0.6, 0.8, 1.0))
    assert (fall.margin, fall.axis.ticks) == (0.05, (-0.1, -0.05, 0.0, 0.05))
    assert [fall.axis.at(value) for value in (-0.1, 0.05, -0.05)] == [0.0, 100.0, pytest.approx(33.33)]


def test_all_guards_stand_first_and_slices_of_too_few_questions_apart() -> None:
    few = told_of("known_item", -0.9, 0.8, finding="too few")
    [panel] = panels([told_of("golden", -0.01, 0.01), few, told_of(ALL_GUARDS, -0.01, 0.01)], margin=0.05)
    assert [name for name, _ in panel.slices] == [ALL_GUARDS, "golden"]
    assert [name for name, _ in panel.small] == ["known_item"]
    assert (panel.axis.low, panel.axis.high) == (-0.1, 0.05)  # and what is too wide for it ends at its end
    assert (panel.axis.at(-0.9), panel.axis.holds(-0.9)) == (0.0, False)


def test_what_no_rule_asks_for_or_has_no_pairs_is_not_plotted() -> None:
    untested = told_of("golden", 0.0, 0.0, finding=Finding.NOT_TESTED)
    assert panels([untested, told_of("golden", 0.0, 0.0, difference=None)], margin=0.05) == []


def test_every_plot_says_what_it_shows_and_lies_within_its_axis(tmp_path: Path) -> None:
    text = written(document(), tmp_path)["report.html"]
    plots = [attributes for tag, attributes in Page(text).tags if tag == "svg"]
    assert [plot["aria-label"] for plot in plots] == [
        "+1.000, 95% interval +1.000 to +1.000: not shown",
        "-0.667, 95% interval -0.667 to -0.667: unclear",
        "-1.000, 95% interval -1.000 to -1.000: too few",
        "0.000, 95% interval 0.000 to 0.000: too few",
    ]
    places = [float(place) for place in re.findall(r'(?:x1|x2|cx)="([-\d.]+)%"', text)]
    assert places
    assert all(0.0 <= place <= 100.0 for place in places)


def test_the_page_of_a_first_version_has_means_and_no_forest(tmp_path: Path) -> None:
    text = written(document(first=True), tmp_path)["report.html"]
    assert "how sure that is" not in text
    labels = [attributes["aria-label"] for tag, attributes in Page(text).tags if tag == "svg"]
    assert labels[0] == "1.000, 95% interval 1.000 to 1.000"


# --- pages ----------------------------------------------------------------------------------------------------------


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
    told = report.assemble(
        ruling(BEFORE),
        manifest=manifest(),
        decided=NOON,
        control=BEFORE,
        treatment=AFTER,
        compared_with=VersionId("v1"),
        retired=[],
        judge="a-judge",
        settings=Gate(),
        costs={"calls": 3, "stopped": None},
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
    assert {one["aria-labelledby"] for _, one in page.tags if "aria-labelledby" in one} <= set(ids)


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
    assert len([one for one in tables if one.strip()]) == 6
    for table in tables:
        assert len({line.replace("\\|", "").count("|") for line in table.split("\n") if line}) <= 1, table


def test_a_report_of_five_hundred_questions_from_as_many_files_stays_small(tmp_path: Path) -> None:
    cases = [
        case(f"golden:{at:04}", f"docs/folder-{at}/file.md", question=f"What about {at}? {'Long. ' * 40}")
        for at in range(500)
    ]
    sides = [
        Scorecard(
            cases=tuple(cases), values={one.case_id: dict.fromkeys(METRICS, 0.5) | {"hit_at_1": hit} for one in cases}
        )
        for hit in (1.0, 0.0)
    ]
    strata = {f"source docs/folder-{at}/file.md": frozenset({one.case_id}) for at, one in enumerate(cases)}
    comparisons = compare(sides[0], sides[1], strata=strata, resamples=100, seed=0)
    replies = {one.case_id: reply(*(chunk(f"docs/folder-{at}/file.md") for at in range(10))) for one in cases}
    told = report.assemble(
        decide(comparisons, [], first=False, possible=None, settings=Gate()),
        manifest=replace(manifest(), corrections=tuple(CorrectionId(f"c{at}") for at in range(1000))),
        decided=NOON,
        control=sides[0],
        treatment=sides[1],
        compared_with=VersionId("v1"),
        retired=[],
        judge=None,
        settings=Gate(),
        reviewed=[reviewed(f"c{at}") for at in range(1000)],
        replies=(replies, replies),
    )
    assert len(told["small_strata"]) == 500
    assert max(len(text.encode()) for text in written(told, tmp_path).values()) < 1_500_000
