"""Pages at the real app: who sees what, how one signs in with a key, and what goes wrong as a page."""

import hashlib
import re
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from starlette.routing import Match

from rag_flywheel.access import keys
from rag_flywheel.access.who import local
from rag_flywheel.api.app import create_app
from rag_flywheel.domain import Role
from rag_flywheel.services import Services
from rag_flywheel.web import assets
from rag_flywheel.web.page import TwinRoute
from tests.fakes.doors import key, laptop
from tests.fakes.samples import NOON
from tests.fakes.services import publish, services

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
OURS = {**BROWSER, "Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}


@pytest.fixture
def made(tmp_path: Path) -> Services:
    made = services(tmp_path)
    publish(made, "v1")
    return made


def browser(made: Services, base: str = "http://localhost") -> TestClient:
    """Somebody's, on another machine."""
    return TestClient(create_app(made), base_url=base, client=("10.0.0.7", 1), follow_redirects=False)


def secret(made: Services, name: str, *roles: Role) -> str:
    return key(made, name, *roles)["Authorization"].removeprefix("Bearer ")


def signed_in(made: Services, name: str, *roles: Role) -> TestClient:
    http = browser(made)
    reply = http.post("/sign-in", data={"key": secret(made, name, *roles), "next": "/"}, headers=OURS)
    assert reply.status_code == 303, reply.text
    return http


# --- signing in with a key ------------------------------------------------------------------------------------------


def test_who_has_a_key_signs_in_with_it_and_acts_in_its_name(made: Services) -> None:
    http = signed_in(made, "ada", Role.REVIEWER)
    assert http.get("/me").json() == {"name": "ada", "roles": ["reviewer"], "groups": [], "tenant": None}
    assert "Sign out" in http.get("/", headers=BROWSER).text


def test_the_browser_holds_no_key_and_scripts_do_not_see_what_it_holds(made: Services) -> None:
    http, text = browser(made), secret(made, "ada")
    reply = http.post("/sign-in", data={"key": text, "next": "/?q=1"}, headers=OURS)
    assert (reply.status_code, reply.headers["location"]) == (303, "/?q=1")
    [held] = reply.headers.get_list("set-cookie")
    assert {"HttpOnly", "Path=/", "SameSite=lax"} <= set(held.split("; "))
    assert text not in held
    assert text.split("_", 2)[2] not in held


def test_a_session_ends_with_its_key(made: Services) -> None:
    http = signed_in(made, "ada", Role.ASKER)
    [(found, _)] = made.ledger.access_keys()
    assert http.get("/", headers=BROWSER).status_code == 200
    keys.revoke(found.key_id, by=local("test"), ledger=made.ledger, now=made.now())
    assert http.get("/me").status_code == 401


def test_a_session_ends_when_its_key_expires(made: Services) -> None:
    wanted = keys.Wanted(name="ada", roles=frozenset({Role.ASKER}), lasts=timedelta(minutes=1))
    _, text = keys.create(wanted, by=local("test"), ledger=made.ledger, now=NOON)
    http = browser(made)
    assert http.post("/sign-in", data={"key": text}, headers=OURS).status_code == 303
    assert http.get("/me").status_code == 200
    for _ in range(60):
        made.now()  # the clock goes on by a second
    assert http.get("/me").status_code == 401


def test_who_signs_out_is_not_signed_in_any_more(made: Services) -> None:
    http = signed_in(made, "ada", Role.ASKER)
    left = http.post("/logout", headers=OURS)
    assert (left.status_code, left.headers["location"]) == (303, "/sign-in")
    assert http.get("/me").status_code == 401


def test_a_key_that_speaks_for_others_speaks_for_nobody_else_on_pages(made: Services) -> None:
    """Its holder sits before the page, and nobody for whom it was made."""
    http = signed_in(made, "app", Role.ASKER)
    refused = http.post("/chat", json={"question": "How do I roll back?", "user_id": "grace"}, headers=OURS)
    assert refused.status_code == 403


def test_a_wrong_key_is_told_so_on_the_page_and_is_not_shown_again(made: Services) -> None:
    reply = browser(made).post("/sign-in", data={"key": "rf_wrong", "next": "/review"}, headers=OURS)
    assert reply.status_code == 401
    assert "this API key opens nothing" in reply.text
    assert 'value="/review"' in reply.text
    assert "rf_wrong" not in reply.text


@pytest.mark.parametrize("onward", ["https://evil.example.org/", "//evil.example.org", "/\\evil.example.org"])
def test_signing_in_leads_to_no_other_site(made: Services, onward: str) -> None:
    reply = browser(made).post("/sign-in", data={"key": secret(made, "ada"), "next": onward}, headers=OURS)
    assert (reply.status_code, "location" in reply.headers) == (422, False)


def test_nobody_signs_in_where_what_the_browser_holds_would_go_in_clear(tmp_path: Path) -> None:
    made = services(tmp_path, text="access: {hosts: [rag.example.org]}")
    page = {**BROWSER, "Sec-Fetch-Site": "same-origin"}
    text = secret(made, "ada")
    assert browser(made, "http://rag.example.org").post("/sign-in", data={"key": text}, headers=page).status_code == 403
    secure = browser(made, "https://rag.example.org").post("/sign-in", data={"key": text}, headers=page)
    held = secure.headers["set-cookie"]
    assert held.startswith("__Host-rag-session=")
    assert "Secure" in held


def test_where_people_have_accounts_the_page_leads_to_their_provider(tmp_path: Path) -> None:
    oidc = "{issuer: 'https://id.example.org', client_id: rag}"
    made = services(tmp_path, text=f"access: {{oidc: {oidc}}}")
    assert 'href="/login?next=/conversations"' in browser(made).get("/conversations", headers=BROWSER).text


# --- forms ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example.org"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example.org"},
        {"Origin": "null"},
        {},
    ],
    ids=str,
)
def test_a_form_is_taken_from_a_page_of_ours_alone(made: Services, said: dict[str, str]) -> None:
    reply = browser(made).post("/sign-in", data={"key": secret(made, "ada")}, headers=said)
    assert (reply.status_code, "set-cookie" in reply.headers) == (403, False)


