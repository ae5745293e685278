"""Feedback, corrections and their review over HTTP."""

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from rag_flywheel.adapters.ledger.sql_ledger import open_ledger
from rag_flywheel.domain import Admission, Candidate, CorrectionId, Groups, LearnedRanking, VersionId
from rag_flywheel.feedback.review import send_back
from rag_flywheel.ports import Ledger, Vectors
from rag_flywheel.services import Services
from tests.fakes.doors import door, signed
from tests.fakes.keys import keys_in
from tests.fakes.ledger import MemoryLedger
from tests.fakes.samples import NOON
from tests.fakes.services import publish, services

QUESTION = "How do I put the previous version back?"
BETTER = "Run rag-flywheel rollback, then check the report."


ALONE = "review: {second_reviewer: false}\naccess: {own_reviews: true}"
"""The settings of a team with one reviewer: what is tested with them is not what is held."""


@pytest.fixture
def made(tmp_path: Path) -> Services:
    made = services(tmp_path, text=ALONE)
    publish(made, "v1")
    return made


@pytest.fixture
def http(made: Services) -> TestClient:
    return door(made)


def asked(http: TestClient, **more: Any) -> str:
    return str(http.post("/chat", json={"question": QUESTION, **more}).json()["interaction_id"])


def corrected(http: TestClient, **more: Any) -> str:
    reply = http.post("/corrections", json={"interaction_id": asked(http), "answer": BETTER, **more})
    assert reply.status_code == 202, reply.text
    return str(reply.json()["id"])


# --- feedback -------------------------------------------------------------------------------------------------------


def test_feedback_is_recorded(http: TestClient, made: Services) -> None:
    body = {"interaction_id": asked(http), "kind": "thumb", "value": "down", "user_id": "ada"}
    reply = http.post("/feedback", json=body)
    assert reply.status_code == 201
    [recorded] = made.ledger.feedback()
    assert reply.json() == {
        "id": recorded.feedback_id,
        "kind": "thumb",
        "stage": "mis_generated",
        "correction_id": None,
        "rank": None,
        "propensity": None,
    }


def test_an_implicit_signal_is_recorded_with_its_rank_and_propensity(http: TestClient, made: Services) -> None:
    reply = http.post("/feedback", json={"interaction_id": asked(http), "kind": "citation_click", "value": 1}).json()
    [recorded] = made.ledger.feedback()
    assert (reply["rank"], reply["propensity"]) == (recorded.rank, recorded.propensity) == (1, 1.0)


def test_a_final_edited_text_is_a_correction_too(http: TestClient, made: Services) -> None:
    reply = http.post("/feedback", json={"interaction_id": asked(http), "kind": "edited", "value": BETTER}).json()
    [reviewed] = made.ledger.corrections()
    assert reply["correction_id"] == reviewed.correction.correction_id
    assert (reviewed.correction.answer, reviewed.correction.feedback_id) == (BETTER, reply["id"])
    assert http.get(f"/corrections/{reply['correction_id']}").json()["status"] == "pending"


def test_an_edited_text_that_cannot_be_a_correction_is_not_kept_as_feedback_either(
    http: TestClient, made: Services
) -> None:
    body = {"interaction_id": asked(http, consent=False), "kind": "edited", "value": BETTER}
    assert http.post("/feedback", json=body).status_code == 409
    assert (made.ledger.feedback(), made.ledger.corrections()) == ([], [])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"kind": "applause"}, "applause"),
        ({"kind": "stars", "value": 9}, "from 1 to 5"),
        ({"kind": "citation_click", "value": 9}, "none of the answer's citations"),
        ({"kind": "edited", "value": ["secret"]}, "the final text"),
        ({"kind": "edited", "value": "secret" * 4000}, "24000 characters"),
        ({}, "kind: "),
    ],
)
def test_feedback_that_does_not_fit_is_refused(
    http: TestClient, made: Services, body: dict[str, Any], said: str
) -> None:
    reply = http.post("/feedback", json={"interaction_id": asked(http), **body})
    assert (reply.status_code, reply.json()["error"]) == (422, "InvalidInput")
    assert said in reply.json()["detail"]
    assert "secret" not in reply.text
    assert made.ledger.feedback() == []


# --- corrections ----------------------------------------------------------------------------------------------------


def test_a_correction_is_taken_with_an_id_to_follow_it_by(http: TestClient) -> None:
    reply = http.post("/corrections", json={"interaction_id": asked(http), "answer": BETTER, "user_id": "ada"})
    assert reply.status_code == 202
    assert set(reply.json()) == {"id", "status"}
    assert reply.json()["status"] == "pending"
    followed = http.get(f"/corrections/{reply.json()['id']}").json()
    assert (followed["status"], followed["reviewed"], followed["version"]) == ("pending", None, None)


