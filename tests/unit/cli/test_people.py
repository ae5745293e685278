"""Commands for what people agree to, and for how long their records are kept."""

import json
from pathlib import Path

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


def test_a_command_deletes_what_is_too_old_and_says_what(run: Run, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("sources: []\nretention: {audit: 1}")
    assert json.loads(run("expire", "--json")[1]) == {"deleted": {}}
    assert "nothing was old enough" in run("expire")[1]
