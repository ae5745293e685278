"""Who may come in, and where to: over every route and every role."""

import itertools
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fastapi import APIRouter
from fastapi.testclient import TestClient

from rag_flywheel.access import roles
from rag_flywheel.api.app import create_app
from rag_flywheel.api.guard import GuardedRoute, refuse_unguarded
from rag_flywheel.domain import Role
from rag_flywheel.services import Services
from rag_flywheel.web.pages import PAGES
from tests.fakes.doors import door, key, laptop, signed
from tests.fakes.services import publish, services
from tests.fakes.serving import served

HIDDEN = (
    "GET /openapi.json",
    "GET /docs",
    "GET /docs/{part}",
    "POST /mcp",
    *sorted(roles.SIGNED),
)  # routes that the OpenAPI document leaves out


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Services:
    made = services(tmp_path_factory.mktemp("access"))
    publish(made, "v1")
    return made


def routes(made: Services) -> list[str]:
    paths = door(made).get("/openapi.json").json()["paths"]
    served = [f"{method.upper()} {path}" for path, methods in paths.items() for method in methods]
    return list(dict.fromkeys([*served, *HIDDEN, *page_rows()]))


def page_rows() -> list[str]:
    every = [route for pages in PAGES for route in pages.routes.routes]
    return [row for route in every if isinstance(route, GuardedRoute) for row in route.rows]


def call(http: TestClient, route: str, headers: dict[str, str]) -> tuple[int, str]:
    """The status and the error's name. Bodies are wrong, so that who may call does no harm."""
    method, path = route.split(" ")
    path = re.sub(r"\{\w+\}", "none", path)
    reply = http.request(method, path, headers=headers, **({"json": []} if method == "POST" else {}))
    named = reply.json().get("error") if reply.is_error else ""
    return reply.status_code, named if isinstance(named, str) else ""


# --- the matrix -----------------------------------------------------------------------------------------------------


def test_every_route_of_the_document_has_a_row_and_every_row_a_route(made: Services) -> None:
    assert set(routes(made)) == roles.ROLES.keys() | roles.EVERYBODY


def test_every_role_gets_where_the_table_says_and_nowhere_else(made: Services) -> None:
    http = TestClient(create_app(made), base_url="http://localhost")
    keys = {role: key(made, role.value, role) for role in Role}
    wrong = []
    for route, role in itertools.product(routes(made), Role):
        if route in ("POST /reindex", "POST /canary/tick"):  # no body to be wrong
            continue
        status, _ = call(http, route, keys[role])
        may = route in roles.EVERYBODY or role in roles.ROLES[route]
        if (status != 403) != may or status == 401:
            wrong.append((route, role, status))
    assert wrong == []


def test_nobody_without_a_key_gets_anywhere_but_to_the_health_of_the_server(made: Services) -> None:
    http = TestClient(create_app(made), base_url="http://localhost")
    assert {route for route in routes(made) if call(http, route, {})[0] != 401} == roles.EVERYBODY


@pytest.mark.parametrize("route", ["POST /reindex", "POST /canary/tick"])
@pytest.mark.parametrize("role", [Role.ASKER, Role.REVIEWER])
def test_neither_askers_nor_reviewers_turn_the_wheel(made: Services, route: str, role: Role) -> None:
    http = TestClient(create_app(made), base_url="http://localhost")
    assert call(http, route, key(made, "x", role)) == (403, "NotAllowed")


def test_a_route_that_asks_nobody_or_has_no_row_is_found_at_the_start() -> None:
    def nothing() -> None:
        """Never called."""

    bare = APIRouter()
    bare.add_api_route("/chat", nothing, methods=["POST"])
    with pytest.raises(ValueError, match="asks nobody"):
        refuse_unguarded([bare])
    new = APIRouter(route_class=GuardedRoute)
    new.add_api_route("/secrets", nothing, methods=["GET"])
    with pytest.raises(ValueError, match="no row for GET /secrets"):
        refuse_unguarded([new])


def test_who_is_not_known_is_refused_before_the_body_is_read(made: Services) -> None:
    """The body never comes, and the reply does."""
    http = TestClient(create_app(made), base_url="http://localhost")

    def never() -> Iterator[bytes]:
        raise AssertionError("the body was asked for")
        yield b""

    reply = http.request("POST", "/promote", content=never(), headers={"Content-Type": "application/json"})
    assert (reply.status_code, reply.headers["www-authenticate"]) == (401, "Bearer")


# --- keys -----------------------------------------------------------------------------------------------------------


