"""The page of insights, without a browser: what is shown of which answers, and its addresses."""

from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from rag_flywheel.domain import InteractionId, Role
from rag_flywheel.services import Services
from tests.fakes.doors import door, key
from tests.fakes.samples import interaction, shown
from tests.fakes.services import publish, services
from tests.fakes.signals import say

PAGE = {"Accept": "text/html"}


@pytest.fixture
def made(tmp_path: Path) -> Services:
    made = services(tmp_path)
    publish(made, "v1")
    for number, answered in enumerate((True, True, False)):
        asked = interaction(
            f"i{number}", answered=answered, ranking=[shown("install", 1)], citations=1 if answered else 0
        )
        made.ledger.add_interaction(replace(asked, group="beta" if number == 0 else None))
    say(made.ledger, "thumb", "up", of=InteractionId("i0"))
    say(made.ledger, "thumb", "down", of=InteractionId("i1"))
    return made


@pytest.fixture
def http(made: Services) -> TestClient:
    return door(made)


def test_a_browser_gets_the_page_and_a_program_the_releases_as_before(http: TestClient) -> None:
    text = http.get("/insights", headers=PAGE).text
    assert text.startswith("<!doctype html>")
    assert "66.7%" in text
    assert "of 2 judged" in text
    assert '<a href="/versions/v1">v1</a>' in text
    assert http.get("/insights").json() == []


def test_an_address_names_the_time_and_the_group_and_shows_the_same_to_others(http: TestClient) -> None:
    text = http.get("/insights?from=2026-04-02&to=2026-05-01&every=week&group=beta", headers=PAGE).text
    assert "100.0%" in text
    assert "66.7%" not in text
    assert 'href="/insights?from=2026-04-02&amp;to=2026-05-01&amp;every=week&amp;group=beta"' in text
    assert "table=times&amp;from=2026-04-02&amp;to=2026-05-01" in text
    assert "Nobody asked anything" in http.get("/insights?from=2026-01-01&to=2026-01-31", headers=PAGE).text


def test_a_time_that_ends_before_it_begins_is_told(http: TestClient) -> None:
    reply = http.get("/insights?from=2026-05-02&to=2026-05-01", headers=PAGE)
    assert reply.status_code == 422
    assert "ends before it begins" in reply.text


def test_days_at_either_end_are_shown_and_days_beyond_are_told_to_be_wrong(http: TestClient) -> None:
    for days, status in (("from=1970-01-01&to=1970-01-01", 200), ("to=2999-12-31", 200), ("to=0001-01-01", 422)):
        assert http.get(f"/insights?{days}", headers=PAGE).status_code == status
    assert 'min="1970-01-01" max="2999-12-31"' in http.get("/insights", headers=PAGE).text


def test_reviewers_and_operators_are_led_to_it_and_askers_are_not(made: Services, http: TestClient) -> None:
    asker, reviewer = key(made, "ada", Role.ASKER), key(made, "rita", Role.REVIEWER)
    assert http.get("/insights", headers={**PAGE, **asker}).status_code == 403
    assert 'href="/insights"' not in http.get("/", headers={**PAGE, **asker}).text
    assert 'href="/insights"' in http.get("/", headers={**PAGE, **reviewer}).text
    assert http.get("/insights", headers={**PAGE, **reviewer}).status_code == 200
