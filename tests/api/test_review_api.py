"""The work of reviewers over HTTP."""

import csv
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from rag_flywheel.domain import Admission, LearnedRanking, Role
from rag_flywheel.services import Services
from tests.fakes.doors import door, key
from tests.fakes.services import publish, services

QUESTION = "How do I put the previous version back?"
OTHER = "How is a backup of the ledger made?"


@pytest.fixture
def made(tmp_path: Path) -> Services:
    made = services(tmp_path, text="review: {second_reviewer: false, second_share: 1.0}")
    publish(made, "v1", learned=LearnedRanking(admission=Admission(threshold=0.5, words=0.0)))
    return made


@pytest.fixture
def http(made: Services) -> TestClient:
    return door(made)


@pytest.fixture
def grace(made: Services) -> dict[str, str]:
    return key(made, "grace", Role.REVIEWER, for_others=False)


@pytest.fixture
def hedy(made: Services) -> dict[str, str]:
    return key(made, "hedy", Role.REVIEWER, for_others=False)


def corrected(http: TestClient, question: str = QUESTION, answer: str = "Run the command.", **more: Any) -> str:
    asked = http.post("/chat", json={"question": question, "user_id": "ada"}).json()["interaction_id"]
    body = {"interaction_id": asked, "answer": answer, "user_id": "ada", **more}
    return str(http.post("/corrections", json=body).json()["id"])


def listed(http: TestClient, **params: Any) -> list[str]:
    reply = http.get("/review", params=params)
    assert reply.status_code == 200, reply.text
    return [item["id"] for item in reply.json()]


def test_two_reviewers_never_work_on_one_item(http: TestClient, grace: dict[str, str], hedy: dict[str, str]) -> None:
    first, second = corrected(http), corrected(http, OTHER)
    hers = http.post("/review/next", headers=grace).json()["item"]
    his = http.post("/review/next", headers=hedy).json()["item"]
    assert {hers["id"], his["id"]} == {first, second}
    assert (hers["in_hand_of"], his["in_hand_of"]) == ("grace", "hedy")
    refused = http.post(f"/review/{his['id']}", json={"verdict": "accept"}, headers=grace)
    assert (refused.status_code, refused.json()["error"]) == (409, "Conflict")
    assert "hedy has it in hand until" in refused.json()["detail"]
    decided = http.post(f"/review/{his['id']}", json={"verdict": "accept"}, headers=hedy).json()
    assert (decided["status"], decided["in_hand_of"]) == ("accepted", None)
    assert http.post("/review/next", headers=hedy).json() == {"item": None}


def test_an_item_is_taken_left_skipped_and_given_to_somebody(
    http: TestClient, grace: dict[str, str], hedy: dict[str, str]
) -> None:
    name = corrected(http)
    assert http.post(f"/review/{name}/take", headers=grace).json()["in_hand_of"] == "grace"
    assert http.post(f"/review/{name}/take", headers=hedy).status_code == 409
    assert http.post(f"/review/{name}/leave", headers=grace).json()["in_hand_of"] is None
    assert http.post(f"/review/{name}/skip", headers=grace).json()["in_hand_of"] is None
    assert http.post("/review/next", headers=grace).json()["item"] is None
    given = http.post(f"/review/{name}/assign", json={"reviewer": "hedy"}, headers=grace).json()
    assert (given["in_hand_of"], given["in_hand_until"]) == ("hedy", given["in_hand_until"])
    assert http.post("/review/next", headers=hedy).json()["item"]["id"] == name
    refused = http.post(f"/review/{name}/assign", json={"reviewer": "ada"}, headers=hedy)
    assert (refused.status_code, refused.json()["error"]) == (403, "NotAllowed")


def test_a_verdict_is_taken_back_until_a_version_was_built_with_it(
    http: TestClient, made: Services, grace: dict[str, str], hedy: dict[str, str]
) -> None:
    name = corrected(http)
    http.post(f"/review/{name}", json={"verdict": "accept", "answer": "In better words."}, headers=grace)
    assert http.post(f"/review/{name}/undo", headers=hedy).status_code == 403
    back = http.post(f"/review/{name}/undo", headers=grace).json()
    assert (back["status"], back["answer"], back["review"]) == ("pending", "Run the command.", "none")
    http.post(f"/review/{name}", json={"verdict": "reject", "seen": "none"}, headers=grace)
    publish(made, "v2")
    refused = http.post(f"/review/{name}/undo", headers=grace)
    assert (refused.status_code, "version v2 was built" in refused.json()["detail"]) == (409, True)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"stage": "mis_generated"}, ["first"]),
        ({"document": "backup"}, ["second"]),
        ({"concern": "secrets"}, ["first"]),
        ({"in_hand": "me"}, []),
        ({"in_hand": "others"}, ["second"]),
        ({"in_hand": "nobody"}, ["first"]),
        ({"order": "newest"}, ["second", "first"]),
        ({"order": "oldest", "limit": 1}, ["first"]),
        ({"since": "2026-05-02T00:00:00Z"}, []),
        ({"until": "2026-05-02T00:00:00Z", "order": "oldest"}, ["first", "second"]),
        ({"reviewer": "grace"}, []),
    ],
)
def test_the_queue_is_narrowed_down_by_what_is_asked_for(
    http: TestClient, hedy: dict[str, str], params: dict[str, Any], expected: list[str]
) -> None:
    first = corrected(http, answer="To put it back, send your password to support@example.org now.")
    spans = [{"document_id": "backup", "start": 0, "end": 10}]
    second = corrected(http, OTHER, answer="Ask somebody.", supersedes=spans)
    http.post(f"/review/{second}/take", headers=hedy)
    stages = {item["id"]: item["stage"] for item in http.get("/review").json()}
    if "stage" in params:
        params = {"stage": stages[first]}
        expected = [name for name, of in (("first", first), ("second", second)) if stages[of] == stages[first]]
    names = {first: "first", second: "second"}
    assert [names[name] for name in listed(http, **params)] == expected


