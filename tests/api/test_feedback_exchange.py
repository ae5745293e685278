"""Feedback and corrections from and to other tools, by commands over the real app."""

import contextlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rag_flywheel.cli import app, invocation
from rag_flywheel.cycle.erasing import suppression_list
from rag_flywheel.domain import Feedback, Role
from rag_flywheel.errors import LedgerUnavailable
from rag_flywheel.privacy.erasure import subject
from rag_flywheel.privacy.pseudonyms import pseudonym
from rag_flywheel.services import Services
from tests.fakes.doors import door, key
from tests.fakes.samples import NOON
from tests.fakes.services import publish, services

Run = Callable[..., Any]
TRACE = {
    "id": "t1",
    "timestamp": "2026-04-01T10:00:00Z",
    "userId": "ada",
    "sessionId": "s1",
    "input": "How do I put the previous version back? I am ada@mailbox.org.",
    "output": "Restart it.",
}
SCORE = {
    "id": "s-1",
    "traceId": "t1",
    "timestamp": "2026-04-01T10:05:00Z",
    "source": "API",
    "name": "user-feedback",
    "dataType": "BOOLEAN",
    "value": 0,
    "comment": "Write to bob@mailbox.org instead.",
}
BETTER = {**SCORE, "id": "s-2", "name": "output", "dataType": "CORRECTION", "value": "Run rag-flywheel rollback.", "comment": None}  # fmt: skip # noqa: E501


