"""OpenAI's chat completions: by hand, and with OpenAI's own client over a real socket."""

import json
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
from fastapi.testclient import TestClient

from rag_flywheel.services import Services
from tests.fakes.doors import door
from tests.fakes.samples import NOON
from tests.fakes.services import publish, services
from tests.fakes.serving import Dictated, served

QUESTION = "How do I put the previous version back?"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Services:
    made = services(tmp_path_factory.mktemp("service"))
    publish(made, "v1")
    return made


@pytest.fixture(scope="module")
def http(made: Services) -> TestClient:
    return door(made)


@pytest.fixture(scope="module")
def client(made: Services) -> Iterator[openai.OpenAI]:
    with (
        served(made) as url,
        openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0, timeout=10) as opened,
    ):
        yield opened


def test_a_completion_is_in_openais_shape_with_our_reply_beside_it(http: TestClient, made: Services) -> None:
    reply = http.post(
        "/v1/chat/completions",
        json={"model": "rag-flywheel", "messages": [{"role": "user", "content": QUESTION}]},
    )
    said = reply.json()
    assert reply.status_code == 200
    assert set(said) == {"id", "object", "created", "model", "choices", "usage", "rag_flywheel"}
    assert (said["object"], said["model"]) == ("chat.completion", "rag-flywheel")
    [choice] = said["choices"]
    assert (choice["index"], choice["finish_reason"], choice["message"]["role"]) == (0, "stop", "assistant")
    assert said["usage"]["total_tokens"] == said["usage"]["prompt_tokens"] + said["usage"]["completion_tokens"]
    ours = said["rag_flywheel"]
    assert set(ours) == {
        "interaction_id",
        "citations",
        "version",
        "arm",
        "canary",
        "answered",
        "confidence",
        "fallback",
    }
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


def test_the_official_client_lists_the_one_model(client: openai.OpenAI) -> None:
    [listed] = client.models.list()
    assert (listed.id, listed.object, listed.created) == ("rag-flywheel", "model", int(NOON.timestamp()))
    assert client.models.retrieve("rag-flywheel") == listed


@pytest.mark.parametrize("stream", [False, True])
def test_before_the_first_reindex_the_official_client_is_told_so(tmp_path: Path, stream: bool) -> None:
    with (
        served(services(tmp_path)) as url,
        openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0) as opened,
        pytest.raises(openai.InternalServerError, match="reindex") as caught,
    ):
        opened.chat.completions.create(model="rag-flywheel", messages=[{"role": "user", "content": "x"}], stream=stream)
    assert caught.value.status_code == 503


def test_fields_that_change_nothing_here_are_passed_over_and_null_is_absent(http: TestClient) -> None:
    tools = [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}]
    body = {
        "model": "rag-flywheel",
        "messages": [{"role": "user", "content": QUESTION, "name": "ada"}],
        "tools": tools,
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "response_format": {"type": "text"},
        "logit_bias": {"50256": -100},
        "reasoning_effort": "low",
        "temperature": 1,
        "top_p": 0.5,
        "seed": 7,
        "n": 1,
    }
    absent = (
        "stream stream_options user safety_identifier metadata stop max_completion_tokens max_tokens logprobs "
        "top_logprobs function_call modalities presence_penalty frequency_penalty store"
    )
    nulls = dict.fromkeys(absent.split())
    assert http.post("/v1/chat/completions", json=body | nulls).status_code == 200


def test_a_stream_is_chunks_that_end_with_done(http: TestClient) -> None:
    body = {"model": "rag-flywheel", "stream": True, "messages": [{"role": "user", "content": QUESTION}]}
    lines = http.post("/v1/chat/completions", json=body).text.split("\n\n")
    assert lines[-2:] == ["data: [DONE]", ""]
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["rag_flywheel"]["answered"] is True


def test_every_chunk_of_a_stream_has_the_usage_that_was_asked_for_null_but_in_the_last(http: TestClient) -> None:
    body = {"model": "rag-flywheel", "stream": True, "messages": [{"role": "user", "content": QUESTION}]}
    for wanted in (False, True):
        text = http.post("/v1/chat/completions", json=body | {"stream_options": {"include_usage": wanted}}).text
        chunks = [json.loads(line.removeprefix("data: ")) for line in text.split("\n\n")[:-2]]
        assert [("usage" in chunk) for chunk in chunks] == [wanted] * len(chunks)
        assert [chunk["usage"] for chunk in chunks[:-1] if wanted] == [None] * (len(chunks) - 1) * wanted
        assert (chunks[-1]["choices"] == []) == wanted


