"""An operator reads in a browser how the flywheel is doing, narrows it down, and hands the address on."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from rag_flywheel import config
from rag_flywheel.domain import (
    Citation,
    Confidence,
    DocumentId,
    Feedback,
    FeedbackId,
    FeedbackKind,
    InteractionId,
    Role,
    Stage,
    VersionId,
)
from rag_flywheel.ports import Ledger
from rag_flywheel.wiring import services as opened
from tests.browser.rig import Site, look
from tests.fakes.samples import correction, interaction, review, shown, span
from tests.fakes.services import ASSUMED

DOCUMENTS = ("boiler.md", "pump.md", "warranty.txt")
DAYS = 21


def weeks(ledger: Ledger, live: str) -> None:
    """Three weeks of answers, of two versions, with what people said of them."""
    now = datetime.now(UTC)
    for day, number in itertools.product(range(DAYS), range(8)):
        name, document = f"d{day}n{number}", DocumentId(DOCUMENTS[number % 3])
        cited = Citation(number=1, document_id=document, title=document, text="text", start=0, end=4, score=0.5)
        answered = (day * 3 + number) % 7 > 1
        asked = replace(
            interaction(name, answered=answered, asked=now - timedelta(days=day), ranking=[shown(document, 1)]),
            citations=(cited,) if answered else (),
            confidence=Confidence.LOW if number == 5 else Confidence.HIGH,
            version_id=VersionId(live if day < 10 else "v20261101T020000-0a1b2c"),
            group="installers" if number % 2 else None,
        )
        ledger.add_interaction(asked)
        if number in (0, 1, 4):
            down = (day + number) % 3 == 0
            given = Feedback(
                feedback_id=FeedbackId(f"f{name}"),
                interaction_id=InteractionId(name),
                given=asked.asked,
                user=None,
                kind=FeedbackKind.THUMB,
                value="down" if down else "up",
                stage=list(Stage)[day % 4] if down else None,
            )
            ledger.add_feedback(given)
    for number in range(3):
        name, given_at = f"c{number}", now - timedelta(days=number + 2)
        ledger.add_correction(correction(name, of=f"d{number}n0", submitted=given_at, evidence=[span("pump.md")]))
        ledger.add_review(review(name, reviewed=given_at + timedelta(hours=5)))


def test_an_operator_sees_how_it_goes_narrows_it_down_and_hands_the_address_and_a_table_on(site: Site) -> None:
    with site.signed_in("olga", Role.OPERATOR) as page:
        page.goto("/insights?from=2020-01-01&to=2020-01-31")
        page.get_by_text("Nobody asked anything in this time.").first.wait_for()
        look(page, "insights-empty")
        with opened(config.load(site.project.folder / "config.yaml", ASSUMED), config.secrets({})) as services:
            weeks(services.ledger, site.server.get("/health")["live"])
        page.get_by_role("link", name="Insights").click()
        page.get_by_role("heading", name="Insights").wait_for()
        page.get_by_role("rowheader", name="Search did not bring it").wait_for()
        look(page, "insights")
        page.get_by_text("The numbers", exact=True).click()
        page.get_by_label("By", exact=True).select_option("week")
        page.get_by_label("Group of askers").select_option("installers")
        page.get_by_role("button", name="Show").click()
        page.wait_for_url("**/insights?*every=week&group=installers")
        total = page.get_by_role("region", name="By version").get_by_role("row").count()
        assert total == 3  # the heading, and two versions
        page.get_by_text("The numbers", exact=True).click()
        look(page, "insights-of-a-group")
        with page.expect_download() as saved:
            page.get_by_role("link", name="CSV").first.click()
        assert saved.value.suggested_filename.startswith("times-")
        rows = saved.value.path().read_text(encoding="utf-8").splitlines()
        assert rows[0].startswith("name,answers,answered")
        assert len(rows) > 3
        address = page.url
    with site.signed_in("rita", Role.REVIEWER) as page:
        page.goto(address)
        assert page.get_by_label("Group of askers").input_value() == "installers"
