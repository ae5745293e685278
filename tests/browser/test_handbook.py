"""The handbook as a site, before a real browser that finds no other host."""

import functools
import shutil
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from handbook.build import build
from tests.browser.rig import PHONE, before
from tests.paths import ROOT


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    ground = tmp_path_factory.mktemp("handbook")
    shutil.copy(ROOT / "mkdocs.yml", ground)
    sound, said = build(ground)
    assert sound, said
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=_site(ground))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def _site(ground: Path) -> str:
    return str(ground / "build" / "site")


def test_who_has_no_network_reads_and_searches_it(chrome: Browser, url: str) -> None:
    asked: list[str] = []
    with before(chrome, url) as page:
        page.on("request", lambda request: asked.append(request.url))
        page.goto("/index.html")
        page.get_by_role("link", name="Quickstart").first.click()
        expect(page.get_by_role("heading", name="Quickstart")).to_be_visible()
        page.get_by_role("button", name="Search").first.click()
        page.get_by_placeholder("Search").fill("collateral damage")
        expect(page.get_by_role("option", name="Why corrections are tested").first).to_be_visible()
    assert [address for address in asked if not address.startswith((url, "data:", "blob:"))] == []


@pytest.mark.parametrize("name", ["index", "pages", "comparison", "configuration", "commands", "api"])
def test_no_page_of_it_is_wider_than_a_phone(chrome: Browser, url: str, name: str) -> None:
    with before(chrome, url) as page:
        page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
        page.goto(f"/{name}.html")
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
