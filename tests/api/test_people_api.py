"""A person's data over HTTP: shown to them and to admins, and erased."""

import base64
import hashlib
import html
import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from rag_flywheel import config
from rag_flywheel.domain import InteractionId, Role
from rag_flywheel.domain.consent import Purpose
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


def test_a_person_alone_sees_what_stands_behind_their_masks_where_the_settings_keep_it(tmp_path: Path) -> None:
    made = services(tmp_path, text="privacy: {reversible: true}")
    made = replace(made, secrets=config.secrets({"RAG_FLYWHEEL_REVEAL_KEY": "0d" * 32}))
    publish(made, "v1")
    http = door(made)
    ada = key(made, "ada", Role.ASKER, for_others=False)
    name = http.post("/chat", json={"question": "Is bob@acme.com in?"}, headers=ada).json()["interaction_id"]
    http.post("/feedback", json={"interaction_id": name, "kind": "comment", "value": "ask eve@acme.com"}, headers=ada)
    http.post("/corrections", json={"interaction_id": name, "answer": "bob@acme.com is in."}, headers=ada)
    own = http.get("/users/ada/data", headers=ada).json()
    bob, eve = {"<EMAIL_ADDRESS_1>": ["bob@acme.com"]}, {"<EMAIL_ADDRESS_2>": ["eve@acme.com"]}
    assert [own[part][0]["masked"] for part in ("interactions", "feedback", "corrections")] == [bob, eve, bob]
    assert "acme" not in http.get("/users/ada/data").text, "an admin's export"
    assert "acme" not in json.dumps([row for _, row in made.ledger.records()])


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


# --- consent --------------------------------------------------------------------------------------------------------


def test_a_person_says_what_their_texts_are_for_and_nobody_else_does_but_an_admin(made: Services) -> None:
    http = door(made)
    ada, bob = (key(made, name, Role.ASKER, for_others=False) for name in ("ada", "bob"))
    url, no = "/users/ada/consent", {"purposes": {"learn": False}, "notice": "2026-05", "how": "page"}
    assert [http.get(url, headers=bob).status_code, http.put(url, json=no, headers=bob).status_code] == [404, 404]
    said = http.get(url, headers=ada).json()
    assert (said["setting"], said["records"]) == ("assumed", [])
    assert said["purposes"]["learn"] == {"said": None, "in_force": True}
    said = http.put(url, json=no, headers=ada).json()
    assert said["purposes"]["learn"] == {"said": False, "in_force": False}
    assert said["purposes"]["answer"] == {"said": None, "in_force": True}
    [record] = said["records"]
    [event] = record["events"]
    assert (record["schema_version"], record["record_id"]) == ("ISO/IEC TS 27560:2023", event["event_id"])
    assert (event["event_state"], event["purposes"], event["notice_version"]) == ("withdrawn", ["learn"], "2026-05")
    assert (event["collection_method"], event["entity"]) == ("page", "the person themself")
    assert len(http.put(url, json=no, headers=ada).json()["records"][0]["events"]) == 1, "it is their word already"
    back = http.put(url, json={"purposes": {"learn": True}}).json()
    assert [event["entity"] for event in back["records"][0]["events"]] == ["the person themself", "rita"]


