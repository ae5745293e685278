"""Signing in with a browser, tokens, and a proxy's headers: at the real app, with a real OpenID provider."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import uvicorn
from fastapi.testclient import TestClient
from httpx2 import Response as Reply

from rag_flywheel import wiring
from rag_flywheel.adapters.ledger.engine import sqlite_url
from rag_flywheel.adapters.ledger.sql_ledger import open_ledger
from rag_flywheel.api import server
from rag_flywheel.api.app import create_app
from rag_flywheel.config import Secrets
from rag_flywheel.ports import Ledger
from rag_flywheel.services import Services
from tests.fakes.doors import door
from tests.fakes.keys import keys_in
from tests.fakes.services import publish, services
from tests.identity_provider import AUDIENCE, CLIENT, SECRET
from tests.openid import Provider, claims_of, sign_in

PAGE = {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}


def house(provider: Provider, folder: Path, more: str = "", *, ledger: Ledger | None = None) -> Services:
    """Services whose people are the provider's, by the clock on the wall."""
    text = f"""
access:
  oidc: {{issuer: "{provider.issuer}", audience: "{AUDIENCE}", client_id: {CLIENT}, algorithms: [RS256, RS512],
    roles: {{editor: reviewer}}, roles_claim: groups.of.ours}}
  {more}
"""
    made = services(folder, text=text, ledger=ledger)
    made = replace(
        made,
        provider=wiring.identity_provider(made.config, Secrets(oidc_client_secret=SECRET)),
        now=lambda: datetime.now(UTC),
    )
    publish(made, "v1")
    return made


@pytest.fixture
def made(provider: Provider, tmp_path: Path) -> Services:
    return house(provider, tmp_path)


def browser(made: Services, base: str = "http://localhost", address: str = "10.0.0.7") -> TestClient:
    """Somebody's, on another machine."""
    return TestClient(create_app(made), base_url=base, client=(address, 1), follow_redirects=False)


@pytest.fixture
def elsewhere() -> Iterator[httpx.Client]:
    """What a browser holds of the provider."""
    with httpx.Client() as client:
        yield client


def signed_in(http: TestClient, elsewhere: httpx.Client, name: str = "ada", onward: str = "/me") -> Reply:
    """The reply to the provider's callback."""
    there = http.get("/login", params={"next": onward})
    assert there.status_code == 303
    back = http.get(sign_in(elsewhere, there.headers["location"], name))
    assert back.status_code == 303, back.text
    return back


