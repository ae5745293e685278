"""GET /interactions/{id}/explain."""

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from rag_flywheel.domain import Admission, LearnedRanking, Role
from rag_flywheel.search.fusion import DENSE, FEATURES, SPARSE
from tests.fakes.doors import door
from tests.fakes.services import publish, services

QUESTION = "How do I put the previous version back?"
CONFIRMED = "Is my data safe?"


@pytest.fixture
def http(tmp_path: Path) -> TestClient:
    made = services(tmp_path)
    publish(
        made,
        "v1",
        corrections={"near": (QUESTION, "Run rag-flywheel rollback."), "far": ("Is there a dark theme?", "No.")},
        confirmed={"past": (CONFIRMED, "backup")},
        learned=LearnedRanking(
            admission=Admission(threshold=0.5, words=0.5, passage=0.5), fusion={DENSE: 2.0, SPARSE: 1.0}
        ),
    )
    return door(made)


def explained(http: TestClient, **more: Any) -> Any:
    asked = http.post("/chat", json={"question": QUESTION} | more).json()["interaction_id"]
    reply = http.get(f"/interactions/{asked}/explain")
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_an_explanation_has_exactly_the_promised_fields(http: TestClient) -> None:
    said = explained(http)
    assert set(said) == {
        "interaction_id",
        "asked",
        "question",
        "query",
        "version",
        "live",
        "learned",
        "languages",
        "repeated",
        "passages",
        "questions",
        "notes",
    }
    assert (said["question"], said["version"], said["live"], said["repeated"]) == (QUESTION, "v1", True, True)
    assert said["learned"] == {
        "admission": {"threshold": 0.5, "words": 0.5, "passage": 0.5, "sentence": 0.0, "answer": 0.0, "tokens": 0.0},
        "fusion": {DENSE: 2.0, SPARSE: 1.0},
        "reranker": None,
    }


def test_passages_come_with_scores_features_and_use(http: TestClient) -> None:
    correction, source, *_ = explained(http)["passages"]
    assert (correction["correction_id"], correction["features"], correction["cited"]) == ("near", [], True)
    assert (source["correction_id"], source["document_id"], source["shown"]) == (None, "rollback", True)
    assert (correction["confirmed"], source["confirmed"]) == (None, None)
    channels = {"dense", "sparse", "sentence", "tokens", "question", "words", "answer", "known", "rerank"}
    assert set(source["scores"]) == channels
    assert [feature["name"] for feature in source["features"]] == list(FEATURES)
    assert [feature["weight"] for feature in source["features"]] == [0.0, 2.0, 1.0, 0.0, 0.0, 0.0, 0.0]


def test_known_questions_come_with_the_reason_why_they_were_admitted_or_kept_out(http: TestClient) -> None:
    near, confirmed, far = explained(http)["questions"]
    assert (near["correction_id"], near["confirmed"], near["admitted"]) == ("near", None, True)
    assert near["reason"].endswith("its answer stands first")
    assert (far["correction_id"], far["confirmed"], far["admitted"]) == ("far", None, False)
    assert far["reason"].startswith("a passage is nearer to the query")
    assert (confirmed["correction_id"], confirmed["confirmed"], confirmed["admitted"]) == (None, "past", False)


def test_a_passage_that_a_confirmed_answer_led_to_names_the_interaction(http: TestClient) -> None:
    said = explained(http, question=CONFIRMED)
    first, *others = said["passages"]
    assert (first["document_id"], first["confirmed"], first["correction_id"]) == ("backup", "past", None)
    assert first["features"] == []
    assert "backup" not in {other["document_id"] for other in others}
    assert (said["questions"][0]["confirmed"], said["questions"][0]["admitted"]) == ("past", True)


def test_without_consent_no_text_comes_back(http: TestClient) -> None:
    said = explained(http, consent=False)
    assert (said["question"], said["query"], said["repeated"]) == (None, None, None)
    assert {passage["text"] for passage in said["passages"]} == {None}
    assert "no consent" in said["notes"][0]


def test_an_unknown_interaction_is_not_found(http: TestClient) -> None:
    reply = http.get("/interactions/none/explain")
    assert (reply.status_code, reply.json()["error"]) == (404, "NotFound")


@pytest.mark.parametrize("limit", ["0", "1001", "many"])
def test_a_limit_that_is_none_is_refused(http: TestClient, limit: str) -> None:
    reply = http.get("/interactions/none/explain", params={"limit": limit})
    assert reply.status_code == 422
    assert reply.json()["detail"].startswith("limit: ")


def test_who_only_asks_is_not_told_how_others_put_what_they_asked(tmp_path: Path) -> None:
    made = services(tmp_path)
    publish(
        made,
        "v1",
        confirmed={"past": (CONFIRMED, "backup")},
        learned=LearnedRanking(admission=Admission(threshold=0.9, words=0.5)),
    )
    theirs = explained(door(made, "rita", Role.REVIEWER, for_others=False))
    said = explained(door(made, "ada", Role.ASKER, for_others=False))
    assert [judged["question"] for judged in theirs["questions"]] == [CONFIRMED]
    assert [(judged["question"], judged["confirmed"]) for judged in said["questions"]] == [(None, None)]
    assert CONFIRMED not in str(said)
    assert "past" not in str(said)


def test_a_search_tells_what_explaining_an_answer_tells_and_records_nothing(http: TestClient) -> None:
    found = http.post("/search", json={"question": QUESTION}).json()
    assert http.get("/gaps").json() == []
    said = explained(http)
    assert (found["version"], found["live"], found["learned"]) == ("v1", True, said["learned"])
    as_found = {"shown": False, "cited": None}
    assert found["passages"] == [passage | as_found for passage in said["passages"]]
    assert found["questions"] == said["questions"]


def test_an_asker_searches_the_live_version_alone_and_is_not_told_what_others_asked(tmp_path: Path) -> None:
    made = services(tmp_path)
    publish(made, "v1", confirmed={"past": (CONFIRMED, "backup")})
    publish(made, "v2")
    ada, rita = (
        door(made, name, role, for_others=False) for name, role in (("ada", Role.ASKER), ("rita", Role.REVIEWER))
    )
    older = {"question": CONFIRMED, "version": "v1"}
    assert rita.post("/search", json=older).json()["questions"][0]["question"] == CONFIRMED
    assert rita.post("/search", json=older | {"version": "v0"}).status_code == 404
    refused = ada.post("/search", json=older)
    assert (refused.status_code, refused.json()["error"]) == (403, "NotAllowed")
    found = ada.post("/search", json={"question": CONFIRMED, "limit": 1})
    assert (found.status_code, found.json()["version"], len(found.json()["passages"])) == (200, "v2", 1)
