"""A correction on its way from the command to the reviewer."""

import json

import pytest

from rag_flywheel.cli.invocation import API_KEY
from rag_flywheel.domain import CorrectionId
from rag_flywheel.feedback.second_reviews import is_drawn
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


def handed_in(run: Run, url: str, question: str, answer: str) -> str:
    asked = json.loads(run("--url", url, "ask", question, "--json")[1])["interaction_id"]
    return str(json.loads(run("--url", url, "--json", "correct", asked, "--answer", answer)[1])["id"])


def test_reviewers_share_the_work_by_commands(
    run: Run, url: str, made: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = handed_in(run, url, "How is the service installed on Linux?", "With pip, inside a virtual environment.")
    monkeypatch.setenv(API_KEY, api_key(made, "grace"))
    assert f"{name} is in hand of grace until" in run("--url", url, "review", "take", name)[1]
    monkeypatch.setenv(API_KEY, api_key(made, "hedy"))
    assert run("--url", url, "review", "take", name)[0] == 6
    assert run("--url", url, "review", "decide", name, "--verdict", "reject")[0] == 6
    monkeypatch.setenv(API_KEY, api_key(made, "grace"))
    assert run("--url", url, "review", "assign", name, "--to", "hedy")[0] == 0
    monkeypatch.setenv(API_KEY, api_key(made, "hedy"))
    taken = json.loads(run("--url", url, "--json", "review", "next")[1])["item"]
    assert (taken["id"], taken["in_hand_of"]) == (name, "hedy")
    assert json.loads(run("--url", url, "--json", "review", "list", "--in-hand", "me")[1])[0]["id"] == name
    for act in ("leave", "skip"):
        assert json.loads(run("--url", url, "--json", "review", act, name)[1])["in_hand_of"] is None
    run("--url", url, "review", "decide", name, "--verdict", "reject")
    assert json.loads(run("--url", url, "--json", "review", "undo", name)[1])["status"] == "pending"
    told = json.loads(run("--url", url, "--json", "review", "progress")[1])["reviewers"]
    assert sum(each["rejected"] for each in told if each["reviewer"] == "hedy") == 0
    assert "verdicts in the last 7 days" in run("--url", url, "review", "progress")[1]


def test_several_are_decided_on_by_one_command_and_what_each_would_touch_is_told_before(run: Run, url: str) -> None:
    first, second = (handed_in(run, url, question, "As it is.") for question in ("How large is it?", "how large is it"))
    code, out, _ = run("--url", url, "review", "touches", first)
    assert code == 0
    assert "version v2 has not learned when a correction is meant" in out
    out = run("--url", url, "review", "show", first)[1]
    assert f"{first} says the same as {second} (pending)" in out
    several = ("review", "decide", first, second, "gone", "--verdict", "quarantine")
    told = json.loads(run("--url", url, "--json", *several)[1])
    assert [(each["status"], each["error"]) for each in told] == [
        ("quarantined", None),
        ("quarantined", None),
        (None, "NotFound"),
    ]
    assert run("--url", url, *several, "--answer", "Larger.")[0] == 2
    table = run("--url", url, "review", "list", "--status", "quarantined", "--csv")[1]
    assert table.startswith('"id","status","stage"')
    assert first in table


def test_a_second_reviewer_is_compared_with_the_first(
    run: Run, url: str, made: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "nothing was decided twice yet" in run("--url", url, "review", "agreement")[1]
    salt, share = made.ledger.salt(), made.config.review.second_share
    drawn = next(
        name
        for number in range(200)
        if is_drawn(
            CorrectionId(name := handed_in(run, url, f"Where is part {number}?", "Here.")), salt=salt, share=share
        )
    )
    monkeypatch.setenv(API_KEY, api_key(made, "grace"))
    run("--url", url, "review", "decide", drawn, "--verdict", "reject")
    monkeypatch.setenv(API_KEY, api_key(made, "hedy"))
    waiting = json.loads(run("--url", url, "--json", "review", "second")[1])
    assert f"id          {waiting[0]['id']}" in run("--url", url, "review", "second")[1]
    given = json.loads(run("--url", url, "--json", "review", "second", drawn, "--verdict", "reject")[1])
    assert given["agrees"]
    out = run("--url", url, "review", "agreement")[1]
    assert "1 of 1 second verdicts agree (95% interval 0.21 to 1.00)" in out
    assert "Cohen's kappa: not defined" in out