def test_evidence_and_superseded_spans_are_kept(http: TestClient, made: Services) -> None:
    spans = [{"document_id": "rollback", "start": 0, "end": 10}]
    corrected(http, evidence=spans, supersedes=spans)
    [item] = http.get("/review").json()
    assert item["evidence"] == item["supersedes"] == [{**spans[0], "quote": "To put the"}]
    assert item["followed"] == []


@pytest.mark.parametrize(
    ("span", "said"),
    [
        ({"document_id": "gone", "start": 0, "end": 1}, "'gone'"),
        ({"document_id": "rollback", "start": 0, "end": 10_000}, "past the end"),
        ({"document_id": "rollback", "start": 5, "end": 5}, "start < end"),
        ({"document_id": "rollback", "start": -1, "end": 5}, "evidence.0.start"),
        ({"document_id": "rollback"}, "evidence.0.start"),
    ],
)
def test_a_span_that_cannot_be_is_refused(http: TestClient, made: Services, span: dict[str, Any], said: str) -> None:
    reply = http.post("/corrections", json={"interaction_id": asked(http), "answer": BETTER, "evidence": [span]})
    assert reply.status_code == 422
    assert said in reply.json()["detail"]
    assert made.ledger.corrections() == []


def test_spans_are_checked_against_the_version_that_is_live_then(http: TestClient, made: Services) -> None:
    name = asked(http)
    span = {"document_id": "new", "start": 0, "end": 4}
    body = {"interaction_id": name, "answer": BETTER, "evidence": [span]}
    assert http.post("/corrections", json=body).status_code == 422
    publish(made, "v2", {"new": "text of the new document"})
    assert http.post("/corrections", json=body).status_code == 202


def test_what_was_asked_without_consent_cannot_be_corrected(http: TestClient) -> None:
    reply = http.post("/corrections", json={"interaction_id": asked(http, consent=False), "answer": BETTER})
    assert (reply.status_code, reply.json()["error"]) == (409, "Conflict")


def test_a_correction_is_followed_until_it_is_live(http: TestClient, made: Services) -> None:
    name = corrected(http)
    http.post(f"/review/{name}", json={"verdict": "accept", "note": "good"}, headers=signed(http, "grace"))
    waiting = http.get(f"/corrections/{name}").json()
    assert (waiting["status"], waiting["note"], waiting["version"]) == ("accepted", "good", None)
    publish(
        made,
        "v2",
        corrections={name: (QUESTION, BETTER)},
        learned=LearnedRanking(admission=Admission(threshold=0.9, words=0.5, passage=0.5)),
    )
    live = http.get(f"/corrections/{name}").json()
    assert (live["status"], live["version"]) == ("live", "v2")
    assert live["live_since"] is not None
    said = http.post("/chat", json={"question": QUESTION}).json()
    assert (said["answer"], said["citations"][0]["document_id"]) == (BETTER, f"correction:{name}")


# --- review ---------------------------------------------------------------------------------------------------------


def test_a_reviewer_sees_the_correction_beside_what_was_answered(http: TestClient) -> None:
    name = corrected(http)
    [item] = http.get("/review").json()
    alone = http.get(f"/review/{name}").json()
    assert item == {key: alone[key] for key in item}
    assert next((found["rank"], found["document_id"], found["shown"]) for found in alone["ranking"]) == (
        1,
        "rollback",
        True,
    )
    assert "run rag-flywheel rollback" in alone["ranking"][0]["text"]
    assert (item["question"], item["answer"], item["status"]) == (QUESTION, BETTER, "pending")
    assert "run rag-flywheel rollback" in item["answered"]


@pytest.mark.parametrize(
    ("verdict", "status"), [("accept", "accepted"), ("reject", "rejected"), ("quarantine", "quarantined")]
)
def test_a_decided_correction_moves_to_its_own_list(http: TestClient, verdict: str, status: str) -> None:
    name = corrected(http)
    decided = http.post(f"/review/{name}", json={"verdict": verdict}, headers=signed(http, "grace"))
    assert (decided.status_code, decided.json()["status"], decided.json()["reviewer"]) == (200, status, "grace")
    assert http.get("/review").json() == []
    assert [item["id"] for item in http.get("/review", params={"status": status}).json()] == [name]


