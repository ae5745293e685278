"""A person's data over HTTP: shown to them and to admins, and erased."""

from pathlib import Path
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from rag_flywheel.domain import Role
from rag_flywheel.services import Services
from tests.fakes.doors import door, key
from tests.fakes.services import publish, services

QUESTION = "How do I put the previous version back?"


@pytest.fixture
def made(tmp_path: Path) -> Services:
    made = services(tmp_path)
    publish(made, "v1")
    return made


def asked(http: TestClient, headers: dict[str, str]) -> str:
    reply = http.post("/chat", json={"question": QUESTION, "session_id": "monday"}, headers=headers)
    assert reply.status_code == 200
    return str(reply.json()["interaction_id"])


def test_a_person_sees_all_that_is_kept_of_them_and_nobody_else_does(made: Services) -> None:
    http = door(made)
    ada, bob = (key(made, name, Role.ASKER, for_others=False) for name in ("ada", "bob"))
    name = asked(http, ada)
    http.post("/feedback", json={"interaction_id": name, "kind": "comment", "value": "thank you"}, headers=ada)
    body = {"interaction_id": name, "answer": "Run rag-flywheel rollback and wait."}
    http.post("/corrections", json=body, headers=ada)
    data = http.get("/users/ada/data", headers=ada).json()
    [interaction], [feedback], [correction] = data["interactions"], data["feedback"], data["corrections"]
    assert (interaction["question"], interaction["consent"], interaction["id"]) == (QUESTION, True, name)
    assert feedback["value"] == "thank you"
    assert (correction["answer"], correction["status"], correction["live_in"]) == (body["answer"], "pending", None)
    refused = [http.request(method, "/users/ada/data", headers=bob) for method in ("GET", "DELETE")]
    assert [reply.status_code for reply in refused] == [404, 404]
    assert http.get("/users/nobody/data", headers=bob).json()["detail"] == refused[0].json()["detail"]
    assert http.get("/users/ada/data").json() == data
    assert http.get("/users/bob/data", headers=bob).json()["interactions"] == []


def test_a_person_erases_their_own_data_and_is_not_named_in_the_records_of_it(made: Services) -> None:
    http = door(made)
    ada, bob = (key(made, name, Role.ASKER, for_others=False) for name in ("ada", "bob"))
    asked(http, ada)
    others = asked(http, bob)
    seen = http.delete("/users/ada/data", params={"dry_run": True}, headers=ada).json()
    assert (seen["state"], seen["records"]["interactions"], seen["versions"]) == ("preview", 1, [])
    assert len(http.get("/users/ada/data").json()["interactions"]) == 1
    done = http.delete("/users/ada/data", headers=ada).json()
    assert (done["state"], done["records"]["interactions"]) == ("done", 1)
    assert http.get("/users/ada/data").json()["interactions"] == []
    assert [kept.interaction_id for kept in made.ledger.interactions(limit=9)] == [others]
    entries = [entry for entry in made.ledger.audit(limit=9) if "erase" in entry.action or "erasure" in entry.action]
    assert [entry.who for entry in entries] == ["the person themself"] * 2
    assert http.delete("/users/bob/data").json()["state"] == "done"
    assert made.ledger.audit(limit=1)[0].who == "rita"


def test_one_conversation_or_one_span_of_time_is_erased_alone(made: Services) -> None:
    http = door(made)
    ada = key(made, "ada", Role.ASKER, for_others=False)
    asked(http, ada)
    other = http.post("/chat", json={"question": QUESTION, "session_id": "tuesday"}, headers=ada).json()
    http.delete("/users/ada/data", params={"session_id": "monday"}, headers=ada)
    left = http.get("/users/ada/data", headers=ada).json()["interactions"]
    assert [interaction["id"] for interaction in left] == [other["interaction_id"]]
    http.delete("/users/ada/data", params={"until": "2020-01-01T00:00:00Z"}, headers=ada)
    assert len(http.get("/users/ada/data", headers=ada).json()["interactions"]) == 1
    wrong = {"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}
    assert http.delete("/users/ada/data", params=wrong, headers=ada).status_code == 422


@pytest.mark.parametrize("name", ["https://id.example.org/a|ada", "unit/7", "Ada Lovelace", "ada@example.org", "50%"])
def test_whatever_a_person_is_called_their_data_are_shown_and_erased(made: Services, name: str) -> None:
    http = door(made)
    http.post("/chat", json={"question": QUESTION, "user_id": name}).raise_for_status()
    url = f"/users/{quote(name, safe='')}/data"
    assert len(http.get(url).json()["interactions"]) == 1
    assert http.delete(url).status_code in (200, 202)
    assert http.get(url).json()["interactions"] == []


def test_an_erasure_from_a_moment_on_that_has_not_come_is_refused(made: Services) -> None:
    reply = door(made).delete("/users/ada/data", params={"since": "2999-01-01T00:00:00Z"})
    assert (reply.status_code, "lies in the future" in reply.json()["detail"]) == (422, True)
