"""Commands for what people agree to, and for how long their records are kept."""

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run


def test_consent_is_withdrawn_given_again_and_shown(run: Run, url: str) -> None:
    at = ("--url", url, "consent")
    withdrawn = json.loads(run(*at, "withdraw", "ada", "--purpose", "learn", "--notice", "2026-05", "--json")[1])
    assert withdrawn["purposes"]["learn"] == {"said": False, "in_force": False}
    assert run(*at, "withdraw", "ada", "--conversation", "monday")[0] == 0
    given = json.loads(run(*at, "give", "ada", "--json")[1])
    assert {held["said"] for held in given["purposes"].values()} == {True}
    shown = json.loads(run(*at, "show", "ada", "--json")[1])
    assert shown == given | {"records": shown["records"]}
    told = [event for record in shown["records"] for event in record["events"]]
    assert [event["event_state"] for event in told] == ["withdrawn", "given", "withdrawn"]
    assert {event["collection_method"] for event in told} == {"command"}
    page = run(*at, "show", "ada", "--conversation", "monday")[1]
    assert [word for word in ("withdrawn", "given", "learn", "rita") if word not in page] == []


def test_a_purpose_that_there_is_not_is_refused(run: Run, url: str) -> None:
    code, _, said = run("--url", url, "consent", "give", "ada", "--purpose", "sell")
    assert (code, "there are answer, learn, evaluate" in said) == (2, True)


def test_pseudonyms_get_a_new_key_and_old_keys_are_dropped(run: Run, tmp_path: Path) -> None:
    """The file is where the settings say."""
    (tmp_path / "config.yaml").write_text("sources: []\nprivacy: {consent: assumed, key_file: apart/people.key}")
    assert json.loads(run("people", "rekey", "--json")[1]) == {"rows": 0}
    assert "0 rows are stored under a new key" in run("people", "rekey")[1]
    assert json.loads(run("people", "drop-keys", "--json")[1]) == {"keys": 1}
    assert "0 keys were dropped" in run("people", "drop-keys")[1]
    lines = (tmp_path / "apart" / "people.key").read_text().splitlines()
    words = [line for line in lines if not line.startswith("#")]
    assert [len(word) for word in words] == [64, 1, 64]
    assert not (tmp_path / "data" / "keys").exists()


def test_an_operator_with_the_key_reads_whom_a_mask_stands_for_and_the_audit_log_says_so(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lamp.md").write_text("# Lamp\n\nUnscrew the glass dome before taking out used bulbs.\n")
    settings = "sources: [lamp.md]\nprivacy: {consent: assumed, reversible: true}\n"
    (tmp_path / "config.yaml").write_text(settings)
    monkeypatch.setenv("RAG_FLYWHEEL_REVEAL_KEY", "0d" * 32)
    assert run("reindex")[0] == 0
    asked = json.loads(run("ask", "Whose lamp has ada@lovelace.net?", "--user", "ada", "--json")[1])["interaction_id"]
    assert "lovelace" not in run("people", "export", "ada", "--json")[1]
    code, _, said = run("people", "reveal", asked, "--why", " ")
    assert (code, "a reason" in said) == (2, True)
    revealed = json.loads(run("people", "reveal", asked, "--why", "bob@lovelace.net asks", "--json")[1])
    assert revealed["stand_ins"] == {"<EMAIL_ADDRESS_1>": ["ada@lovelace.net"]}
    assert revealed["question"] == "Whose lamp has ada@lovelace.net?"
    [entry, *_] = json.loads(run("audit", "--json")[1])
    assert (entry["action"], entry["subject"], entry["detail"]) == (
        "people: reveal",
        asked,
        {"why": "<EMAIL_ADDRESS> asks"},
    )
    monkeypatch.setenv("RAG_FLYWHEEL_REVEAL_KEY", "1e" * 32)
    other = json.loads(run("people", "reveal", asked, "--why", "to see", "--json")[1])
    assert (other["stand_ins"], other["unreadable"]) == ({}, 1)
    (tmp_path / "config.yaml").write_text("sources: [lamp.md]\nprivacy: {consent: assumed}\n")
    code, _, said = run("people", "reveal", asked, "--why", "to see")
    assert (code, "privacy.reversible is off" in said) == (2, True)


def test_a_command_deletes_what_is_too_old_and_says_what(run: Run, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("sources: []\nretention: {audit: 1}")
    assert json.loads(run("expire", "--json")[1]) == {"deleted": {}}
    assert "nothing was old enough" in run("expire")[1]
