"""What people do on the page of a help centre, on another site than ours, that has the widget."""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FrameLocator, Locator, Page, expect

from rag_flywheel.domain import FeedbackKind
from rag_flywheel.ports import Generator
from rag_flywheel.services import Services
from tests.browser.rig import DESKTOP, PHONE, before, chromium, look_within
from tests.browser.test_answer_coming import QUESTION, house, signals
from tests.fakes.host_page import HostPage, hosted
from tests.fakes.serving import Dictated, served

HOSTILE = (
    "body * { display: none !important; color: red !important; font-size: 40px !important } html { font-size: 4px }"
)
PAGE = """<!doctype html><html lang="en"><head><title>Help</title><meta name="viewport" content="width=device-width">
<style>body {{ margin: 0 }} {style}</style></head><body><main><h1>Help centre</h1><p>Read this.</p>
<button id="theirs">Theirs</button></main><script src="{ours}/widget.js" async></script></body></html>"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Help:
    """A help centre's page with the widget, and what is behind it."""

    made: Services
    url: str
    host: HostPage
    page: Page

    @property
    def opener(self) -> Locator:
        return self.page.get_by_role("button", name="Ask a question")

    @property
    def frame(self) -> FrameLocator:
        return self.page.frame_locator("rag-flywheel-widget iframe")

    def open(self) -> FrameLocator:
        self.page.goto(self.host.origin)
        self.opener.click()
        return self.frame

    def ask(self, question: str = QUESTION) -> None:
        turns = self.frame.locator("article.turn").count()
        expect(self.frame.locator("#kept")).not_to_be_empty()  # so its scripts have run
        self.frame.get_by_label("Your question").fill(question)
        self.frame.get_by_label("Your question").press("Enter")
        expect(self.frame.locator("article.turn")).to_have_count(turns + 1)


@contextlib.contextmanager
def centre(
    chrome: Browser,
    folder: Path,
    *,
    generator: Generator | None = None,
    settings: str = "",
    style: str = "",
    named: str | None = None,
) -> Iterator[Help]:
    """`named`: the origin in the settings, where it is not the help centre's."""
    with hosted() as host:
        widget = f"web: {{widget: {{origins: ['{named or host.origin}']}}}}\n{settings}"
        made = house(folder, generator, widget)
        with served(made) as url, before(chrome, host.origin) as page:
            host.html = PAGE.format(style=style, ours=url)
            yield Help(made=made, url=url, host=host, page=page)


@contextlib.contextmanager
def daily(chrome: Browser, profile: Path) -> Iterator[Page]:
    """A browser with a profile, as people have it."""
    # The last list of features counts: Playwright's own turns off that storage within other sites is kept apart.
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-features=HttpsUpgrades"]
    context = chrome.browser_type.launch_persistent_context(profile, executable_path=chromium(), args=arguments)
    try:
        yield context.pages[0]
    finally:
        context.close()


def test_a_visitor_of_a_help_centre_sees_an_answer_come_and_says_what_it_was_worth(
    chrome: Browser, tmp_path: Path
) -> None:
    generator = Dictated(["Turn it ", "off and ", "on again."])
    generator.go_on.clear()
    with centre(chrome, tmp_path, generator=generator) as help_:
        frame = help_.open()
        help_.ask()
        expect(frame.locator("article.turn[aria-busy]")).to_contain_text("Turn it")
        generator.go_on.set()
        expect(frame.locator("article.turn")).to_contain_text("on again.")
        frame.get_by_role("button", name="Good answer").click()
        expect(frame.get_by_role("button", name="Good answer")).to_have_attribute("aria-pressed", "true")
        assert signals(help_.made, FeedbackKind.THUMB) == ["up"]
        look_within(help_.page, "widget-answer")


def test_a_correction_is_handed_in_within_the_panel(chrome: Browser, tmp_path: Path) -> None:
    with centre(chrome, tmp_path) as help_:
        frame = help_.open()
        help_.ask()
        frame.get_by_role("link", name=re.compile("Correct this|Tell us the answer")).click()
        expect(frame.get_by_role("heading", name=re.compile("Correct this answer|Tell us"))).to_be_focused()
        look_within(help_.page, "widget-correct")
        frame.get_by_label("The better answer").fill("**Run** rag-flywheel rollback, and wait a second.")
        expect(frame.locator("#preview strong")).to_have_text("Run")
        frame.get_by_role("button", name="Hand it in").click()
        expect(frame.get_by_text("Thank you. A reviewer reads it.")).to_be_visible()
        [correction] = help_.made.ledger.corrections()
        [asked] = help_.made.ledger.interactions(limit=5)
        assert correction.correction.user == asked.user is not None


