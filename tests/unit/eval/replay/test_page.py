"""What people see of a replay: rows for a terminal, and a page with plots."""

from collections.abc import Sequence
from itertools import combinations, pairwise
from typing import Any

import pytest

from eval.replay import page, plots
from eval.replay.measure import HIT, METRICS, measure
from eval.replay.rivals import RIVALS
from eval.replay.trial import Probe, Seen, Slice, Trial
from rag_flywheel.domain import DocumentId
from tests.fakes.encoder import HashingEncoder
from tests.fakes.page import Page

RIGHT, WRONG = (Seen(ranking=((DocumentId(name),),), answer=f"The answer of {name}") for name in ("right", "wrong"))
SLICES: dict[str, Slice] = {
    "c1": "corrected",
    "c2": "corrected",
    "u1": "untouched",
    "u2": "untouched",
    "a1": "adversarial",
}
HOSTILE = "<script>alert(1)</script>"

Turns = Sequence[str]
"""For each turn, the ids of the probes that are right."""


def result(
    methods: dict[str, tuple[str, Turns]], *, asked: str = "c1 c2 u1 u2 a1", mode: str = "full", note: str = "fine"
) -> Any:
    """A replay of one seed. Each method: the ids of the probes that are right before, and after each turn."""
    probes = tuple(
        Probe(
            query_id=name,
            cluster=name,
            question=name,
            answer="The answer of right",
            slice=SLICES[name],
            turn=None if SLICES[name] == "untouched" else int(name[-1]),
            relevant=frozenset({DocumentId("right")}),
            answerable=True,
            agreeing=frozenset(),
        )
        for name in asked.split()
    )

    def seen(right: str) -> dict[str, Seen]:
        return {probe.query_id: RIGHT if probe.query_id in right.split() else WRONG for probe in probes}

    trials = [
        Trial(seed=3, method=name, probes=probes, before=seen(before), turns=tuple(map(seen, turns)), notes=())
        for name, (before, turns) in methods.items()
    ]
    turns = len(trials[0].turns)
    return {
        "dataset": "manual & more",
        "seeds": [3],
        "mode": mode,
        "options": {"mode": mode, "accepted": 0.5, "hostile": 0.2, "turns": turns, "titles": False},
        **measure(trials, encoder=HashingEncoder(), resamples=100, seed=0),
        "decisions": {"3": [f"turn 1: {note}"]},
    }


def two() -> Any:
    return result({"flywheel": ("u1", ["u1 c1", "u1 c1 c2"]), "append": ("u1", ["c1", "c1 c2"])})


def test_rows_have_the_hits_of_each_method_and_slice() -> None:
    rows = page.table(two())
    assert rows[0] == ("flywheel", "corrected", "0.000", "1.000", "+1.000", "+1.000 to +1.000", "0.000", "2")
    assert [row[:5] for row in rows[3:5]] == [
        ("append", "corrected", "0.000", "1.000", "+1.000"),
        ("append", "untouched", "0.500", "0.000", "-0.500"),
    ]
    assert {len(row) for row in rows} == {len(page.COLUMNS)}


@pytest.mark.parametrize("turns", [1, 2])
def test_the_page_is_well_formed_and_needs_nothing_from_elsewhere(turns: int) -> None:
    text = page.render(result({"flywheel": ("u1", ["c1 u1"] * turns), "static": ("u1", ["u1"] * turns)}))
    read = Page(text)
    assert read.open == []
    assert not {tag for tag, _ in read.tags} & {"script", "link", "img", "iframe"}
    assert "http" not in text
    assert "url(" not in text


