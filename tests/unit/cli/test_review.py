"""A correction on its way from the command to the reviewer."""

import json

import pytest

from rag_flywheel.cli.invocation import API_KEY
from rag_flywheel.services import Services
from tests.unit.cli.conftest import Run, api_key

QUESTION = "How do I put the previous version back?"


def test_a_correction_goes_from_the_command_to_the_reviewer(
    run: Run, url: str, made: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = json.loads(run("--url", url, "ask", QUESTION, "--json")[1])["interaction_id"]
    evidence = ("--evidence", "rollback:0:10", "--supersedes", "backup:0:10")
    code, out, _ = run("--url", url, "--json", "correct", name, "--answer", "Do it.", "--user", "ada", *evidence)
    taken = json.loads(out)
    assert (code, set(taken), taken["status"]) == (0, {"id", "status"}, "pending")
    listed = json.loads(run("--url", url, "--json", "review", "list")[1])
    assert taken["id"] in [correction["id"] for correction in listed]
    assert "Do it." in run("--url", url, "review", "show", taken["id"])[1]
    decide = ("review", "decide", taken["id"], "--verdict", "accept")
    monkeypatch.setenv(API_KEY, api_key(made, "grace"))
    said = run("--url", url, *decide, "--seen", "none")[1]
    assert f"{taken['id']}: look twice (new_author): It hides a passage of an official source" in said
    assert f"{taken['id']} is held: grace accepted it, and it waits for a second reviewer" in said
    assert run("--url", url, *decide)[0] == 6
    code, _, said = run("--url", url, *decide, "--reviewer", "hedy")
    assert (code, "a server takes your name from your API key" in said) == (2, True)
    monkeypatch.setenv(API_KEY, api_key(made, "ada"))
    assert run("--url", url, *decide)[0] == 9  # who wrote it
    monkeypatch.setenv(API_KEY, api_key(made, "hedy"))
    assert run("--url", url, *decide, "--seen", "none")[0] == 6
    assert json.loads(run("--url", url, "--json", *decide)[1])["status"] == "accepted"
    followed = json.loads(run("--url", url, "--json", "correction", taken["id"])[1])
    assert (followed["id"], followed["status"]) == (taken["id"], "accepted")
    assert made.ledger.audit(limit=1)[0].who == "hedy"


def test_a_conflict_is_put_before_the_reviewer(run: Run, url: str) -> None:
    asked = json.loads(run("--url", url, "ask", "How is a backup of the ledger made?", "--json")[1])["interaction_id"]
    first, second = (
        json.loads(run("--url", url, "--json", "correct", asked, "--answer", answer)[1])["id"]
        for answer in ("Copy the database file.", "Nobody knows how.")
    )
    listed = json.loads(run("--url", url, "--json", "review", "list", "--conflicts")[1])
    assert [correction["id"] for correction in listed] == [first, second]
    for arguments in (("review", "list", "--conflicts"), ("review", "show", second)):
        said = run("--url", url, *arguments)[1]
        assert f"{second} is in conflict with {first} (pending): Copy the database file." in said
        assert "the very same question: the one accepted last supersedes the other" in said
    assert json.loads(run("--url", url, "--json", "review", "list", "--conflicts", "--status", "rejected")[1]) == []