def asked(made: Services, *messages: dict[str, object], **more: object) -> dict[str, object]:
    body = {"model": "rag-flywheel", "messages": list(messages), **more}
    reply = door(made).post("/v1/chat/completions", json=body)
    assert reply.status_code == 200, reply.text
    said: dict[str, object] = reply.json()
    return said


@pytest.fixture
def told(tmp_path: Path) -> tuple[Dictated, Services]:
    generator = Dictated(["One two ", "three four. Five"])
    made = services(tmp_path, generator=generator)
    publish(made, "v1")
    return generator, made


def test_the_turns_before_the_last_user_message_are_the_history(told: tuple[Dictated, Services]) -> None:
    generator, made = told
    asked(
        made,
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": "Be kind."},
        {"role": "user", "content": "How do I install it?"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function"}]},
        {"role": "tool", "content": "a result", "tool_call_id": "1"},
        {"role": "assistant", "content": [{"type": "text", "text": "With pip."}]},
        {"role": "user", "content": [{"type": "text", "text": "And"}, {"type": "text", "text": "undo it?"}]},
    )
    assert [(turn.role, turn.text) for turn in generator.heard[-1]] == [
        ("user", "How do I install it?"),
        ("assistant", "With pip."),
    ]
    assert made.ledger.interactions(limit=1)[0].question == "And\nundo it?"


@pytest.mark.parametrize("after", [{"role": "assistant", "content": "To put it"}, {"role": "tool", "content": "42"}])
def test_the_beginning_of_an_answer_and_the_result_of_a_tool_are_passed_over(
    told: tuple[Dictated, Services], after: dict[str, object]
) -> None:
    generator, made = told
    asked(made, {"role": "user", "content": "Before?"}, {"role": "user", "content": QUESTION}, after)
    assert [turn.text for turn in generator.heard[-1]] == ["Before?"]
    assert made.ledger.interactions(limit=1)[0].question == QUESTION


def test_a_long_conversation_is_shortened_to_its_newest_turns(told: tuple[Dictated, Services]) -> None:
    generator, made = told
    turns = [{"role": "user", "content": f"Turn {number}?"} for number in range(5_000)]
    asked(made, {"role": "system", "content": "x"}, *turns, {"role": "user", "content": QUESTION})
    assert [turn.text for turn in generator.heard[-1]] == [f"Turn {number}?" for number in range(4_800, 5_000)]


def test_long_messages_are_shortened_and_only_as_many_kept_as_fit(told: tuple[Dictated, Services]) -> None:
    generator, made = told
    pasted = [{"role": "assistant", "content": str(number) * 30_000} for number in range(9)]
    asked(made, *pasted, {"role": "user", "content": QUESTION})
    assert [turn.text for turn in generator.heard[-1]] == [str(number) * 20_000 for number in range(4, 9)]


def test_a_picture_in_an_earlier_message_does_not_end_the_conversation(told: tuple[Dictated, Services]) -> None:
    generator, made = told
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    asked(
        made,
        {"role": "user", "content": [{"type": "text", "text": "What is this?"}, picture]},
        {"role": "user", "content": QUESTION},
    )
    assert [turn.text for turn in generator.heard[-1]] == ["What is this?"]


@pytest.mark.parametrize(
    ("bounds", "content", "reason"),
    [
        ({}, "One two three four. Five", "stop"),
        ({"stop": "four"}, "One two three ", "stop"),
        ({"stop": ["Five", "three"], "max_tokens": 50}, "One two ", "stop"),
        ({"max_tokens": 3}, "One two three ", "length"),
        ({"max_completion_tokens": 5}, "One two three four. Five", "stop"),
        ({"stop": "o th"}, "One tw", "stop"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_ends_where_the_client_set_its_bounds_and_is_recorded_whole(
    told: tuple[Dictated, Services], bounds: dict[str, object], content: str, reason: str, stream: bool
) -> None:
    _, made = told
    with served(made) as url, openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0) as opened:
        body = {"model": "rag-flywheel", "messages": [{"role": "user", "content": QUESTION}], **bounds}
        if stream:
            chunks = list(opened.chat.completions.create(**body, stream=True))  # type: ignore[call-overload]
            assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == content
            assert chunks[-1].choices[0].finish_reason == reason
        else:
            said = opened.chat.completions.create(**body)  # type: ignore[call-overload]
            assert (said.choices[0].message.content, said.choices[0].finish_reason) == (content, reason)
            assert said.usage.completion_tokens == len(content.split())
    assert made.ledger.interactions(limit=1)[0].answer == "One two three four. Five"