def test_an_admin_makes_replaces_and_revokes_keys(made: Services) -> None:
    http = door(made)
    new = http.post("/keys", json={"name": "bob", "roles": ["operator"], "days": 1}).json()
    bob = {"Authorization": f"Bearer {new['key']}"}
    assert http.get("/audit", headers=bob).status_code == 200
    assert http.get("/keys", headers=bob).status_code == 403
    again = http.post(f"/keys/{new['id']}/rotate", json={"overlap_hours": 0}).json()
    assert http.get("/audit", headers=bob).status_code == 401
    bob = {"Authorization": f"Bearer {again['key']}"}
    assert http.get("/audit", headers=bob).status_code == 200
    revoked = http.post(f"/keys/{again['id']}/revoke").json()
    assert (revoked["opens"], revoked["used"] is None) == (False, False)
    assert http.get("/audit", headers=bob).status_code == 401
    listed = {entry["id"]: entry for entry in http.get("/keys").json()}
    assert (listed[again["id"]]["name"], listed[again["id"]]["roles"]) == ("bob", ["operator"])
    assert listed[again["id"]]["used"] is not None
    assert new["key"] not in http.get("/keys").text


@pytest.mark.parametrize("path", ["/chat", "/v1/chat/completions"])
def test_a_key_that_holds_no_more_is_refused_even_where_anybody_may_ask(made: Services, path: str) -> None:
    reply = laptop(made).post(path, json={}, headers={"Authorization": f"Bearer rf_{'0' * 12}_{'A' * 43}"})
    assert reply.status_code == 401
    assert "opens nothing" in reply.text


# --- who is recorded ------------------------------------------------------------------------------------------------


def asked(http: TestClient, headers: dict[str, str], **more: str) -> str:
    reply = http.post("/chat", json={"question": "How do I roll back?", **more}, headers=headers)
    assert reply.status_code == 200
    return str(reply.json()["interaction_id"])


def test_a_review_is_recorded_under_the_name_of_the_key_whatever_the_body_says(made: Services) -> None:
    http = door(made)
    name = http.post("/corrections", json={"interaction_id": asked(http, {}), "answer": "Run it."}).json()["id"]
    grace = signed(http, "grace")
    assert http.post(f"/review/{name}", json={"verdict": "reject", "reviewer": "ada"}, headers=grace).status_code == 422
    assert http.post(f"/review/{name}", json={"verdict": "reject"}, headers=grace).json()["reviewer"] == "grace"


def test_nobody_accepts_their_own_correction_and_everybody_may_withdraw_it(made: Services) -> None:
    http = TestClient(create_app(made), base_url="http://localhost")
    ada = key(made, "ada", Role.REVIEWER, for_others=False)
    body = {"interaction_id": asked(http, ada), "answer": "Run it."}
    name = http.post("/corrections", json=body, headers=ada).json()["id"]
    refused = http.post(f"/review/{name}", json={"verdict": "accept"}, headers=ada)
    assert (refused.status_code, "nobody accepts their own" in refused.json()["detail"]) == (403, True)
    assert http.post(f"/review/{name}", json={"verdict": "reject"}, headers=ada).status_code == 200


def test_a_team_of_one_may_accept_its_own_where_the_settings_say_so(tmp_path: Path) -> None:
    made = services(tmp_path, text="access: {own_reviews: true}\nreview: {second_reviewer: false}")
    publish(made, "v1")
    http = door(made, "ada", for_others=False)
    name = http.post("/corrections", json={"interaction_id": asked(http, {}), "answer": "Run it."}).json()["id"]
    assert http.post(f"/review/{name}", json={"verdict": "accept"}).json()["status"] == "accepted"


def test_a_person_asks_in_their_own_name_alone_and_an_application_in_everybodys(made: Services) -> None:
    http = TestClient(create_app(made), base_url="http://localhost")
    ada, app = key(made, "ada", Role.ASKER, for_others=False), key(made, "app", Role.ASKER)
    body = {"question": "How do I roll back?", "user_id": "grace"}
    refused = http.post("/chat", json=body, headers=ada)
    assert (refused.status_code, refused.json()["error"]) == (403, "NotAllowed")
    mine, theirs = asked(http, ada), asked(http, app, user_id="ada")
    assert made.ledger.interaction(mine).user == made.ledger.interaction(theirs).user  # type: ignore[arg-type]