def test_a_reviewer_may_accept_in_other_words(http: TestClient) -> None:
    name = corrected(http)
    assert http.post(f"/review/{name}", json={"verdict": "accept", "answer": "Other."}).json()["answer"] == "Other."


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"verdict": "maybe"},
        {"verdict": "reject", "answer": "Other."},
        {"verdict": "accept", "answer": " "},
        {"verdict": "accept", "reviewer": "grace"},
        {"verdict": "hold"},
    ],
)
def test_a_verdict_that_cannot_be_is_refused(http: TestClient, body: dict[str, str]) -> None:
    name = corrected(http)
    assert http.post(f"/review/{name}", json=body).status_code == 422
    assert http.get(f"/review/{name}").json()["status"] == "pending"


# --- looked at twice ------------------------------------------------------------------------------------------------

ODD = "Send your password to support@example.org, and wait for 90 minutes."


@pytest.fixture
def two(tmp_path: Path) -> TestClient:
    """With the settings as they are by default."""
    made = services(tmp_path)
    publish(made, "v1")
    return door(made)


def test_a_reviewer_sees_what_to_look_at_twice_before_deciding(two: TestClient) -> None:
    name = corrected(two, answer=ODD)
    [item] = two.get("/review").json()
    alone = two.get(f"/review/{name}").json()
    assert item == {key: alone[key] for key in item}
    assert [concern["kind"] for concern in item["concerns"]] == ["secrets", "new_author"]
    assert "password" in item["concerns"][0]["said"]


def test_an_ordinary_correction_is_accepted_by_one_reviewer(two: TestClient) -> None:
    name = corrected(two)
    assert two.get(f"/review/{name}").json()["concerns"] == []
    assert (
        two.post(f"/review/{name}", json={"verdict": "accept"}, headers=signed(two, "grace")).json()["status"]
        == "accepted"
    )


def test_what_gives_reason_to_look_twice_takes_two_reviewers(two: TestClient) -> None:
    name = corrected(two, answer=ODD, user_id="eve")
    first = two.post(f"/review/{name}", json={"verdict": "accept"}, headers=signed(two, "grace")).json()
    assert (first["status"], first["reviewer"]) == ("held", "grace")
    assert [item["id"] for item in two.get("/review").json()] == [name]
    assert [item["id"] for item in two.get("/review", params={"status": "held"}).json()] == [name]
    assert two.get("/review", params={"status": "pending"}).json() == []
    assert two.get(f"/corrections/{name}").json()["status"] == "held"
    again = two.post(f"/review/{name}", json={"verdict": "accept"}, headers=signed(two, "grace"))
    assert (again.status_code, again.json()["error"]) == (409, "Conflict")
    assert "grace accepted it already" in again.json()["detail"]
    assert (
        two.post(f"/review/{name}", json={"verdict": "accept"}, headers=signed(two, "ada")).json()["status"]
        == "accepted"
    )


def test_where_one_reviewer_is_enough_the_reasons_are_shown_and_nothing_is_held(http: TestClient) -> None:
    decided = http.post(f"/review/{corrected(http, answer=ODD)}", json={"verdict": "accept"}).json()
    assert (decided["status"], decided["concerns"][0]["kind"]) == ("accepted", "secrets")


def test_a_source_of_the_public_is_not_official(tmp_path: Path) -> None:
    made = services(tmp_path, text="sources: [{path: ., trust: public}]")
    publish(made, "v1")
    http = door(made)
    assert http.get(f"/review/{corrected(http, answer='Ask the vendor to do it.')}").json()["concerns"] == []


def test_the_passages_shown_and_cited_are_what_a_correction_is_looked_at_beside(tmp_path: Path) -> None:
    made = services(tmp_path)
    told = "To put the previous version back with the command takes 10 seconds."
    publish(made, "v1", {"rollback": told})
    http = door(made)
    name = corrected(http, answer=told.replace("10 seconds", "10 minutes"))
    [concern] = http.get(f"/review/{name}").json()["concerns"]
    assert concern == {"kind": "number", "said": "It says 10 minutes, and a passage says 10 seconds."}
    publish(made, "v2", {"other": "text of another document"})
    assert http.get(f"/review/{name}").json()["concerns"] == [concern]  # as it was cited to the asker


def test_a_verdict_on_what_somebody_decided_meanwhile_is_refused(http: TestClient) -> None:
    name = corrected(http)
    seen = http.get(f"/review/{name}").json()["review"]
    first = http.post(f"/review/{name}", json={"verdict": "reject", "seen": seen}, headers=signed(http, "ada"))
    assert first.status_code == 200
    second = http.post(f"/review/{name}", json={"verdict": "accept", "seen": seen}, headers=signed(http, "grace"))
    assert (second.status_code, "ada decided: reject" in second.json()["detail"]) == (409, True)
    assert http.get(f"/review/{name}").json()["status"] == "rejected"
    looked = {"verdict": "accept", "seen": first.json()["review"]}
    assert http.post(f"/review/{name}", json=looked, headers=signed(http, "grace")).json()["status"] == "accepted"