def test_what_was_said_decides_on_the_next_question_and_a_conversation_has_its_own_word(made: Services) -> None:
    http = door(made)
    ada = key(made, "ada", Role.ASKER, for_others=False)
    http.put("/users/ada/consent", json={"purposes": {"evaluate": False}}, headers=ada)
    http.put("/users/ada/consent", json={"purposes": {"answer": False}, "session_id": "monday"}, headers=ada)
    private = asked(http, ada)
    body = {"question": QUESTION, "session_id": "tuesday"}
    other = http.post("/chat", json=body, headers=ada).json()["interaction_id"]
    kept = {asked.interaction_id: asked for asked in made.ledger.interactions(limit=9)}
    assert (kept[InteractionId(private)].question, kept[InteractionId(private)].user) == ("", None)
    assert kept[InteractionId(other)].purposes == frozenset({Purpose.ANSWER, Purpose.LEARN})
    assert [met.unit for met in made.ledger.exposures()] == [], "who is not to be compared is on no arm"
    shown = http.get("/users/ada/consent", params={"session_id": "monday"}, headers=ada).json()
    assert shown["purposes"]["answer"] == {"said": False, "in_force": False}
    assert [record["scope"] for record in shown["records"]] == ["person", "conversation"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"purposes": {}},
        {"purposes": {"sell": True}},
        {"purposes": {"learn": "perhaps"}},
        {"purposes": {"answer": False, "learn": True}},
        {"purposes": {"learn": True}, "how": "assumed"},
        {"purposes": {"learn": True}, "notice": "x" * 101},
    ],
)
def test_what_cannot_be_meant_is_refused_and_not_recorded(made: Services, body: dict[str, object]) -> None:
    assert door(made).put("/users/ada/consent", json=body).status_code == 422
    assert made.ledger.consents() == []


@pytest.mark.parametrize(
    ("headers", "metadata", "kept", "how"),
    [
        ({}, {}, {"answer", "learn", "evaluate"}, "assumed"),
        ({"X-Rag-Flywheel-Consent": "false"}, {}, set(), "header"),
        ({"X-Rag-Flywheel-Consent": "answer, learn"}, {}, {"answer", "learn"}, "header"),
        ({}, {"consent": "no"}, set(), "metadata"),
        ({}, {"consent": "learn"}, {"answer", "learn"}, "metadata"),
        ({"X-Rag-Flywheel-Consent": "true"}, {"consent": "false"}, set(), "metadata"),
    ],
)
def test_an_openai_client_says_it_in_a_header_or_in_metadata(
    made: Services, headers: dict[str, str], metadata: dict[str, str], kept: set[str], how: str
) -> None:
    body = {"model": "rag-flywheel", "messages": [{"role": "user", "content": QUESTION}], "metadata": metadata}
    reply = door(made).post("/v1/chat/completions", json=body, headers=headers)
    assert reply.status_code == 200
    [recorded] = made.ledger.interactions(limit=9)
    assert ({*map(str, recorded.purposes or ())}, str(recorded.agreed)) == (kept, how)
    assert bool(recorded.question) is bool(kept)


