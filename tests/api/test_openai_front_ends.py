"""What popular front ends send, as they send it: Open WebUI 0.6 and LibreChat 0.8."""

from pathlib import Path
from typing import Any

import pytest

from rag_flywheel.privacy.pseudonyms import pseudonym
from rag_flywheel.services import Services
from tests.fakes.doors import laptop
from tests.fakes.services import publish, services

QUESTION = "How do I put the previous version back?"
OPEN_WEBUI_HEADERS = {
    "Authorization": "Bearer any",
    "Content-Type": "application/json",
    "X-OpenWebUI-User-Name": "Ada%20Lovelace",
    "X-OpenWebUI-User-Id": "9a5d2f0e-6c1b-4b39-9c39-2f8f4b2a5b11",
    "X-OpenWebUI-User-Email": "ada@example.org",
    "X-OpenWebUI-User-Role": "user",
    "X-OpenWebUI-Chat-Id": "b7d1b5b6-0f0e-4a53-9d55-8b2f7d6e1c02",
}
OPEN_WEBUI: dict[str, Any] = {
    "stream": True,
    "model": "rag-flywheel",
    "messages": [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "How do I install the service on Linux?"},
        {"role": "assistant", "content": "With pip."},
        {"role": "user", "content": QUESTION},
    ],
    "stream_options": {"include_usage": True},
    "temperature": 0.8,
    "max_tokens": 512,
    "logit_bias": {"50256": -100},
}
LIBRECHAT_HEADERS = {
    "Authorization": "Bearer any",
    "Content-Type": "application/json",
    "Accept": "application/json",
    "User-Agent": "OpenAI/JS 5.12.2",
    "X-Stainless-Lang": "js",
    "X-Stainless-Runtime": "node",
    "X-Stainless-Retry-Count": "0",
}
LIBRECHAT: dict[str, Any] = {
    "model": "rag-flywheel",
    "temperature": 1,
    "top_p": 1,
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "stream": True,
    "stream_options": {"include_usage": True},
    "user": "66f1c0ffee0ddba11ad00001",
    "messages": [
        {"role": "user", "content": "How do I install the service on Linux?"},
        {"role": "assistant", "content": [{"type": "text", "text": "With pip."}]},
        {"role": "user", "content": [{"type": "text", "text": QUESTION}]},
    ],
}
LIBRECHAT_TITLE: dict[str, Any] = {
    "model": "rag-flywheel",
    "stream": False,
    "user": "66f1c0ffee0ddba11ad00001",
    "messages": [{"role": "user", "content": "Provide a concise, 5-word-or-less title for the conversation."}],
    "tools": [{"type": "function", "function": {"name": "title", "parameters": {"type": "object"}}}],
    "tool_choice": {"type": "function", "function": {"name": "title"}},
}


@pytest.fixture
def made(tmp_path: Path) -> Services:
    made = services(tmp_path)
    publish(made, "v1")
    return made


@pytest.mark.parametrize(
    ("body", "headers"), [(OPEN_WEBUI, OPEN_WEBUI_HEADERS), (LIBRECHAT, LIBRECHAT_HEADERS)], ids=["open", "libre"]
)
@pytest.mark.parametrize("stream", [True, False])
def test_a_front_end_gets_its_answer(
    made: Services, body: dict[str, Any], headers: dict[str, str], stream: bool
) -> None:
    sent = body if stream else {key: value for key, value in body.items() if not key.startswith("stream")}
    reply = laptop(made).post("/v1/chat/completions", json=sent, headers=headers)
    assert reply.status_code == 200
    assert "run rag-flywheel rollback" in reply.text
    assert ("data: [DONE]" in reply.text) == stream
    assert made.ledger.interactions(limit=1)[0].question == QUESTION


def test_open_webui_names_asker_and_conversation_in_headers(made: Services) -> None:
    laptop(made).post("/v1/chat/completions", json=OPEN_WEBUI, headers=OPEN_WEBUI_HEADERS)
    [asked], salt = made.ledger.interactions(limit=1), made.ledger.salt()
    assert asked.user == pseudonym(OPEN_WEBUI_HEADERS["X-OpenWebUI-User-Id"], salt)
    assert asked.session == pseudonym(OPEN_WEBUI_HEADERS["X-OpenWebUI-Chat-Id"], salt, of="session")


def test_a_name_in_the_body_goes_before_one_in_a_header(made: Services) -> None:
    body = OPEN_WEBUI | {"user": "grace"}
    laptop(made).post("/v1/chat/completions", json=body, headers=OPEN_WEBUI_HEADERS)
    assert made.ledger.interactions(limit=1)[0].user == pseudonym("grace", made.ledger.salt())


def test_an_endless_name_in_a_header_is_refused_by_the_header(made: Services) -> None:
    headers = OPEN_WEBUI_HEADERS | {"X-OpenWebUI-User-Id": "u" * 1_000}
    reply = laptop(made).post("/v1/chat/completions", json=OPEN_WEBUI, headers=headers)
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "X-OpenWebUI-User-Id")


def test_a_front_end_that_asks_for_a_title_as_a_call_of_a_tool_is_refused_and_nothing_is_recorded(
    made: Services,
) -> None:
    reply = laptop(made).post("/v1/chat/completions", json=LIBRECHAT_TITLE, headers=LIBRECHAT_HEADERS)
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "tool_choice")
    assert made.ledger.interactions(limit=1) == []


def test_a_front_end_lists_the_models(made: Services) -> None:
    reply = laptop(made).get("/v1/models", headers=OPEN_WEBUI_HEADERS)
    assert [model["id"] for model in reply.json()["data"]] == ["rag-flywheel"]
