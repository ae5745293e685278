"""The forest plot."""

import re
from pathlib import Path
from typing import Any

import pytest

from eval.comparison import ALL_GUARDS
from eval.gate import Finding
from eval.report.forest import panels
from tests.fakes.page import Page
from tests.fakes.reports import document, written


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
