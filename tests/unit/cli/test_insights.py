"""Insights by command: shown at 80 columns, written as files, and the week as a page."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from rag_flywheel.services import Services
from tests.fakes.samples import interaction
from tests.unit.cli.conftest import Run

SPAN = ("--from", "2026-05-01", "--to", "2026-05-31")


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture(scope="module")
def answered(made: Services) -> None:
    made.ledger.add_interaction(interaction("i1"))
    made.ledger.add_interaction(replace(interaction("i2", answered=False, citations=0), group="beta"))


def test_numbers_are_shown_with_their_intervals(run: Run, url: str, answered: None) -> None:
    code, out, _ = run("--url", url, "insights", "show", *SPAN)
    assert code == 0
    assert "50.0% (9.5 to 90.5)" in out
    assert "Where answers failed" in out
    told = json.loads(run("--url", url, "insights", "show", *SPAN, "--group", "beta", "--json")[1])
    assert (told["total"]["answers"], told["total"]["refused"]["value"]) == (1, 1.0)


def test_a_table_is_written_as_csv_or_json_by_the_name_of_the_file(
    run: Run, url: str, answered: None, tmp_path: Path
) -> None:
    for name in ("v.csv", "v.json"):
        code, out, _ = run("--url", url, "insights", "export", "versions", str(tmp_path / name), *SPAN)
        assert code == 0
        assert name in out
    assert (tmp_path / "v.csv").read_text().startswith("name,answers,answered,answered_n")
    assert [row["name"] for row in json.loads((tmp_path / "v.json").read_text())] == ["v1"]
    assert run("--url", url, "insights", "export", "secrets", str(tmp_path / "s.csv"))[0] != 0
    assert not (tmp_path / "s.csv").exists()


def test_the_week_is_printed_or_written_and_told_to_the_webhooks_once(
    run: Run, url: str, answered: None, tmp_path: Path
) -> None:
    week = ("--url", url, "insights", "digest", "--since", "2026-04-20")
    code, out, _ = run(*week)
    assert (code, out.splitlines()[0]) == (0, "# Week of 2026-04-20 to 2026-04-26")
    assert run(*week, "--output", str(tmp_path / "week.md"))[0] == 0
    assert (tmp_path / "week.md").read_text() == out
    states = [json.loads(run(*week, "--webhook", "--json")[1])["state"] for _ in range(2)]
    assert states == ["sent", "known"]
