"""An answer while it comes: seen piece by piece, stopped, broken off, asked for again; before a server of fakes."""

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from rag_flywheel.domain import Admission, Confidence, Draft, FeedbackKind, LearnedRanking
from rag_flywheel.ports import Generator
from rag_flywheel.services import Services
from tests.browser.rig import before, look
from tests.fakes.services import publish, services
from tests.fakes.serving import Dictated, served

QUESTION = "How do I put the previous version back?"


def house(folder: Path, generator: Generator | None = None, settings: str = "") -> Services:
    made = services(folder, text=settings)
    publish(made, "v1")
    return made if generator is None else replace(made, generator=generator)


def ask(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Your question").fill(QUESTION)
    page.get_by_role("button", name="Ask", exact=True).click()


def signals(made: Services, kind: FeedbackKind) -> list[object]:
    """What was recorded of a kind, waited for a while."""
    for _ in range(100):
        found = [signal.value for signal in made.ledger.feedback() if signal.kind is kind]
        if found:
            return found
        time.sleep(0.05)
    return []


def test_an_answer_is_seen_as_it_comes_and_can_be_stopped(chrome: Browser, tmp_path: Path) -> None:
    generator = Dictated(["Turn it ", "off and ", "on again."])
    generator.go_on.clear()
    made = house(tmp_path, generator)
    with served(made) as url, before(chrome, url) as page:
        ask(page)
        expect(page.locator("article.turn[aria-busy]")).to_contain_text("Turn it")
        expect(page.get_by_role("button", name="Ask", exact=True)).to_be_disabled()
        look(page, "coming")
        page.get_by_role("button", name="Stop").click()
        expect(page.locator("article.turn[aria-busy]")).to_have_count(0)
        expect(page.get_by_role("button", name="Stop")).to_be_hidden()
        expect(page.get_by_role("button", name="Ask", exact=True)).to_be_enabled()
        generator.go_on.set()
        assert signals(made, FeedbackKind.ABANDONED) == [True]


def test_an_answer_that_breaks_off_says_so_below_what_came(chrome: Browser, tmp_path: Path) -> None:
    with served(house(tmp_path, Dictated(["Turn it "], breaks=True))) as url, before(chrome, url) as page:
        ask(page)
        expect(page.locator("article.turn")).to_contain_text("Turn it")
        expect(page.get_by_role("alert")).to_contain_text("does not answer")
        look(page, "broken")


def test_where_nothing_is_live_the_page_says_so_and_keeps_what_was_typed(chrome: Browser, tmp_path: Path) -> None:
    with served(services(tmp_path)) as url, before(chrome, url) as page:
        ask(page)
        expect(page.get_by_role("alert")).to_contain_text("no index version is live yet")
        expect(page.get_by_label("Your question")).to_have_value(QUESTION)
        look(page, "nothing-live")


def test_a_question_is_asked_again_and_taken_up_again(chrome: Browser, tmp_path: Path) -> None:
    made = house(tmp_path)
    with served(made) as url, before(chrome, url) as page:
        ask(page)
        expect(page.get_by_label("Your question")).to_have_value("")
        page.get_by_role("button", name="Answer again").click()
        expect(page.locator("article.turn")).to_have_count(2)
        assert signals(made, FeedbackKind.REGENERATED) == [True]
        page.get_by_role("button", name="Edit the question").last.click()
        expect(page.get_by_label("Your question")).to_have_value(QUESTION)
        expect(page.get_by_label("Your question")).to_be_focused()


class Unsure(Dictated):
    """A generator that is not sure of what it says."""

    def answer(self, *arguments: object, **more: object) -> Iterator[str | Draft]:
        for piece in super().answer(*arguments, **more):  # type: ignore[arg-type]
            yield replace(piece, confidence=Confidence.LOW) if isinstance(piece, Draft) else piece


def test_an_answer_that_may_be_none_says_so(chrome: Browser, tmp_path: Path) -> None:
    with served(house(tmp_path, Unsure(["Perhaps it is blue."]))) as url, before(chrome, url) as page:
        ask(page)
        expect(page.locator("article.turn")).to_contain_text("Not sure")
        look(page, "unsure")


def test_a_question_that_may_be_meant_is_asked_with_one_click(chrome: Browser, tmp_path: Path) -> None:
    made = services(tmp_path)
    learned = LearnedRanking(admission=Admission(threshold=2.0, words=0.0, offered=0.3))
    publish(made, "v1", corrections={"theme": ("Is there a dark theme?", "No.")}, learned=learned)
    with served(made) as url, before(chrome, url) as page:
        page.goto("/")
        page.get_by_label("Your question").fill("Is there a dark theme for zebras?")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Did you mean")).to_be_visible()
        look(page, "meant")
        page.get_by_role("button", name="Is there a dark theme?").click()
        expect(page.locator("article.turn")).to_have_count(2)
        assert signals(made, FeedbackKind.MEANT) == ["theme"]


def test_the_first_visit_asks_what_may_be_kept_where_that_is_required(chrome: Browser, tmp_path: Path) -> None:
    made = house(tmp_path, settings="privacy: {consent: required}")
    with served(made) as url, before(chrome, url) as page:
        page.goto("/")
        expect(page.get_by_role("heading", name=re.compile("what may we keep"))).to_be_visible()
        look(page, "first-visit")
        page.get_by_label("Keep my questions and the answers").check()
        page.get_by_role("button", name="Save my choice").click()
        expect(page.get_by_text("nothing is learned from them")).to_be_visible()
        ask(page)
        expect(page.get_by_role("button", name="Good answer")).to_be_visible()
        assert made.ledger.interactions(limit=1)[0].question == QUESTION