def test_what_a_reviewer_decided_is_found_by_their_name(http: TestClient, grace: dict[str, str]) -> None:
    name = corrected(http)
    http.post(f"/review/{name}", json={"verdict": "reject"}, headers=grace)
    assert listed(http, status="rejected", reviewer="Grace") == [name]
    assert listed(http, status="rejected", reviewer="hedy") == []


@pytest.mark.parametrize(
    "params", [{"since": "2026-05-02T00:00:00"}, {"order": "best"}, {"sort": "worth"}, {"concern": "odd"}]
)
def test_a_filter_that_says_nothing_is_refused(http: TestClient, params: dict[str, str]) -> None:
    assert http.get("/review", params=params).status_code == 422


def test_what_many_people_asked_comes_before_what_one_did(http: TestClient) -> None:
    once, often = corrected(http), corrected(http, OTHER)
    for who in ("bob", "cyd", "dee"):
        http.post("/chat", json={"question": OTHER.upper(), "user_id": who})
    found = http.get("/review").json()
    assert [(item["id"], item["people"]) for item in found] == [(often, 4), (once, 1)]
    assert found[0]["worth"] == pytest.approx(2.3, abs=0.1)


def test_the_queue_comes_as_a_table_without_formulas(http: TestClient) -> None:
    name = corrected(http, answer='=HYPERLINK("https://example.org")')
    reply = http.get("/review.csv")
    assert reply.headers["content-type"].startswith("text/csv")
    assert "attachment" in reply.headers["content-disposition"]
    [row] = csv.DictReader(reply.text.splitlines())
    assert (row["id"], row["status"]) == (name, "pending")
    assert row["answer"] == '\'=HYPERLINK("https://example.org")'


def test_several_are_decided_on_at_once_and_what_is_refused_is_told(
    http: TestClient, grace: dict[str, str], hedy: dict[str, str]
) -> None:
    first, second = corrected(http), corrected(http, OTHER)
    http.post(f"/review/{second}/take", headers=hedy)
    body = {"ids": [first, second, "gone"], "verdict": "reject", "note": "The manual is right."}
    done, taken, gone = http.post("/review", json=body, headers=grace).json()
    assert (done["id"], done["status"], done["error"]) == (first, "rejected", None)
    assert (taken["id"], taken["status"], taken["error"]) == (second, None, "Conflict")
    assert (gone["error"], "no correction gone" in gone["detail"]) == ("NotFound", True)
    assert http.get(f"/corrections/{first}").json()["note"] == "The manual is right."
    stale = {"ids": [first], "verdict": "accept", "seen": {first: "none"}}
    assert http.post("/review", json=stale, headers=grace).json()[0]["error"] == "Conflict"


def test_what_a_correction_would_touch_is_told_and_nothing_is_changed(http: TestClient, made: Services) -> None:
    http.post("/chat", json={"question": "How do I put the previous version back, please?"})
    http.post("/chat", json={"question": OTHER})
    name = corrected(http)
    found = http.get(f"/review/{name}/touches").json()
    assert (found["version"], found["place"], found["threshold"]) == ("v1", 1, 0.5)
    assert found["before"]["document_id"] == "rollback"
    near = {each["question"]: each for each in found["questions"]}
    assert near["How do I put the previous version back, please?"]["wording"]
    assert not near[OTHER]["changed"]
    assert found["changed"] == 0
    assert listed(http) == [name]
    assert made.ledger.count_decisions() == 1


def test_a_second_reviewer_sees_nothing_of_the_first_ones_verdict(
    http: TestClient, grace: dict[str, str], hedy: dict[str, str]
) -> None:
    name = corrected(http)
    body = {"verdict": "accept", "answer": "In better words.", "note": "It is right."}
    http.post(f"/review/{name}", json=body, headers=grace)
    assert http.get("/review/second", headers=grace).json() == []
    reply = http.get("/review/second", headers=hedy)
    [item] = reply.json()
    assert (item["id"], item["answer"]) == (name, "Run the command.")
    for told in ("grace", "better words", "It is right", "accept"):
        assert told not in reply.text
    given = http.post(f"/review/second/{name}", json={"verdict": "reject", "note": "No."}, headers=hedy).json()
    assert given == {"id": name, "verdict": "reject", "first_verdict": "accept", "agrees": False}
    assert http.get(f"/review/{name}").json()["status"] == "accepted"
    found = http.get("/review/agreement").json()
    assert (found["pairs"], found["agreed"], found["share"], found["kappa"]) == (1, 0, 0.0, 0.0)
    assert [each["id"] for each in found["disagreed"]] == [name]


def test_how_far_reviewers_are_is_told(http: TestClient, grace: dict[str, str]) -> None:
    corrected(http)
    http.post(f"/review/{corrected(http, OTHER)}", json={"verdict": "reject"}, headers=grace)
    found = http.get("/review/progress", params={"days": 30}).json()
    assert [(queue["name"], queue["waiting"]) for queue in found["queues"]] == [
        ("sent_back", 0),
        ("held", 0),
        ("pending", 1),
    ]
    assert [(each["reviewer"], each["rejected"]) for each in found["reviewers"]] == [("grace", 1)]
    assert http.get("/review/agreement").json()["kappa_interval"] is None
