"""OpenAI's chat completions: by hand, and with OpenAI's own client over a real socket."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
import uvicorn
from fastapi.testclient import TestClient

from rag_flywheel.api.app import create_app
from rag_flywheel.services import Services
from tests.fakes.services import publish, services

QUESTION = "How do I put the previous version back?"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Services:
    made = services(tmp_path_factory.mktemp("service"))
    publish(made, "v1")
    return made


@pytest.fixture(scope="module")
def http(made: Services) -> TestClient:
    return TestClient(create_app(made))


@contextlib.contextmanager
def served(made: Services) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(create_app(made), host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        for _ in range(500):
            if server.started:
                break
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="module")
def client(made: Services) -> Iterator[openai.OpenAI]:
    with (
        served(made) as url,
        openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0, timeout=10) as opened,
    ):
        yield opened


def test_a_completion_is_in_openais_shape_with_our_reply_beside_it(http: TestClient, made: Services) -> None:
    reply = http.post("/v1/chat/completions", json={"model": "m", "messages": [{"role": "user", "content": QUESTION}]})
    said = reply.json()
    assert reply.status_code == 200
    assert set(said) == {"id", "object", "created", "model", "choices", "usage", "rag_flywheel"}
    assert (said["object"], said["model"]) == ("chat.completion", "m")
    [choice] = said["choices"]
    assert (choice["index"], choice["finish_reason"], choice["message"]["role"]) == (0, "stop", "assistant")
    assert said["usage"]["total_tokens"] == said["usage"]["prompt_tokens"] + said["usage"]["completion_tokens"]
    ours = said["rag_flywheel"]
    assert set(ours) == {"interaction_id", "citations", "version", "arm", "canary", "answered", "confidence"}
    assert ours["interaction_id"] == said["id"]
    assert made.ledger.interactions(limit=1)[0].answer == choice["message"]["content"]


def test_the_official_client_gets_an_answer(client: openai.OpenAI, made: Services) -> None:
    said = client.chat.completions.create(
        model="rag-flywheel", messages=[{"role": "user", "content": QUESTION}], user="ada", temperature=0.5
    )
    assert "run rag-flywheel rollback" in (said.choices[0].message.content or "")
    assert said.model_extra is not None
    assert said.model_extra["rag_flywheel"]["citations"][0]["document_id"] == "rollback"
    assert made.ledger.interactions(limit=1)[0].interaction_id == said.id


def test_the_official_client_names_the_group_of_the_asker_in_the_metadata(
    client: openai.OpenAI, made: Services
) -> None:
    client.chat.completions.create(
        model="rag-flywheel",
        messages=[{"role": "user", "content": QUESTION}],
        metadata={"user_group": "team.7", "ticket": "another key"},
    )
    assert made.ledger.interactions(limit=1)[0].group == "team.7"


def test_the_official_client_streams(client: openai.OpenAI, made: Services) -> None:
    stream = client.chat.completions.create(
        model="rag-flywheel",
        messages=[{"role": "user", "content": QUESTION}],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    recorded = made.ledger.interactions(limit=1)[0]
    assert text == recorded.answer
    assert {chunk.id for chunk in chunks} == {recorded.interaction_id}
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == len(text.split())


def test_a_conversation_is_history(client: openai.OpenAI, made: Services) -> None:
    client.chat.completions.create(
        model="rag-flywheel",
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "How do I install the service on Linux?"},
            {"role": "assistant", "content": "With pip."},
            {"role": "user", "content": [{"type": "text", "text": "and what about it?"}]},
        ],
    )
    assert made.ledger.interactions(limit=1)[0].query == "How do I install the service on Linux? and what about it?"


def test_the_official_client_lists_the_one_model(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["rag-flywheel"]
    assert client.models.retrieve("rag-flywheel").id == "rag-flywheel"


def test_the_official_client_raises_its_own_errors_with_our_words(client: openai.OpenAI) -> None:
    with pytest.raises(openai.UnprocessableEntityError, match="the last message") as caught:
        client.chat.completions.create(
            model="rag-flywheel", messages=[{"role": "assistant", "content": "my-private-text"}]
        )
    assert caught.value.code == "InvalidInput"
    assert "my-private-text" not in str(caught.value)


@pytest.mark.parametrize("stream", [False, True])
def test_before_the_first_reindex_the_official_client_is_told_so(tmp_path: Path, stream: bool) -> None:
    with (
        served(services(tmp_path)) as url,
        openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0) as opened,
        pytest.raises(openai.InternalServerError, match="reindex") as caught,
    ):
        opened.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}], stream=stream)
    assert caught.value.status_code == 503


@pytest.mark.parametrize(
    "body",
    [
        {"messages": []},
        {"messages": [{"role": "system", "content": "x"}]},
        {"messages": [{"role": "user", "content": " "}]},
        {"messages": [{"role": "user", "content": None}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
        {"messages": [{"role": "user", "content": "secret" * 5_000}]},
        {"messages": [{"role": "robot", "content": "secret"}]},
        {"messages": [{"role": "user", "content": "x"}], "metadata": {"user_group": "secret@example.org"}},
        {"messages": "secret"},
        {},
    ],
)
def test_a_wrong_request_is_refused_in_openais_shape(http: TestClient, body: dict[str, object]) -> None:
    reply = http.post("/v1/chat/completions", json=body)
    assert reply.status_code == 422
    error = reply.json()["error"]
    assert set(error) == {"message", "type", "code", "param"}
    assert (error["type"], error["code"]) == ("invalid_request_error", "InvalidInput")
    assert "secret" not in reply.text


def test_fields_that_clients_send_besides_are_passed_over_and_null_is_absent(http: TestClient) -> None:
    body = {
        "model": "m",
        "messages": [{"role": "user", "content": QUESTION, "name": "ada"}],
        "stream": None,
        "stream_options": None,
        "user": None,
        "tools": [],
        "temperature": 1,
    }
    assert http.post("/v1/chat/completions", json=body).status_code == 200


def test_a_stream_is_chunks_that_end_with_done(http: TestClient) -> None:
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": QUESTION}]}
    lines = http.post("/v1/chat/completions", json=body).text.split("\n\n")
    assert lines[-2:] == ["data: [DONE]", ""]
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["rag_flywheel"]["answered"] is True