def test_a_source_opens_in_a_tab_of_its_own_at_the_passage(chrome: Browser, tmp_path: Path) -> None:
    with centre(chrome, tmp_path) as help_:
        frame = help_.open()
        help_.ask()
        with help_.page.context.expect_page() as opened:
            frame.get_by_role("link", name="Source 1").first.click()
        expect(opened.value.locator("mark")).to_contain_text("rollback")
        assert opened.value.evaluate("window.opener") is None
        expect(frame.locator("article.turn")).to_have_count(1)


def test_what_was_asked_is_there_again_on_the_next_page_of_the_help_centre_and_for_nobody_else(
    chrome: Browser, tmp_path: Path
) -> None:
    """In a browser as people have it: in a private window, as those of the other tests, a frame may keep nothing."""
    with hosted() as host:
        other = host.origin.replace("localhost", "another.localhost")
        made = house(tmp_path, None, f"web: {{widget: {{origins: ['{host.origin}', '{other}']}}}}")
        with served(made) as url, daily(chrome, tmp_path / "profile") as page:
            host.html = PAGE.format(style="", ours=url)
            help_ = Help(made=made, url=url, host=host, page=page)
            help_.open()
            help_.ask()
            expect(help_.frame.get_by_role("button", name="Good answer")).to_be_visible()
            page.goto(f"{host.origin}/another")
            help_.opener.click()
            expect(help_.frame.locator("article.turn")).to_contain_text("rollback")
            page.goto(other)
            help_.opener.click()
            expect(help_.frame.get_by_text("What is kept of me")).to_be_visible()
            expect(help_.frame.locator("article.turn")).to_have_count(0)


def test_a_visitor_whose_browser_lets_the_frame_keep_nothing_begins_anew_on_each_page(
    chrome: Browser, tmp_path: Path
) -> None:
    with centre(chrome, tmp_path) as help_:
        for path in ("/", "/another"):
            help_.page.goto(f"{help_.host.origin}{path}")
            help_.opener.click()
            expect(help_.frame.get_by_text("What is kept of me")).to_be_visible()
            help_.ask()
            expect(help_.frame.get_by_role("button", name="Good answer")).to_be_visible()
        users = [asked.user for asked in help_.made.ledger.interactions(limit=5)]
        assert len(users) == len(set(users)) == 2
        assert None not in users


def test_a_conversation_is_deleted_where_it_was_held(chrome: Browser, tmp_path: Path) -> None:
    with centre(chrome, tmp_path) as help_:
        frame = help_.open()
        help_.ask()
        expect(frame.get_by_role("button", name="Good answer")).to_be_visible()
        frame.get_by_role("link", name="What is kept of me").click()
        look_within(help_.page, "widget-kept")
        frame.get_by_role("button", name="Delete this conversation").click()
        expect(frame.get_by_text("This conversation is deleted.")).to_be_visible()
        expect(frame.locator("article.turn")).to_have_count(0)
        assert help_.made.ledger.interactions(limit=5) == []
        help_.ask()
        expect(frame.get_by_role("button", name="Good answer")).to_be_visible()


def test_what_may_be_kept_is_asked_first_where_that_is_required_and_can_be_changed(
    chrome: Browser, tmp_path: Path
) -> None:
    with centre(chrome, tmp_path, settings="privacy: {consent: required}") as help_:
        frame = help_.open()
        expect(frame.get_by_role("heading", name=re.compile("what may we keep"))).to_be_visible()
        look_within(help_.page, "widget-consent")
        frame.get_by_label("Keep my questions and the answers").check()
        frame.get_by_role("button", name="Save my choice").click()
        expect(frame.get_by_text("nothing is learned from them")).to_be_visible()
        help_.ask()
        expect(frame.get_by_role("button", name="Good answer")).to_be_visible()
        frame.get_by_role("link", name="What is kept of me").click()
        frame.get_by_role("button", name="Keep nothing of me").click()
        expect(frame.get_by_text("Your questions are not kept.")).to_be_visible()
        help_.ask("How do I install it?")
        expect(frame.get_by_text("This answer is not kept")).to_be_visible()


