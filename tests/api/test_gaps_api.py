"""Gaps over HTTP: what is listed, what is decided, answered, asked again and exported, and what is left of people."""

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from rag_flywheel.cycle import erasing
from rag_flywheel.domain import Interaction, Role, Shown
from rag_flywheel.domain.erasures import Scope
from rag_flywheel.privacy.pseudonyms import pseudonym
from rag_flywheel.services import Services
from tests.fakes.doors import door, key
from tests.fakes.samples import interaction, shown
from tests.fakes.services import HANDBOOK, publish, services

ASKED = "How do I export a zeppelin report?"


@pytest.fixture
def made(tmp_path: Path) -> Services:
    made = services(tmp_path, text="review: {alike: 0.3}")
    publish(made, "v1")
    return made


@pytest.fixture
def http(made: Services) -> TestClient:
    return door(made)


def refused(made: Services, name: str, question: str = ASKED, *, user: str | None = None) -> None:
    """A question that was refused now, for which passages of the handbook came up."""
    salt = made.ledger.salt()
    made.ledger.add_interaction(
        interaction(
            name,
            question=question,
            answered=False,
            asked=made.now(),
            user=pseudonym(user, salt),
            ranking=[shown("install", 1)],
            citations=0,
        )
    )


def one(http: TestClient, **params: Any) -> dict[str, Any]:
    [topic] = http.get("/gaps", params=params).json()
    return dict(topic)


def test_a_topic_is_listed_with_what_is_wrong_and_shown_with_its_questions(http: TestClient, made: Services) -> None:
    refused(made, "i1", user="ann")
    refused(made, "i2", "How do I export the zeppelin report as PDF?", user="bob")
    topic = one(http)
    assert (topic["times"], topic["people"], topic["state"], topic["kind"]) == (2, 2, "open", "content missing")
    assert topic["interaction_ids"] == ["i2", "i1"]
    assert "zeppelin" in topic["name"]
    assert "2 of 2 were refused" in topic["finding"]
    whole = http.get(f"/gaps/{topic['id']}").json()
    assert {wording["question"] for wording in whole["wordings"]} >= {ASKED}
    assert {**whole, "wordings": None} == {**topic, "wordings": None}
    assert http.get("/gaps/none").status_code == 404


def test_a_dismissed_topic_leaves_the_list_with_its_reason_and_comes_back_when_it_is_asked_again(
    http: TestClient, made: Services
) -> None:
    refused(made, "i1")
    path = f"/gaps/{one(http)['id']}"
    assert http.post(f"{path}/ruling", json={"state": "dismissed", "why": " "}).status_code == 422
    assert http.post(f"{path}/ruling", json={"state": "back again", "why": "no"}).status_code == 422
    ruled = http.post(f"{path}/ruling", json={"state": "dismissed", "why": "we fly no zeppelins"}).json()
    assert (ruled["state"], ruled["ruling"]["why"], ruled["ruling"]["who"]) == (
        "dismissed",
        "we fly no zeppelins",
        "rita",
    )
    assert http.get("/gaps").json() == []
    assert one(http, state="dismissed")["id"] == ruled["id"]
    refused(made, "i2")
    again = one(http)
    assert (again["id"], again["state"], again["ruling"]) == (ruled["id"], "back again", ruled["ruling"])
    assert http.post(f"{path}/ruling", json={"state": "open", "why": "we do now"}).json()["state"] == "open"
    [newest, *_] = http.get("/audit").json()
    assert (newest["action"], newest["subject"], newest["who"]) == ("topic: open", ruled["id"], "rita")


def test_a_topic_is_linked_to_a_document_that_is_live_and_to_no_other(http: TestClient, made: Services) -> None:
    refused(made, "i1")
    path = f"/gaps/{one(http)['id']}/ruling"
    body = {"state": "addressed", "why": "it is all there"}
    assert http.post(path, json={**body, "document_id": "zeppelins"}).status_code == 422
    assert http.post(path, json={**body, "state": "dismissed", "document_id": "install"}).status_code == 422
    ruled = http.post(path, json={**body, "document_id": "install"}).json()
    assert (ruled["state"], ruled["ruling"]["document_id"]) == ("addressed", "install")


def test_an_answer_given_here_waits_for_review_as_a_correction_of_one_of_the_questions(
    http: TestClient, made: Services
) -> None:
    refused(made, "i1")
    path = f"/gaps/{one(http)['id']}/answer"
    assert http.post(path, json={"answer": "Press E.", "interaction_id": "none"}).status_code == 422
    receipt = http.post(path, json={"answer": "Press E."})
    assert receipt.status_code == 202
    [waiting] = http.get("/review").json()
    assert (waiting["id"], waiting["question"], waiting["answer"]) == (receipt.json()["id"], ASKED, "Press E.")
    assert http.get("/gaps").json() == []
    addressed = one(http, state="addressed")
    assert addressed["corrections"] == [{"id": receipt.json()["id"], "status": "pending"}]
    http.post(f"/review/{receipt.json()['id']}", json={"verdict": "reject"})
    assert one(http)["state"] == "open"