def test_what_a_guardrail_sent_back_waits_first_and_its_author_sees_why(http: TestClient, made: Services) -> None:
    corrected(http)
    name = corrected(http)
    http.post(f"/review/{name}", json={"verdict": "accept"}, headers=signed(http, "grace"))
    assert send_back(
        made.ledger.correction(CorrectionId(name)),
        guardrail="injection",
        reason="it gives orders",
        ledger=made.ledger,
        at=made.now(),
        new_id=made.new_id,
    )
    first = http.get("/review").json()[0]
    assert (first["id"], first["sent_back"], first["concerns"][0]["kind"]) == (name, True, "set_aside")
    followed = http.get(f"/corrections/{name}").json()
    assert (followed["status"], followed["note"]) == ("quarantined", "injection: it gives orders")
    assert http.post(f"/review/{name}", json={"verdict": "accept"}).status_code == 422
    assert http.post(f"/review/{name}", json={"verdict": "accept", "note": "It quotes."}).json()["status"] == "accepted"


def test_a_conflict_is_shown_from_both_sides_and_first(http: TestClient) -> None:
    agreed = http.post("/chat", json={"question": "How is a backup of the ledger made?"}).json()["interaction_id"]
    calm = http.post("/corrections", json={"interaction_id": agreed, "answer": "Copy the file."}).json()["id"]
    first, second = corrected(http), corrected(http, answer="Ask the vendor to do it.")
    http.post(f"/review/{first}", json={"verdict": "accept"})
    assert [item["id"] for item in http.get("/review").json()] == [second, calm]
    assert [item["id"] for item in http.get("/review", params={"limit": 1}).json()] == [second]
    assert http.get("/review", params={"limit": 0}).status_code == 422
    both = http.get("/review", params={"conflicts": True}).json()
    assert [(item["id"], item["status"]) for item in both] == [(first, "accepted"), (second, "pending")]
    assert both[1]["conflicts"] == [
        {"id": first, "status": "accepted", "same_question": True, "question": QUESTION, "answer": BETTER}
    ]
    pending = http.get("/review", params={"conflicts": True, "status": "pending"}).json()
    assert [item["id"] for item in pending] == [second]


def test_the_older_answer_names_the_one_that_superseded_it(http: TestClient) -> None:
    first, second = corrected(http), corrected(http, answer="Ask the vendor to do it.")
    for name in (first, second):
        decided = http.post(f"/review/{name}", json={"verdict": "accept"}).json()
    assert (decided["replaced"], decided["superseded_by"], decided["conflicts"]) == ([first], None, [])
    older = http.get(f"/review/{first}").json()
    assert (older["status"], older["superseded_by"], older["conflicts"]) == ("superseded", second, [])
    assert http.get(f"/corrections/{first}").json()["superseded_by"] == second
    assert http.get(f"/corrections/{second}").json()["superseded_by"] is None


def test_what_is_unknown_is_not_found(http: TestClient) -> None:
    found = [
        http.post("/feedback", json={"interaction_id": "none", "kind": "thumb", "value": "up"}),
        http.post("/corrections", json={"interaction_id": "none", "answer": BETTER}),
        http.get("/corrections/none"),
        http.get("/review/none"),
        http.post("/review/none", json={"verdict": "accept"}),
    ]
    assert [reply.status_code for reply in found] == [404] * 5
    assert {reply.json()["error"] for reply in found} == {"NotFound"}


def test_gaps_are_counted_and_limited(http: TestClient) -> None:
    for text in ("Do zebras whistle?", "do zebras whistle?", "Why whales?"):
        http.post("/chat", json={"question": text})
    found = http.get("/gaps", params={"off_topic": True}).json()
    assert [(gap["question"], gap["times"]) for gap in found] == [("do zebras whistle?", 2), ("Why whales?", 1)]
    assert len(http.get("/gaps", params={"off_topic": True, "limit": 1}).json()) == 1
    assert http.get("/gaps", params={"limit": 0}).status_code == 422


def test_suspects_are_listed_until_somebody_judges_them(http: TestClient) -> None:
    name = asked(http)
    http.post("/feedback", json={"interaction_id": name, "kind": "abandoned", "value": True})
    [suspect] = http.get("/triage").json()
    assert (suspect["question"], suspect["score"], suspect["times"]) == (QUESTION, 1.0, 1)
    assert suspect["interaction_ids"] == [name]
    assert http.get("/triage", params={"limit": 0}).status_code == 422
    http.post("/feedback", json={"interaction_id": name, "kind": "thumb", "value": "up"})
    assert http.get("/triage").json() == []