def test_what_one_person_asked_is_not_there_for_another(made: Services) -> None:
    http = TestClient(create_app(made), base_url="http://localhost")
    ada, grace, rita = (key(made, name, Role.ASKER, for_others=False) for name in ("ada", "grace", "rita"))
    mine = asked(http, ada)
    correction = http.post("/corrections", json={"interaction_id": mine, "answer": "Run it."}, headers=ada).json()["id"]
    for method, path, body in (
        ("GET", f"/interactions/{mine}/explain", None),
        ("POST", "/feedback", {"interaction_id": mine, "kind": "thumb", "value": "up"}),
        ("POST", "/corrections", {"interaction_id": mine, "answer": "No."}),
        ("GET", f"/corrections/{correction}", None),
    ):
        hidden = http.request(method, path, json=body, headers=grace)
        name = mine if mine in path or body is not None else correction
        gone = http.request(
            method, path.replace(name, "0" * 32), json=body and {**body, "interaction_id": "0" * 32}, headers=rita
        )
        assert hidden.status_code == 404
        assert hidden.text == gone.text.replace("0" * 32, name)
        assert http.request(method, path, json=body, headers=ada).status_code in (200, 201, 202)
    assert http.get(f"/interactions/{mine}/explain", headers=key(made, "r", Role.REVIEWER)).status_code == 200


def test_one_persons_idempotency_key_is_none_of_anothers(made: Services) -> None:
    http = TestClient(create_app(made), base_url="http://localhost")
    app = key(made, "app", Role.ASKER)
    one = {"interaction_id": asked(http, app, user_id="ada"), "answer": "Run it.", "user_id": "ada"}
    other = one | {"user_id": "grace"}
    headers = app | {"Idempotency-Key": "1"}
    first = http.post("/corrections", json=one, headers=headers).json()
    assert http.post("/corrections", json=one, headers=headers).json() == first
    assert http.post("/corrections", json=other, headers=headers).json() != first


# --- without a key --------------------------------------------------------------------------------------------------


def test_on_the_same_machine_anybody_may_ask_and_correct_and_nothing_else(made: Services) -> None:
    http = laptop(made)
    mine = asked(http, {}, user_id="ada")
    body = {"interaction_id": mine, "answer": "Run it.", "user_id": "ada"}
    assert http.post("/corrections", json=body).status_code == 202
    assert http.get("/review").status_code == 401


@pytest.mark.parametrize(
    "header", ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP", "X-Forwarded-Proto", "CF-Connecting-IP"]
)
def test_what_a_proxy_on_the_same_machine_passes_on_is_not_from_here(made: Services, header: str) -> None:
    reply = laptop(made).post("/chat", json={"question": "x"}, headers={header: "127.0.0.1"})
    assert reply.status_code == 401


def test_what_a_proxy_passes_on_in_the_old_protocol_is_not_from_here_either(made: Services) -> None:
    with served(made) as url, socket.create_connection((urlsplit(url).hostname, urlsplit(url).port)) as raw:
        body = b'{"question": "x"}'
        head = (
            f"POST /chat HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        )
        raw.sendall(f"{head}\r\n\r\n".encode() + body)
        assert raw.recv(1000).split(b" ", 2)[1] == b"401"


@pytest.mark.parametrize("address", ["10.0.0.7", "192.168.1.2", "2001:db8::1", "testclient"])
def test_from_another_machine_nobody_asks_without_a_key(made: Services, address: str) -> None:
    http = TestClient(create_app(made), base_url="http://localhost", client=(address, 1))
    assert http.post("/chat", json={"question": "x"}).status_code == 401


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1"])
def test_every_loopback_address_is_this_machine(made: Services, address: str) -> None:
    http = TestClient(create_app(made), base_url="http://localhost", client=(address, 1))
    assert http.post("/chat", json={"question": "x"}).status_code == 200


def test_where_the_settings_say_so_nobody_asks_without_a_key(tmp_path: Path) -> None:
    made = services(tmp_path, text="access: {anonymous: []}")
    publish(made, "v1")
    assert laptop(made).post("/chat", json={"question": "x"}).status_code == 401


def test_where_anybody_may_ask_from_anywhere_nobody_takes_a_known_persons_name(tmp_path: Path) -> None:
    made = services(tmp_path, text="access: {anonymous_from: anywhere}")
    publish(made, "v1")
    http = TestClient(create_app(made), base_url="http://localhost", client=("10.0.0.7", 1))
    ada = key(made, "ada", Role.ASKER, for_others=False)
    mine, claimed = asked(http, ada), asked(http, {}, user_id="ada")
    users = {made.ledger.interaction(name).user for name in (mine, claimed)}  # type: ignore[arg-type]
    assert len(users) == 2


def test_an_answer_that_names_a_correction_leads_nobody_without_a_name_to_what_was_asked(tmp_path: Path) -> None:
    made = services(tmp_path, text="access: {anonymous_from: anywhere}")
    publish(made, "v1")
    http = TestClient(create_app(made), base_url="http://localhost", client=("10.0.0.7", 1))
    ada = key(made, "ada", Role.REVIEWER, for_others=False)
    body = {"interaction_id": asked(http, ada), "answer": "Run it."}
    name = http.post("/corrections", json=body, headers=ada).json()["id"]
    http.post(f"/review/{name}", json={"verdict": "reject", "note": "not ours"}, headers=ada)
    told = http.get(f"/corrections/{name}").json()  # citations say `correction:ID`
    assert (told["status"], told["interaction_id"], told["note"]) == ("rejected", None, None)
    assert http.get(f"/corrections/{name}", headers=ada).json()["note"] == "not ours"


# --- the doorstep ---------------------------------------------------------------------------------------------------


def status(made: Services, host: str = "localhost", **headers: str) -> int:
    http = laptop(made)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return http.post("/chat", json={"question": "x"}, headers={"Host": host, **named}).status_code


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8000", "LOCALHOST", "app.localhost:8000", "127.0.0.1:8000", "[::1]:8000", "10.0.0.7"],
)
def test_the_server_answers_by_addresses_and_as_this_machine(made: Services, host: str) -> None:
    assert status(made, host) == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example:8000",
        "evil.example#localhost",
        "",
        "[::1",
        "localhost:80@evil.example",
        "localhost:evil.example",
    ],
)
def test_a_name_that_was_let_point_here_is_refused(made: Services, host: str) -> None:
    assert status(made, host) == 403


