"""Which pages a browser lets ask here, and what they may call."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from rag_flywheel.errors import ConfigError
from tests.fakes.doors import door
from tests.fakes.services import services

PAGE = "https://chat.example.org"


def opened(folder: Path, *origins: str) -> TestClient:
    return door(services(folder, text=f"api: {{cors_origins: {list(origins)}}}"))


def preflight(http: TestClient, path: str, origin: str) -> dict[str, str]:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,x-stainless-lang",
    }
    reply = http.options(path, headers=headers)
    return {name: value for name, value in reply.headers.items() if name.startswith("access-control-")}


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/models", "/chat", "/feedback", "/corrections"])
def test_a_named_page_may_ask_and_say_what_it_thinks(tmp_path: Path, path: str) -> None:
    allowed = preflight(opened(tmp_path, PAGE), path, PAGE)
    assert allowed["access-control-allow-origin"] == PAGE
    assert "POST" in allowed["access-control-allow-methods"]
    assert "x-stainless-lang" in allowed["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in allowed


@pytest.mark.parametrize("path", ["/rollback", "/promote", "/review/c1", "/config", "/golden", "/audit"])
@pytest.mark.parametrize("origin", [PAGE, "*"])
def test_no_page_of_another_origin_may_do_what_reviewers_and_operators_do(
    tmp_path: Path, path: str, origin: str
) -> None:
    assert preflight(opened(tmp_path, origin), path, PAGE) == {}
    assert "access-control-allow-origin" not in opened(tmp_path, origin).get(path, headers={"Origin": PAGE}).headers


@pytest.mark.parametrize("other", ["https://evil.example.org", "http://chat.example.org", "null"])
def test_a_page_that_is_not_named_may_not_ask(tmp_path: Path, other: str) -> None:
    assert "access-control-allow-origin" not in preflight(opened(tmp_path, PAGE), "/v1/chat/completions", other)


def test_a_page_can_read_the_id_of_an_answer_that_is_streamed(tmp_path: Path) -> None:
    reply = opened(tmp_path, PAGE).get("/v1/models", headers={"Origin": PAGE})
    assert reply.headers["access-control-expose-headers"] == "X-Interaction-Id"


def test_without_origins_no_page_may_ask(tmp_path: Path) -> None:
    assert preflight(opened(tmp_path), "/v1/chat/completions", PAGE) == {}


def test_any_page_may_ask_where_the_settings_say_so(tmp_path: Path) -> None:
    assert preflight(opened(tmp_path, "*"), "/v1/models", PAGE)["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/chat/completions"])
def test_a_page_can_read_why_it_was_refused(tmp_path: Path, path: str) -> None:
    reply = opened(tmp_path, PAGE).post(path, json={}, headers={"Origin": PAGE})
    assert reply.status_code in (400, 404)
    assert reply.headers["access-control-allow-origin"] == PAGE


@pytest.mark.parametrize("origin", [f"{PAGE}/", "chat.example.org", "https://Chat.example.org", f"{PAGE}/app", ""])
def test_an_origin_that_no_browser_sends_is_a_mistake_in_the_settings(tmp_path: Path, origin: str) -> None:
    with pytest.raises(ConfigError, match="cors_origins"):
        services(tmp_path, text=f"api: {{cors_origins: ['{origin}']}}")


@pytest.mark.parametrize("origin", ["http://localhost:3000", "app://obsidian.md", "http://[::1]:8080"])
def test_origins_of_other_programs_are_taken(tmp_path: Path, origin: str) -> None:
    assert preflight(opened(tmp_path, origin), "/chat", origin)["access-control-allow-origin"] == origin
