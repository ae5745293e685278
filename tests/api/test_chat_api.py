"""POST /chat, whole and streamed."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from rag_flywheel.domain import Admission, Draft, LearnedRanking, Passage, Searched, Turn
from rag_flywheel.errors import LanguageModelUnavailable
from rag_flywheel.ports import Redactor
from rag_flywheel.services import Services
from tests.fakes.doors import door
from tests.fakes.services import publish, services

QUESTION = "How do I put the previous version back?"
FIELDS = {"interaction_id", "answer", "citations", "version", "arm", "canary", "answered", "confidence", "fallback"} | {
    "suggestions"
}
CITATION_FIELDS = {"number", "document_id", "title", "text", "start", "end", "score", "also"}


@pytest.fixture
def made(tmp_path: Path) -> Services:
    made = services(tmp_path)
    publish(made, "v1")
    return made


@pytest.fixture
def http(made: Services) -> TestClient:
    return door(made)


def events(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Server-Sent Events, as the WHATWG standard splits them."""
    found = []
    for block in text.replace("\r\n", "\n").split("\n\n"):
        fields = [line.partition(":") for line in block.split("\n") if line]
        named = {name: value.removeprefix(" ") for name, _, value in fields}
        if named:
            found.append((named["event"], json.loads(named["data"])))
    return found


def test_a_reply_has_exactly_the_promised_fields(http: TestClient) -> None:
    reply = http.post("/chat", json={"question": QUESTION, "user_id": "ada", "session_id": "s1"})
    assert reply.status_code == 200
    said = reply.json()
    assert set(said) == FIELDS
    assert [set(citation) for citation in said["citations"]] == [CITATION_FIELDS]
    assert (said["version"], said["arm"], said["canary"]) == ("v1", "control", None)
    assert (said["answered"], said["confidence"]) == (True, "high")
    assert "run rag-flywheel rollback" in said["answer"]
    [citation] = said["citations"]
    assert (citation["number"], citation["document_id"], citation["title"]) == (1, "rollback", "Rollback")
    assert citation["text"] in "To put the previous version back, run rag-flywheel rollback. It takes one second."


def test_near_corrections_are_suggested_and_a_choice_is_taken_as_feedback(tmp_path: Path) -> None:
    made = services(tmp_path)
    publish(
        made,
        "v1",
        corrections={"theme": ("Is there a dark theme?", "No.")},
        learned=LearnedRanking(admission=Admission(threshold=2.0, words=0.0, offered=0.3)),
    )
    http = door(made)
    said = http.post("/chat", json={"question": "Is there a dark theme for zebras?"}).json()
    assert said["suggestions"] == [{"correction_id": "theme", "question": "Is there a dark theme?"}]
    choice = {"interaction_id": said["interaction_id"], "kind": "meant", "value": "theme"}
    assert http.post("/feedback", json=choice).status_code == 201
    assert http.post("/feedback", json=choice | {"value": "another"}).status_code == 422
    private = http.post("/chat", json={"question": "Is there a dark theme for zebras?", "consent": False}).json()
    assert private["suggestions"] == said["suggestions"]
    refused = http.post("/feedback", json=choice | {"interaction_id": private["interaction_id"]})
    assert refused.status_code == 422


def test_the_id_in_the_reply_is_the_recorded_interactions(http: TestClient, made: Services) -> None:
    name = http.post("/chat", json={"question": QUESTION}).json()["interaction_id"]
    [recorded] = made.ledger.interactions(limit=10)
    assert (recorded.interaction_id, recorded.question) == (name, QUESTION)


def test_the_group_of_the_asker_is_recorded_with_the_question(http: TestClient, made: Services) -> None:
    assert http.post("/chat", json={"question": QUESTION, "user_group": " plan-s "}).status_code == 200
    assert made.ledger.interactions(limit=1)[0].group == "plan-s"


def test_a_question_that_nothing_answers_is_refused_honestly_and_kept_as_a_gap(http: TestClient) -> None:
    said = http.post("/chat", json={"question": "Do zebras whistle?"}).json()
    assert (said["answered"], said["confidence"], said["citations"]) == (False, None, [])
    assert http.get("/gaps").json() == []  # no document is about zebras
    apart = http.get("/gaps", params={"off_topic": True}).json()
    assert [gap["question"] for gap in apart] == ["Do zebras whistle?"]


@pytest.mark.parametrize("name", ["content", "text"])
def test_history_turns_a_follow_up_into_a_standalone_query(http: TestClient, made: Services, name: str) -> None:
    history = [
        {"role": "user", name: "How do I install the service on Linux?"},
        {"role": "assistant", name: "With pip."},
    ]
    said = http.post("/chat", json={"question": "and what about it?", "history": history}).json()
    assert said["citations"][0]["document_id"] == "install"
    assert made.ledger.interactions(limit=1)[0].query == "and what about it? (install service Linux)"


def test_without_consent_the_reply_is_whole_and_the_record_is_not(http: TestClient, made: Services) -> None:
    said = http.post("/chat", json={"question": QUESTION, "consent": False}).json()
    assert said["answered"]
    assert made.ledger.interactions(limit=1)[0].answer == ""


