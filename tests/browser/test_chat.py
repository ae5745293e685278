"""What people who ask do in a browser: ask, read where it stands, rate, correct, agree, and take things back."""

import re

from playwright.sync_api import Page, expect

from rag_flywheel.domain import Role
from rag_flywheel.web.conversations import SHOWN
from tests.browser.rig import Site, look
from tests.cycle.pages import ANSWER, ASKED

QUESTION = "How do I clean the filter?"


def ask(page: Page, question: str = QUESTION) -> None:
    """Ask, and wait until the answer is whole."""
    turns = page.locator("article.turn").count()
    page.get_by_label(re.compile("Your question|Ask on")).fill(question)
    page.keyboard.press("Enter")
    expect(page.locator("article.turn")).to_have_count(turns + 1)
    expect(page.locator("article.turn[aria-busy]")).to_have_count(0)


def test_a_question_is_answered_with_sources_that_open_at_the_passage(site: Site) -> None:
    with site.somebody() as page:
        page.goto("/")
        look(page, "ask")
        ask(page)
        answer = page.locator("article.turn")
        expect(answer).to_contain_text("rinse it under cold water")
        look(page, "answer")
        answer.get_by_role("link", name="Source 1").first.click()
        expect(page.locator("mark")).to_contain_text("rinse it under cold water")
        expect(page.locator(".document")).to_contain_text("Defrosting")
        look(page, "document")


def test_a_follow_up_is_understood_and_the_conversation_found_again_and_deleted(site: Site) -> None:
    with site.somebody() as page:
        page.goto("/")
        ask(page)
        ask(page, "And how long must it dry?")
        expect(page.locator("article.turn").last).to_contain_text("dry for a day")
        page.get_by_role("link", name="Conversations").click()
        page.get_by_role("link", name=QUESTION).click()
        expect(page.locator("article.turn")).to_have_count(2)
        look(page, "conversation")
        ask(page, "What does the warranty cover?")
        page.get_by_role("link", name="Conversations").click()
        expect(page.get_by_text("3 questions")).to_be_visible()
        look(page, "conversations")
        page.get_by_role("link", name=QUESTION).click()
        page.get_by_text("Delete this conversation").click()
        page.get_by_role("button", name="Delete it for good").click()
        expect(page.get_by_text("There are none yet")).to_be_visible()


def test_an_older_part_of_a_conversation_is_read_and_rated_and_gone_on_with_from_its_newest_part(site: Site) -> None:
    with site.somebody() as page:
        page.goto("/")
        for _ in range(SHOWN + 1):
            ask(page)
        page.get_by_role("link", name="Conversations").click()
        page.get_by_role("link", name=QUESTION).click()
        page.get_by_role("link", name="Earlier in this conversation").click()
        expect(page.locator("article.turn")).to_have_count(1)
        look(page, "conversation-earlier")
        expect(page.get_by_role("button", name="Answer again")).to_have_count(0)
        page.get_by_role("button", name="Good answer").click()
        expect(page.get_by_role("button", name="Good answer")).to_have_attribute("aria-pressed", "true")
        page.get_by_role("link", name="Later in this conversation").click()
        page.get_by_role("button", name="Answer again").last.click()
        expect(page.locator("article.turn")).to_have_count(SHOWN + 1)
        expect(page.locator("article.turn[aria-busy]")).to_have_count(0)
        page.get_by_role("link", name="Conversations").click()
        expect(page.get_by_text(f"{SHOWN + 2} questions")).to_be_visible()


def test_thumbs_for_the_answer_and_a_source_stars_and_words_are_recorded(site: Site) -> None:
    with site.signed_in("bea", Role.ASKER) as page:
        page.goto("/")
        ask(page)
        page.get_by_role("button", name="Good answer").click()
        expect(page.get_by_role("button", name="Good answer")).to_have_attribute("aria-pressed", "true")
        page.get_by_text("1 source", exact=True).click()
        page.get_by_role("button", name="Source 1 helps").click()
        expect(page.get_by_role("button", name="Source 1 helps")).to_have_attribute("aria-pressed", "true")
        page.get_by_text("Say more").click()
        page.get_by_label("4", exact=True).check()
        page.get_by_label("In your words").fill("Clear and short.")
        page.get_by_role("button", name="Send").click()
        expect(page.get_by_text("Thank you")).to_be_visible()
        look(page, "rated")
        kept = site.server.get("/users/bea/data")
        said = {(given["kind"], str(given["value"])) for given in kept["feedback"]}
        assert {("thumb", "up"), ("stars", "4"), ("comment", "Clear and short.")} <= said
        assert any(kind == "passage_relevance" and "True" in value for kind, value in said)


