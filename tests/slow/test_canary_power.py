"""The canary's benchmark on few runs: that it measures what it says."""

import importlib
from collections.abc import Iterator
from io import StringIO
from types import ModuleType
from typing import Any

import pytest
from rich.console import Console

from rag_flywheel.cli.progress import silent
from rag_flywheel.config import CanarySection
from tests.paths import ROOT

SCRIPTS = ROOT / "benchmarks"
SETTINGS = CanarySection(maximum_hours=1e6)


@pytest.fixture(scope="module")
def scripts() -> Iterator[tuple[ModuleType, ModuleType]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPTS))
        yield importlib.import_module("canary_power"), importlib.import_module("canary_runs")


@pytest.fixture(scope="module")
def runs(scripts: tuple[ModuleType, ModuleType]) -> Any:
    return scripts[1]


@pytest.fixture(scope="module")
def measured(scripts: tuple[ModuleType, ModuleType]) -> dict[str, Any]:
    options = scripts[0].Options(
        runs=3, seed=0, expected=0.3, limit=1500, long=3000, effects=(1.0,), rates=(0.3,), traffic=(20.0, 500.0)
    )
    found: dict[str, Any] = scripts[0].measure(options, steps=silent)
    return found


def rows(measured: dict[str, Any], part: str) -> list[dict[str, Any]]:
    return [row for row in measured["rows"] if row["part"] == part]


def test_every_run_ends_in_one_of_three_ways(measured: dict[str, Any]) -> None:
    assert {row["roll_back"] + row["promote"] + row["open"] for row in measured["rows"]} == {3}


def test_a_canary_of_which_every_answer_fails_is_stopped_within_the_first_step(measured: dict[str, Any]) -> None:
    (row,) = (row for row in rows(measured, "faults") if row["name"] == "every answer fails")
    assert (row["roll_back"], row["step"]) == (3, 0)
    assert set(row["rules"]) == {"failed"}


def test_twice_as_many_bad_outcomes_are_rolled_back_as_worse(measured: dict[str, Any]) -> None:
    (row,) = rows(measured, "rates")
    assert (row["roll_back"], set(row["rules"])) == (3, {"worse"})


def test_a_median_counts_runs_without_a_verdict_as_the_longest(scripts: tuple[ModuleType, ModuleType]) -> None:
    assert scripts[0]._quantiles([30, 10, 20], 5) == {"median": 30, "90%": None}
    assert scripts[0]._quantiles([10, 20], 5) == {"median": None, "90%": None}
    assert scripts[0]._quantiles(list(range(1, 11)), 10) == {"median": 5, "90%": 9}


def test_the_tables_show_every_run_and_every_promise(
    scripts: tuple[ModuleType, ModuleType], measured: dict[str, Any]
) -> None:
    console = Console(width=160, record=True, file=StringIO())
    scripts[0].show(measured, console)
    text = console.export_text()
    assert all(row["name"] in text for row in measured["rows"])
    assert all(name in " ".join(text.split()) for name in measured["promises"])


def test_a_promise_tells_the_share_of_runs_and_whether_it_holds(scripts: tuple[ModuleType, ModuleType]) -> None:
    row = {"part": "promises", "name": "equal", "limit": 9, "runs": 100, "roll_back": 5, "promote": 0}
    (kept,) = scripts[0].promises([row]).values()
    (broken,) = scripts[0].promises([{**row, "roll_back": 6}]).values()
    (missed,) = scripts[0].promises([{**row, "name": "worse", "roll_back": 94}]).values()
    assert [promise["held"] for promise in (kept, broken, missed)] == [True, False, False]
    assert kept["share"] == 0.05


def test_the_same_seed_gives_the_same_run_and_another_one_does_not(runs: Any) -> None:
    world = runs.World(expected=0.3, effect=0.5, limit=4000, every=5)
    first, again, other = (runs.play(world, SETTINGS, seed=(seed,)) for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("effect", [0.0, 1.0])
def test_the_sums_kept_up_to_date_are_those_of_the_tally(runs: Any, effect: float) -> None:
    world = runs.World(expected=0.3, effect=effect, limit=3000, failing=0.02)
    found = runs.play(world, SETTINGS, seed=(3,), record=True)
    assert found.step > 0 or found.rules  # so that something was compared


def test_a_run_whose_sums_were_wrong_would_be_seen(runs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "QUESTIONS_COUNTED", 1)
    with pytest.raises(AssertionError, match="tally finds"):
        runs.play(runs.World(expected=0.3, limit=3000), SETTINGS, seed=(3,), record=True)