def test_a_stream_gives_pieces_and_then_the_whole_reply(http: TestClient, made: Services) -> None:
    reply = http.post("/chat", json={"question": QUESTION, "stream": True})
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/event-stream")
    *deltas, (last, said) = events(reply.text)
    assert [name for name, _ in deltas] == ["delta"] * len(deltas)
    assert last == "done"
    assert set(said) == FIELDS
    assert "".join(data["text"] for _, data in deltas) == said["answer"]
    assert made.ledger.interactions(limit=1)[0].interaction_id == said["interaction_id"]


@pytest.mark.parametrize("stream", [False, True])
def test_before_the_first_reindex_the_service_is_unavailable(tmp_path: Path, stream: bool) -> None:
    reply = door(services(tmp_path)).post("/chat", json={"question": "x", "stream": stream})
    assert reply.status_code == 503
    assert reply.json()["error"] == "NothingLive"
    assert "reindex" in reply.json()["detail"]


SECRET = "my-very-private-text"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "question"),
        ({"question": ""}, "question"),
        ({"question": " \n\t "}, "question"),
        ({"question": 7}, "question"),
        ({"question": SECRET + "x" * 20_001}, "question"),
        ({"question": {"text": SECRET}}, "question"),
        ({"question": "x", "user_id": SECRET * 20}, "user_id"),
        ({"question": "x", "user_id": ""}, "user_id"),
        ({"question": "x", "user_group": ""}, "user_group"),
        ({"question": "x", "user_group": f"{SECRET}@example.org"}, "user_group"),
        ({"question": "x", "user_group": SECRET * 3}, "user_group"),
        ({"question": "x", "history": [{"role": SECRET, "content": "x"}]}, "history.0.role"),
        ({"question": "x", "history": [{"role": "user"}]}, "history.0.content"),
        ({"question": "x", "history": SECRET}, "history"),
        ({"question": "x", "consent": SECRET}, "consent"),
        ({"question": "x", "stream": SECRET}, "stream"),
        ({"question": "x", "temperature": SECRET}, "temperature"),
    ],
)
def test_a_wrong_request_is_refused_by_field_and_its_text_is_not_repeated(
    http: TestClient, body: dict[str, Any], field: str
) -> None:
    reply = http.post("/chat", json=body)
    assert reply.status_code == 422
    assert reply.json()["error"] == "InvalidInput"
    assert reply.json()["detail"].startswith(f"{field}: ")
    assert SECRET not in reply.text


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"question": "\xff"}', b'{"question": "\\ud800"}', b"[" * 5000]
)
def test_what_is_no_json_object_of_text_is_refused(http: TestClient, body: bytes) -> None:
    reply = http.post("/chat", content=body, headers={"content-type": "application/json"})
    assert 400 <= reply.status_code < 500


def test_odd_characters_are_taken(http: TestClient) -> None:
    reply = http.post("/chat", json={"question": "電視 \x00 \u202e rollback 🙂", "user_id": "名前"})
    assert reply.status_code == 200


class Failing:
    """A generator whose language model goes down before, or in the midst of, an answer."""

    name = "failing"

    def __init__(self, *, pieces: int) -> None:
        self._pieces = pieces

    def masked_by(self, redactor: Redactor) -> "Failing":
        return self

    def rewrite(self, question: str, history: Sequence[Turn]) -> str:
        return question

    def prepare(self, found: Sequence[Sequence[Passage]]) -> None:
        """Nothing can be done before."""

    def answer(
        self, question: str, passages: Sequence[Passage], *, searched: Searched | None = None
    ) -> Iterator[str | Draft]:
        yield from ["piece "] * self._pieces
        raise LanguageModelUnavailable("the language model does not answer: start it")


def failing(folder: Path, *, pieces: int) -> TestClient:
    made = services(folder, generator=Failing(pieces=pieces))
    publish(made, "v1")
    return door(made)


@pytest.mark.parametrize("stream", [False, True])
def test_a_failure_before_the_first_piece_is_a_status(tmp_path: Path, stream: bool) -> None:
    reply = failing(tmp_path, pieces=0).post("/chat", json={"question": QUESTION, "stream": stream})
    assert (reply.status_code, reply.json()["error"]) == (503, "LanguageModelUnavailable")


def test_a_failure_in_the_midst_of_a_stream_is_its_last_event(tmp_path: Path) -> None:
    reply = failing(tmp_path, pieces=2).post("/chat", json={"question": QUESTION, "stream": True})
    assert [name for name, _ in events(reply.text)] == ["delta", "delta", "error"]
    assert events(reply.text)[-1][1]["error"] == "LanguageModelUnavailable"


def test_an_answer_that_broke_off_is_recorded_as_far_as_it_came(tmp_path: Path) -> None:
    made = services(tmp_path, generator=Failing(pieces=2))
    publish(made, "v1")
    reply = door(made).post("/chat", json={"question": QUESTION, "stream": True})
    said = "".join(data["text"] for name, data in events(reply.text) if name == "delta")
    [broken] = made.ledger.interactions(limit=2)
    assert (broken.answer, broken.citations) == (said, ())


def test_health_names_the_live_version(http: TestClient, made: Services) -> None:
    assert http.get("/health").json() == {"status": "ok", "live": "v1", "away": []}
    publish(made, "v2")
    assert http.get("/health").json()["live"] == "v2"


def test_the_settings_are_shown(http: TestClient) -> None:
    assert http.get("/config").json()["retrieval"]["passages"] == 5