def query(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


# --- signing in -----------------------------------------------------------------------------------------------------


def test_who_signs_in_at_the_provider_is_known_here_by_what_it_calls_them(
    made: Services, elsewhere: httpx.Client, provider: Provider
) -> None:
    http = browser(made)
    back = signed_in(http, elsewhere, onward="/me?x=1")
    assert (back.status_code, back.headers["location"]) == (303, "/me?x=1")
    told = {"name": f"{provider.issuer}|ada", "roles": ["asker"], "groups": [], "tenant": None}
    assert http.get("/me").json() == told
    assert http.post("/chat", json={"question": "How do I roll back?"}, headers=PAGE).status_code == 200
    assert http.get("/review").status_code == 403


def test_what_goes_to_the_provider_is_secured_by_pkce_state_and_nonce_that_are_new_each_time(made: Services) -> None:
    sent = [query(browser(made).get("/login").headers["location"]) for _ in range(2)]
    assert sent[0]["code_challenge_method"] == "S256"
    assert sent[0]["redirect_uri"] == "http://localhost/login/callback"
    assert all(sent[0][name] != sent[1][name] for name in ("code_challenge", "state", "nonce"))
    assert all(len(sent[0][name]) == 43 for name in ("code_challenge", "state", "nonce"))


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(made: Services, elsewhere: httpx.Client) -> None:
    held = signed_in(browser(made), elsewhere).headers.get_list("set-cookie")
    session = next(line for line in held if line.startswith("rag-session="))
    assert {"HttpOnly", "Path=/", "SameSite=lax"} <= set(session.split("; "))
    assert len(session.partition(";")[0].removeprefix("rag-session=")) == 43


def test_over_tls_the_cookies_are_such_that_no_other_host_can_have_set_them(made: Services) -> None:
    line = browser(made, "https://localhost").get("/login").headers["set-cookie"]
    assert line.startswith("__Host-rag-sign-in=")
    assert {"HttpOnly", "Path=/", "SameSite=lax", "Secure"} <= set(line.split("; "))


def test_what_the_browser_holds_stands_nowhere_in_the_ledger(
    provider: Provider, tmp_path: Path, elsewhere: httpx.Client
) -> None:
    made = house(provider, tmp_path)
    http = browser(made)
    signed_in(http, elsewhere)
    held = http.cookies["rag-session"]
    rows = made.ledger._rows.sessions  # type: ignore[attr-defined]
    assert rows
    assert held not in repr(rows)


def test_nobody_signs_in_where_others_on_the_way_can_read_what_the_browser_holds(made: Services) -> None:
    reply = browser(made, "http://10.0.0.9:8000").get("/login")
    assert (reply.status_code, "over https" in reply.json()["detail"]) == (403, True)


@pytest.mark.parametrize(
    "onward",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/%0d%0aX: y\n",
        "javascript:alert(1)",
        "me",
        "",
        "/é",
        "/" + "x" * 2001,
    ],
)
def test_after_signing_in_one_goes_on_to_pages_of_this_server_alone(made: Services, onward: str) -> None:
    assert browser(made).get("/login", params={"next": onward}).status_code == 422


def test_without_a_provider_in_the_settings_nobody_signs_in(tmp_path: Path) -> None:
    http = browser(services(tmp_path))
    assert [http.get(path).status_code for path in ("/login", "/login/callback?code=x&state=y")] == [404, 404]


@contextlib.contextmanager
def served(made: Services, port: int = 0) -> Iterator[str]:
    """The address of a server as `rag-flywheel serve` makes it."""
    bound = socket.create_server(("127.0.0.1", port))
    running = uvicorn.Server(server._settings(create_app(made)))
    thread = threading.Thread(target=running.run, args=([bound],))
    thread.start()
    try:
        while not running.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield f"http://localhost:{bound.getsockname()[1]}"
    finally:
        running.should_exit = True
        thread.join()


def test_a_browser_signs_in_asks_and_signs_out_over_sockets_and_a_database(provider: Provider, tmp_path: Path) -> None:
    ledger = open_ledger(
        sqlite_url(tmp_path / "ledger.db"), timeout=10, lock_folder=tmp_path / "locks", keys=keys_in(tmp_path / "locks")
    )
    made = house(provider, tmp_path, "anonymous: []", ledger=ledger)
    with contextlib.closing(ledger), served(made, provider.ours) as url, httpx.Client() as somebody:
        back = sign_in(somebody, url + "/login?next=/me", "grace")
        assert back.startswith(f"{url}/login/callback?")
        assert somebody.get(back).headers["location"] == "/me"
        assert somebody.get(url + "/me").json()["name"] == f"{provider.issuer}|grace"
        page = {"Origin": url, "Sec-Fetch-Site": "same-origin"}
        assert somebody.post(url + "/chat", json={"question": "x"}, headers=page).status_code == 200
        held = {"Cookie": f"rag-session={somebody.cookies['rag-session']}"}
        assert somebody.post(url + "/logout", headers=page).status_code == 303
        assert httpx.get(url + "/me", headers=held).status_code == 401


def test_what_a_provider_sends_back_besides_is_passed_over(made: Services, elsewhere: httpx.Client) -> None:
    """Keycloak sends `session_state`, Google `authuser`."""
    http = browser(made)
    back = sign_in(elsewhere, http.get("/login").headers["location"], "ada")
    assert http.get(back + "&session_state=x&authuser=0").status_code == 303


