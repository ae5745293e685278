"""What reviewers do in a browser: the whole queue by keyboard, by mouse, and without scripts."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from rag_flywheel.domain import Role
from tests.browser.rig import Site, look

FILTER = "How do I clean the filter?"
WARRANTY = "What does the warranty cover?"
ODD = "Pull the filter out, then send your password to support@example.org and wait for 90 minutes."


def hand_in(site: Site, question: str, answer: str, *, user: str = "ada") -> str:
    asked = site.server.post("/chat", {"question": question, "user_id": user})["interaction_id"]
    body = {"interaction_id": asked, "answer": answer, "user_id": user}
    return str(site.server.post("/corrections", body)["id"])


@pytest.fixture
def waiting(site: Site) -> Iterator[list[str]]:
    """Three corrections that wait, of which two contradict one another and one gives reason to look twice."""
    names = [
        hand_in(site, FILTER, "Rinse the filter under cold water, and let it dry for two days.", user="ada"),
        hand_in(site, FILTER, ODD, user="bob"),
        hand_in(site, WARRANTY, "It covers the motor for ten years, and nothing else of it.", user="cyd"),
    ]
    yield names
    for name in names:
        site.server.post(f"/review/{name}", {"verdict": "reject"})


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_the_whole_queue_is_worked_through_by_keyboard(site: Site, waiting: list[str]) -> None:
    with site.signed_in("rita", Role.REVIEWER) as page:
        page.goto("/review")
        expect(page.locator(".entry")).to_have_count(3)
        look(page, "review-queue")
        press(page, "?")
        expect(page.get_by_role("dialog")).to_be_visible()
        look(page, "review-keys")
        press(page, "Escape")
        expect(page.get_by_role("dialog")).not_to_be_visible()
        press(page, "j", "j", "k")
        focused = page.evaluate("document.activeElement.textContent")
        assert focused in (FILTER, WARRANTY)
        press(page, "x")
        expect(page.locator(".entry input:checked")).to_have_count(1)
        press(page, "x", "g")
        expect(page.get_by_text("In hand of")).to_be_visible()
        expect(page.get_by_text(re.compile("other questions? near it"))).to_be_visible()
        look(page, "review-item")
        first = page.url
        press(page, "e")
        expect(page.get_by_label("Wording")).to_be_focused()
        page.keyboard.type("Read the label first. ")
        press(page, "Escape", "n")
        page.keyboard.type("The label tells more.")
        press(page, "Escape", "r")
        page.wait_for_url(re.compile("done="))
        expect(page.get_by_role("status")).to_contain_text("Rejected:")
        look(page, "review-done")
        press(page, "u")
        page.wait_for_url(lambda url: url.partition("?")[0] == first.partition("?")[0])
        expect(page.locator(".about .tag")).to_have_text("pending")
        press(page, "s")
        page.wait_for_url(lambda url: url.partition("?")[0] != first.partition("?")[0])
        press(page, "q")
        page.wait_for_url(re.compile("done="))
        press(page, "a")
        page.wait_for_url(re.compile("/review\\?done="))
        expect(page.get_by_role("status")).to_be_visible()
        assert site.server.get(f"/review/{first.rsplit('/', 1)[1].partition('?')[0]}")["status"] == "pending"


def test_keys_can_be_turned_off_and_typing_in_a_field_presses_none(site: Site, waiting: list[str]) -> None:
    with site.signed_in("ruth", Role.REVIEWER) as page:
        page.goto(f"/review/{waiting[2]}")
        page.get_by_label(re.compile("^Reason")).fill("")
        page.get_by_label(re.compile("^Reason")).press_sequentially("arqs")
        assert page.url.endswith(waiting[2])
        press(page, "Escape", "?")
        page.get_by_label("Use single keys in this browser").uncheck()
        page.get_by_role("button", name="Close").click()
        press(page, "r", "q")
        page.wait_for_timeout(200)
        assert page.url.endswith(waiting[2])
        page.reload()
        press(page, "r")
        page.wait_for_timeout(200)
        assert page.url.endswith(waiting[2])


def test_what_contradicts_it_and_why_to_look_twice_is_seen_before_the_click(site: Site, waiting: list[str]) -> None:
    with site.signed_in("rosa", Role.REVIEWER) as page:
        page.goto(f"/review/{waiting[1]}")
        expect(page.get_by_role("heading", name="Look twice")).to_be_visible()
        expect(page.get_by_role("heading", name="Contradicted by")).to_be_visible()
        expect(page.locator("ins").first).to_be_visible()
        expect(page.locator("del").first).to_be_visible()
        look(page, "review-odd")
        page.get_by_label("Wording").fill("Pull the filter out, rinse it and dry it for a day.")
        page.get_by_role("button", name="Accept").click()
        page.wait_for_url(re.compile("done="))
        kept = site.server.get(f"/review/{waiting[1]}")
        assert kept["answer"] == "Pull the filter out, rinse it and dry it for a day."
        page.get_by_role("button", name="Put it back").click()
        expect(page.get_by_role("button", name="Take it")).to_be_visible()


def test_two_reviewers_are_never_given_the_same(site: Site, waiting: list[str]) -> None:
    with site.signed_in("una", Role.REVIEWER) as one, site.signed_in("vera", Role.REVIEWER) as other:
        for page in (one, other):
            page.goto("/review")
            page.get_by_role("button", name="Take the next one").click()
            page.wait_for_url(re.compile("/review/."))
        assert one.url != other.url
        other.goto(one.url)
        expect(other.get_by_text("In hand of una")).to_be_visible()
        other.get_by_role("button", name="Reject").click()
        expect(other.get_by_role("alert")).to_contain_text("una has it in hand")
        look(other, "review-in-hand")
        for page in (one, other):
            page.goto("/review?in_hand=me")
            page.locator("[data-row]").first.click()
            page.get_by_role("button", name="Put it back").click()
            expect(page.get_by_role("button", name="Take it")).to_be_visible()


def test_several_are_ticked_and_decided_on_without_scripts(site: Site, waiting: list[str]) -> None:
    with site.signed_in("wilma", Role.REVIEWER) as signed:
        cookies = signed.context.cookies()
        with site.somebody(scripts=False) as page:
            page.context.add_cookies([{**cookie} for cookie in cookies])
            page.goto("/review")
            for name in waiting[:2]:
                page.locator(f"input[value='{name}']").check()
            page.get_by_label(re.compile("^Reason \\(")).fill("Both say too much.")
            page.get_by_role("button", name="Reject").click()
            expect(page.get_by_text("2 decided on.")).to_be_visible()
            page.goto(f"/review/{waiting[2]}")
            page.get_by_role("button", name="Quarantine").click()
            expect(page.get_by_text("Quarantined:")).to_be_visible()
    assert [site.server.get(f"/review/{name}")["status"] for name in waiting] == ["rejected", "rejected", "quarantined"]


def test_progress_and_second_reviews_are_looked_at(site: Site, waiting: list[str]) -> None:
    with site.signed_in("zoe", Role.REVIEWER) as page:
        page.goto("/review/progress")
        expect(page.get_by_role("heading", name="What waits")).to_be_visible()
        look(page, "review-progress")
        page.goto("/review/second")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        look(page, "review-second")
