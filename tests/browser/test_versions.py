"""Versions on pages, before a real browser."""

from rag_flywheel.domain import Role
from tests.browser.rig import Site, look


def test_an_operator_looks_at_versions_and_freezes_them(site: Site) -> None:
    with site.signed_in("olga", Role.OPERATOR) as page:
        page.get_by_role("link", name="Versions").click()
        look(page, "versions")
        page.get_by_text("Freeze promotions").click()
        page.get_by_label("Type freeze to confirm").fill("freeze")
        page.get_by_label("Why").fill("the fair")
        page.get_by_role("button", name="Freeze").click()
        page.get_by_text("the fair").wait_for()
        page.get_by_role("button", name="Allow promotions again").click()
        page.get_by_text("allowed", exact=True).wait_for()
        page.get_by_role("table").get_by_role("link").first.click()
        page.get_by_role("heading", name="What it is made of").wait_for()
        look(page, "version")
        page.get_by_role("link", name="The whole report").click()
        page.get_by_text("Passed as the first version").first.wait_for()
        look(page, "report")


def test_a_question_is_compared_on_versions(site: Site) -> None:
    with site.signed_in("rita", Role.REVIEWER) as page:
        page.goto("/compare")
        page.get_by_label("Question").fill("How do I install it?")
        page.get_by_role("button", name="Search both").click()
        page.get_by_text("Why here").first.click()
        look(page, "compare")


def test_pages_of_canary_and_set_aside_say_when_there_is_nothing(site: Site) -> None:
    with site.signed_in("omar", Role.OPERATOR) as page:
        for path in ("canary", "aside"):
            page.goto(f"/{path}")
            look(page, path)
