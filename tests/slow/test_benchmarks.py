"""The gate's benchmarks on small numbers, over fakes: that they measure what they say."""

import importlib
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rag_flywheel.cli.progress import silent
from rag_flywheel.config import Config, Secrets
from rag_flywheel.services import Services
from tests.fakes import beir
from tests.fakes.services import services
from tests.paths import ROOT

SCRIPTS = ROOT / "benchmarks"
RUNS = 4
SIZE = 24


def opened(config: Config, secrets: Secrets) -> AbstractContextManager[Services]:
    return nullcontext(replace(services(config.folder), config=config))


@pytest.fixture(scope="module")
def scripts() -> Iterator[tuple[ModuleType, ModuleType]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPTS))
        yield importlib.import_module("gate_power"), importlib.import_module("gate_speed")


@pytest.fixture(scope="module")
def power(scripts: tuple[ModuleType, ModuleType]) -> Any:
    return scripts[0]


@pytest.fixture(scope="module")
def measured(power: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    tmp_path = tmp_path_factory.mktemp("power")
    faults = ("personal record", "stale evidence", power.FAILING_JUDGE)
    options = power.Options(runs=RUNS, seed=0, workers=1, size=SIZE, sizes=(SIZE,), faults=faults)
    (tmp_path / "work").mkdir()
    found: dict[str, Any] = power.measure(
        beir.write(tmp_path / "things"), tmp_path / "work", options, steps=silent, opened=opened
    )
    return found


def test_the_same_version_twice_passes_and_is_neither_worse_nor_better(measured: dict[str, Any]) -> None:
    assert [(row["passed"], row["worse"], row["better"]) for row in measured["aa"]] == [(RUNS, 0, 0)] * 2


def test_no_loss_passes_and_a_large_one_does_not(measured: dict[str, Any]) -> None:
    passed = {row["loss"]: row["passed"] for row in measured["loss"] if not row["flips"]}
    assert passed[0.0] == RUNS
    assert passed[0.1] < RUNS


def test_more_attempts_let_more_pass_only_where_they_lose_other_questions(measured: dict[str, Any]) -> None:
    passed = {row["apart"]: row["passed"] for row in measured["attempts"] if row["loss"] == 0.05}
    alone = next(row["passed"] for row in measured["loss"] if row["loss"] == 0.05 and not row["flips"])
    assert passed[0.0] == alone
    assert passed[1.0] > passed[0.0]


def test_blame_brings_back_a_night_that_one_correction_spoilt(measured: dict[str, Any]) -> None:
    rows = [row for row in measured["blame"] if row["how"] == "lone" and row["culprits"] == 1 and not row["flips"]]
    assert [row["passed"] for row in rows] == [RUNS] * len(rows)
    assert rows


def test_a_planted_fault_is_caught_by_the_rule_that_it_breaks(power: Any, measured: dict[str, Any]) -> None:
    caught = {name: row["caught_by"] for name, row in measured["faults"].items()}
    assert caught["no fault"] == {}
    assert caught["personal record"]["set aside: personal_data"] == RUNS
    assert caught["stale evidence"]["invariant stale"] == RUNS
    assert caught[power.FAILING_JUDGE]["coverage"] == RUNS


def test_a_loss_that_passes_breaks_its_promise(power: Any, measured: dict[str, Any]) -> None:
    options = power.Options(runs=RUNS, seed=0, workers=1, size=SIZE)
    name = f"a loss of 5 points on {SIZE} questions passes in at most 5% of runs"
    for passed, held in ((0, True), (RUNS, False)):
        loss = [{**row, "passed": passed} for row in measured["loss"]]
        assert power.promises({**measured, "loss": loss}, options)[name]["held"] is held


def test_the_next_night_scores_the_new_version_alone(scripts: tuple[ModuleType, ModuleType], tmp_path: Path) -> None:
    speed: Any = scripts[1]
    counted: Counter[str] = Counter()

    def steps(what: str, done: int, total: int) -> None:
        counted[what] += 1

    result = speed.measure(
        beir.write(tmp_path / "things"), tmp_path, passages=50, questions=10, steps=steps, opened=opened
    )
    assert (result.passages, result.questions) == (50, 10)
    assert counted["answering with the live"] == counted["answering with the candidate"] == 10 * 3
    assert counted["scoring the live"] == 10 * 2  # the kept scores are those of the second night
    assert set(result.next.parts) >= {"live", "candidate", "comparing"}


@pytest.mark.parametrize("store", ["embedded", "servers"])
def test_of_people_who_are_forgotten_while_others_ask_nothing_is_left(
    store: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    monkeypatch.setattr("sys.argv", ["erasure.py", "--people", "20", "--erased", "2", "--store", store])
    assert importlib.import_module("erasure").main() == 0
    found = json.loads(capsys.readouterr().out)
    assert found["traces_before"] > 20
    assert (found["left"], found["brought_back"], found["lost"], found["second_looks"]) == ([], [], 0, 2)
