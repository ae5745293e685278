"""What OpenAI's API refuses is refused here, in its shape, with its statuses and codes, and repeating nothing."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import openai
import pytest
from fastapi.testclient import TestClient

from rag_flywheel.services import Services
from tests.fakes.doors import door
from tests.fakes.services import publish, services
from tests.fakes.serving import served

ASKED = {"model": "rag-flywheel", "messages": [{"role": "user", "content": "How do I put it back?"}]}
JSON = {"content-type": "application/json"}
DOOR = "/v1/chat/completions"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Services:
    made = services(tmp_path_factory.mktemp("service"), text="api: {body_mb: 2}")
    publish(made, "v1")
    return made


@pytest.fixture(scope="module")
def http(made: Services) -> TestClient:
    return door(made)


@pytest.fixture(scope="module")
def client(made: Services) -> Iterator[openai.OpenAI]:
    with served(made) as url, openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0) as opened:
        yield opened


def user(content: object) -> dict[str, list[object]]:
    return {"messages": [{"role": "user", "content": content}]}


PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,secret"}}
WRONG: list[tuple[Mapping[str, object], str | None, str]] = [
    ({"messages": None}, "messages", "invalid_type"),
    ({"messages": []}, "messages", "empty_array"),
    ({"messages": "secret"}, "messages", "invalid_type"),
    ({"messages": ["secret"]}, "messages[0]", "invalid_type"),
    ({"messages": [{"content": "secret"}]}, "messages[0].role", "missing_required_parameter"),
    ({"messages": [{"role": "robot", "content": "secret"}]}, "messages[0].role", "invalid_value"),
    ({"messages": [{"role": "system", "content": "secret"}]}, "messages", "invalid_value"),
    ({"messages": [{"role": "assistant", "content": "secret"}]}, "messages", "invalid_value"),
    (user(" "), "messages", "invalid_value"),
    (user(None), "messages", "invalid_value"),
    (user([]), "messages", "invalid_value"),
    (user(42), "messages[0].content", "invalid_type"),
    (user("secret" * 5_000), "messages", "string_above_max_length"),
    (user([PICTURE]), "messages", "unsupported_value"),
    (user([{"type": "text", "text": "secret"}, PICTURE]), "messages", "unsupported_value"),
    (user([{"type": "input_audio", "input_audio": {"data": "secret"}}]), "messages", "unsupported_value"),
    (user([{"text": "secret"}]), "messages[0].content[0].type", "missing_required_parameter"),
    (user([{"type": "text", "text": {"secret": 1}}]), "messages[0].content[0].text", "invalid_type"),
    (user([{"type": "text", "text": "secret"}] * 101), "messages[0].content", "array_above_max_length"),
    ({"user": "secret" * 200_000}, "user", "string_above_max_length"),
    ({"user": {"id": "secret"}}, "user", "invalid_type"),
    ({"safety_identifier": "secret" * 50}, "safety_identifier", "string_above_max_length"),
    ({"metadata": {"user_group": "secret@example.org"}}, "metadata.user_group", "invalid_value"),
    ({"metadata": {"groups": "[" * 100_000}}, "metadata.groups", "invalid_value"),
    ({"n": 2}, "n", "unsupported_value"),
    ({"n": 0}, "n", "invalid_value"),
    ({"n": "1"}, "n", "invalid_type"),
    ({"n": 1.5}, "n", "invalid_type"),
    ({"n": True}, "n", "invalid_type"),
    ({"stream": "true"}, "stream", "invalid_type"),
    ({"stream_options": {"include_usage": True}}, "stream_options", "invalid_value"),
    ({"temperature": 2.5}, "temperature", "invalid_value"),
    ({"temperature": "0.5"}, "temperature", "invalid_type"),
    ({"temperature": float("nan")}, "temperature", "invalid_value"),
    ({"top_p": -1}, "top_p", "invalid_value"),
    ({"presence_penalty": 3}, "presence_penalty", "invalid_value"),
    ({"frequency_penalty": -3}, "frequency_penalty", "invalid_value"),
    ({"seed": 1.5}, "seed", "invalid_type"),
    ({"max_tokens": 0}, "max_tokens", "invalid_value"),
    ({"max_completion_tokens": -1}, "max_completion_tokens", "invalid_value"),
    ({"stop": ["a", "b", "c", "d", "secret"]}, "stop", "array_above_max_length"),
    ({"stop": ""}, "stop[0]", "invalid_value"),
    ({"stop": [{"secret": 1}]}, "stop[0]", "invalid_type"),
    ({"logprobs": True}, "logprobs", "unsupported_value"),
    ({"tool_choice": "required"}, "tool_choice", "unsupported_value"),
    ({"tool_choice": {"type": "function", "function": {"name": "secret"}}}, "tool_choice", "unsupported_value"),
    ({"function_call": {"name": "secret"}}, "function_call", "unsupported_value"),
    ({"response_format": {"type": "json_object"}}, "response_format", "unsupported_value"),
    ({"response_format": {"type": "json_schema", "json_schema": {}}}, "response_format", "unsupported_value"),
    ({"modalities": ["text", "audio"]}, "modalities", "unsupported_value"),
]


@pytest.mark.parametrize(("fields", "param", "code"), WRONG, ids=[str(row[0])[:60] for row in WRONG])
@pytest.mark.parametrize("stream", [False, True])
def test_a_wrong_field_is_named_with_openais_code(
    http: TestClient, fields: Mapping[str, object], param: str, code: str, stream: bool
) -> None:
    body = ASKED | ({"stream": True} if stream else {}) | fields
    if stream and "stream_options" in fields:
        return  # it has them
    reply = http.post(DOOR, content=json.dumps(body), headers=JSON)
    assert reply.status_code == 400
    error = reply.json()["error"]
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", param, code)
    assert set(error) == {"message", "type", "code", "param"}
    assert error["message"].startswith(f"{param}: ")
    assert len(error["message"]) < 200
    assert "secret" not in reply.text


@pytest.mark.parametrize("missing", ["model", "messages"])
def test_a_field_that_must_be_there_is_missed(http: TestClient, missing: str) -> None:
    reply = http.post(DOOR, json={key: value for key, value in ASKED.items() if key != missing})
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == missing
    assert reply.json()["error"]["code"] == "missing_required_parameter"


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b"null",
        b"[]",
        b'"secret"',
        b"[" * 100_000,
        b'{"a": ' * 50_000,
        b"1" * 5_000,
    ],
    ids=lambda body: repr(body[:12]),
)
def test_a_body_that_is_no_json_object_is_refused(http: TestClient, body: bytes) -> None:
    reply = http.post(DOOR, content=body, headers=JSON)
    assert reply.status_code == 400
    assert reply.json()["error"]["type"] == "invalid_request_error"
    assert "secret" not in reply.text


@pytest.mark.parametrize(
    "fields",
    [
        user("secret \ud800"),
        user([{"type": "text", "text": "secret \udc00"}]),
        {"messages": [{"role": "system", "content": "\udfff secret"}, *user("x")["messages"]]},
        {"user": "secret \ud800"},
        {"metadata": {"user_group": "\ud800"}},
        {"metadata": {"\ud800": "secret"}},
        {"stop": "\ud800 secret"},
        {"tools": ["\ud800 secret"]},
    ],
    ids=lambda fields: str(fields).encode("ascii", "replace")[:40].decode(),
)
def test_half_a_character_is_refused_wherever_it_stands(http: TestClient, fields: Mapping[str, object]) -> None:
    reply = http.post(DOOR, content=json.dumps(ASKED | fields), headers=JSON)
    assert (reply.status_code, reply.json()["error"]["type"]) == (422, "invalid_request_error")
    assert "could not be read as JSON" in reply.json()["error"]["message"]
    assert "secret" not in reply.text


@pytest.mark.parametrize("body", [b"\xff\xfe", b'{"user": "\xed\xa0\x80secret"}'], ids=["no UTF-8", "half a character"])
def test_bytes_that_are_no_text_are_refused(http: TestClient, body: bytes) -> None:
    reply = http.post(DOOR, content=body, headers=JSON)
    assert (reply.status_code, reply.json()["error"]["type"]) == (422, "invalid_request_error")
    assert "secret" not in reply.text


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None])
def test_a_body_that_does_not_say_it_is_json_is_an_unsupported_type(http: TestClient, kind: str | None) -> None:
    reply = http.post(DOOR, content=json.dumps(ASKED), headers={} if kind is None else {"content-type": kind})
    assert (reply.status_code, reply.json()["error"]["code"]) == (415, "unsupported_content_type")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nothing", 404, None),
        ("POST", "/v1/embeddings", 404, None),
        ("POST", "/v1/responses", 404, None),
        ("GET", "/v1", 404, None),
        ("GET", "/v1/models/gpt-4o", 404, "model_not_found"),
        ("GET", "/v1/models/meta-llama/Llama-3", 404, "model_not_found"),
        ("GET", DOOR, 405, "method_not_supported"),
        ("DELETE", "/v1/models", 405, "method_not_supported"),
    ],
)
def test_a_url_or_a_method_that_is_not_there_is_told_in_openais_shape(
    http: TestClient, method: str, path: str, status: int, code: str | None
) -> None:
    reply = http.request(method, path)
    error = reply.json()["error"]
    assert (reply.status_code, error["type"], error["code"]) == (status, "invalid_request_error", code)
    assert ("allow" in reply.headers) == (status == 405)


def test_what_is_not_there_elsewhere_is_told_in_our_shape(http: TestClient) -> None:
    assert http.get("/v11").json() == {"error": "NotFound", "detail": "there is no such URL here"}
    assert http.post("/chat", json={}).json()["error"] == "InvalidInput"


def test_a_body_above_the_limit_is_refused_before_it_is_parsed(http: TestClient, made: Services) -> None:
    before = len(made.ledger.interactions(limit=1_000))
    for body in (b" " * 2_000_001, b"[" * 3_000_000):
        reply = http.post(DOOR, content=body, headers=JSON)
        assert (reply.status_code, reply.json()["error"]["code"]) == (413, "request_too_large")
    assert len(made.ledger.interactions(limit=1_000)) == before


def test_a_body_that_does_not_say_how_long_it_is_is_counted_as_it_comes(http: TestClient) -> None:
    def pieces() -> Iterator[bytes]:
        yield from [b" " * 1_000_000] * 3

    assert http.post(DOOR, content=pieces(), headers=JSON).status_code == 413
    assert http.post("/chat", content=pieces(), headers=JSON).status_code == 413


def test_the_official_client_raises_its_own_errors(client: openai.OpenAI) -> None:
    create: Any = client.chat.completions.create
    asked: dict[str, Any] = dict(ASKED)
    with pytest.raises(openai.NotFoundError) as unknown:
        create(**asked | {"model": "gpt-4o"})
    assert (unknown.value.code, unknown.value.param) == ("model_not_found", "model")
    with pytest.raises(openai.NotFoundError) as not_there:
        client.models.retrieve("gpt-4o")
    assert not_there.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as several:
        create(**asked, n=2, stream=True)
    assert (several.value.code, several.value.param) == ("unsupported_value", "n")
    with pytest.raises(openai.BadRequestError) as long_name:
        create(**asked, user="u" * 1_000_000)
    assert long_name.value.param == "user"
    with pytest.raises(openai.APIStatusError) as too_large:
        create(**asked | user("secret" * 1_000_000))
    assert (too_large.value.status_code, too_large.value.code) == (413, "request_too_large")
    assert "secret" not in str(too_large.value)
    with pytest.raises(openai.NotFoundError):
        client.embeddings.create(model="rag-flywheel", input="x")