def test_the_api_takes_no_forms_still(made: Services) -> None:
    reply = laptop(made).post("/chat", data={"question": "How do I roll back?"}, headers=OURS)
    assert reply.status_code == 415


@pytest.mark.parametrize(
    ("body", "status"),
    [("key=" + "a" * 1_000_001, 413), ("key=%ff", 422), ("&".join(f"k{n}=1" for n in range(2_001)), 422), ("x=1", 422)],
    ids=["large", "no text", "many fields", "an unknown field"],
)
def test_a_form_is_bounded_before_anything_is_made_of_it(made: Services, body: str, status: int) -> None:
    headers = {**OURS, "Content-Type": "application/x-www-form-urlencoded"}
    reply = browser(made).post("/sign-in", content=body, headers=headers)
    assert reply.status_code == status


def test_json_is_no_form(made: Services) -> None:
    assert browser(made).post("/sign-in", json={"key": "x"}, headers=OURS).status_code == 415


# --- beside the API -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "name", "value", "page"),
    [
        ("GET", "accept", BROWSER["Accept"], True),
        ("GET", "accept", "*/*", False),
        ("GET", "accept", "application/json", False),
        ("GET", "accept", "text/html;q=0.1, application/json", False),
        ("POST", "content-type", "application/x-www-form-urlencoded", True),
        ("POST", "content-type", "application/x-www-form-urlencoded; charset=utf-8", True),
        ("POST", "content-type", "application/json", False),
    ],
)
def test_a_page_at_the_path_of_a_route_leaves_programs_to_it(method: str, name: str, value: str, page: bool) -> None:
    def nothing() -> None:
        """Never called."""

    scope = {"type": "http", "method": method, "path": "/gaps", "headers": [(name.encode(), value.encode())]}
    route = TwinRoute("/gaps", nothing, methods=["GET", "POST"])
    assert (route.matches(scope)[0] is Match.FULL) == page


# --- what goes wrong ------------------------------------------------------------------------------------------------


def test_who_has_to_sign_in_gets_the_page_for_it_and_comes_back(made: Services) -> None:
    reply = browser(made).get("/audit?limit=5", headers=BROWSER)
    assert (reply.status_code, reply.headers["content-type"]) == (401, "text/html; charset=utf-8")
    assert 'name="next" value="/audit?limit=5"' in reply.text
    assert browser(made).get("/audit").json()["error"] == "NotSignedIn"


def test_failures_are_pages_in_plain_words_for_browsers_and_json_for_programs(made: Services) -> None:
    http = signed_in(made, "ada", Role.ASKER)
    for path, status, words in (("/audit", 403, "not yours to do"), ("/nowhere", 404, "nothing here")):
        shown = http.get(path, headers=BROWSER)
        assert (shown.status_code, words in shown.text) == (status, True)
        assert "no-store" in shown.headers["cache-control"]
        assert http.get(path).headers["content-type"] == "application/json"


def test_too_many_requests_are_told_on_a_page_with_the_time_to_wait(tmp_path: Path) -> None:
    made = services(tmp_path, text="limits: {address_per_minute: 2}")
    http = browser(made)
    for _ in range(2):
        http.get("/sign-in", headers=BROWSER)
    shown = http.get("/sign-in", headers=BROWSER)
    assert (shown.status_code, "Wait a little" in shown.text) == (429, True)
    assert shown.headers["retry-after"].isdecimal()


def test_a_name_on_a_page_is_text_whatever_it_holds(made: Services) -> None:
    http = signed_in(made, "<script>alert(1)</script>", Role.ASKER)
    text = http.get("/", headers=BROWSER).text
    assert "&lt;script&gt;" in text
    assert "<script>alert" not in text


# --- what pages may load --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/sign-in", "/nowhere"])
def test_a_page_loads_what_is_ours_alone_and_runs_nothing_that_stands_in_it(made: Services, path: str) -> None:
    reply = laptop(made).get(path, headers=BROWSER)
    parts = (part.partition(" ") for part in reply.headers["content-security-policy"].split("; "))
    assert {name: value for name, _, value in parts} == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
        "img-src": "'self' data:",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
    }
    assert re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=|https?://", reply.text) is None


def test_a_file_has_a_name_that_changes_with_it_and_is_kept_for_ever(made: Services) -> None:
    http = browser(made)
    page = http.get("/sign-in", headers=BROWSER).text
    files = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
    assert len(files) >= 5
    for path in files:
        reply = http.get(path)
        assert reply.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert hashlib.sha256(reply.content).hexdigest()[:16] in path
    assert http.get("/static/app.css").status_code == 404


def test_what_is_others_work_is_as_they_sent_it() -> None:
    """The README beside it says with which digest."""
    listed = re.findall(
        r"^\| `([\w.-]+)` .* `([0-9a-f]{64})` \|$", (assets.FOLDER / "README.md").read_text(), re.MULTILINE
    )
    assert {name for name, _ in listed} == {"htmx.min.js", "hx-sse.min.js"}
    for name, digest in listed:
        assert hashlib.sha256((assets.FOLDER / name).read_bytes()).hexdigest() == digest