def test_strangers_who_begin_to_sign_in_again_and_again_are_told_to_wait(provider: Provider, tmp_path: Path) -> None:
    made = house(provider, tmp_path, "anonymous: []\nlimits: {address_per_minute: 3}")
    http = browser(made)
    assert [http.get("/login").status_code for _ in range(4)] == [303, 303, 303, 429]
    assert http.get("/login/callback").status_code == 429


# --- what goes wrong on the way back --------------------------------------------------------------------------------


def test_a_state_that_is_not_of_this_browser_signs_nobody_in(made: Services, elsewhere: httpx.Client) -> None:
    mine, other = browser(made), browser(made)
    other.get("/login")
    back = sign_in(elsewhere, mine.get("/login").headers["location"], "ada")
    for url in (back, back.replace("state=", "state=x"), back.partition("&state")[0]):
        assert other.get(url).status_code == 401
    mine.cookies.clear()
    assert mine.get(back).status_code == 401
    assert "rag-session" not in {*mine.cookies, *other.cookies}


def test_where_one_goes_on_to_cannot_be_changed_on_the_way(made: Services, elsewhere: httpx.Client) -> None:
    http = browser(made)
    back = sign_in(elsewhere, http.get("/login").headers["location"], "ada")
    held = http.cookies["rag-sign-in"].rpartition(".")[0] + ".Ly9ldmlsLmV4YW1wbGU"
    http.cookies.clear()
    assert http.get(back, headers={"Cookie": f"rag-sign-in={held}"}).status_code == 401


def test_a_code_works_once(made: Services, elsewhere: httpx.Client) -> None:
    http = browser(made)
    back = sign_in(elsewhere, http.get("/login").headers["location"], "ada")
    attempt = {"Cookie": f"rag-sign-in={http.cookies['rag-sign-in']}"}
    assert http.get(back).status_code == 303
    http.cookies.clear()
    again = http.get(back, headers=attempt)
    assert (again.status_code, again.json()["error"]) == (401, "NotSignedIn")


def test_a_code_of_another_sign_in_is_of_no_use(made: Services, elsewhere: httpx.Client) -> None:
    """Its nonce and its verifier are others: whoever slips it in signs nobody in under their name."""
    thief, victim = browser(made), browser(made)
    stolen = query(sign_in(elsewhere, thief.get("/login").headers["location"], "ada"))["code"]
    own = query(victim.get("/login").headers["location"])["state"]
    assert victim.get("/login/callback", params={"code": stolen, "state": own}).status_code == 401


def test_an_answer_of_another_provider_signs_nobody_in(made: Services, elsewhere: httpx.Client) -> None:
    http = browser(made)
    back = httpx.URL(sign_in(elsewhere, http.get("/login").headers["location"], "ada"))
    assert http.get(str(back.copy_set_param("iss", "https://evil.example"))).status_code == 401


def test_a_sign_in_that_took_too_long_begins_again(made: Services, elsewhere: httpx.Client) -> None:
    hours = [timedelta(minutes=-11)]
    later = replace(made, now=lambda: datetime.now(UTC) + hours[0])
    http = browser(later)
    back = sign_in(elsewhere, http.get("/login").headers["location"], "ada")
    hours[0] = timedelta()
    assert http.get(back).status_code == 401


def test_who_says_no_at_the_provider_is_not_signed_in(made: Services) -> None:
    http = browser(made)
    state = query(http.get("/login").headers["location"])["state"]
    reply = http.get("/login/callback", params={"error": "access_denied", "state": state})
    assert (reply.status_code, "denied" in reply.text) == (401, False)


# --- sessions -------------------------------------------------------------------------------------------------------


