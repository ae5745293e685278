"""Pages about gaps, without a browser: what is shown and what forms do."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from rag_flywheel.domain import Role
from rag_flywheel.services import Services
from tests.fakes.doors import door, key
from tests.fakes.samples import interaction, shown
from tests.fakes.services import publish, services

PAGE = {"Accept": "text/html"}
OURS = {**PAGE, "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def made(tmp_path: Path) -> Services:
    made = services(tmp_path)
    publish(made, "v1")
    return made


@pytest.fixture
def http(made: Services) -> TestClient:
    """Before one topic."""
    refused(made, "i1", "How do I export <b>zeppelins</b>?")
    return door(made)


def refused(made: Services, name: str, question: str) -> None:
    ranking = [shown("install", 1)]
    made.ledger.add_interaction(
        interaction(name, question=question, answered=False, asked=made.now(), ranking=ranking, citations=0)
    )


def topic(http: TestClient, state: str = "open") -> str:
    [found] = http.get("/gaps", params={"state": state}).json()
    return f"/gaps/{found['id']}"


def test_a_browser_gets_the_list_and_a_program_json(http: TestClient) -> None:
    text = http.get("/gaps", headers=PAGE).text
    assert text.startswith("<!doctype html>")
    assert "How do I export &lt;b&gt;zeppelins&lt;/b&gt;?" in text
    assert f'href="{topic(http)}"' in text
    assert "No question here is off topic." in http.get("/gaps?off_topic=true", headers=PAGE).text


def test_the_page_of_a_topic_offers_the_documents_that_came_up(http: TestClient) -> None:
    text = http.get(topic(http), headers=PAGE).text
    assert '<option value="install"></option>' in text
    assert "No document is known to hold the answer" in text
    assert http.get("/gaps/none", headers=PAGE).status_code == 404


def test_a_topic_is_dismissed_linked_and_opened_again_by_forms(http: TestClient) -> None:
    path = topic(http)
    for sent, state in (
        ({"state": "dismissed", "why": "no zeppelins"}, "dismissed"),
        ({"state": "open", "why": "some zeppelins"}, "open"),
        ({"state": "addressed", "why": "read on", "document_id": "install"}, "addressed"),
    ):
        reply = http.post(f"{path}/ruling", data=sent, headers=OURS, follow_redirects=False)
        assert (reply.status_code, reply.headers["location"]) == (303, path)
        assert topic(http, state) == path
        assert sent["why"] in http.get(path, headers=PAGE).text
    assert "read on" not in http.get("/gaps", headers=PAGE).text
    assert path in http.get("/gaps?show=addressed", headers=PAGE).text


def test_an_answer_given_on_the_page_waits_for_a_review(http: TestClient) -> None:
    path = topic(http)
    sent = {"answer": "Press E.", "interaction_id": "i1"}
    assert http.post(f"{path}/answer", data=sent, headers=OURS, follow_redirects=False).status_code == 303
    [waiting] = http.get("/review").json()
    assert waiting["answer"] == "Press E."
    assert "An answer was handed in: pending" in http.get(path, headers=PAGE).text


def test_who_answered_it_is_not_sent_into_a_refusal(made: Services, http: TestClient) -> None:
    path, rita, hedy = topic(http), key(made, "rita", Role.REVIEWER, for_others=False), key(made, "hedy", Role.REVIEWER)
    http.post(f"{path}/answer", data={"answer": "Press E."}, headers={**OURS, **rita})
    mine = http.get(path, headers={**PAGE, **rita}).text
    assert "Another reviewer has to accept this" in mine
    assert "access.own_reviews" in mine
    assert "Decide on it" not in mine
    assert "Decide on it" in http.get(path, headers={**PAGE, **hedy}).text


def test_its_questions_are_asked_again_in_place_and_without_scripts_on_the_whole_page(http: TestClient) -> None:
    path = f"{topic(http)}/check"
    sent = {"headers": {**OURS, "Content-Type": "application/x-www-form-urlencoded"}, "content": ""}
    whole = http.post(path, **sent).text  # type: ignore[arg-type]
    sent["headers"] = {**OURS, "Content-Type": "application/x-www-form-urlencoded", "HX-Request": "true"}
    part = http.post(path, **sent).text  # type: ignore[arg-type]
    assert "0 of 1 closed on version v1" in whole
    assert "0 of 1 closed on version v1" in part
    assert ("<h1>" in whole, "<h1>" in part) == (True, False)


def test_a_form_of_another_site_changes_nothing(http: TestClient) -> None:
    path = topic(http)
    sent = {"state": "dismissed", "why": "no zeppelins"}
    foreign = {**PAGE, "Sec-Fetch-Site": "cross-site"}
    assert http.post(f"{path}/ruling", data=sent, headers=foreign).status_code == 403
    assert topic(http) == path


def test_the_export_is_a_file_for_a_browser_too(http: TestClient) -> None:
    reply = http.get("/gaps/export", headers=PAGE)
    assert reply.headers["content-type"].startswith("text/csv")
    assert "gaps.csv" in reply.headers["content-disposition"]


def test_askers_have_no_such_page(made: Services, http: TestClient) -> None:
    asker = key(made, "ada", Role.ASKER)
    assert http.get("/gaps", headers={**PAGE, **asker}).status_code == 403
    assert "/gaps" not in http.get("/", headers={**PAGE, **asker}).text
    assert 'href="/gaps"' in http.get("/", headers=PAGE).text