def test_it_goes_by_keyboard_and_gives_the_focus_back(chrome: Browser, tmp_path: Path) -> None:
    with centre(chrome, tmp_path) as help_:
        page = help_.page
        page.goto(help_.host.origin)
        expect(help_.opener).to_have_attribute("aria-expanded", "false")
        help_.opener.focus()
        page.keyboard.press("Enter")
        expect(help_.frame.get_by_label("Your question")).to_be_focused()
        assert (
            page.evaluate("document.querySelector('rag-flywheel-widget').shadowRoot.activeElement.tagName") == "IFRAME"
        )
        for _ in range(12):
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.id") != "theirs"
        help_.frame.get_by_label("Your question").focus()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_be_hidden()
        expect(help_.opener).to_be_focused()
        expect(help_.opener).to_have_attribute("aria-expanded", "false")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Close").click()
        expect(page.get_by_role("dialog")).to_be_hidden()


def test_the_hosts_styles_do_not_reach_it_and_the_host_does_not_move(chrome: Browser, tmp_path: Path) -> None:
    with centre(chrome, tmp_path, style="p { margin: 0 }") as help_:
        page, host = help_.page, help_.host
        plain = host.html.replace('<script src="' + help_.url + '/widget.js" async></script>', "")
        with_widget, places = host.html, []
        for html in (plain, with_widget):
            host.html = html
            page.goto(host.origin)
            if html is with_widget:
                help_.opener.wait_for()
            places.append(page.evaluate("[document.body.scrollHeight, document.getElementById('theirs').offsetTop]"))
        assert places[0] == places[1]
        sizes = [help_.opener.bounding_box()]
        host.html = with_widget.replace("p { margin: 0 }", HOSTILE)
        page.goto(host.origin)
        expect(help_.opener).to_be_visible()
        sizes.append(help_.opener.bounding_box())
        assert sizes[0] == sizes[1]
        help_.opener.click()
        expect(help_.frame.get_by_label("Your question")).to_be_visible()


@pytest.mark.parametrize("size", [PHONE, DESKTOP])
def test_it_fills_a_phone_and_is_a_panel_elsewhere(chrome: Browser, tmp_path: Path, size: tuple[int, int]) -> None:
    with centre(chrome, tmp_path) as help_:
        help_.page.set_viewport_size({"width": size[0], "height": size[1]})
        help_.open()
        box = help_.page.get_by_role("dialog").bounding_box()
        assert box is not None
        assert (box["width"] == size[0]) == (size == PHONE)
        assert box["x"] + box["width"] <= size[0]
        assert box["y"] + box["height"] <= size[1]


def test_a_strict_policy_of_the_host_that_names_us_lets_it_work(chrome: Browser, tmp_path: Path) -> None:
    with centre(chrome, tmp_path) as help_:
        policy = f"default-src 'none'; script-src {help_.url}; frame-src {help_.url}"
        help_.host.html = re.sub("<style>.*</style>", "", help_.host.html)
        help_.host.headers = {"Content-Security-Policy": policy}
        help_.open()
        expect(help_.frame.get_by_label("Your question")).to_be_visible()
        assert help_.opener.evaluate("element => getComputedStyle(element).borderRadius") == "28px"


def test_a_page_that_the_settings_do_not_name_cannot_show_it(chrome: Browser, tmp_path: Path) -> None:
    with hosted() as host:
        made = house(tmp_path, None, "web: {widget: {origins: ['https://help.example.org']}}")
        context = chrome.new_context()
        with served(made) as url, contextlib.closing(context):
            page, said = context.new_page(), list[str]()
            page.on("console", lambda line: said.append(line.text))
            host.html = PAGE.format(style="", ours=url)
            page.goto(host.origin)
            page.get_by_role("button", name="Ask a question").click()
            expect(page.get_by_role("dialog")).to_be_visible()
            page.wait_for_timeout(500)
            assert any("frame-ancestors" in line for line in said)
            assert page.frame_locator("rag-flywheel-widget iframe").get_by_label("Your question").count() == 0


@pytest.mark.parametrize("path", ["/", "/consent", "/conversations", "/widget/conversation"])
def test_no_other_page_of_ours_can_be_shown_in_a_frame(chrome: Browser, tmp_path: Path, path: str) -> None:
    with hosted() as host:
        made = house(tmp_path, None, f"web: {{widget: {{origins: ['{host.origin}']}}}}")
        context = chrome.new_context()
        with served(made) as url, contextlib.closing(context):
            page, said = context.new_page(), list[str]()
            page.on("console", lambda line: said.append(line.text))
            host.html = f'<!doctype html><title>x</title><iframe src="{url}{path}"></iframe>'
            page.goto(host.origin)
            page.wait_for_timeout(300)
            assert any("frame-ancestors" in line for line in said)
