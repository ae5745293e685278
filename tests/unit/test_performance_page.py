"""The handbook's page of speeds, as the benchmark writes it."""

import importlib
import json
import sys
from dataclasses import asdict
from types import ModuleType

import pytest

from tests.paths import ROOT

OPTIONS = ["--pages=12", "--texts=64", "--rounds=5", "--threads=2"]


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> tuple[ModuleType, ModuleType, ModuleType]:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    names = ("performance", "performance_page", "performance_rows")
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    first, second, third = map(importlib.import_module, names)
    return first, second, third


def test_the_page_says_how_much_was_measured_and_by_which_command(
    scripts: tuple[ModuleType, ModuleType, ModuleType], capsys: pytest.CaptureFixture[str]
) -> None:
    performance, page, rows = scripts
    row = rows.Measured(what="embedding 64 texts", unit="texts/s", ours=9.0)
    rows.tell([row], "5 times 64 texts")
    told = json.loads(capsys.readouterr().out)
    part = rows.Part(
        rows=(row,),
        load=(0.5, 0.4, 0.3),
        threads=2,
        problem="",
        command=performance.again("models", OPTIONS),
        amount=told["amount"],
    )
    kept = rows.Part.read(json.loads(json.dumps(asdict(part))))  # as `--only` of another part keeps it
    said = page.page({"models": kept}, {"python": "3.11"})
    assert "Measured: 5 times 64 texts." in said
    command = "python benchmarks/performance.py --pages=12 --texts=64 --rounds=5 --threads=2 --only models"
    assert f"\n    {command}\n" in said
    assert "| embedding 64 texts | texts/s | 9.0 |" in said


def test_a_part_that_an_earlier_release_measured_is_still_shown(
    scripts: tuple[ModuleType, ModuleType, ModuleType],
) -> None:
    _, page, rows = scripts
    kept = rows.Part.read({"rows": [], "load": [1.0, 1.0, 1.0], "threads": 1, "problem": ""})
    assert "Threads: 1, load 1.0, 1.0, 1.0." in page.page({"search": kept}, {})
