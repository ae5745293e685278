"""A reviewer works on gaps in a browser: finds what is missing, answers it, and sees what became of it."""

from rag_flywheel.domain import Role
from tests.browser.rig import Site, look

MISSING = ("How do I export a report as PDF?", "Can I export reports as PDF?", "export a report to PDF")


def test_a_reviewer_answers_what_people_ask_and_no_page_tells(site: Site) -> None:
    for question in MISSING:
        name = site.server.post("/chat", {"question": question, "user_id": f"asks {question}"})["interaction_id"]
        site.server.post("/feedback", {"interaction_id": name, "kind": "missing_knowledge", "value": True})
    with site.signed_in("rita", Role.REVIEWER) as page:
        page.get_by_role("link", name="Gaps").click()
        page.get_by_role("heading", name="Gaps").wait_for()
        look(page, "gaps")
        page.get_by_role("article").first.get_by_role("link").click()
        page.get_by_text("3 questions of 3 people, first on").wait_for()
        page.get_by_role("button", name="Ask again").click()
        page.get_by_text("of 3 closed on version").wait_for()
        look(page, "gap")
        page.get_by_label("Answer", exact=True).fill("Call Maria Keller on +49 30 5550142.")
        page.get_by_text("Will be stored masked, and read so by everybody: a name and a phone number.").wait_for()
        look(page, "gap-masked")
        page.get_by_label("Answer", exact=True).fill("Choose File, then Export, then PDF.")
        page.get_by_role("button", name="Hand in").click()
        page.get_by_text("An answer was handed in: pending").wait_for()
        look(page, "gap-answered")
        page.get_by_role("link", name="All gaps").click()
        page.get_by_role("link", name="Addressed").click()
        page.get_by_role("article").wait_for()


def test_what_nobody_has_to_answer_is_dismissed_with_a_reason_by_keyboard_alone(site: Site) -> None:
    name = site.server.post("/chat", {"question": "Which moon is made of cheese?"})["interaction_id"]
    site.server.post("/feedback", {"interaction_id": name, "kind": "missing_knowledge", "value": True})
    with site.signed_in("olga", Role.OPERATOR) as page:
        page.goto("/gaps")
        page.get_by_role("article").filter(has_text="cheese").get_by_role("link").focus()
        page.keyboard.press("Enter")
        page.get_by_label("Reason").focus()
        page.keyboard.type("no business of ours")
        page.keyboard.press("Enter")
        page.get_by_text("Dismissed by olga").wait_for()
        assert "no business of ours" in page.get_by_role("main").inner_text()
        look(page, "gap-dismissed")
