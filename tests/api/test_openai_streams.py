"""Streams over a real socket: what a reader gets piece by piece, and what is kept when one hangs up."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import openai
import pytest

from rag_flywheel.domain import Feedback, FeedbackKind
from rag_flywheel.privacy.pseudonyms import pseudonym
from rag_flywheel.services import Services
from tests.fakes.services import publish, services
from tests.fakes.serving import Dictated, served

HEARD = 0.5  # seconds in which the server hears of it, while the next piece is being made
ASKED = {"model": "rag-flywheel", "messages": [{"role": "user", "content": "How do I put it back?"}], "user": "ada"}


@pytest.fixture
def generator() -> Iterator[Dictated]:
    slow = Dictated(["One ", "two ", "three."])
    slow.go_on.clear()
    yield slow
    slow.go_on.set()


@pytest.fixture
def made(tmp_path: Path, generator: Dictated) -> Services:
    made = services(tmp_path, generator=generator)
    publish(made, "v1")
    return made


def eventually(found: Callable[[], bool]) -> bool:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if found():
            return True
        time.sleep(0.01)
    return False


def kinds(made: Services) -> list[FeedbackKind]:
    return [signal.kind for signal in signals(made)]


def signals(made: Services) -> list[Feedback]:
    return list(made.ledger.feedback())


def test_a_reader_who_hangs_up_has_abandoned_an_answer_that_is_recorded_whole(
    made: Services, generator: Dictated
) -> None:
    with served(made) as url, httpx.Client(base_url=url) as http:
        with http.stream("POST", "/v1/chat/completions", json=ASKED | {"stream": True}) as reply:
            lines = (line for line in reply.iter_lines() if line)
            name = json.loads(next(lines).removeprefix("data: "))["id"]
            assert json.loads(next(lines).removeprefix("data: "))["choices"][0]["delta"]["content"] == "One "
        time.sleep(HEARD)
        generator.go_on.set()
        assert eventually(lambda: kinds(made) == [FeedbackKind.ABANDONED])
        assert made.ledger.interaction(name).answer == "One two three."
        [signal] = signals(made)
        assert (signal.interaction_id, signal.value) == (name, True)
        assert signal.user == pseudonym("ada", made.ledger.salt())
        given = {"interaction_id": name, "kind": "thumb", "value": "up", "user_id": "ada"}
        assert http.post("/feedback", json=given).status_code == 201


def test_a_reader_who_hangs_up_with_the_official_client_can_still_rate_the_answer(
    made: Services, generator: Dictated
) -> None:
    with served(made) as url, openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0) as client:
        stream = client.chat.completions.create(**ASKED, stream=True)  # type: ignore[call-overload]
        name = next(iter(stream)).id
        stream.close()
        time.sleep(HEARD)
        generator.go_on.set()
        assert eventually(lambda: kinds(made) == [FeedbackKind.ABANDONED])
        given = {"interaction_id": name, "kind": "thumb", "value": "down"}
        assert httpx.post(f"{url}/feedback", json=given).status_code == 201


def test_a_reader_of_our_own_stream_who_hangs_up_has_abandoned_it_too(made: Services, generator: Dictated) -> None:
    with served(made) as url, httpx.Client(base_url=url) as http:
        with http.stream("POST", "/chat", json={"question": "How?", "stream": True}) as reply:
            next(reply.iter_lines())
            name = reply.headers["x-interaction-id"]
        time.sleep(HEARD)
        generator.go_on.set()
        assert eventually(lambda: kinds(made) == [FeedbackKind.ABANDONED])
        given = {"interaction_id": name, "kind": "thumb", "value": "down"}
        assert http.post("/feedback", json=given).status_code == 201


def test_a_reader_who_hangs_up_before_anything_was_said_has_abandoned_the_answer(
    made: Services, generator: Dictated
) -> None:
    body = json.dumps(ASKED | {"stream": True}).encode()
    with served(made) as url:
        with socket.create_connection((urlsplit(url).hostname, urlsplit(url).port)) as raw:
            head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            raw.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        time.sleep(HEARD)
        generator.go_on.set()
        assert eventually(lambda: kinds(made) == [FeedbackKind.ABANDONED])


def test_a_reader_who_stays_to_the_end_has_abandoned_nothing(made: Services, generator: Dictated) -> None:
    generator.go_on.set()
    with served(made) as url, openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0) as client:
        for _ in range(20):
            list(client.chat.completions.create(**ASKED, stream=True))  # type: ignore[call-overload]
    assert len(made.ledger.interactions(limit=100)) == 20
    assert signals(made) == []


def test_an_answer_that_breaks_off_after_its_reader_hung_up_is_recorded_as_far_as_it_came(tmp_path: Path) -> None:
    generator = Dictated(["One ", "two "], breaks=True)
    generator.go_on.clear()
    made = services(tmp_path, generator=generator)
    publish(made, "v1")
    with served(made) as url, httpx.Client(base_url=url) as http:
        with http.stream("POST", "/v1/chat/completions", json=ASKED | {"stream": True}) as reply:
            next(reply.iter_lines())
        time.sleep(HEARD)
        generator.go_on.set()
        assert http.get("/v1/models").status_code == 200
    [broken] = made.ledger.interactions(limit=2)
    assert (broken.answer, broken.citations, signals(made)) == ("One two ", (), [])


def test_a_failure_in_the_midst_of_a_stream_is_raised_by_the_official_client(tmp_path: Path) -> None:
    made = services(tmp_path, generator=Dictated(["One ", "two "], breaks=True))
    publish(made, "v1")
    with served(made) as url, openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0) as client:
        stream = client.chat.completions.create(**ASKED, stream=True)  # type: ignore[call-overload]
        with pytest.raises(openai.APIError, match="the language model does not answer") as caught:
            list(stream)
    assert caught.value.code == "LanguageModelUnavailable"


@pytest.mark.parametrize(
    ("path", "body"), [("/v1/chat/completions", ASKED), ("/chat", {"question": "How do I put it back?"})]
)
def test_no_cache_and_no_proxy_keeps_a_stream_back(
    made: Services, generator: Dictated, path: str, body: dict[str, object]
) -> None:
    generator.go_on.set()
    with served(made) as url:
        headers = httpx.post(url + path, json=body | {"stream": True}).headers
    assert headers["content-type"].startswith("text/event-stream")
    assert (headers["cache-control"], headers["x-accel-buffering"]) == ("no-cache", "no")
