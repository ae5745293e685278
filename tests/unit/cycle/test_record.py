"""What is kept of how the cycles went."""

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from rag_flywheel.cycle import record
from rag_flywheel.cycle.record import STAGES, recorded, stage_of
from rag_flywheel.cycle.result import CycleDecision, CycleResult
from tests.fakes.collector import Collector, traced
from tests.fakes.samples import NOON
from tests.paths import ROOT

PROMOTED = CycleResult(decision=CycleDecision.PROMOTED, version=None, reasons=())


def quiet(what: str, done: int, total: int) -> None:
    """Nobody is told."""


def test_cycles_are_counted_by_outcome_with_their_times(tmp_path: Path) -> None:
    """Those that built a version also leave the times of their stages, which others do not take away."""
    with recorded(tmp_path, quiet, lambda: NOON) as (step, ended):
        for what in ("reading files (kB)", "embedding passages", "embedding passages", "deciding"):
            step(what, 0, 1)
        ended(PROMOTED)
    for _ in range(2):
        with recorded(tmp_path, quiet, lambda: NOON) as (step, ended):
            ended(replace(PROMOTED, decision=CycleDecision.UNCHANGED))
    known = record.read(tmp_path)
    assert known.outcomes == {"promoted": 1, "unchanged": 2}
    assert known.last == dict.fromkeys(("promoted", "unchanged"), NOON.timestamp())
    assert known.stages.keys() == {"read", "embed", "decide"}
    assert known.seconds > 0


def test_a_cycle_that_an_error_ends_counts_as_failed(tmp_path: Path) -> None:
    """Whoever called it gets the error."""

    def broken() -> None:
        with recorded(tmp_path, quiet, lambda: NOON):
            raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        broken()
    assert record.read(tmp_path).outcomes == {"failed": 1}


@pytest.mark.parametrize("content", ["", "{", '{"outcomes": 7}', "[]"])
def test_a_damaged_record_counts_for_nothing_and_is_written_anew(tmp_path: Path, content: str) -> None:
    (tmp_path / record.FILE).write_text(content)
    assert record.read(tmp_path).outcomes == {}
    with recorded(tmp_path, quiet, lambda: NOON) as (_, ended):
        ended(PROMOTED)
    assert record.read(tmp_path).outcomes == {"promoted": 1}


def test_where_nothing_can_be_written_the_cycle_ends_as_it_would(tmp_path: Path) -> None:
    with recorded(tmp_path / "gone", quiet, lambda: NOON) as (_, ended):
        ended(PROMOTED)
    assert record.read(tmp_path / "gone").outcomes == {}


def test_a_cycle_is_a_trace_with_a_span_for_each_stage(tmp_path: Path) -> None:
    """Steps that belong to one stage make one span, and notes, which may name anything, make none."""
    with Collector() as collector, traced(collector.url):
        with recorded(tmp_path, quiet, lambda: NOON) as (step, ended):
            step("version 7 of ada@example.org was deleted", 1, 1)
            for done in range(3):
                step("embedding passages", done, 3)
            step("scoring the control", 0, 1)
            step("scoring the treatment", 0, 1)
            ended(PROMOTED)
        spans = collector.spans()
    assert [span.name for span in spans] == ["embed", "score", "reindex"]
    assert {span.parent for span in spans[:2]} == {spans[2].span_id}
    assert spans[2].attributes["rag_flywheel.decision"] == "promoted"
    assert spans[0].start <= spans[0].end <= spans[1].start


def test_every_step_that_the_cycle_tells_of_belongs_to_a_stage() -> None:
    """By the words in the code: a new step that nobody gave a stage is noticed."""
    told = []
    for path in (ROOT / "rag_flywheel" / "cycle").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or getattr(node.func, "attr", getattr(node.func, "id", "")) != "steps":
                continue
            texts = [each for each in ast.walk(node.args[0]) if isinstance(each, ast.Constant)]
            told += [each.value for each in texts[:1] if isinstance(each.value, str)]
            told += [each.value for each in texts[1:] if isinstance(node.args[0], ast.IfExp)]
    assert len(told) >= 12
    assert [what for what in told if stage_of(what) is None] == []
    assert {stage_of(what) for what in told} == set(STAGES.values())
