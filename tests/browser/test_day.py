"""A day of three people on a fresh install: one asks and corrects, one reviews, one runs it, each in their browser."""

import re
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from rag_flywheel.domain import Role
from tests.browser.rig import Site, look
from tests.browser.test_chat import ask
from tests.cycle.pages import ANSWER, ASKED, REWORDED
from tests.cycle.project import Project

SETTINGS = """
sources: [pages]
golden: ''
privacy: {consent: required}
canary: {strategy: canary, shares: [0.5], minimum_hours: 0, minimum_people: 5}
"""


def test_a_question_that_no_page_answers_is_answered_by_a_correction_until_its_version_is_rolled_back(
    indexed: Project, chrome: Browser, tmp_path: Path
) -> None:
    project = indexed.copy(tmp_path)
    project.write("config.yaml", SETTINGS)
    project.variables["RAG_FLYWHEEL_PRIVACY__CONSENT"] = "required"
    with project.server() as server:
        site = Site(project=project, server=server, browser=chrome)
        with (
            site.signed_in("ada", Role.ASKER) as asker,
            site.signed_in("rita", Role.REVIEWER) as reviewer,
            site.signed_in("olga", Role.OPERATOR) as operator,
        ):
            agrees(asker)
            asker.goto("/")
            ask(asker, ASKED)
            sees_the_gap(reviewer)
            hands_in(asker)
            accepts(reviewer)
            expect_state(asker, "Accepted")
            night = project.run("reindex")
            assert night["decision"] == "canary", night["reasons"]
            first, second = server.get("/health")["live"], night["version"]
            watches_the_canary(operator, second)
            switches(operator, to=second, button="Promote")
            expect_state(asker, "Live")
            look(asker, "day-live")
            assert answered(asker, REWORDED) == ANSWER
            closes_the_gap(reviewer)
            switches(operator, to=first, button="Roll back to it")
            assert answered(asker, REWORDED) != ANSWER
            expect_state(asker, "Accepted")
            operator.goto("/versions")
            expect(operator.get_by_role("row").filter(has_text=second)).to_contain_text("rolled back")
            look(operator, "day-rolled-back")


def agrees(page: Page) -> None:
    page.goto("/")
    for box in page.get_by_role("checkbox").all():
        box.check()
    look(page, "day-consent")
    page.get_by_role("button", name="Save my choice").click()
    expect(page.get_by_text("answers get better by them")).to_be_visible()


def hands_in(page: Page) -> None:
    page.get_by_role("link", name="Tell us the answer").click()
    page.get_by_label("The better answer").fill(ANSWER)
    page.get_by_role("button", name="Hand it in").click()
    expect(page.get_by_text("Waiting", exact=True)).to_be_visible()


def sees_the_gap(page: Page) -> None:
    page.goto("/gaps")
    page.get_by_role("article").filter(has_text="refrigerant").get_by_role("link").first.click()
    expect(page.get_by_text("1 question of 1 person")).to_be_visible()
    page.get_by_role("button", name="Ask again").click()
    expect(page.get_by_text("0 of 1 closed on version")).to_be_visible()


def accepts(page: Page) -> None:
    page.goto("/review")
    page.get_by_role("button", name="Take the next one").click()
    expect(page.get_by_text(ANSWER).first).to_be_visible()
    page.get_by_role("button", name="Accept").click()
    page.wait_for_url(re.compile("done="))
    expect(page.get_by_role("status").first).to_contain_text("Accepted")


def watches_the_canary(page: Page, version: str) -> None:
    page.goto("/versions")
    expect(page.get_by_text("is tried on 50% of the people")).to_be_visible()
    page.get_by_role("link", name=version).first.click()
    expect(page.get_by_role("heading", name="What people met in this step")).to_be_visible()
    look(page, "day-canary")


def switches(page: Page, *, to: str, button: str) -> None:
    """What moves the alias has to be typed."""
    page.goto(f"/versions/{to}")
    page.get_by_label(f"Type {to} to confirm").fill(to)
    page.get_by_label("Why").fill("seen by a person")
    look(page, f"day-{button.split()[0].lower()}")
    page.get_by_role("button", name=button).click()
    page.goto("/versions")
    expect(page.get_by_role("row").filter(has_text=to)).to_contain_text("live")


def closes_the_gap(page: Page) -> None:
    page.goto("/gaps?show=addressed")
    page.get_by_role("article").filter(has_text="refrigerant").get_by_role("link").first.click()
    page.get_by_role("button", name="Ask again").click()
    expect(page.get_by_text("1 of 1 closed on version")).to_be_visible()
    look(page, "day-closed")


def expect_state(page: Page, state: str) -> None:
    page.goto("/my-corrections")
    expect(page.get_by_text(state, exact=True)).to_be_visible()


def answered(page: Page, question: str) -> str:
    page.goto("/")
    ask(page, question)
    return page.locator("article.turn .answer .text").last.inner_text().strip()