def test_a_wrong_word_for_consent_is_refused_by_every_door(made: Services) -> None:
    http = door(made)
    body = {"model": "rag-flywheel", "messages": [{"role": "user", "content": QUESTION}]}
    replies = [
        http.post("/v1/chat/completions", json=body, headers={"X-Rag-Flywheel-Consent": "perhaps"}),
        http.post("/v1/chat/completions", json={**body, "metadata": {"consent": "sell"}}),
        http.post("/chat", json={"question": QUESTION, "consent": ["sell"]}),
    ]
    assert [reply.status_code // 100 for reply in replies] == [4, 4, 4]
    assert made.ledger.interactions(limit=9) == []


def test_whoever_withdrew_all_hands_no_text_in_and_is_still_heard_without_words(made: Services) -> None:
    http = door(made)
    ada = key(made, "ada", Role.ASKER, for_others=False)
    name = asked(http, ada)
    http.put("/users/ada/consent", json={"purposes": {"answer": False}}, headers=ada)
    comment = {"interaction_id": name, "kind": "comment", "value": "thank you"}
    correction = {"interaction_id": name, "answer": "Run rag-flywheel rollback and wait."}
    sent = (("/feedback", comment), ("/corrections", correction))
    replies = [http.post(url, json=body, headers=ada) for url, body in sent]
    assert [reply.status_code for reply in replies] == [409, 409]
    thumb = {"interaction_id": name, "kind": "thumb", "value": "up"}
    assert http.post("/feedback", json=thumb, headers=ada).status_code == 201
    assert made.ledger.corrections() == []


def test_where_consent_is_off_no_text_is_kept_of_anybody_whatever_they_say(tmp_path: Path) -> None:
    made = services(tmp_path, text="privacy: {consent: off}")
    publish(made, "v1")
    http = door(made)
    http.put("/users/ada/consent", json={"purposes": {"learn": True, "evaluate": True}})
    reply = http.post("/chat", json={"question": QUESTION, "user_id": "ada", "consent": True}).json()
    body = {"interaction_id": reply["interaction_id"], "answer": "Run rag-flywheel rollback.", "user_id": "ada"}
    assert http.post("/corrections", json=body).status_code == 409
    assert "rollback" in reply["answer"]
    assert QUESTION not in json.dumps([row for _, row in made.ledger.records()])
    assert {held["in_force"] for held in http.get("/users/ada/consent").json()["purposes"].values()} == {False}


# --- the page -------------------------------------------------------------------------------------------------------


def test_a_browser_gets_a_page_of_all_that_json_has_without_script_and_with_every_text_escaped(tmp_path: Path) -> None:
    made = services(tmp_path, text="retention: {interactions: 30}\nprivacy_notice: {controller: 'Acme <b>'}")
    publish(made, "v1")
    http = door(made)
    ada = key(made, "ada", Role.ASKER, for_others=False)
    name = asked(http, ada)
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    http.post("/feedback", json={"interaction_id": name, "kind": "comment", "value": evil}, headers=ada)
    http.put("/users/ada/consent", json={"purposes": {"learn": False}}, headers=ada)
    reply = http.get("/users/ada/data", headers={**ada, "Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    page = reply.text
    assert reply.headers["content-type"].startswith("text/html")
    assert (reply.headers["vary"], reply.headers["cache-control"]) == ("Accept", "no-store")
    policy = reply.headers["content-security-policy"]
    assert ("default-src 'none'" in policy, "script-src" in policy, "unsafe-inline" in policy) == (True, False, False)
    style = page.partition("<style>")[2].partition("</style>")[0]
    assert base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() in policy
    assert [tag for tag in ("<script", "<img", "<b>", "<link", "http://", "https://") if tag in page] == []
    assert "&lt;script&gt;" in page
    data = http.get("/users/ada/data", headers=ada).json()
    [interaction] = data["interactions"]
    end = datetime.fromisoformat(interaction["kept_until"])
    assert (end - datetime.fromisoformat(interaction["asked"])).days == 30
    for told in (interaction["id"], interaction["kept_until"], QUESTION, "withdrawn", "ISO/IEC TS 27560:2023"):
        assert html.escape(told) in page


@pytest.mark.parametrize(
    "accept", [None, "*/*", "application/json", "application/json, text/html;q=0.9", "text/html;q=x"]
)
def test_whoever_does_not_prefer_a_page_gets_json(made: Services, accept: str | None) -> None:
    reply = door(made).get("/users/ada/data", headers={} if accept is None else {"Accept": accept})
    assert reply.headers["content-type"] == "application/json"


def test_the_export_says_when_each_kind_goes_and_that_what_a_correction_rests_on_stays(tmp_path: Path) -> None:
    made = services(tmp_path, text="retention: {interactions: 30, corrections: 7, audit: none}")
    publish(made, "v1")
    http = door(made)
    ada = key(made, "ada", Role.ASKER, for_others=False)
    body = {"interaction_id": asked(http, ada), "answer": "Run rag-flywheel rollback and wait."}
    http.post("/corrections", json=body, headers=ada)
    data = http.get("/users/ada/data", headers=ada).json()
    assert (data["retention"]["interactions"], data["retention"]["audit"]) == (30, None)
    [interaction], [correction] = data["interactions"], data["corrections"]
    assert (interaction["kept_until"], correction["kept_until"] is None) == (None, False)