def test_a_session_that_was_set_before_signing_in_is_not_the_one_afterwards(
    made: Services, elsewhere: httpx.Client
) -> None:
    http = browser(made)
    signed_in(http, elsewhere)
    before = http.cookies["rag-session"]
    signed_in(http, elsewhere, "grace")
    assert http.cookies["rag-session"] != before
    assert browser(made).get("/me", headers={"Cookie": f"rag-session={before}"}).status_code == 401


def test_a_session_that_was_ended_opens_nothing_from_the_next_request_on(
    made: Services, elsewhere: httpx.Client, provider: Provider
) -> None:
    http = browser(made)
    signed_in(http, elsewhere)
    held = {"Cookie": f"rag-session={http.cookies['rag-session']}"}
    left = http.post("/logout", headers=PAGE)
    assert left.status_code == 303
    assert left.headers["location"] == f"{provider.issuer}/oauth/end_session?client_id={CLIENT}"
    assert "rag-session" not in http.cookies
    assert browser(made).get("/me", headers=held).status_code == 401


@pytest.mark.parametrize(("hours", "status"), [(1.9, 200), (2.1, 401)])
def test_a_session_ends_when_it_is_not_used(made: Services, elsewhere: httpx.Client, hours: float, status: int) -> None:
    http = browser(made)
    signed_in(http, elsewhere)
    later = replace(made, now=lambda: datetime.now(UTC) + timedelta(hours=hours))
    held = {"Cookie": f"rag-session={http.cookies['rag-session']}"}
    assert browser(later).get("/me", headers=held).status_code == status


def test_a_session_that_is_used_all_the_time_ends_all_the_same(made: Services, elsewhere: httpx.Client) -> None:
    http = browser(made)
    signed_in(http, elsewhere)
    held = {"Cookie": f"rag-session={http.cookies['rag-session']}"}
    passed = [timedelta()]
    later = browser(replace(made, now=lambda: datetime.now(UTC) + passed[0]))
    statuses = []
    for _ in range(13):
        passed[0] += timedelta(hours=1)
        statuses.append(later.get("/me", headers=held).status_code)
    assert statuses == [200] * 11 + [401] * 2


@pytest.mark.parametrize("issuer", ["", "https://id.example.org/other"])
def test_a_session_ends_where_the_settings_name_its_provider_no_more(
    made: Services, elsewhere: httpx.Client, provider: Provider, issuer: str
) -> None:
    http = browser(made)
    signed_in(http, elsewhere)
    held = {"Cookie": f"rag-session={http.cookies['rag-session']}"}
    access = made.config.access
    oidc = access.oidc.model_copy(update={"issuer": issuer})
    config = made.config.model_copy(update={"access": access.model_copy(update={"oidc": oidc})})
    assert browser(made).get("/me", headers=held).status_code == 200
    assert browser(replace(made, config=config)).get("/me", headers=held).status_code == 401


@pytest.mark.parametrize("held", ["", "x", "A" * 43, "A" * 5000, "'; DROP TABLE sessions; --", "é"])
def test_what_no_sign_in_left_in_the_browser_opens_nothing(made: Services, held: str) -> None:
    headers = [(b"cookie", b"rag-session=" + held.encode())]
    assert browser(made).get("/me", headers=headers).status_code == 401  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://help.example.org"},
        {"Sec-Fetch-Site": "same-site", "Origin": "https://help.example.org"},
        {"Origin": "https://help.example.org"},
    ],
)
def test_a_session_acts_for_pages_of_this_server_alone_even_where_others_may_ask(
    provider: Provider, tmp_path: Path, elsewhere: httpx.Client, headers: dict[str, str]
) -> None:
    made = house(provider, tmp_path, "anonymous: []\napi: {cors_origins: ['https://help.example.org']}")
    http = browser(made)
    signed_in(http, elsewhere)
    assert http.post("/chat", json={"question": "x"}, headers=headers).status_code == 401
    assert http.post("/logout", headers=headers).status_code == 403
    assert http.post("/chat", json={"question": "x"}, headers=PAGE).status_code == 200


# --- bearer tokens --------------------------------------------------------------------------------------------------