def test_it_all_works_by_keyboard_and_the_place_is_kept(site: Site) -> None:
    with site.somebody() as page:
        page.goto("/")
        page.get_by_label("Your question").focus()
        page.keyboard.type(QUESTION)
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Good answer")).to_be_visible()
        expect(page.get_by_label("Your question")).to_be_focused()
        for _ in range(20):
            page.keyboard.press("Shift+Tab")
            if page.evaluate("document.activeElement.textContent") == "Good answer":
                break
        page.keyboard.press("Enter")
        good = page.get_by_role("button", name="Good answer")
        expect(good).to_have_attribute("aria-pressed", "true")
        expect(good).to_be_focused()


def test_a_refusal_asks_for_the_answer_and_a_correction_is_followed_until_it_is_live(site: Site) -> None:
    with site.signed_in("ada", Role.ASKER) as page:
        page.goto("/")
        ask(page, ASKED)
        look(page, "refused")
        page.get_by_role("link", name="Tell us the answer").click()
        page.get_by_label("The better answer").fill(f"**Propane.** {ANSWER}")
        expect(page.locator("#preview strong")).to_have_text("Propane.")
        look(page, "correct")
        page.get_by_role("button", name="Hand it in").click()
        expect(page.get_by_text("Waiting", exact=True)).to_be_visible()
        look(page, "my-corrections-waiting")
        [entry] = site.server.get("/users/ada/data")["corrections"]
        site.server.accept(entry["id"])
        page.reload()
        expect(page.get_by_text("Accepted", exact=True)).to_be_visible()
        site.project.run("reindex")
        page.reload()
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        expect(page.get_by_text("Live since version")).to_be_visible()
        expect(page.get_by_text("found and used").first).to_be_visible()
        look(page, "my-corrections-live")


def test_what_was_wrong_with_a_passage_goes_along_with_a_correction(site: Site) -> None:
    with site.signed_in("cleo", Role.ASKER) as page:
        page.goto("/")
        ask(page)
        page.get_by_role("link", name="Correct this").click()
        expect(page.get_by_label("The better answer")).to_have_value(re.compile("rinse it under cold water"))
        page.get_by_label("The better answer").fill("Pull the filter out and brush it; water damages it.")
        page.get_by_label(re.compile("^1")).select_option(label="Outdated: my answer replaces it")
        look(page, "correct-passages")
        page.get_by_role("button", name="Hand it in").click()
        expect(page.get_by_text("Waiting", exact=True)).to_be_visible()
        [entry] = site.server.get("/users/cleo/data")["corrections"]
        [span] = site.server.get(f"/review/{entry['id']}")["supersedes"]
        assert "rinse it under cold water" in span["quote"]


def test_a_page_answers_without_scripts_too(site: Site) -> None:
    with site.somebody(scripts=False) as page:
        page.goto("/")
        page.get_by_label("Your question").fill(QUESTION)
        page.get_by_role("button", name="Ask", exact=True).click()
        expect(page.locator("article.turn")).to_contain_text("rinse it under cold water")
        page.get_by_role("button", name="Bad answer").click()
        expect(page.get_by_role("button", name="Bad answer")).to_have_attribute("aria-pressed", "true")


def test_consent_is_changed_on_a_page_and_heeded_from_then_on(site: Site) -> None:
    with site.somebody() as page:
        page.goto("/")
        page.get_by_role("link", name="What is kept of me").click()
        look(page, "consent")
        page.get_by_role("button", name="Keep nothing of me").click()
        page.goto("/")
        expect(page.get_by_text("Your questions are not kept.")).to_be_visible()
        ask(page)
        expect(page.locator("article.turn")).to_contain_text("rinse it under cold water")
        expect(page.get_by_text("This answer is not kept")).to_be_visible()
        page.goto("/conversations")
        expect(page.get_by_text("There are none yet")).to_be_visible()
