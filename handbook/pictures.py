"""Pictures of the pages, taken in a real browser on the demo's data: `python -m handbook.pictures`."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from PIL import Image
from playwright.sync_api import Browser, Page

from handbook.browser import chromium, opened
from handbook.build import ROOT
from rag_flywheel.cli.demo import ASKED, CORRECTION, KNOWN, REWORDED

PICTURES = ROOT / "docs" / "pictures"
WIDE = 1000
MISSING = ("Can I read answers aloud?", "Does it read its answers aloud?", "Is there a voice that reads answers aloud?")
QUESTIONS = (
    KNOWN,
    REWORDED,
    "What is a canary?",
    "How do I forget a person?",
    "Which files are read?",
    "What is the gate?",
)
PEOPLE = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Install:
    """A data folder of its own over the handbook."""

    data: Path

    def environment(self, strategy: str) -> dict[str, str]:
        mine = {"RAG_FLYWHEEL_DATA_DIR": str(self.data), "RAG_FLYWHEEL_CANARY__STRATEGY": strategy}
        return {**os.environ, **mine, "HF_HUB_OFFLINE": "1", "RAG_FLYWHEEL_LIMITS__ADDRESS_PER_MINUTE": "60000"}

    def run(self, *words: str, strategy: str = "direct") -> Any:
        command = [sys.executable, "-m", "rag_flywheel", *words, "--json"]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment(strategy), check=True, stdout=subprocess.PIPE, text=True
        )
        return json.loads(done.stdout)

    def key(self, name: str, role: str) -> str:
        return str(self.run("keys", "create", name, "--role", role)["key"])

    @contextlib.contextmanager
    def server(self) -> Iterator[str]:
        command = [sys.executable, "-m", "rag_flywheel", "serve", "--port", "0"]
        with subprocess.Popen(
            command, cwd=ROOT, env=self.environment("canary"), stdout=subprocess.PIPE, text=True
        ) as process:
            try:
                assert process.stdout is not None
                yield "http://" + process.stdout.readline().rpartition("http://")[2].strip()
            finally:
                process.terminate()


def take(folder: Path) -> None:
    """Every picture, in a folder; a day of an asker, a reviewer and an operator on a fresh install."""
    with tempfile.TemporaryDirectory() as data, opened(chromium()) as browser:
        install = Install(data=Path(data))
        install.run("reindex")
        with install.server() as url:
            _asker(browser, url, folder)
            _gaps(url)
            _reviewer(browser, url, install.key("rita", "reviewer"), folder)
            install.run("reindex")
            with _somebody(browser, url) as page:
                _correct(page, "How often should I rebuild the index?", "Every night, by cron.")
                _signed_in(page, install.key("ruth", "reviewer"))
                page.goto("/review")
                page.get_by_role("button", name="Take the next one").click()
                _decide(page)
            install.run("reindex", strategy="canary")
            _traffic(url)
            _operator(browser, url, install.key("olga", "operator"), folder)


def _asker(browser: Browser, url: str, folder: Path) -> None:
    with _somebody(browser, url) as page:
        page.goto("/")
        _ask(page, KNOWN)
        page.locator("article summary", has_text="source").click()
        _picture(page, folder / "chat.webp", height=820)
        _correct(page, ASKED, CORRECTION)
        page.goto("/my-corrections")
        _picture(page, folder / "my-corrections.webp", height=340)


def _gaps(url: str) -> None:
    """What three people ask, and the documents do not tell."""
    with httpx.Client(base_url=url, timeout=60) as client:
        for person, question in enumerate(MISSING):
            asked = client.post("/chat", json={"question": question, "user_id": f"asker {person}"}).json()
            missing = {"interaction_id": asked["interaction_id"], "kind": "missing_knowledge", "value": True}
            client.post("/feedback", json=missing).raise_for_status()


def _reviewer(browser: Browser, url: str, key: str, folder: Path) -> None:
    with _somebody(browser, url) as page:
        _signed_in(page, key)
        page.goto("/gaps")
        _picture(page, folder / "gaps.webp", height=440)
        page.goto("/review")
        page.get_by_role("button", name="Take the next one").click()
        page.get_by_role("button", name="Accept").wait_for()
        _picture(page, folder / "review.webp", height=760)
        _decide(page)


def _operator(browser: Browser, url: str, key: str, folder: Path) -> None:
    with _somebody(browser, url) as page:
        _signed_in(page, key)
        page.goto("/versions")
        _picture(page, folder / "versions.webp", height=640)
        page.goto("/canary")
        _picture(page, folder / "canary.webp", height=640)


def _traffic(url: str) -> None:
    """People on both sides of the canary, of whom some say that an answer was good or bad."""
    with httpx.Client(base_url=url, timeout=60) as client:
        for person in range(PEOPLE):
            body = {"question": QUESTIONS[person % len(QUESTIONS)], "user_id": f"person {person}"}
            asked = client.post("/chat", json=body).json()
            if person % 3 == 0:
                thumb = {"kind": "thumb", "value": "down" if person % 12 == 0 else "up"}
                client.post("/feedback", json={"interaction_id": asked["interaction_id"], **thumb}).raise_for_status()


def _ask(page: Page, question: str) -> None:
    page.get_by_role("textbox").first.fill(question)
    page.keyboard.press("Enter")
    page.locator("article.turn[aria-busy]").wait_for(state="detached")
    page.get_by_role("button", name="Good answer").last.wait_for()


def _correct(page: Page, question: str, answer: str) -> None:
    page.goto("/")
    _ask(page, question)
    page.locator("article.turn").last.get_by_role("link", name="orrect this").or_(
        page.locator("article.turn").last.get_by_role("link", name="Tell us the answer")
    ).first.click()
    page.get_by_label("The better answer").fill(answer)
    page.get_by_role("button", name="Hand it in").click()
    page.get_by_text("Waiting", exact=True).first.wait_for()


def _signed_in(page: Page, key: str) -> None:
    page.goto("/sign-in")
    page.get_by_label("Key").fill(key)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign out").wait_for()


def _decide(page: Page) -> None:
    page.get_by_role("button", name="Accept").first.click()
    page.get_by_role("button", name="Undo").first.wait_for()


def _picture(page: Page, path: Path, *, height: int) -> None:
    """The page as it stands, at most so high, as WebP."""
    page.set_viewport_size({"width": WIDE, "height": height})
    page.wait_for_load_state("networkidle")
    taken = path.with_suffix(".png")
    page.screenshot(path=taken)
    with Image.open(taken) as picture:
        picture.convert("RGB").save(path, "WEBP", quality=80, method=6)
    taken.unlink()


@contextlib.contextmanager
def _somebody(browser: Browser, url: str) -> Iterator[Page]:
    context = browser.new_context(base_url=url, viewport={"width": WIDE, "height": 800}, reduced_motion="reduce")
    try:
        yield context.new_page()
    finally:
        context.close()


if __name__ == "__main__":
    take(PICTURES)
