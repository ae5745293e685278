"""What is wrong with a request is told in plain words, and never with what was sent."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from rag_flywheel.domain import Role
from tests.fakes.doors import door, key
from tests.fakes.services import services

SENT = "what-was-sent"


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    return door(services(tmp_path_factory.mktemp("mistakes")))


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        ("/keys", {"name": f"|{SENT}", "roles": ["asker"]}, "name: found a text of 14 characters, expected a name of"),
        ("/keys", {"name": "a", "roles": [SENT]}, "found a text of 13 characters, expected 'asker', 'reviewer'"),
        ("/keys", {"name": "a", "roles": []}, "roles: found a list of 0, expected at least 1 of them"),
        ("/keys", {"name": "a", "roles": ["asker"], "days": 0}, "days: found a number, expected more than 0"),
        ("/keys", {"name": "a", "roles": ["asker"], "days": SENT}, "days: found a text of 13 characters, expected a"),
        ("/keys", {"name": "a", "roles": ["asker"], "days": {SENT: 1}}, "found an object with 1 fields, expected a"),
        ("/keys", {"name": "a", "roles": ["asker"], "for_others": SENT}, "expected true or false"),
        ("/chat", {"question": None}, "question: found null, expected a text"),
        ("/chat", {"question": "  "}, "question: found a text of 2 characters, expected a text"),
        ("/chat", {"question": "x", "groups": ["", SENT]}, "a group is named by"),
        ("/chat", {"question": "x", "text": SENT}, "text: is no field of this request"),
        ("/chat", {}, "question: is missing"),
        ("/chat", [SENT], "body: found a list of 1, expected an object"),
        ("/v1/chat/completions", {"model": "rag-flywheel"}, "messages: is missing"),
    ],
)
def test_a_mistake_is_told_by_what_was_found_and_what_was_expected(
    http: TestClient, path: str, body: object, told: str
) -> None:
    reply = http.post(path, json=body)
    said = reply.json()["error"]["message"] if path.startswith("/v1") else reply.json()["detail"]
    assert told in said
    assert SENT not in said
    assert "should" not in said
    assert "^" not in said


def test_two_headers_that_say_who_asks_say_nothing(tmp_path: Path) -> None:
    made = services(tmp_path)
    http = door(made)
    one, other = (key(made, name, Role.ADMIN)["Authorization"] for name in ("ada", "root"))
    del http.headers["authorization"]
    for headers in ([("Authorization", one), ("Authorization", other)], [("Authorization", one)] * 2):
        reply = http.get("/keys", headers=headers)  # type: ignore[arg-type]
        assert (reply.status_code, "comes twice" in reply.json()["detail"]) == (401, True)
    assert http.get("/keys", headers={"Authorization": one}).status_code == 200


@pytest.mark.parametrize("path", ["/keys/", "/login/", "/nothing/", "/keys%2f", "//keys", "/health/../keys"])
def test_a_path_has_one_form_and_no_other_tells_what_there_is(tmp_path: Path, path: str) -> None:
    http = door(services(tmp_path))
    del http.headers["authorization"]
    assert http.get(path, follow_redirects=False).status_code in (401, 404)
    assert http.get("/nothing", follow_redirects=False).status_code == 404
