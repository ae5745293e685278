"""A browser before a real server, and what is looked at on every page."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Frame, Page, expect

from handbook.browser import chromium as installed
from rag_flywheel.domain import Role
from tests.cycle.project import Project, Server

AXE = (Path(__file__).parent / "axe.min.js").read_text(encoding="utf-8")
PICTURES = os.environ.get("PICTURES")
"""A folder for pictures of every page that is looked at, as a person sees it; unset: none are taken."""
PHONE, DESKTOP = (390, 844), (1280, 800)
SECONDS = 30  # for what a page should show, on a busy machine
expect.set_options(timeout=SECONDS * 1000)


def chromium() -> str:
    """The browser's file. Skips the test where there is none; where every change is checked there has to be one."""
    found = installed()
    if found is None:
        told = "there is no Chromium: apt-get install chromium, or put one on the PATH"
        if os.environ.get("CI"):
            pytest.fail(told)
        pytest.skip(told)
    return found


@contextlib.contextmanager
def before(browser: Browser, url: str, *, scripts: bool = True) -> Iterator[Page]:
    """A person's browser before a server that they have never seen. What its console calls an error fails the test: a
    page that breaks its own policy says so there.
    """
    context = browser.new_context(
        base_url=url, viewport=_size(DESKTOP), java_script_enabled=scripts, reduced_motion="reduce"
    )
    context.set_default_timeout(SECONDS * 1000)
    page, wrong = context.new_page(), list[str]()
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    try:
        yield page
    finally:
        context.close()
    assert [told for told in wrong if "the server responded with a status of" not in told] == []


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A server on a fresh install with a few documents, and the browsers of people before it."""

    project: Project
    server: Server
    browser: Browser

    @property
    def url(self) -> str:
        return self.server.url

    def somebody(self, *, scripts: bool = True) -> contextlib.AbstractContextManager[Page]:
        """A person's browser, new to the site."""
        return before(self.browser, self.url, scripts=scripts)

    @contextlib.contextmanager
    def signed_in(self, name: str, *roles: Role) -> Iterator[Page]:
        """The browser of somebody who has signed in with a key of these roles."""
        key = self.server.post("/keys", {"name": name, "roles": [role.value for role in roles]})["key"]
        with self.somebody() as page:
            page.goto("/sign-in")
            page.get_by_label("Key").fill(key)
            page.get_by_role("button", name="Sign in").click()
            page.get_by_role("button", name="Sign out").wait_for()
            yield page


def look(page: Page, name: str) -> None:
    """What holds of every page: axe-core finds nothing, in light and dark; nothing is wider than a phone. A picture of
    each is taken where `PICTURES` names a folder.
    """
    for size in (PHONE, DESKTOP):
        page.set_viewport_size(_size(size))
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            if PICTURES is not None:
                Path(PICTURES).mkdir(parents=True, exist_ok=True)
                page.screenshot(path=f"{PICTURES}/{name}-{size[0]}-{scheme}.png", full_page=True)
            found = violations(page)
            assert not found, f"{name}, {size[0]} wide, {scheme}: {found}"
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{name} is {wide} pixels wider than a screen of {size[0]}"
    page.emulate_media(color_scheme="light")


def look_within(page: Page, name: str) -> None:
    """What `look` looks at, of a page of another site and of ours in its frame."""
    for size in (PHONE, DESKTOP):
        page.set_viewport_size(_size(size))
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            if PICTURES is not None:
                Path(PICTURES).mkdir(parents=True, exist_ok=True)
                page.screenshot(path=f"{PICTURES}/{name}-{size[0]}-{scheme}.png")
            for frame in page.frames:
                found = violations(frame)
                assert not found, f"{name}, {size[0]} wide, {scheme}: {found}"
                wide = frame.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                assert wide <= 0, f"{name} is {wide} pixels wider than a screen of {size[0]}"
    page.emulate_media(color_scheme="light")


def violations(page: Page | Frame) -> Sequence[str]:
    """What axe-core finds, by its rule and the elements; not in what stands in frames."""
    page.evaluate(AXE)  # beside the page's own policy, which lets no script in
    found: dict[str, Any] = page.evaluate("axe.run({iframes: false})")
    return [
        f"{rule['id']}: {node['html'][:200]} {' '.join(str(node['failureSummary']).split())}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


def _size(of: tuple[int, int]) -> Any:
    return {"width": of[0], "height": of[1]}
