"""Versions, canaries and what was set aside, as pages."""

import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from rag_flywheel.domain import Admission, Arm, LearnedRanking, Role
from rag_flywheel.services import Services
from tests.fakes.services import publish, services
from tests.fakes.trial import Trial
from tests.web.test_pages import BROWSER, OURS, signed_in

QUESTION = "How do I put the previous version back?"


@pytest.fixture
def made(tmp_path: Path) -> Services:
    made = services(tmp_path)
    learned = LearnedRanking(admission=Admission(threshold=0.5, words=0.5, passage=0.5))
    publish(made, "v1", corrections={"near": (QUESTION, "Run rag-flywheel rollback.")}, learned=learned)
    publish(made, "v2")
    return made


def seen(http: TestClient, path: str) -> str:
    reply = http.get(path, headers=BROWSER)
    assert reply.status_code == 200, reply.text
    return reply.text


def test_programs_get_json_where_browsers_get_a_page(made: Services) -> None:
    http = signed_in(made, "rita", Role.REVIEWER)
    assert [version["version"] for version in http.get("/versions").json()] == ["v1", "v2"]
    assert "<h1>Versions</h1>" in seen(http, "/versions")


def test_a_version_goes_back_only_when_its_name_was_typed(made: Services) -> None:
    http = signed_in(made, "olga", Role.OPERATOR)
    assert "Roll back to it" in seen(http, "/versions/v1")
    typed = {"version": "v1", "confirm": "v2", "why": "it was wrong", "freeze": "true"}
    refused = http.post("/rollback", data=typed, headers=OURS)
    assert (refused.status_code, made.index.live()) == (422, "v2")
    assert "<h1>v1" in refused.text, "the same page, with what was typed"
    for kept in ("not the name of the version", 'value="v2" aria-invalid="true"', 'value="it was wrong"', " checked>"):
        assert kept in refused.text
    done = http.post("/rollback", data={"version": "v1", "confirm": "v1", "why": "it was wrong"}, headers=OURS)
    assert (done.status_code, done.headers["location"], made.index.live()) == (303, "/versions/v1", "v1")
    entry = made.ledger.audit(limit=1)[0]
    assert (entry.who, entry.detail["why"]) == ("olga", "it was wrong")


def test_a_rollback_says_what_the_next_reindex_does_and_freezes_promotions_where_that_is_ticked(made: Services) -> None:
    http = signed_in(made, "olga", Role.OPERATOR)
    assert 'href="/versions/v1#act"' in seen(http, "/versions"), "from the row of the version"
    text = seen(http, "/versions/v1")
    assert "The next version that is built takes all accepted corrections in again" in text
    assert 'href="/review?status=accepted"' in text
    http.post("/rollback", data={"version": "v1", "confirm": "v1", "freeze": "true"}, headers=OURS)
    assert (http.get("/freeze").json()["frozen"], made.index.live()) == (True, "v1")
    assert "stays live until they are allowed again" in seen(http, "/versions/v2")


def test_a_reviewer_sees_versions_and_is_offered_nothing_that_moves_them(made: Services) -> None:
    http = signed_in(made, "rita", Role.REVIEWER)
    assert "Roll back to it" not in seen(http, "/versions/v1")
    assert "Put it back: v1" not in seen(http, "/versions")
    assert "Freeze promotions" not in seen(http, "/versions")
    refused = http.post("/rollback", data={"version": "v1", "confirm": "v1"}, headers=OURS)
    assert (refused.status_code, made.index.live()) == (403, "v2")


def test_promotions_are_frozen_on_a_typed_word_and_allowed_again(made: Services) -> None:
    http = signed_in(made, "olga", Role.OPERATOR)
    assert http.post("/freeze", data={"frozen": "true"}, headers=OURS).status_code == 422
    asked = {"frozen": "true", "confirm": "freeze", "why": "a fair"}
    assert http.post("/freeze", data=asked, headers=OURS).status_code == 303
    assert "a fair" in seen(http, "/versions")
    assert http.post("/freeze", data={"frozen": "false"}, headers=OURS).status_code == 303
    assert http.get("/freeze").json()["frozen"] is False


def test_two_versions_are_compared_on_a_question_that_stands_in_no_address(made: Services) -> None:
    http = signed_in(made, "rita", Role.REVIEWER)
    asked = {"question": QUESTION, "left": "v1", "right": "v2"}
    reply = http.post("/compare", data=asked, headers=OURS)
    assert reply.status_code == 200, reply.text
    assert "Run rag-flywheel rollback." in reply.text
    assert http.get("/compare", params={"question": QUESTION}, headers=BROWSER).status_code == 422
    for answered in (True, False):
        assert made.ledger.interactions(answered=answered, limit=1) == []


def test_a_difference_tells_the_corrections_by_their_words(made: Services) -> None:
    http = signed_in(made, "rita", Role.REVIEWER)
    text = seen(http, "/versions/v1/diff/v2")
    assert "1 removed" in text
    assert "did not compare these two" in text


def test_the_report_of_the_gate_is_drawn_with_its_numbers(made: Services) -> None:
    one = {"slice": "corrected", "role": "target", "metric": "hit_at_1", "n": 9, "before": 0.4, "after": 0.6}
    one |= {"difference": 0.2, "low": -0.1, "high": 0.4, "finding": "held"}
    folder = made.reports / "v2"
    folder.mkdir(parents=True)
    told = {"compared_with": "v1", "comparisons": [one], "aside": None}
    (folder / "report.json").write_text(json.dumps(told), encoding="utf-8")
    http = signed_in(made, "rita", Role.REVIEWER)
    for path in ("/versions", "/versions/v2"):
        text = seen(http, path)
        assert "+0.200" in text
        assert 'x1="38.0%" x2="98.0%"' in text, "an axis that holds the interval, with 0 in its middle"


def test_a_running_canary_shows_how_near_a_verdict_is_and_stops_on_a_typed_word(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    assert trial.deploy().outcome == "canary"
    http = signed_in(trial.made, "olga", Role.OPERATOR)
    assert "are needed on each side" in seen(http, "/canary")
    trial.meet(Arm.CONTROL, 150, bad=15)
    trial.meet(Arm.TREATMENT, 100, bad=20)
    text = seen(http, "/canary")
    assert text.count("<polyline") == 2
    assert "20.0%" in text
    assert http.post("/canary/stop", data={"confirm": "yes"}, headers=OURS).status_code == 422
    assert http.post("/canary/stop", data={"confirm": "stop"}, headers=OURS).status_code == 303
    assert trial.canary.state == "rolled_back"
    assert "rolled back" in seen(http, "/canary")


def test_before_the_first_version_the_pages_say_what_to_do(tmp_path: Path) -> None:
    http = signed_in(services(tmp_path), "olga", Role.OPERATOR)
    assert "rag-flywheel reindex" in seen(http, "/versions")
    assert "no version to search" in seen(http, "/compare")
    assert "There was no canary yet" in seen(http, "/canary")
    assert "Nothing is here" in seen(http, "/aside")
