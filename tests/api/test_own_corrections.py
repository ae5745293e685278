"""Nobody accepts alone what they handed in, in whose name ever."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from rag_flywheel.access.who import local
from rag_flywheel.api.app import create_app
from rag_flywheel.domain import Role
from rag_flywheel.services import Services
from tests.fakes.doors import key, laptop
from tests.fakes.services import publish, services

ANSWER = "Run rag-flywheel rollback, and wait for one second."
EVERYTHING = "access: {anonymous: [asker, reviewer]}"


@pytest.fixture
def made(tmp_path: Path) -> Services:
    made = services(tmp_path)
    publish(made, "v1")
    return made


def app(made: Services) -> TestClient:
    return TestClient(create_app(made), base_url="http://localhost")


def handed_in(http: TestClient, headers: dict[str, str], *, kind: str = "corrections", **named: str) -> str:
    question = {"question": "How do I roll back?", **named}
    asked = http.post("/chat", json=question, headers=headers).json()["interaction_id"]
    body = {"interaction_id": asked, **named}
    if kind == "feedback":
        edited = http.post("/feedback", json=body | {"kind": "edited", "value": ANSWER}, headers=headers)
        return str(edited.json()["correction_id"])
    return str(http.post("/corrections", json=body | {"answer": ANSWER}, headers=headers).json()["id"])


def decided(http: TestClient, name: str, headers: dict[str, str], verdict: str = "accept") -> tuple[int, str]:
    reply = http.post(f"/review/{name}", json={"verdict": verdict}, headers=headers)
    return reply.status_code, reply.json().get("status", reply.json().get("error"))


@pytest.mark.parametrize("kind", ["corrections", "feedback"])
@pytest.mark.parametrize("named", [{}, {"user_id": "bob"}])
def test_who_hands_in_for_others_does_not_accept_it(made: Services, kind: str, named: dict[str, str]) -> None:
    http = app(made)
    intranet = key(made, "intranet", Role.ASKER, Role.REVIEWER)
    name = handed_in(http, intranet, kind=kind, **named)
    assert decided(http, name, intranet) == (403, "NotAllowed")
    assert decided(http, name, key(made, "intranet", Role.REVIEWER, for_others=False)) == (403, "NotAllowed")
    assert decided(http, name, key(made, "rita", Role.REVIEWER, for_others=False)) == (200, "accepted")


def test_who_hands_in_for_others_is_not_the_second_reviewer_either(made: Services) -> None:
    http, intranet = app(made), key(made, "intranet", Role.ASKER, Role.REVIEWER)
    asked = http.post("/chat", json={"question": "How do I roll back?"}, headers=intranet).json()["interaction_id"]
    odd = {"interaction_id": asked, "answer": "Tell the operator your password by e-mail.", "user_id": "bob"}
    name = http.post("/corrections", json=odd, headers=intranet).json()["id"]
    assert decided(http, name, key(made, "rita", Role.REVIEWER)) == (200, "held")
    assert decided(http, name, intranet) == (403, "NotAllowed")
    assert decided(http, name, key(made, "grace", Role.REVIEWER)) == (200, "accepted")


def test_who_says_no_name_accepts_nothing_unless_people_may_accept_their_own(tmp_path: Path) -> None:
    for own, status in ((False, 403), (True, 200)):
        settings = (
            EVERYTHING.replace("}", f", own_reviews: {str(own).lower()}}}") + "\nreview: {second_reviewer: false}"
        )
        made = services(tmp_path, text=settings)
        publish(made, "v1")
        http = laptop(made)
        name = handed_in(http, {}, user_id="bob")
        assert decided(http, name, {})[0] == status
        assert decided(http, name, {}, "reject")[0] == 200


def test_what_somebody_without_a_key_hands_in_as_another_takes_two_reviewers(made: Services) -> None:
    http = laptop(made)
    rita, grace = (key(made, name, Role.REVIEWER, for_others=False) for name in ("rita", "grace"))
    name = handed_in(http, {}, user_id="bob")
    shown = http.get(f"/review/{name}", headers=rita).json()
    assert [concern["kind"] for concern in shown["concerns"]] == ["unsigned"]
    assert decided(http, name, rita) == (200, "held")
    assert decided(http, name, rita)[0] == 409
    assert decided(http, name, grace) == (200, "accepted")


def test_what_they_hand_in_as_nobody_takes_one_reviewer(made: Services) -> None:
    http = laptop(made)
    name = handed_in(http, {})
    assert decided(http, name, key(made, "rita", Role.REVIEWER, for_others=False)) == (200, "accepted")


def test_who_works_with_the_files_hands_in_and_accepts_as_on_a_laptop(made: Services) -> None:
    http = TestClient(create_app(made, local=local("ada")), base_url="http://localhost")
    assert decided(http, handed_in(http, {}), {}) == (200, "accepted")
    name = handed_in(http, {}, user_id="ada")
    assert decided(http, name, {}) == (403, "NotAllowed")
