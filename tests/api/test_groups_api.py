"""Fifty groups keep their secrets from everybody who is not in them, whatever the route and the role."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
from fastapi.testclient import TestClient

from rag_flywheel.api.app import create_app
from rag_flywheel.cycle.reindex import reindex
from rag_flywheel.domain import Role
from rag_flywheel.services import Services
from tests.fakes.doors import key, laptop
from tests.fakes.services import services
from tests.unit.cycle.household import quiet

TEAMS = [f"team{number}" for number in range(50)]
SECRET = re.compile(r"(?:plum|pear|kiwi)(\d+)mango")  # of a document, a question, a correction
ASKED = "What is the code of the vault?"
LISTS = (
    "review?status=accepted",
    "review",
    "review/second?limit=100",
    "gaps",
    "gaps?off_topic=true",
    "gaps?state=addressed",
    "triage",
    "aside",
    "aside?state=released",
    "golden",
)
WHOLE = ("versions", "versions/{live}", "versions/{live}/diff/{live}", "reports/{live}", "golden/check")


class House:
    """A server with a secret in each of fifty groups, each of which has asked, been refused, and corrected."""

    def __init__(self, made: Services) -> None:
        self.made = made
        self.http = TestClient(create_app(made), base_url="http://localhost")
        self.keys: dict[str, dict[str, str]] = {}
        self.asked: dict[str, str] = {}
        self.corrected: dict[str, str] = {}

    def key(self, team: str, *roles: Role) -> dict[str, str]:
        name = f"{team}-{'-'.join(roles)}"
        if name not in self.keys:
            self.keys[name] = key(self.made, name, *roles, for_others=False, groups=(team,))
        return self.keys[name]

    def post(self, path: str, body: Mapping[str, Any], headers: dict[str, str]) -> Any:
        reply = self.http.post(path, json=body, headers=headers)
        assert reply.is_success, reply.text
        return reply.json()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    folder = tmp_path_factory.mktemp("house")
    for number, team in enumerate(TEAMS):
        (folder / "docs" / team).mkdir(parents=True)
        (folder / "docs" / team / "code.md").write_text(f"The code of the vault is plum{number}mango, kept well.\n")
    (folder / "docs" / "open.md").write_text("The canteen opens at noon and serves soup on Mondays.\n")
    rules = ", ".join(f'"{team}/": [{team}]' for team in TEAMS)
    settings = f"sources: [{{path: docs, groups: {{{rules}}}}}]\ngolden: ''\ngate: {{minimum_cases: 1}}\n"
    made = services(folder, text=settings + "guardrails: {author_share_from: 1000}\nreview: {second_share: 1.0}\n")
    assert reindex(made, force=False, steps=quiet).decision == "promoted"
    house = House(made)
    for number, team in enumerate(TEAMS):
        asker = house.key(team, Role.ASKER)
        house.asked[team] = house.post("/chat", {"question": ASKED}, asker)["interaction_id"]
        house.post("/chat", {"question": f"Where does pear{number}mango grow, and who waters it?"}, asker)
        body = {"interaction_id": house.asked[team], "answer": f"The vault of ours opens with kiwi{number}mango."}
        house.corrected[team] = house.post("/corrections", body, asker)["id"]
    for team in TEAMS[:10]:
        name = house.corrected[team]
        for reviewer in (Role.REVIEWER, Role.ADMIN):
            decided = house.post(f"/review/{name}", {"verdict": "accept", "note": "ok"}, house.key(team, reviewer))
            if decided["status"] == "accepted":
                break
    assert reindex(made, force=False, steps=quiet).decision == "promoted"
    return house


def leaked(text: str, team: str) -> set[str]:
    return {number for number in SECRET.findall(text) if f"team{number}" != team}


@pytest.mark.parametrize("role", [Role.ASKER, Role.REVIEWER])
@pytest.mark.parametrize("path", ["/chat", "/v1/chat/completions"])
def test_whoever_asks_is_told_what_their_own_group_may_read(house: House, role: Role, path: str) -> None:
    for team in TEAMS:
        body = {"question": ASKED, "model": "rag-flywheel", "messages": [{"role": "user", "content": ASKED}]}
        wanted = ("question",) if path == "/chat" else ("model", "messages")
        reply = house.http.post(path, json={name: body[name] for name in wanted}, headers=house.key(team, role))
        assert f"{team.removeprefix('team')}mango" in reply.text
        assert leaked(reply.text, team) == set()


@pytest.mark.parametrize("path", LISTS)
def test_no_list_tells_a_reviewer_of_other_groups_by_text_or_by_count(house: House, path: str) -> None:
    for team in [*TEAMS, "others"]:
        reply = house.http.get(f"/{path}", headers=house.key(team, Role.REVIEWER))
        assert reply.status_code == 200
        assert leaked(reply.text, team) == set()
        assert len(reply.json()) <= 3  # their own correction, their own question


def test_what_is_counted_of_reviews_is_what_the_reviewer_may_read(house: House) -> None:
    for team in ("team1", "others"):
        told = house.http.get("/review/progress?days=3650", headers=house.key(team, Role.REVIEWER)).json()
        assert told["handed_in"] == (team != "others")
        assert len(told["reviewers"]) == (team != "others")
        table = house.http.get("/review.csv?status=accepted", headers=house.key(team, Role.REVIEWER)).text
        assert leaked(table, team) == set()


def test_those_who_read_all_see_all(house: House) -> None:
    admin = house.key("others", Role.ADMIN)
    accepted = house.http.get("/review?status=accepted", headers=admin).json()
    assert len(leaked("".join(item["answer"] for item in accepted), "none")) == 10
    topics = [
        topic for path in ("gaps", "gaps?off_topic=true") for topic in house.http.get(f"/{path}", headers=admin).json()
    ]
    whole = [house.http.get(f"/gaps/{topic['id']}", headers=admin).text for topic in topics]
    assert len(leaked("".join(whole), "none")) == 50


@pytest.mark.parametrize("path", WHOLE)
def test_what_speaks_of_all_documents_is_for_those_who_read_all(house: House, path: str) -> None:
    live = house.made.index.live()
    url = "/" + path.format(live=live)
    assert house.http.get(url, headers=house.key("team1", Role.REVIEWER)).status_code == 403
    assert house.http.get(url, headers=house.key("team1", Role.OPERATOR)).status_code == 200


def test_what_is_not_for_somebody_is_not_there_for_them(house: House) -> None:
    """As reviewers, who see what everybody asked and corrected, were it not for the groups."""
    mine, theirs = house.key("team1", Role.REVIEWER), "team2"
    asked, corrected = house.asked[theirs], house.corrected[theirs]
    for method, path, body in (
        ("GET", f"/interactions/{asked}/explain", None),
        ("GET", f"/corrections/{corrected}", None),
        ("GET", f"/review/{corrected}", None),
        ("POST", f"/review/{corrected}", {"verdict": "reject"}),
        ("GET", f"/review/{corrected}/touches", None),
        *(("POST", f"/review/{corrected}/{act}", None) for act in ("undo", "take", "leave", "skip")),
        ("POST", f"/review/{corrected}/assign", {"reviewer": "grace"}),
        ("POST", f"/review/second/{corrected}", {"verdict": "reject"}),
        ("POST", "/feedback", {"interaction_id": asked, "kind": "thumb", "value": "up"}),
        ("POST", "/corrections", {"interaction_id": asked, "answer": "No."}),
    ):
        name = asked if asked in path or (body and "interaction_id" in body) else corrected
        hidden = house.http.request(method, path, json=body, headers=mine)
        none = {key: "0" * 32 if key == "interaction_id" else value for key, value in (body or {}).items()}
        gone = house.http.request(method, path.replace(name, "0" * 32), json=body and none, headers=mine)
        assert hidden.status_code == gone.status_code == 404, path
        assert leaked(hidden.text, "team1") == set()
        assert SECRET.sub("", hidden.text).replace(name, "") == SECRET.sub("", gone.text).replace("0" * 32, "")


def test_a_passage_of_another_group_cannot_be_named_as_evidence(house: House) -> None:
    span = {"document_id": "docs/team2/code.md", "start": 0, "end": 10}
    for field in ("evidence", "supersedes"):
        body = {"interaction_id": house.asked["team1"], "answer": "No.", field: [span]}
        reply = house.http.post("/corrections", json=body, headers=house.key("team1", Role.ASKER))
        other = body | {field: [span | {"document_id": "docs/team99/code.md"}]}
        gone = house.http.post("/corrections", json=other, headers=house.key("team1", Role.ASKER))
        assert reply.status_code == gone.status_code == 422
        assert reply.text == gone.text.replace("team99", "team2")


def test_who_comes_without_a_key_reads_what_is_open(house: House) -> None:
    http = laptop(house.made)
    assert leaked(http.post("/chat", json={"question": ASKED}).text, "none") == set()
    assert "soup" in http.post("/chat", json={"question": "What does the canteen serve on Mondays?"}).text
    assert http.post("/chat", json={"question": ASKED, "groups": ["team1"]}).status_code == 403


def test_an_application_says_for_each_person_which_groups_they_are_in(house: House) -> None:
    app = key(house.made, "app", Role.ASKER, groups=("team1", "team2"))
    said = house.http.post("/chat", json={"question": ASKED, "groups": ["team2"]}, headers=app)
    assert "2mango" in said.text
    assert leaked(said.text, "team2") == set()
    nobody = house.http.post("/chat", json={"question": ASKED}, headers=app)
    assert leaked(nobody.text, "none") == set()
    assert house.http.post("/chat", json={"question": ASKED, "groups": ["team3"]}, headers=app).status_code == 403
    completion = {"model": "rag-flywheel", "messages": [{"role": "user", "content": ASKED}]}
    for groups in ("team2", '["team2"]'):
        reply = house.http.post("/v1/chat/completions", json=completion | {"metadata": {"groups": groups}}, headers=app)
        assert ("2mango" in reply.text, leaked(reply.text, "team2")) == (True, set())


def test_an_application_corrects_as_whom_it_asked_for_and_not_as_all_of_them(house: House) -> None:
    app = key(house.made, "app", Role.ASKER, groups=("team1", "team2"))
    asked = house.post("/chat", {"question": ASKED, "groups": ["team1"]}, app)["interaction_id"]
    body = {"interaction_id": asked, "answer": "No."}
    span = {"document_id": "docs/team2/code.md", "start": 0, "end": 10}
    assert house.http.post("/corrections", json=body | {"evidence": [span]}, headers=app).status_code == 422
    mine = span | {"document_id": "docs/team1/code.md"}
    assert house.http.post("/corrections", json=body | {"evidence": [mine]}, headers=app).status_code == 202


@pytest.mark.parametrize("groups", [["!nobody"], ["*"], [""], [" a"], "a,b", [1], {"a": 1}, ["a" * 201], ["x"] * 101])
def test_groups_that_cannot_be_are_refused(house: House, groups: object) -> None:
    admin = house.key("others", Role.ADMIN)
    assert house.http.post("/chat", json={"question": ASKED, "groups": groups}, headers=admin).status_code == 422
    body = {"name": "x", "roles": ["asker"], "groups": groups}
    assert house.http.post("/keys", json=body, headers=admin).status_code == 422


@pytest.mark.parametrize("page", ["answers/{}", "answers/{}/correct"])
def test_no_page_shows_an_answer_whose_documents_one_may_not_read(house: House, page: str) -> None:
    path = "/" + page.format(house.asked["team1"])
    browser = {"Accept": "text/html"}
    assert house.http.get(path, headers=house.key("team1", Role.ASKER) | browser).status_code == 200
    reply = house.http.get(path, headers=house.key("team2", Role.REVIEWER) | browser)
    assert (reply.status_code, "plum" in reply.text) == (404, False)
    nobody = TestClient(create_app(house.made), base_url="http://localhost", client=("127.0.0.1", 50_000))
    reply = nobody.get(path, headers=browser)
    assert (reply.status_code, "plum" in reply.text) == (404, False)