def test_it_closed_where_the_live_version_answers_surely_what_was_refused_and_asking_leaves_nothing(
    http: TestClient, made: Services
) -> None:
    refused(made, "i1")
    path = f"/gaps/{one(http)['id']}/check"
    before = made.ledger.interactions(limit=10)
    open_still = http.post(path).json()
    assert (open_still["closed"], open_still["asked"], open_still["version"]) == (0, 1, "v1")
    assert open_still["questions"][0]["now"] == "refused"
    texts = {**HANDBOOK, "zeppelins": "To export a zeppelin report, press E in the report."}
    publish(made, "v2", texts)
    closed = http.post(path).json()
    assert (closed["closed"], closed["version"]) == (1, "v2")
    assert closed["questions"] == [
        {
            "question": ASKED,
            "before": "refused",
            "now": "answered surely",
            "cited": ["zeppelins"],
            "closed": True,
        }
    ]
    assert made.ledger.interactions(limit=10) == before


def test_the_table_for_spreadsheets_holds_every_topic_and_no_formula(http: TestClient, made: Services) -> None:
    refused(made, "i1", '=HYPERLINK("http://evil", "zeppelin")')
    refused(made, "i2", "Is the moon of cheese, or not?")
    reply = http.get("/gaps/export")
    assert reply.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(reply.text)))
    assert {row["question"] for row in rows} == {
        '\'=HYPERLINK("http://evil", "zeppelin")',
        "Is the moon of cheese, or not?",
    }
    assert {(row["state"], row["questions"], row["people"]) for row in rows} == {("open", "1", "1")}


def test_reviewers_and_operators_see_and_decide_and_askers_do_not(http: TestClient, made: Services) -> None:
    refused(made, "i1")
    path = f"/gaps/{one(http)['id']}"
    for role, status in ((Role.ASKER, 403), (Role.REVIEWER, 200), (Role.OPERATOR, 200)):
        headers = key(made, role, role)
        assert http.get("/gaps", headers=headers).status_code == status
        assert http.get("/gaps/export", headers=headers).status_code == status
        assert http.get(path, headers=headers).status_code == status
        assert http.post(f"{path}/check", headers=headers).status_code == status
        body = {"state": "dismissed", "why": "no"}
        assert http.post(f"{path}/ruling", json=body, headers=headers).status_code == status


def test_a_topic_of_one_person_is_gone_with_all_words_and_rulings_when_they_are_forgotten(
    http: TestClient, made: Services
) -> None:
    refused(made, "i1", "Does my zeppelin from Timbuktu fly?", user="ann")
    refused(made, "i2", "How is cheese exported at all?", user="bob")
    topics = {topic["question"]: topic["id"] for topic in http.get("/gaps").json()}
    for name in topics.values():
        http.post(f"/gaps/{name}/ruling", json={"state": "dismissed", "why": "no"})
    erasing.forget(
        erasing.Request(scope=Scope(user=pseudonym("ann", made.ledger.salt()) or ""), asked_by="ann", checked="by key"),
        made,
    )
    [left] = http.get("/gaps", params={"state": "dismissed"}).json()
    assert left["question"] == "How is cheese exported at all?"
    assert [ruling.members for ruling in made.ledger.topic_rulings()] == [("i2",)]
    whole = " ".join(str(row) for _, row in made.ledger.records())
    assert not any(word in whole for word in ("zeppelin", "Timbuktu", "i1'"))


def _of(asked: Interaction, ranking: list[Shown], team: str) -> Interaction:
    return replace(asked, ranking=tuple(ranking), shown=1, groups=frozenset({team}))


def test_what_one_group_decided_on_its_questions_is_not_told_to_another(tmp_path: Path) -> None:
    made = services(
        tmp_path, text='sources: [{path: docs, groups: {"red/": [red], "blue/": [blue]}}]\nreview: {alike: 0.3}'
    )
    publish(made, "v1")
    for team in ("red", "blue"):
        asked = interaction(team, question=ASKED, answered=False, asked=made.now(), citations=0)
        ranking = [replace(shown(f"{team}/a.md", 1), groups=(team,))]
        made.ledger.add_interaction(_of(asked, ranking, team))
    http = door(made)
    red, blue = (key(made, team, Role.REVIEWER, for_others=False, groups=(team,)) for team in ("red", "blue"))
    [mine] = http.get("/gaps", headers=red).json()
    assert (mine["times"], mine["interaction_ids"]) == (1, ["red"])
    ruled = http.post(f"/gaps/{mine['id']}/ruling", json={"state": "dismissed", "why": "red only"}, headers=red)
    assert ruled.status_code == 200
    [theirs] = http.get("/gaps", headers=blue).json()
    assert (theirs["state"], theirs["ruling"], theirs["interaction_ids"]) == ("open", None, ["blue"])
    assert http.get(f"/gaps/{mine['id']}", headers=blue).status_code == 404
    [whole] = http.get("/gaps", params={"state": "dismissed"}, headers=key(made, "admin")).json()
    assert (whole["times"], whole["ruling"]["why"]) == (2, "red only")
