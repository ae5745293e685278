"""A reviewer at a terminal."""

import json
from pathlib import Path

import pytest

from rag_flywheel.cli.invocation import API_KEY
from rag_flywheel.cli.reviewing import changed
from rag_flywheel.services import Services
from tests.unit.cli.conftest import Run, api_key, typed_at_terminal

QUESTION = "How is a backup of the ledger made?"


@pytest.fixture
def handed_in(run: Run, url: str) -> list[str]:
    """The ids of three corrections, the oldest first."""
    for listed in json.loads(run("--url", url, "--json", "review", "list")[1]):
        run("--url", url, "review", "decide", listed["id"], "--verdict", "reject")
    made = []
    for number in range(3):
        asked = json.loads(run("--url", url, "ask", QUESTION, "--json")[1])["interaction_id"]
        answer = f"A backup of the ledger is made by copying the database file, say at {number} o'clock."
        words = ("correct", asked, "--answer", answer, "--user", f"ada{number}")
        made.append(json.loads(run("--url", url, "--json", *words)[1])["id"])
    return made


def states(run: Run, url: str, ids: list[str]) -> list[str]:
    return [json.loads(run("--url", url, "--json", "review", "show", name)[1])["status"] for name in ids]


def test_a_letter_decides_the_reason_is_kept_and_the_last_decision_can_be_taken_back(
    run: Run, url: str, made: Services, handed_in: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(API_KEY, api_key(made, "grace"))
    lines = ["r", "It is in the handbook.", "q", "Who says so?", "u", "maybe", "s", "r", "", "r", "Not at 2."]
    said = typed_at_terminal(["--url", url, "review", "start"], lines, tmp_path)
    assert f"1 of 3: {handed_in[0]}, pending" in said
    assert "say at 0 o'clock.+}" in said
    assert "one letter of a e r q s u x" in said
    assert said.rstrip().endswith("decided: 2 reject")
    assert states(run, url, handed_in) == ["rejected", "pending", "rejected"]
    shown = json.loads(run("--url", url, "--json", "review", "show", handed_in[0])[1])
    assert (shown["note"], shown["reviewer"]) == ("It is in the handbook.", "grace")


def test_an_answer_is_edited_with_the_editor_of_the_reviewer(
    run: Run, url: str, made: Services, handed_in: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = tmp_path / "editor.sh"
    editor.write_text('#!/bin/sh\nprintf "Copy the database file while nothing writes to it." > "$1"\n')
    editor.chmod(0o700)
    monkeypatch.setenv("EDITOR", str(editor))
    monkeypatch.setenv(API_KEY, api_key(made, "hedy"))
    typed_at_terminal(["--url", url, "review", "start"], ["e", "x"], tmp_path)
    shown = json.loads(run("--url", url, "--json", "review", "show", handed_in[0])[1])
    assert (shown["status"] in ("accepted", "held"), shown["answer"]) == (
        True,
        "Copy the database file while nothing writes to it.",
    )


def test_an_interrupted_review_sends_no_decision_that_could_still_be_taken_back(
    run: Run, url: str, made: Services, handed_in: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(API_KEY, api_key(made, "ida"))
    said = typed_at_terminal(["--url", url, "review", "start"], ["r", "No.", "\x03"], tmp_path)
    assert f"{handed_in[0]}: not sent" in said
    assert states(run, url, handed_in) == ["pending"] * 3


def test_a_decision_that_is_refused_is_told_and_the_review_goes_on(
    run: Run, url: str, made: Services, handed_in: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody accepts their own."""
    monkeypatch.setenv(API_KEY, api_key(made, "ada0"))
    said = typed_at_terminal(["--url", url, "review", "start"], ["a", "r", "No.", "x"], tmp_path)
    assert f"{handed_in[0]}: accept was refused" in said
    assert said.rstrip().endswith("decided: 1 reject")


def test_scripts_are_told_to_use_other_commands(run: Run, url: str) -> None:
    code, _, err = run("--url", url, "review", "start")
    assert code == 2
    assert "review decide" in err


def test_a_change_of_words_can_be_read_without_colours() -> None:
    said = changed("Hold the button for ten seconds.", "Hold the red button for twelve seconds.")
    assert said.plain == "changed: Hold the {+red+} button for [-ten-] {+twelve+} seconds."
