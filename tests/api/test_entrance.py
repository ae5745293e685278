"""Which pages a browser lets ask here, what they may call, and what no route ever sees."""

import contextlib
import itertools
import json
import socket
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from rag_flywheel.api import server
from rag_flywheel.api.app import create_app
from rag_flywheel.errors import ConfigError
from rag_flywheel.web.pages import PAGES
from tests.fakes.doors import door, key
from tests.fakes.services import publish, services
from tests.fakes.serving import served

PAGE = "https://chat.example.org"
FORM = "application/x-www-form-urlencoded"


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


# --- what comes in ---------------------------------------------------------------------------------------------------

JSON = {"Content-Type": "application/json"}
HALF = r'{"%s": "a \ud800 b"}'


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    made = services(tmp_path_factory.mktemp("entrance"), text="limits: {idle_seconds: 0.1, body_seconds: 0.5}")
    publish(made, "v1")
    return door(made)


def writing(http: TestClient) -> list[tuple[str, str]]:
    """Method and path of every operation that takes a body."""
    paths = http.get("/openapi.json").json()["paths"]
    return [
        (method.upper(), path.replace("{", "").replace("}", ""))
        for path, methods in paths.items()
        for method, operation in methods.items()
        if "requestBody" in operation
    ]


def test_half_a_character_is_422_in_every_body_and_is_not_repeated(http: TestClient) -> None:
    doors = writing(http)
    assert len(doors) > 10
    for method, path in doors:
        reply = http.request(method, path, content=HALF % "who", headers=JSON)
        assert reply.status_code == 422, (method, path, reply.text)
        assert "half a character" in reply.text


@pytest.mark.parametrize("path", ["/versions/%ED%A0%80", "/review?status=%ED%BF%BF", "/v1/models/%ED%A0%80", "/%FF"])
def test_half_a_character_is_422_in_a_path_and_a_query(http: TestClient, path: str) -> None:
    assert http.get(path).status_code == 422


@pytest.mark.parametrize("kind", ["text/plain", FORM, "application/jsonx", None])
def test_a_body_that_is_not_said_to_be_json_is_415_everywhere(http: TestClient, kind: str | None) -> None:
    """But for a form where there is a page at the same path: that has to come from the page, and is 403 without."""
    of_pages = {
        row.replace("{", "").replace("}", "")
        for pages in PAGES
        for route in pages.routes.routes
        for row in getattr(route, "rows", ())
    }
    for method, path in writing(http):
        reply = http.request(method, path, content="{}", headers={} if kind is None else {"Content-Type": kind})
        taken = kind == FORM and f"{method} {path}" in of_pages
        assert reply.status_code == (403 if taken else 415), (method, path)


def test_json_of_a_vendor_and_with_a_charset_is_json(http: TestClient) -> None:
    for kind in ("application/json; charset=utf-8", "application/problem+json", "Application/JSON"):
        reply = http.post("/chat", content='{"question": "How?"}', headers={"Content-Type": kind})
        assert reply.status_code == 200, kind


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/golden", "GET, POST"),
        ("PUT", "/review/c1", "GET, POST"),
        ("POST", "/health", "GET"),
        ("GET", "/chat", "POST"),
        ("GET", "/v1/chat/completions", "POST"),
    ],
)
def test_allow_names_every_method_that_a_url_takes(http: TestClient, method: str, path: str, allowed: str) -> None:
    reply = http.request(method, path)
    assert (reply.status_code, reply.headers["allow"]) == (405, allowed)
    assert set(reply.json()) == ({"error"} if path.startswith("/v1") else {"error", "detail"})


def test_a_url_that_is_not_there_is_told_in_our_shape(http: TestClient) -> None:
    assert http.get("/nothing").json() == {"error": "NotFound", "detail": "there is no such URL here"}


def test_too_many_headers_and_a_url_that_is_too_long_are_refused(http: TestClient) -> None:
    assert http.get("/health", headers={f"x-{number}": "1" for number in range(200)}).status_code == 431
    assert http.get(f"/versions/{'v' * 9_000}").status_code == 414
    assert http.get("/health", params={"q": "v" * 9_000}).status_code == 414


@pytest.mark.parametrize("body", ["[" * 10_000, '{"a":' * 10_000, '{"value": ' + "[" * 40 + "]" * 40 + "}"])
def test_a_body_that_is_too_deep_is_refused(http: TestClient, body: str) -> None:
    assert http.post("/feedback", content=body, headers=JSON).status_code == 422
    assert http.post("/v1/chat/completions", content=body, headers=JSON).status_code == 400


def test_what_a_person_types_is_at_most_a_megabyte(http: TestClient) -> None:
    assert http.post("/corrections", content=b" " * 1_000_001, headers=JSON).status_code == 413
    assert http.post("/golden/import", content=b" " * 1_000_001, headers=JSON).status_code == 422


def test_a_history_has_a_bound_as_a_whole(http: TestClient) -> None:
    turns = [{"role": "user", "content": "a" * 20_000}] * 11
    assert http.post("/chat", json={"question": "How?", "history": turns[:10]}).status_code == 200
    assert http.post("/chat", json={"question": "How?", "history": turns}).status_code == 422


