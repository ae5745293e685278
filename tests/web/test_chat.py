"""Asking, rating and correcting on pages, at the real app: what is recorded, and what nobody else gets to see."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from rag_flywheel.api.app import create_app
from rag_flywheel.config import sections
from rag_flywheel.domain import FeedbackKind, Role
from rag_flywheel.services import Services
from rag_flywheel.web.conversations import SHOWN
from rag_flywheel.web.masked import KINDS
from tests.fakes.doors import door, key, laptop
from tests.fakes.services import publish, services
from tests.fakes.serving import Dictated
from tests.web.test_pages import BROWSER, OURS, signed_in

ASKED = "How do I put the previous version back?"


@pytest.fixture
def made(tmp_path: Path) -> Services:
    made = services(tmp_path)
    publish(made, "v1")
    return made


def asker(made: Services, name: str = "ada") -> TestClient:
    return signed_in(made, name, Role.ASKER)


def asked(http: TestClient, made: Services, question: str = ASKED) -> str:
    """The id of the answer."""
    reply = http.post("/ask", data={"question": question}, headers=OURS)
    assert reply.status_code == 200, reply.text
    return made.ledger.interactions(limit=1)[0].interaction_id


def test_the_answer_comes_piece_by_piece_to_a_page_and_whole_in_the_end(made: Services) -> None:
    spoken = replace(made, generator=Dictated(["Turn ", "it **off**."]))
    http = asker(spoken)
    with http.stream("POST", "/ask", data={"question": ASKED}, headers={**OURS, "HX-Request": "true"}) as reply:
        messages = "".join(reply.iter_text()).strip().split("\n\n")
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert len(messages) == 4
    assert "Turn " in messages[1]
    assert "<strong>off</strong>" in messages[3]


def test_what_was_typed_and_what_a_model_says_is_text_whatever_it_holds(made: Services) -> None:
    evil = '<img src=x onerror="alert(1)"><hx-partial hx-target="body">'
    spoken = replace(
        made, generator=Dictated([f"{evil} [x](javascript:alert(1)) ![p](https://evil.example.org/p.png)"])
    )
    for headers in (OURS, {**OURS, "HX-Request": "true"}):
        text = asker(spoken, f"ada{len(headers)}").post("/ask", data={"question": evil}, headers=headers).text
        assert "<img src=x" not in text
        assert '<hx-partial hx-target="body"' not in text
        assert 'href="javascript:' not in text
        assert 'src="https://evil' not in text
        assert "&lt;img" in text


def test_an_answer_that_breaks_off_says_so_where_it_broke(made: Services) -> None:
    spoken = replace(made, generator=Dictated(["Turn "], breaks=True))
    text = asker(spoken).post("/ask", data={"question": ASKED}, headers={**OURS, "HX-Request": "true"}).text
    assert "Not available right now" not in text
    assert "does not answer" in text


def test_what_one_person_asked_is_not_there_for_another(made: Services) -> None:
    ada, grace = asker(made), asker(made, "grace")
    mine = asked(ada, made)
    for path in (f"/answers/{mine}", f"/answers/{mine}/correct"):
        assert ada.get(path, headers=BROWSER).status_code == 200
        assert grace.get(path, headers=BROWSER).status_code == 404
    assert grace.post(f"/answers/{mine}/feedback", data={"thumb": "up"}, headers=OURS).status_code == 404
    assert grace.post(f"/answers/{mine}/correct", data={"answer": "No."}, headers=OURS).status_code == 404
    assert ASKED not in grace.get("/conversations", headers=BROWSER).text
    session = made.ledger.interaction(mine).session  # type: ignore[arg-type]
    assert grace.get(f"/conversations/{session}", headers=BROWSER).status_code == 404
    assert grace.post(f"/conversations/{session}/delete", headers=OURS, data={"sure": ""}).status_code == 404
    assert made.ledger.interactions(limit=9)


def test_a_long_conversation_goes_on(made: Services) -> None:
    """What came before is cut to what a question may bring with it."""
    long = replace(made, generator=Dictated(["word " * 3_900]))
    http = asker(long)
    opened = {}
    for _ in range(12):
        text = http.post("/ask", data={"question": "why " * 4_900, **opened}, headers=OURS)
        assert text.status_code == 200
        opened = {"conversation": str(re.findall(r'name="conversation" value="([^"]+)"', text.text)[0])}
    assert http.get("/conversations", headers=BROWSER).text.count("12 questions") == 1


def test_a_long_conversation_is_read_in_parts_the_newest_first_and_goes_on_from_there(made: Services) -> None:
    http, opened = asker(made), dict[str, str]()
    for number in range(1, SHOWN + 4):
        told = http.post("/ask", data={"question": f"What is number {number}?", **opened}, headers=OURS).text
        opened = {"conversation": str(re.findall(r'name="conversation" value="([^"]+)"', told)[0])}
    session = made.ledger.interactions(limit=1)[0].session

    def numbers(text: str) -> list[int]:
        return [int(number) for number in re.findall(r'class="question">What is number (\d+)\?', text)]

    def part(query: str = "") -> tuple[list[int], bool, list[str]]:
        text = http.get(f"/conversations/{session}{query}", headers=BROWSER).text
        links = re.findall(rf'href="/conversations/{session}([^"]*)"', text)
        return numbers(text), 'id="question"' in text, links

    assert numbers(told) == [*range(4, SHOWN + 4)]
    assert part() == ([*range(4, SHOWN + 4)], True, ["?part=1"])
    assert part("?part=1") == part("?part=99") == ([1, 2, 3], False, [""])


@pytest.mark.parametrize(
    ("form", "status"),
    [({"again": " "}, 422), ({"unsure": "x"}, 200), ({"conversation": "yesterday"}, 422), ({"question": " "}, 422)],
    ids=str,
)
def test_what_a_page_would_not_send_is_refused_or_passed_over(
    made: Services, form: dict[str, str], status: int
) -> None:
    assert asker(made).post("/ask", data={"question": ASKED, **form}, headers=OURS).status_code == status


def test_browsers_without_a_name_are_people_of_their_own(made: Services) -> None:
    one, other = laptop(made), laptop(made)
    for http in (one, other):
        http.get("/", headers=BROWSER)
    asked(one, made)
    assert ASKED in one.get("/conversations", headers=BROWSER).text
    assert ASKED not in other.get("/conversations", headers=BROWSER).text


def test_what_somebody_without_a_name_hands_in_on_a_page_takes_one_reviewer(made: Services) -> None:
    http = laptop(made)
    http.get("/", headers=BROWSER)
    mine = asked(http, made, "Who waters the plants on the second floor?")
    form = {"answer": "The caretaker waters them on Mondays."}
    assert http.post(f"/answers/{mine}/correct", data=form, headers=OURS).is_success
    [entry] = made.ledger.corrections()
    name, rita = entry.correction.correction_id, key(made, "rita", Role.REVIEWER, for_others=False)
    assert http.get(f"/review/{name}", headers=rita).json()["concerns"] == []
    assert http.post(f"/review/{name}", json={"verdict": "accept"}, headers=rita).json()["status"] == "accepted"


def test_a_correction_is_handed_in_once_however_often_the_button_is_pressed(made: Services) -> None:
    http = asker(made)
    form = {"answer": "Run rag-flywheel rollback.", "once": "a"}
    mine = asked(http, made)
    for _ in range(2):
        reply = http.post(f"/answers/{mine}/correct", data=form, headers=OURS)
        assert reply.status_code == 303
    assert len(made.ledger.corrections()) == 1
    assert "Waiting" in http.get("/my-corrections", headers=BROWSER).text


def test_what_a_rollback_took_back_is_not_told_to_be_live(made: Services) -> None:
    http, rita = asker(made), door(made, "rita")
    assert http.post(f"/answers/{asked(http, made)}/correct", data={"answer": "Run it."}, headers=OURS).is_redirect
    name = made.ledger.corrections()[0].correction.correction_id
    assert rita.post(f"/review/{name}", json={"verdict": "accept"}).json()["status"] == "accepted"
    assert "It goes live with the next version." in http.get("/my-corrections", headers=BROWSER).text
    publish(made, "v2", corrections={name: (ASKED, "Run it.")})
    assert "Live since version <strong>v2" in http.get("/my-corrections", headers=BROWSER).text
    assert rita.post("/rollback", json={"to": "v1"}).json()["live"] == "v1"
    text = http.get("/my-corrections", headers=BROWSER).text
    assert "It is not live any more, and comes again with the next version." in text
    assert "It was live first in version <strong>v2" in text
    assert "Live since" not in text


def test_before_a_text_is_handed_in_one_sees_it_as_it_will_be_stored_and_what_is_masked(made: Services) -> None:
    def previewed(text: str) -> str:
        reply = asker(made).post("/preview", data={"answer": text}, headers=OURS)
        assert reply.status_code == 200, reply.text
        return reply.text

    typed = "**Call** +1 212 555 0142, +1 212 555 0143 or ada@firm.test."
    text = previewed(typed)
    assert "masked, and read so by everybody: a phone number (2 times) and an e-mail address." in text
    assert "<strong>Call</strong> &lt;PHONE_NUMBER&gt;, &lt;PHONE_NUMBER&gt; or &lt;EMAIL_ADDRESS&gt;." in text
    assert "masked" not in previewed("Call extension 4711.")


def test_every_kind_that_is_masked_has_a_word_of_its_own() -> None:
    assert KINDS.keys() == set(sections.Privacy.model_fields["entities"].default)


def test_passages_are_evidence_replaced_or_not_relevant_as_somebody_says(made: Services) -> None:
    http = asker(made)
    mine = asked(http, made)
    for word in ("right", "outdated", "wrong"):
        form = {"answer": f"Run it: {word}.", "judged": ["1:" + word, "", "9:wrong"]}
        assert http.post(f"/answers/{mine}/correct", data=form, headers=OURS).status_code == 303
    right, outdated, wrong = (entry.correction for entry in made.ledger.corrections())
    assert [span.document_id for span in right.evidence] == ["rollback"]
    assert not right.guessed
    assert [span.document_id for span in outdated.supersedes] == ["rollback"]
    assert (wrong.guessed, wrong.supersedes) == (True, ())
    [signal] = made.ledger.feedback(interaction_id=wrong.interaction_id)
    assert isinstance(signal.value, dict)
    assert (signal.kind, signal.value["relevant"]) == (FeedbackKind.PASSAGE_RELEVANCE, False)


def test_a_document_is_shown_to_who_may_read_it_alone(tmp_path: Path) -> None:
    made = services(tmp_path, text="sources: [{path: docs, groups: [hr]}]")
    publish(made, "v1")
    inside = TestClient(create_app(made), base_url="http://localhost", headers=key(made, "i", Role.ADMIN))
    outside = TestClient(create_app(made), base_url="http://localhost", headers=key(made, "o", Role.ASKER))
    assert "rag-flywheel rollback" in inside.get("/documents/rollback", headers=BROWSER).text
    refused, gone = (outside.get(f"/documents/{name}", headers=BROWSER) for name in ("rollback", "nowhere"))
    assert refused.status_code == gone.status_code == 404
    assert refused.text.replace("rollback", "") == gone.text.replace("nowhere", "")


def test_opening_a_source_is_recorded_as_a_click_of_the_asker_alone(made: Services) -> None:
    ada, grace = asker(made), asker(made, "grace")
    mine = asked(ada, made)
    where = {"answer": mine, "number": "1", "span": "0-10"}
    assert "<mark" in grace.get("/documents/rollback", params=where, headers=BROWSER).text
    assert made.ledger.feedback() == []
    ada.get("/documents/rollback", params=where, headers=BROWSER)
    assert [(signal.kind, signal.value) for signal in made.ledger.feedback()] == [(FeedbackKind.CITATION_CLICK, 1)]


# --- consent --------------------------------------------------------------------------------------------------------


def test_nothing_is_kept_before_somebody_agrees_where_they_have_to(tmp_path: Path) -> None:
    made = services(tmp_path, text="privacy: {consent: required}")
    publish(made, "v1")
    http = asker(made)
    assert "what may we keep?" in http.get("/", headers=BROWSER).text
    mine = asked(http, made)
    assert made.ledger.interaction(mine).question == ""  # type: ignore[arg-type]
    assert http.post(f"/answers/{mine}/feedback", data={"thumb": "up"}, headers=OURS).status_code == 404
    said = http.post("/consent", data={"answer": "true", "evaluate": "true", "next": "/"}, headers=OURS)
    assert (said.status_code, said.headers["location"]) == (303, "/")
    text = http.get("/", headers=BROWSER).text
    assert "what may we keep?" not in text
    assert "nothing is learned from them" in text
    kept = made.ledger.interaction(asked(http, made))  # type: ignore[arg-type]
    assert kept.question == ASKED
    assert {purpose.value for purpose in kept.purposes or ()} == {"answer", "evaluate"}
    [event] = [each for each in made.ledger.consents() if each.state.value == "given"]
    assert event.how.value == "page"


def test_who_keeps_nothing_learns_nothing_and_tests_nothing(made: Services) -> None:
    http = asker(made)
    assert http.post("/consent", data={"learn": "true"}, headers=OURS).status_code == 303
    assert "Your questions are not kept" in http.get("/", headers=BROWSER).text
