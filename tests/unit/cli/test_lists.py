"""Every list at 80 columns, with what is long in it."""

import json
from typing import Any

import pytest

from rag_flywheel.cli.invocation import API_KEY
from rag_flywheel.services import Services
from tests.contract.rows import an_aside
from tests.fakes.services import publish
from tests.unit.cli.conftest import Run, api_key

LONG = "Why does the pump of the second floor stand still after a night with frost, and who is to be told? " * 3
WORD = "manuals/2026/heating-and-water/" + "chapter-of-the-pumps-" * 5 + "end.md"
LISTS = [
    ("keys", "list"),
    ("versions", "list"),
    ("review", "list"),
    ("golden", "list"),
    ("aside", "list"),
    ("audit",),
    ("gaps", "list"),
    ("triage",),
    ("insights", "list"),
]
NAMES = ("id", "case_id", "subject", "place")


@pytest.fixture(scope="module")
def filled(made: Services) -> Services:
    publish(made, "v20261130-091500-" + "abcdef0123" * 4)
    made.ledger.add_aside(an_aside(WORD))
    return made


@pytest.fixture
def asked(run: Run, url: str, filled: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(API_KEY, api_key(filled, "the night watch of the pumping station in the old harbour"))
    name = json.loads(run("--url", url, "ask", LONG, "--json")[1])["interaction_id"]
    assert run("--url", url, "correct", name, "--answer", LONG)[0] == 0
    assert run("--url", url, "golden", "add", LONG, "--unanswerable")[0] in (0, 6)
    name = json.loads(run("--url", url, "ask", "How is a backup of the ledger made?", "--json")[1])["interaction_id"]
    assert run("--url", url, "feedback", name, "abandoned")[0] == 0


@pytest.mark.parametrize("words", LISTS, ids=" ".join)
def test_a_list_shows_every_id_in_one_piece_and_cuts_nothing(
    run: Run, url: str, asked: None, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    listed = json.loads(run("--url", url, "--json", *words)[1])
    code, out, _ = run("--url", url, *words)
    assert code == 0
    assert "…" not in out
    for name in _ids(listed):
        assert name in out
    if words[0] != "insights":
        assert _ids(listed) or words == ("gaps", "list")


def _ids(listed: list[dict[str, Any]]) -> list[str]:
    found = [entry[name] for entry in listed for name in NAMES if isinstance(entry.get(name), str)]
    found += [entry["version"] for entry in listed if "counts" in entry]
    return found + [name for entry in listed for name in entry.get("interaction_ids", ())[:1]]