@pytest.mark.parametrize("value", ["1e999", "NaN", "-Infinity", "9" * 400, f'["{"a" * 20_001}"]', "9" * 5_000])
def test_what_no_ledger_keeps_is_no_feedback(http: TestClient, value: str) -> None:
    asked = http.post("/chat", json={"question": "How do I roll back?"}).json()["interaction_id"]
    body = f'{{"interaction_id": "{asked}", "kind": "stars", "value": {value}}}'
    assert http.post("/feedback", content=body, headers=JSON).status_code in (400, 422)


def test_few_of_many_mistakes_are_told(http: TestClient) -> None:
    body = json.dumps({f"field{number}" * 50: 1 for number in range(1_000)})
    reply = http.post("/chat", content=body, headers=JSON)
    assert reply.status_code == 422
    assert "more" in reply.json()["detail"]
    assert len(reply.text) < 10_000


def test_an_error_that_nobody_foresaw_is_told_in_our_shape_and_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = services(tmp_path)

    def fail() -> None:
        raise RuntimeError("hunter2")

    monkeypatch.setattr(made.index, "live", fail)
    client = TestClient(create_app(made), "http://localhost", raise_server_exceptions=False, headers=key(made, "ada"))
    for path in ("/health", "/v1/models"):
        reply = client.get(path)
        assert reply.status_code == 500
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in reply.headers["content-security-policy"]
        assert reply.headers["content-type"] == "application/json"
        assert "hunter2" not in reply.text


# --- over a real connection ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    made = services(tmp_path_factory.mktemp("served"), text="limits: {idle_seconds: 0.3, body_seconds: 1}")
    publish(made, "v1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "HEAD_SECONDS", 0.5)
        with served(made) as url:
            yield "127.0.0.1", int(url.rpartition(":")[2])


def said(address: tuple[str, int], pieces: Iterable[bytes], *, pause: float = 0.0) -> bytes:
    """All that the server says to these bytes before it closes the connection."""
    with socket.create_connection(address, timeout=20) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(pause)
        heard = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(65_536):
                heard += piece
    return heard


HEAD_OF_A_POST = b"POST /chat HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def test_a_connection_that_says_nothing_is_closed(address: tuple[str, int]) -> None:
    assert said(address, []).startswith(b"HTTP/1.1 408 ")


def test_a_head_that_drips_is_cut_off(address: tuple[str, int]) -> None:
    drips = itertools.repeat(b"x", 200)
    assert said(address, drips, pause=0.05).startswith(b"HTTP/1.1 408 ")


def test_a_body_that_stops_coming_is_cut_off(address: tuple[str, int]) -> None:
    heard = said(address, [HEAD_OF_A_POST + b"Content-Length: 100\r\n\r\n{"])
    assert heard.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in heard.lower()


def test_a_chunked_body_that_never_ends_is_cut_off(address: tuple[str, int]) -> None:
    head = [HEAD_OF_A_POST + b"Transfer-Encoding: chunked\r\n\r\n"]
    heard = said(address, itertools.chain(head, itertools.repeat(b"1\r\n \r\n", 200)), pause=0.05)
    assert heard.startswith(b"HTTP/1.1 408 ")


def test_ten_thousand_headers_are_431_before_a_route_sees_them(address: tuple[str, int]) -> None:
    headers = b"".join(b"x-%d: 1\r\n" % number for number in range(10_000))
    heard = said(address, [b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + headers + b"\r\n"])
    assert heard == b"" or heard.startswith(b"HTTP/1.1 431 ")


def test_half_a_character_is_422_in_a_header(address: tuple[str, int]) -> None:
    asked = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nIdempotency-Key: "
    assert said(address, [asked + b"\xed\xa0\x80\r\n\r\n"]).startswith(b"HTTP/1.1 422 ")
    assert said(address, [asked + "é".encode() + b"\r\n\r\n"]).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("line", [b"\x00\x01\x02\r\n\r\n", b"GET /\xff HTTP/1.1\r\n\r\n"])
def test_what_is_no_request_is_refused_in_our_shape(address: tuple[str, int], line: bytes) -> None:
    heard = said(address, [line])
    assert heard.startswith(b"HTTP/1.1 400 ")
    assert json.loads(heard.partition(b"\r\n\r\n")[2])["error"] == "InvalidInput"


def test_after_all_that_the_server_answers(address: tuple[str, int]) -> None:
    heard = said(address, [b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"])
    assert heard.startswith(b"HTTP/1.1 200 ")


def test_a_query_parameter_that_there_is_not_is_refused_and_those_that_there_are_named(http: TestClient) -> None:
    reply = http.get("/review?stats=held")
    assert reply.status_code == 422
    assert "concern, conflicts, document, in_hand, limit" in reply.json()["detail"]
    assert http.get("/review?status=held").status_code == 200
    assert http.get("/v1/models?api-version=1").status_code == 200  # other people's clients send what they like