def me(made: Services, token: str) -> tuple[int, str]:
    reply = browser(made).get("/me", headers={"Authorization": f"Bearer {token}"})
    return reply.status_code, reply.json().get("name") or reply.json()["error"]


def test_an_access_token_of_the_provider_opens_as_whom_it_names(made: Services, provider: Provider) -> None:
    assert me(made, provider.access_token("grace")) == (200, f"{provider.issuer}|grace")


def test_an_id_token_opens_nothing_by_itself(made: Services, provider: Provider, elsewhere: httpx.Client) -> None:
    http = browser(made)
    back = query(sign_in(elsewhere, http.get("/login").headers["location"], "ada"))
    given: list[str] = []
    own = made.provider
    assert own is not None
    redeem = own.redeem
    own.redeem = lambda code, attempt: given.append(redeem(code, attempt)) or given[0]  # type: ignore
    assert http.get("/login/callback", params=back).status_code == 303
    assert claims_of(given[0])["aud"] == [CLIENT]
    assert me(made, given[0]) == (401, "NotSignedIn")


def test_whatever_is_wrong_with_a_token_it_is_told_in_the_same_words(made: Services, provider: Provider) -> None:
    good = claims_of(provider.access_token())
    assert me(made, provider.sign(good))[0] == 200
    wrong = [
        provider.sign(good | {"aud": "somebody else"}),
        provider.sign(good | {"iss": "https://evil.example"}),
        provider.sign(good | {"exp": good["iat"] - 100}),
        provider.sign(good | {"nbf": good["exp"]}),
        provider.sign(good, kid="unknown"),
        good_with_a_changed_claim(provider.sign(good)),
    ]
    replies = {browser(made).get("/me", headers={"Authorization": f"Bearer {token}"}).text for token in wrong}
    assert len(replies) == 1
    assert "401" not in replies.pop()


def good_with_a_changed_claim(token: str) -> str:
    head, payload, signature = token.split(".")
    return f"{head}.{payload[:-4]}AAAA.{signature}"


def test_what_is_no_token_says_nothing(made: Services) -> None:
    """Clients of OpenAI always send some key."""
    here = browser(made, address="127.0.0.1")
    body = {"question": "How do I roll back?"}
    for key, status in (("sk-any", 200), ("any", 200), ("a.b.c", 401)):
        assert here.post("/chat", json=body, headers={"Authorization": f"Bearer {key}"}).status_code == status


def test_a_token_comes_before_a_session(made: Services, elsewhere: httpx.Client, provider: Provider) -> None:
    http = browser(made)
    signed_in(http, elsewhere)
    token = {"Authorization": f"Bearer {provider.access_token('grace')}"}
    assert http.get("/me", headers=token).json()["name"].endswith("|grace")
    assert http.get("/me", headers={"Authorization": "Bearer a.b.c"}).status_code == 401


def test_roles_are_those_to_which_the_settings_map_what_the_token_says(made: Services, provider: Provider) -> None:
    good = claims_of(provider.access_token())
    token = provider.sign(good | {"groups": {"of": {"ours": ["editor", "admin", 7]}}})
    reply = browser(made).get("/me", headers={"Authorization": f"Bearer {token}"})
    assert reply.json()["roles"] == ["asker", "reviewer"]


def test_a_person_of_the_provider_is_recorded_so_that_no_key_can_have_the_name(
    made: Services, provider: Provider
) -> None:
    refused = door(made).post("/keys", json={"name": f"{provider.issuer}|ada", "roles": ["reviewer"]})
    assert refused.status_code == 422


# --- a proxy's headers ----------------------------------------------------------------------------------------------

PROXIED = "access: {proxies: [10.0.0.0/8, '::1'], proxy_roles: {editors: reviewer}, hosts: [rag.example.org]}"


@pytest.fixture
def behind(tmp_path: Path) -> Services:
    made = services(tmp_path, text=PROXIED)
    publish(made, "v1")
    return made