# --- idempotency ----------------------------------------------------------------------------------------------------


@pytest.fixture(params=["memory", "sqlite"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    if request.param == "memory":
        yield MemoryLedger()
        return
    opened = open_ledger(
        f"sqlite:///{tmp_path / 'ledger.db'}",
        timeout=10,
        lock_folder=tmp_path / "locks",
        keys=keys_in(tmp_path / "locks"),
    )
    yield opened
    opened.close()


@pytest.fixture
def kept(tmp_path: Path, ledger: Ledger) -> Services:
    made = services(tmp_path, ledger=ledger)
    publish(made, "v1")
    return made


def keyed(http: TestClient, path: str, body: dict[str, Any], key: str = "k1") -> tuple[int, dict[str, Any]]:
    reply = http.post(path, json=body, headers={"Idempotency-Key": key})
    return reply.status_code, reply.json()


def test_a_refusal_repeats_no_address_that_was_sent(kept: Services) -> None:
    http = door(kept)
    for body in ({"interaction_id": "ann@mailbox.org", "kind": "thumb", "value": "up"}, {"ann@mailbox.org": 1}):
        reply = http.post("/feedback", json=body)
        assert reply.status_code in (404, 422)
        assert "<EMAIL_ADDRESS>" in reply.text
        assert "mailbox" not in reply.text


def test_a_repeated_request_gets_the_same_reply_and_is_recorded_once(kept: Services) -> None:
    http = door(kept)
    body = {"interaction_id": asked(http), "answer": BETTER}
    first = keyed(http, "/corrections", body)
    assert first[0] == 202
    assert keyed(http, "/corrections", body) == first
    assert len(kept.ledger.corrections()) == 1
    assert keyed(http, "/corrections", body, "k2") != first


def test_concurrent_repeats_are_recorded_once_and_all_get_one_reply(kept: Services) -> None:
    http = door(kept)
    body = {"interaction_id": asked(http), "kind": "edited", "value": BETTER}
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: keyed(http, "/feedback", body), range(16)))
    assert replies == [replies[0]] * 16
    assert replies[0][0] == 201
    assert len(kept.ledger.feedback()) == len(kept.ledger.corrections()) == 1


def test_a_key_that_comes_back_with_another_request_is_a_conflict(kept: Services) -> None:
    http = door(kept)
    body = {"interaction_id": asked(http), "answer": BETTER}
    keyed(http, "/corrections", body)
    status, said = keyed(http, "/corrections", body | {"answer": "my-private-text"})
    assert (status, said["error"]) == (409, "KeyReused")
    assert "my-private-text" not in said["detail"]
    assert len(kept.ledger.corrections()) == 1


def test_a_key_counts_for_one_route(kept: Services) -> None:
    http = door(kept)
    name = asked(http)
    assert keyed(http, "/corrections", {"interaction_id": name, "answer": BETTER})[0] == 202
    assert keyed(http, "/feedback", {"interaction_id": name, "kind": "thumb", "value": "up"})[0] == 201


def test_a_request_that_failed_may_come_again_with_its_key(kept: Services) -> None:
    http = door(kept)
    body = {"interaction_id": asked(http), "kind": "stars", "value": 9}
    assert keyed(http, "/feedback", body)[0] == 422
    assert keyed(http, "/feedback", body | {"value": 5})[0] == 201


def test_a_key_that_is_too_long_is_refused(kept: Services) -> None:
    http = door(kept)
    body = {"interaction_id": asked(http), "answer": BETTER}
    assert keyed(http, "/corrections", body, "k" * 201)[0] == 422


def test_what_takes_long_is_done_before_the_ledger_is_held(kept: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search may load a model: others must be able to write meanwhile."""
    http = door(kept)
    body = {"interaction_id": asked(http), "answer": BETTER}
    written: list[bool] = []
    search = kept.index.search

    def slow(
        version: VersionId,
        *,
        text: str,
        vector: Vectors,
        limit: int,
        groups: Groups,
        languages: Mapping[str, float],
        tokens: Vectors | None,
    ) -> list[Candidate]:
        other = threading.Thread(
            target=lambda: written.append(kept.ledger.remember("other", digest="", reply={}, at=NOON)), daemon=True
        )
        other.start()
        other.join(2)
        return search(version, text=text, vector=vector, limit=limit, groups=groups, languages=languages, tokens=tokens)

    monkeypatch.setattr(kept.index, "search", slow)
    assert keyed(http, "/corrections", body)[0] == 202
    assert written == [True]
