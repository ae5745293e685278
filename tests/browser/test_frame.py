"""The frame of all pages: signing in and out, errors, the keyboard."""

import pytest

from rag_flywheel.domain import Role
from tests.browser.rig import Site, look


def test_somebody_signs_in_with_a_key_and_out_again(site: Site) -> None:
    with site.signed_in("ada", Role.ASKER) as page:
        assert page.get_by_text("Signed in as ada").is_visible()
        look(page, "signed-in")
        page.get_by_role("button", name="Sign out").click()
        page.get_by_role("heading", name="Sign in", exact=True).wait_for()
        assert page.get_by_role("button", name="Sign out").count() == 0


def test_a_wrong_key_is_told_beside_the_field(site: Site) -> None:
    with site.somebody() as page:
        page.goto("/sign-in")
        look(page, "sign-in")
        page.get_by_label("Key").fill("rf_wrong")
        page.keyboard.press("Enter")
        assert "opens nothing" in page.get_by_role("alert").inner_text()
        look(page, "sign-in-wrong")


@pytest.mark.parametrize(("path", "title"), [("/nowhere", "There is nothing here"), ("/audit", "Sign in")])
def test_an_error_is_a_page_in_plain_words(site: Site, path: str, title: str) -> None:
    with site.somebody() as page:
        page.goto(path)
        assert page.get_by_role("heading", level=1).inner_text() == title
        look(page, f"error-{path.strip('/')}")


def test_the_first_tab_leads_past_the_navigation(site: Site) -> None:
    with site.somebody() as page:
        page.goto("/")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"


def test_all_of_a_page_has_the_colours_of_a_scheme_at_once_where_no_motion_is_wanted(site: Site) -> None:
    told = "[...document.querySelectorAll('body, body *')].map(each => getComputedStyle(each).color).join()"
    with site.somebody() as page:
        page.goto("/")
        for scheme in ("dark", "light") * 10:
            page.emulate_media(color_scheme=scheme)
            at_once = page.evaluate(told)
            page.wait_for_timeout(100)
            assert at_once == page.evaluate(told)