def test_a_proxy_that_the_settings_name_says_who_somebody_is(behind: Services) -> None:
    http = browser(behind)
    headers = {"X-Forwarded-User": "ada", "X-Forwarded-Groups": "editors, others", "X-Forwarded-For": "192.0.2.1"}
    told = {"name": "proxy|ada", "roles": ["asker", "reviewer"], "groups": ["editors", "others"], "tenant": None}
    assert http.get("/me", headers=headers).json() == told
    assert http.get("/review", headers=headers).status_code == 200


@pytest.mark.parametrize("address", ["192.0.2.7", "127.0.0.1", "11.0.0.1", "2001:db8::1", "::ffff:192.0.2.7", "x"])
def test_nobody_else_is_believed_who_somebody_is(behind: Services, address: str) -> None:
    http = browser(behind, address=address)
    for more in ({}, {"X-Forwarded-For": "10.0.0.7"}, {"X-Real-IP": "10.0.0.7"}, {"Forwarded": "for=10.0.0.7"}):
        reply = http.get("/review", headers={"X-Forwarded-User": "ada", "X-Forwarded-Groups": "editors", **more})
        assert reply.status_code == 401


@pytest.mark.parametrize("address", ["10.200.0.7", "::ffff:10.0.0.1", "::1"])
def test_a_proxy_is_known_by_its_address_however_that_is_written(behind: Services, address: str) -> None:
    assert browser(behind, address=address).get("/me", headers={"X-Forwarded-User": "ada"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        [("x-forwarded-user", b"ada"), ("x-forwarded-user", b"grace")],
        [("x-forwarded-user", b"ada"), ("x-forwarded-groups", b"a"), ("x-forwarded-groups", b"editors")],
        [("x-forwarded-user", b"a\tb")],
        [("x-forwarded-user", b"x" * 300)],
        [("x-forwarded-user", "ada\u202e".encode())],
    ],
)
def test_a_proxys_headers_that_somebody_else_had_a_hand_in_are_refused(
    behind: Services, headers: list[tuple[str, bytes]]
) -> None:
    assert browser(behind).get("/me", headers=headers).status_code == 401  # type: ignore[arg-type]


def test_through_a_proxy_nobody_is_known_by_a_page_of_another_site(tmp_path: Path) -> None:
    made = services(tmp_path, text=PROXIED + "\napi: {cors_origins: ['https://help.example.org']}")
    publish(made, "v1")
    headers = {"X-Forwarded-User": "ada", "Origin": "https://help.example.org", "Sec-Fetch-Site": "cross-site"}
    assert browser(made).post("/chat", json={"question": "x"}, headers=headers).status_code == 401


@pytest.mark.parametrize(("proxies", "status"), [("10.0.0.0/8", 401), ("127.0.0.1", 200)])
def test_over_a_socket_it_is_the_connection_that_says_who_the_proxy_is(
    tmp_path: Path, proxies: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")  # which uvicorn heeds
    made = services(tmp_path, text=f"access: {{proxies: ['{proxies}']}}")
    with served(made) as url:
        headers = {"X-Forwarded-User": "ada", "X-Forwarded-For": "10.0.0.7"}
        assert httpx.get(url + "/me", headers=headers).status_code == status


def test_a_proxy_that_names_nobody_leaves_it_at_that(behind: Services) -> None:
    assert browser(behind).get("/me", headers={"X-Forwarded-User": ""}).status_code == 401


def test_whether_a_browser_speaks_tls_is_for_named_proxies_to_say(provider: Provider, tmp_path: Path) -> None:
    made = house(provider, tmp_path, "hosts: [rag.example.org]\n  proxies: [10.0.0.0/8]")
    for address, status in (("10.0.0.7", 303), ("192.0.2.7", 403)):
        http = browser(made, "http://rag.example.org", address)
        assert http.get("/login", headers={"X-Forwarded-Proto": "https"}).status_code == status