@pytest.fixture
def made(tmp_path: Path) -> Services:
    made = services(tmp_path)
    publish(made, "v1")
    return made


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`rag-flywheel exchange ARGUMENTS --json` over some services: its reply, or the code and words of a failure."""

    def run(made: Services, *arguments: str) -> Any:
        monkeypatch.setattr(invocation, "local_services", lambda invoked: contextlib.nullcontext(made))
        monkeypatch.setattr(sys, "argv", ["rag-flywheel", "exchange", *arguments, "--json"])
        with pytest.raises(SystemExit) as ended:
            app.main()
        said = json.loads(capsys.readouterr().out)
        return said if ended.value.code in (0, None) else (ended.value.code, said["detail"])

    return run


def export_of(place: Path, *rows: Any) -> str:
    file = place / "langfuse.jsonl"
    file.write_text("\n".join(map(json.dumps, rows or (TRACE, SCORE, BETTER))))
    return str(file)


def imported(run: Run, made: Services, file: str, *options: str) -> Any:
    return run(made, "import", "--format", "langfuse", file, *options)


def exported(run: Run, made: Services, file: Path, *options: str) -> tuple[Any, list[Any]]:
    told = run(made, "export", str(file), *options)
    return told, [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_what_was_said_elsewhere_is_kept_masked_and_a_correction_waits_for_its_review(
    made: Services, run: Run, tmp_path: Path
) -> None:
    told = imported(run, made, export_of(tmp_path))
    assert {name: told[name] for name in ("interactions", "feedback", "corrections", "skipped", "problems")} == {
        "interactions": 1,
        "feedback": 2,
        "corrections": 1,
        "skipped": 0,
        "problems": [],
    }
    [asked] = made.ledger.interactions(limit=9)
    assert (asked.user, asked.generator) == (pseudonym("ada", made.ledger.salt()), "langfuse")
    assert asked.ranking[0].document_id == "rollback"
    assert "mailbox" not in asked.question
    assert next((signal.kind, signal.value) for signal in made.ledger.feedback()) == ("thumb", "down")
    assert "mailbox" not in str(made.ledger.feedback())
    [waiting] = door(made).get("/review").json()
    assert (waiting["answer"], waiting["status"]) == ("Run rag-flywheel rollback.", "pending")
    assert "feedback: import" in {entry.action for entry in made.ledger.audit(limit=9)}


def test_a_second_run_takes_in_only_what_is_new(made: Services, run: Run, tmp_path: Path) -> None:
    imported(run, made, export_of(tmp_path, TRACE, SCORE))
    told = imported(run, made, export_of(tmp_path))
    assert (told["interactions"], told["feedback"], told["corrections"], told["skipped"]) == (0, 0, 1, 2)


def test_who_imports_accepts_none_of_it_alone(made: Services, tmp_path: Path) -> None:
    http = door(made)
    boss = key(made, "boss", Role.OPERATOR, Role.REVIEWER, for_others=False)
    better = {"id": "c", "answer": "Run it.", "given": "2026-04-01T10:05:00Z"}
    trace = {"id": "t", "asked": "2026-04-01T10:00:00Z", "question": "How do I roll back?", "corrections": [better]}
    reply = http.post("/feedback/import", json={"source": "phoenix", "traces": [trace]}, headers=boss)
    assert (reply.status_code, reply.json()["corrections"]) == (200, 1)
    [made_of] = made.ledger.corrections()
    decide = f"/review/{made_of.correction.correction_id}"
    assert http.post(decide, json={"verdict": "accept"}, headers=boss).status_code == 403
    assert http.post(decide, json={"verdict": "accept"}, headers=key(made, "rita")).status_code == 200


@pytest.mark.parametrize(
    ("policy", "said", "kept"),
    [
        ("assumed", [], 1),
        ("required", [], 0),
        ("required", ["--agreed", "yes"], 1),
        ("assumed", ["--agreed", "no"], 0),
        ("off", ["--agreed", "yes"], 0),
    ],
)
def test_nothing_is_kept_of_who_did_not_agree(
    tmp_path: Path, run: Run, policy: str, said: list[str], kept: int
) -> None:
    made = services(tmp_path, text=f"privacy: {{consent: '{policy}'}}\n")
    publish(made, "v1")
    told = imported(run, made, export_of(tmp_path), *said)
    assert (told["interactions"], told["left_out"]) == (kept, {} if kept else {"no consent": 1})


def test_what_somebody_withdrew_here_or_asked_to_forget_does_not_come_back(
    made: Services, run: Run, tmp_path: Path
) -> None:
    http = door(made)
    http.put("/users/bob/consent", json={"purposes": {"answer": False}})
    file = suppression_list(made)
    file.parent.mkdir(parents=True)
    salt = made.ledger.salt()
    known = {"subject": subject(pseudonym("ada", salt) or "", salt), "session": None, "since": None}
    file.write_text(json.dumps({**known, "until": NOON.isoformat(), "erasure": "e1"}) + "\n")
    theirs = {**TRACE, "id": "t2", "userId": "bob"}, {**SCORE, "id": "s-9", "traceId": "t2"}
    told = imported(run, made, export_of(tmp_path, TRACE, SCORE, *theirs), "--agreed", "yes")
    assert (told["interactions"], told["left_out"]) == (0, {"forgotten": 1, "no consent": 1})
    assert made.ledger.interactions(limit=9) == []


def test_a_row_that_the_server_refuses_is_listed_with_its_line(made: Services, run: Run, tmp_path: Path) -> None:
    late = {**TRACE, "id": "t2", "timestamp": "2036-01-01T00:00:00Z"}
    file = export_of(tmp_path, TRACE, SCORE, late, {**SCORE, "id": "s-8", "traceId": "t2"}, {"no": "row"})
    told = imported(run, made, file)
    assert told["interactions"] == 1
    assert [(each["file"], each["line"]) for each in told["problems"]] == [("langfuse.jsonl", 5), ("langfuse.jsonl", 4)]


def test_what_comes_twice_is_skipped_and_stops_nothing(made: Services) -> None:
    thumb = {"id": "s", "kind": "thumb", "value": "down", "given": "2026-04-01T10:05:00Z"}
    better = {"id": "c", "answer": "Run it.", "given": "2026-04-01T10:05:00Z"}
    marks = {"signals": [thumb, thumb], "corrections": [better, better]}
    said = {"asked": "2026-04-01T10:00:00Z", "question": "How do I roll back?", **marks}
    body = {"source": "phoenix", "traces": [{"id": "t1", **said}, {"id": "t2", **said}]}
    told = door(made).post("/feedback/import", json=body).json()
    assert (told["interactions"], told["feedback"], told["corrections"], told["skipped"]) == (2, 1, 1, 6)


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("0001-01-01T00:00:00Z", "2026-04-01T10:05:00Z"),
        ("2026-04-01T10:06:00Z", "2026-04-01T10:05:00Z"),
        ("2026-04-01T10:00:00Z", "2036-04-01T10:05:00Z"),
    ],
)
def test_what_was_asked_or_said_at_no_possible_time_is_refused(made: Services, asked: str, given: str) -> None:
    thumb = {"id": "s", "kind": "thumb", "value": "down", "given": given}
    trace = {"id": "t", "asked": asked, "question": "How do I roll back?", "signals": [thumb]}
    told = door(made).post("/feedback/import", json={"source": "phoenix", "traces": [trace]}).json()
    assert (told["feedback"], len(told["refused"])) == (0, 1)


def test_an_import_that_breaks_off_is_in_the_audit_too(made: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(feedback: Feedback) -> None:
        raise LedgerUnavailable("gone")

    monkeypatch.setattr(made.ledger, "add_feedback", broken)
    thumb = {"id": "s", "kind": "thumb", "value": "down", "given": "2026-04-01T10:05:00Z"}
    trace = {"id": "t", "asked": "2026-04-01T10:00:00Z", "question": "How do I roll back?", "signals": [thumb]}
    reply = door(made).post("/feedback/import", json={"source": "phoenix", "traces": [trace]})
    assert reply.status_code == 503
    [entry] = [entry for entry in made.ledger.audit(limit=9) if entry.action == "feedback: import"]
    assert entry.detail["interactions"] == 1


def test_where_documents_are_for_groups_nothing_is_imported(tmp_path: Path, run: Run) -> None:
    (tmp_path / "docs").mkdir()
    made = services(tmp_path, text="sources: [{path: docs, groups: [staff]}]\n")
    publish(made, "v1")
    code, said = imported(run, made, export_of(tmp_path))
    assert (code, "groups" in said) == (6, True)


def test_feedback_goes_out_masked_by_pseudonyms_and_only_of_who_agrees(
    made: Services, run: Run, tmp_path: Path
) -> None:
    http = door(made)
    for user in ("ada", "bob", "eve"):
        body = {"question": "How do I roll back? Ask me@mailbox.org", "user_id": user}
        asked = http.post("/chat", json=body).json()["interaction_id"]
        thumb = {"interaction_id": asked, "kind": "thumb", "value": "down", "user_id": user}
        assert http.post("/feedback", json=thumb).status_code == 201
        better = {"interaction_id": asked, "answer": "Run rag-flywheel rollback.", "user_id": user}
        assert http.post("/corrections", json=better).status_code == 202
    http.put("/users/bob/consent", json={"purposes": {"learn": False}})
    http.delete("/users/eve/data")
    told, lines = exported(run, made, tmp_path / "out.jsonl")
    assert (told["questions"], len(lines)) == (1, 1)
    ada = pseudonym("ada", made.ledger.salt())
    assert (lines[0]["user"], lines[0]["feedback"][0]["user"], lines[0]["corrections"][0]["user"]) == (ada, ada, ada)
    assert (lines[0]["feedback"][0]["value"], lines[0]["corrections"][0]["status"]) == ("down", "pending")
    written = (tmp_path / "out.jsonl").read_text()
    assert not any(word in written for word in ("mailbox", '"ada"', "bob", "eve"))
    assert [len(exported(run, made, tmp_path / use, "--use", use)[1]) for use in ("evaluate",)] == [2]
    assert exported(run, made, tmp_path / "late", "--since", "2030-01-01")[1] == []


def test_only_operators_take_feedback_away_or_bring_it_in(made: Services) -> None:
    http, rita = door(made), key(made, "rita2", Role.REVIEWER, Role.ASKER)
    assert http.get("/feedback/export", headers=rita).status_code == 403
    assert http.post("/feedback/import", json={}, headers=rita).status_code == 403


def test_a_wrong_option_and_a_file_that_is_there_are_refused(made: Services, run: Run, tmp_path: Path) -> None:
    assert imported(run, made, export_of(tmp_path), "--score", "x=heart")[0] == 2
    (tmp_path / "old.jsonl").write_text("old")
    assert run(made, "export", str(tmp_path / "old.jsonl"))[0] == 2
