"""The canary, the freeze and the hold-out over HTTP, and the thread that looks by itself."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from rag_flywheel.api.deployment import Watch
from rag_flywheel.domain import Arm, Canary, CanaryState
from rag_flywheel.errors import LedgerUnavailable
from tests.fakes.doors import door, key, signed
from tests.fakes.ledger import MemoryLedger
from tests.fakes.trial import QUICK, Trial

OFTEN = QUICK.replace("}", ", seconds_between_looks: 0.02}")


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    """A canary of v2 beside v1, which was v0 before."""
    made = Trial(tmp_path)
    made.deploy()
    return made


@pytest.fixture
def http(trial: Trial) -> TestClient:
    return door(trial.made)


def worse(trial: Trial) -> None:
    with trial.made.ledger.transaction():  # so that nobody looks before all have asked
        trial.meet(Arm.TREATMENT, 100, bad=60)
        trial.meet(Arm.CONTROL, 300, bad=30)


# --- the canary -----------------------------------------------------------------------------------------------------


def test_before_the_first_canary_there_is_none_to_show(tmp_path: Path) -> None:
    assert door(Trial(tmp_path).made).get("/canary").json() == {"canary": None}


def test_the_canary_is_shown_with_what_its_people_met_and_what_comes_next(http: TestClient, trial: Trial) -> None:
    worse(trial)
    said = http.get("/canary").json()
    shown = said["canary"]
    assert (shown["control"], shown["treatment"], shown["state"], shown["shadow"]) == ("v1", "v2", "running", False)
    assert (shown["step"], shown["steps"], shown["share"]) == (1, [0.25, 0.5], 0.25)
    assert shown["id"] == trial.canary.canary_id
    assert said["treatment"] == {"people": 100, "asked": 100, "bad": 60}
    assert said["control"] == {"people": 300, "asked": 300, "bad": 30}
    assert said["next"]["action"] == "roll_back"
    assert trial.canary.state is CanaryState.RUNNING


def test_a_look_acts_and_says_what_it_did_and_why(http: TestClient, trial: Trial) -> None:
    worse(trial)
    said = http.post("/canary/tick").json()
    assert (said["action"], said["canary"]["treatment"], said["delivered"]) == ("roll_back", "v2", 0)
    assert "the candidate is worse" in said["reasons"][0]
    assert said["evidence"]["treatment"]["bad"] == 60
    assert http.get("/canary").json()["canary"]["state"] == "rolled_back"
    again = http.post("/canary/tick").json()
    assert (again["canary"], again["action"]) == (None, "none")


def test_a_canary_is_stopped_by_hand_with_who_and_why(http: TestClient, trial: Trial) -> None:
    said = http.post("/canary/stop", json={"why": "complaints by phone"}, headers=signed(http, "ada")).json()
    assert (said["canary"]["state"], said["canary"]["reasons"]) == ("rolled_back", ["complaints by phone"])
    entry = trial.made.ledger.audit(limit=1)[0]
    assert (entry.who, entry.action, entry.subject) == ("ada", "stop canary", "v2")
    again = http.post("/canary/stop", json={})
    assert (again.status_code, again.json()["error"]) == (409, "Conflict")


def test_the_candidate_can_be_promoted_by_hand_in_the_middle_of_its_canary(http: TestClient, trial: Trial) -> None:
    assert http.post("/promote", json={"version": "v2"}).json() == {"live": "v2", "was": "v1"}
    assert trial.canary.state is CanaryState.PROMOTED


# --- the freeze -----------------------------------------------------------------------------------------------------


def test_a_freeze_forbids_promotions_until_it_ends(http: TestClient) -> None:
    assert http.get("/freeze").json() == {"frozen": False}
    said = http.post("/freeze", json={"frozen": True, "why": "launch week"}, headers=signed(http, "grace")).json()
    assert (said["frozen"], said["who"], said["why"]) == (True, "grace", "launch week")
    assert http.get("/freeze").json() == said
    refused = http.post("/promote", json={"version": "v2"})
    assert (refused.status_code, refused.json()["error"]) == (409, "Frozen")
    assert "grace" in refused.json()["detail"]
    assert http.post("/rollback", json={}).status_code == 200
    assert http.post("/freeze", json={"frozen": False}).json()["frozen"] is False
    assert http.post("/promote", json={"version": "v2"}).status_code == 200


def test_what_a_freeze_needs_to_know_is_asked_for(http: TestClient) -> None:
    refused = http.post("/freeze", json={}, headers=signed(http, "grace"))
    assert (refused.status_code, refused.json()["detail"]) == (422, "frozen: is missing; put it in")


# --- the hold-out ---------------------------------------------------------------------------------------------------


def test_a_hold_out_begins_is_shown_and_ends(http: TestClient, trial: Trial) -> None:
    assert http.get("/holdout").json() == {"holdout": None}
    said = http.post("/holdout", json={"version": "v0", "why": "worth"}, headers=signed(http, "grace")).json()
    assert (said["version"], said["share"], said["who"], said["why"]) == ("v0", 0.02, "grace", "worth")
    trial.meet(Arm.HOLDOUT, 200, bad=100)
    trial.meet(Arm.CONTROL, 1000, bad=100)
    shown = http.get("/holdout").json()["holdout"]
    assert shown["holdout"] == {"people": 200, "asked": 200, "bad": 100}
    assert shown["others"] == {"people": 1000, "asked": 1000, "bad": 100}
    assert shown["difference"]["low"] < shown["difference"]["difference"] < shown["difference"]["high"] < 0
    assert http.post("/holdout", json={"version": None}).json()["version"] is None
    assert http.get("/holdout").json() == {"holdout": None}


def test_a_hold_out_takes_a_share_of_its_own(http: TestClient) -> None:
    assert http.post("/holdout", json={"version": "v0", "share": 0.1}).json()["share"] == 0.1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"version": "v0", "share": 0}, 422),
        ({"version": "v0", "share": 0.5}, 422),
        ({"version": "v2"}, 409),  # never live
        ({"version": "v9"}, 404),
    ],
)
def test_a_hold_out_that_cannot_be_is_refused(http: TestClient, body: dict[str, object], status: int) -> None:
    assert http.post("/holdout", json=body).status_code == status
    assert http.get("/holdout").json() == {"holdout": None}


# --- it looks by itself ---------------------------------------------------------------------------------------------


def until(true: Callable[[], bool]) -> None:
    """Wait for it, 10 seconds at most."""
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end, "it did not come true in 10 seconds"
        time.sleep(0.01)


def watchers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name in ("canary", "webhooks")]


def test_while_the_app_serves_it_acts_on_the_verdict_by_itself_and_ends_with_the_app(tmp_path: Path) -> None:
    trial = Trial(tmp_path, text=OFTEN)
    trial.deploy()
    with door(trial.made) as http:
        assert http.get("/canary").json()["canary"]["state"] == "running"
        assert len(watchers()) == 2
        worse(trial)
        until(lambda: trial.canary.state is CanaryState.ROLLED_BACK)
        assert http.get("/canary").json()["canary"]["state"] == "rolled_back"
    assert watchers() == []


def test_several_workers_that_look_at_once_act_once(tmp_path: Path) -> None:
    trial = Trial(tmp_path, text=OFTEN)
    trial.deploy()
    worse(trial)
    with Watch(trial.made), Watch(trial.made), Watch(trial.made):
        until(lambda: trial.canary.state is CanaryState.ROLLED_BACK)
        time.sleep(0.1)
    assert [entry.action for entry in trial.made.ledger.audit(limit=99)].count("stop canary") == 1


class AwayAtFirst(MemoryLedger):
    """It does not answer the first looks."""

    def __init__(self, trouble: Exception) -> None:
        super().__init__()
        self.away = 0
        self.trouble = trouble

    def canary(self) -> Canary | None:
        if self.away and threading.current_thread().name == "canary":
            self.away -= 1
            raise self.trouble
        return super().canary()


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        (LedgerUnavailable("the database restarts"), "looking at the canary failed: LedgerUnavailable"),
        (KeyError("nobody foresaw this"), "looking at the canary failed"),
    ],
)
def test_looking_goes_on_after_a_ledger_that_did_not_answer_and_says_so_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, trouble: Exception, told: str
) -> None:
    ledger = AwayAtFirst(trouble)
    trial = Trial(tmp_path, text=OFTEN, ledger=ledger)
    trial.deploy()
    worse(trial)
    ledger.away = 3
    with Watch(trial.made):
        until(lambda: trial.canary.state is CanaryState.ROLLED_BACK)
    said = [record.getMessage() for record in caplog.records if record.name == "rag_flywheel.deployment"]
    assert said[:3] == [told] * 3
    assert said[3:] == ["canary of v2: roll_back"]


def test_an_app_that_ends_does_not_wait_for_its_next_look(tmp_path: Path) -> None:
    trial = Trial(tmp_path, text=QUICK.replace("}", ", seconds_between_looks: 60}"))
    started = time.monotonic()
    with Watch(trial.made):
        pass
    assert time.monotonic() - started < 5
    assert watchers() == []


def test_a_verdict_of_the_thread_is_served_to_the_people_who_ask_next(tmp_path: Path) -> None:
    trial = Trial(tmp_path, text=OFTEN)
    trial.deploy()
    trial.clock.wait(2)
    trial.meet(Arm.TREATMENT, 50)
    trial.meet(Arm.CONTROL, 150)
    with door(trial.made) as http:
        until(lambda: trial.canary.step == 1)
        arms = {
            http.post("/chat", json={"question": "How?", "user_id": f"person {number}"}).json()["arm"]
            for number in range(40)
        }
        assert arms == {"control", "treatment"}
        with trial.made.ledger.transaction():
            trial.meet(Arm.TREATMENT, 300, bad=10)
            trial.meet(Arm.CONTROL, 300, bad=100)
            trial.clock.wait(2)
        until(lambda: trial.live == "v2")
        reply = http.post("/chat", json={"question": "How?", "user_id": "person 1"}).json()
    assert (reply["version"], reply["arm"], reply["canary"]) == ("v2", "control", None)


def test_the_audit_log_tells_who_did_what_and_why_the_latest_first(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    http, ada = door(trial.made), key(trial.made, "ada")
    trial.deploy()
    with http:
        http.post("/canary/stop", json={"why": "complaints by phone"}, headers=ada)
        entries = http.get("/audit", params={"limit": 2}).json()
        assert http.get("/audit", params={"limit": 0}).status_code == 422
    assert [(entry["who"], entry["action"], entry["subject"]) for entry in entries] == [
        ("ada", "stop canary", "v2"),
        ("reindex", "start canary", "v2"),
    ]
    assert (entries[0]["detail"]["why"], entries[0]["detail"]["control"]) == ("complaints by phone", "v1")