def test_the_server_answers_by_the_names_in_the_settings(tmp_path: Path) -> None:
    made = services(tmp_path, text="access: {hosts: [rag.example.org, '*.help.example.org']}")
    publish(made, "v1")
    assert {name: status(made, name) for name in ("rag.example.org:443", "a.help.example.org", "help.example.org")} == {
        "rag.example.org:443": 200,
        "a.help.example.org": 200,
        "help.example.org": 403,
    }


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site", "Origin": "https://evil.example"},
        {"Sec_Fetch_Site": "same-site", "Origin": "http://localhost:9000"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:9000"},
        {"Origin": "null"},
    ],
)
def test_a_page_of_another_site_cannot_send_anything(made: Services, headers: dict[str, str]) -> None:
    assert status(made, **headers) == 403
    assert (
        laptop(made).post("/canary/tick", headers={k.replace("_", "-"): v for k, v in headers.items()}).status_code
        == 403
    )


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "same-origin", "Origin": "http://localhost"},
        {"Sec_Fetch_Site": "none"},
        {},
        {"Origin": "http://localhost"},
    ],
)
def test_our_own_pages_and_programs_can(made: Services, headers: dict[str, str]) -> None:
    assert status(made, **headers) == 200


def test_a_page_whose_origin_is_named_may_ask_and_not_rule(tmp_path: Path) -> None:
    made = services(tmp_path, text="api: {cors_origins: ['https://help.example.org']}")
    publish(made, "v1")
    page = {"Origin": "https://help.example.org", "Sec-Fetch-Site": "cross-site"}
    http = door(made)
    assert http.post("/chat", json={"question": "x"}, headers=page).status_code == 200
    assert http.post("/rollback", json={}, headers=page).status_code == 403


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_what_a_form_can_send_is_never_read_as_json(made: Services, kind: str) -> None:
    reply = laptop(made).post("/chat", content=b'{"question": "x"}', headers={"Content-Type": kind})
    assert reply.status_code in (415, 422)


@pytest.mark.parametrize("path", ["/health", "/nothing", "/chat", "/docs", "/reports/v1"])
def test_every_reply_tells_browsers_what_they_may_do_with_it(made: Services, path: str) -> None:
    headers = door(made).get(path).headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_the_page_of_the_api_loads_nothing_from_elsewhere(made: Services) -> None:
    http = door(made)
    page = http.get("/docs")
    loaded = re.findall(r'(?:src|href)="([^"]*)"', page.text)
    assert loaded == ["docs/swagger-ui.css", "docs/swagger-ui-bundle.js", "docs/begin.js"]
    for part in loaded:
        reply = http.get(f"/{part}")
        kind = "text/css" if part.endswith("css") else "text/javascript"
        assert (reply.status_code, reply.headers["content-type"].partition(";")[0]) == (200, kind)
    policy = page.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "http" not in policy
    assert http.get("/docs/redoc.standalone.js").status_code == 422
    assert http.get("/docs/..%2f__init__.py").status_code in (404, 422)
