"""What the server says of the widget to browsers and programs."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from rag_flywheel import config
from rag_flywheel.api.app import create_app
from rag_flywheel.errors import ConfigError
from tests.fakes.doors import laptop
from tests.fakes.services import publish, services

ORIGINS = "web: {widget: {origins: ['https://help.example.org', 'http://localhost:8080']}}\n"
OURS = {"HX-Request": "true", "Sec-Fetch-Site": "same-origin"}
FORM = {"question": "How do I roll back?"}


@pytest.mark.parametrize("path", ["/widget", "/widget.js", "/widget/conversation"])
def test_without_a_page_that_may_show_it_there_is_no_widget(tmp_path: Path, path: str) -> None:
    assert laptop(services(tmp_path)).get(path).status_code == 404


def test_the_frame_may_be_shown_by_the_pages_in_the_settings_and_nothing_else_by_any(tmp_path: Path) -> None:
    http = laptop(services(tmp_path, text=ORIGINS))
    framed = http.get("/widget").headers
    assert "frame-ancestors https://help.example.org http://localhost:8080;" in framed["content-security-policy"] + ";"
    assert "x-frame-options" not in framed
    for path in ("/", "/consent", "/conversations", "/widget/conversation", "/widget.js", "/sign-in"):
        headers = http.get(path, headers={"Accept": "text/html"}).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-frame-options"] == "DENY"


def test_the_frame_is_the_same_for_everybody_and_remembers_nobody(tmp_path: Path) -> None:
    made = services(tmp_path, text=f"{ORIGINS}access: {{anonymous: []}}")
    http = TestClient(create_app(made), base_url="http://localhost", client=("10.0.0.7", 1))
    reply = http.get("/widget")
    assert (reply.status_code, "set-cookie" in reply.headers) == (200, False)
    assert http.get("/widget/conversation").status_code == 401


def test_two_visitors_of_the_widget_are_two_people(tmp_path: Path) -> None:
    made = services(tmp_path, text=f"{ORIGINS}access: {{anonymous_from: anywhere}}")
    publish(made, "v1")
    http = TestClient(create_app(made), base_url="http://localhost", client=("10.0.0.7", 1))
    for visitor in ("A" * 43, "B" * 43, "A" * 43):
        assert http.post("/ask", data=FORM, headers=OURS | {"X-Rag-Visitor": visitor}).status_code == 200
    first, second, third = (asked.user for asked in made.ledger.interactions(limit=3))
    assert first == third != second
    assert None not in (first, second)


@pytest.mark.parametrize("visitor", ["A" * 42, "ada", "A" * 42 + "!", ""])
def test_what_is_no_name_of_a_visitor_names_nobody(tmp_path: Path, visitor: str) -> None:
    made = services(tmp_path, text=ORIGINS)
    publish(made, "v1")
    laptop(made).post("/ask", data=FORM, headers=OURS | {"X-Rag-Visitor": visitor})
    assert made.ledger.interactions(limit=1)[0].user is None


def test_another_site_cannot_ask_in_a_visitors_name(tmp_path: Path) -> None:
    made = services(tmp_path, text=f"{ORIGINS}api: {{cors_origins: ['https://help.example.org']}}")
    publish(made, "v1")
    theirs = {"Origin": "https://help.example.org", "Sec-Fetch-Site": "cross-site", "X-Rag-Visitor": "A" * 43}
    assert laptop(made).post("/ask", data=FORM, headers=theirs).status_code == 403
    wish = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-rag-visitor"}
    asked = laptop(made).options("/ask", headers={"Origin": "https://help.example.org", **wish})
    assert "access-control-allow-origin" not in asked.headers


@pytest.mark.parametrize(
    "origin",
    ["*", "https://help.example.org/", "help.example.org", "https://*.example.org", "https://a.example; script-src *",
     "https://a.example,b", "HTTPS://HELP.EXAMPLE", "javascript://x", "'self'", "https://ada:x@help.example"],
)  # fmt: skip
def test_what_is_no_origin_of_a_page_is_refused_with_an_example(tmp_path: Path, origin: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(f'privacy: {{consent: assumed}}\nweb: {{widget: {{origins: ["{origin}"]}}}}')
    with pytest.raises(ConfigError, match=r"https://help\.example\.org"):
        config.load(file, {})