def test_every_plot_has_a_title_and_a_description_that_exist() -> None:
    read = Page(page.render(two()))
    ids = [attributes["id"] for _, attributes in read.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    plots_of_page = [attributes for tag, attributes in read.tags if tag == "svg"]
    assert len(plots_of_page) == 5  # help against harm; four parts over the turns
    for attributes in plots_of_page:
        assert attributes["role"] == "img"
        assert set(str(attributes["aria-labelledby"]).split()) < set(ids)
    assert "append: help +1.000, harm +0.500." in page.render(two())


def test_the_page_tells_options_decisions_and_who_is_beaten() -> None:
    text = page.render(two())
    for told in ("manual &amp; more", "turn 1: fine", "0.2", "Hostile", "All documents were there."):
        assert told in text, told
    assert "<td>flywheel</td>" not in text  # append helps as much, and is not beaten
    assert "<td>flywheel</td>" in page.render(result({"flywheel": ("", ["c1"]), "static": ("", [""])}))


def test_what_comes_from_data_is_shown_as_text_and_never_as_markup() -> None:
    text = page.render(result({"flywheel": ("u1", ["c1"])}, note=HOSTILE))
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_without_several_turns_there_are_no_curves_and_without_a_slice_no_column() -> None:
    text = page.render(result({"flywheel": ("", ["u1"])}, asked="u1 u2", mode="gap"))
    assert "<svg" not in text
    assert "Turn by turn" not in text
    assert "Corrected</th>" not in text
    assert "Untouched</th>" in text


def test_every_method_and_metric_is_explained() -> None:
    assert set(page.METHODS) == {*RIVALS, page.OURS}
    assert set(page.MEANINGS) == set(METRICS)


@pytest.mark.parametrize("values", [[0.0], [-0.31, 0.052], [0.57, 0.92], [0.3, 0.1], [-1.0, 1.0], [0.001, 0.002]])
def test_a_scale_holds_all_values_between_round_ticks(values: list[float]) -> None:
    made = plots.scale(values, start=10, end=110)
    assert made.low <= min(values) + 1e-9
    assert max(values) <= made.high + 1e-9
    assert (made.at(made.low), made.at(made.high)) == (10, 110)
    assert 2 <= len(made.ticks) <= 9
    assert all(tick * 100 == pytest.approx(round(tick * 100)) for tick in made.ticks)


def test_help_points_up_and_harm_points_left() -> None:
    made = plots.tradeoff(two()["methods"])
    assert made is not None
    ours, append = made.points
    assert ours.y == append.y < made.up.at(0)
    assert append.x < ours.x == made.across.at(0)
    assert (append.left, append.right) == (made.across.at(-1), made.across.at(0))  # two questions: one fell


def test_labels_of_methods_in_one_place_stand_apart() -> None:
    same = {name: ("u1", ["u1"]) for name in ("static", "dense", "weights", "memory", "override")}
    made = plots.tradeoff(result(same)["methods"])
    assert made is not None
    spots = [(point.label.x, point.label.y, point.label.anchor) for point in made.points]
    assert len(set(spots)) == 5
    for (_, combination, anchor), (_, other, other_anchor) in combinations(spots, 2):
        assert anchor != other_anchor or abs(combination - other) >= plots.LINE


def test_curves_begin_before_the_first_turn_and_those_of_the_first_corrections_after_it() -> None:
    told = two()
    made = {chart.part: chart for chart in plots.charts(told["methods"], told["turns"])}
    assert list(made) == ["corrected", "untouched", "adversarial", "first"]
    assert made["corrected"].curves[0].values == (0.0, 0.5, 1.0)
    assert made["first"].curves[0].values == (None, 1.0, 1.0)
    assert len(made["corrected"].curves[0].path.split()) == 3
    assert len(made["first"].curves[0].path.split()) == 2
    assert told["methods"]["flywheel"]["corrected"][HIT]["after"] == 1.0


def test_names_at_the_ends_of_curves_keep_a_lines_distance_inside_the_frame() -> None:
    same = {name: ("", ["", ""]) for name in ("static", "dense", "weights", "memory")}
    told = result(same)
    for chart in plots.charts(told["methods"], told["turns"]):
        heights = sorted(curve.label.y for curve in chart.curves)
        assert all(below - above >= plots.LINE for above, below in pairwise(heights))
        assert heights[-1] <= plots.BOTTOM + 4


def test_many_turns_are_written_at_the_axis_a_few_at_a_time() -> None:
    told = result({"flywheel": ("", ["c1"] * 40)})
    (chart, *_) = plots.charts(told["methods"], told["turns"])
    assert len(chart.across) == 41
    assert len(chart.shown) <= 12
    assert chart.shown[0] == 0
