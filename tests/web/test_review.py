"""The pages of reviewers at the real app: what they show, what their forms do, and what they leave untold."""

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from rag_flywheel.domain import Role
from rag_flywheel.services import Services
from rag_flywheel.web.review_forms import Chosen, chosen_of
from rag_flywheel.web.word_diff import side_by_side
from tests.fakes.doors import door
from tests.fakes.services import publish, services
from tests.web.test_pages import BROWSER, OURS, signed_in

QUESTION = "How do I put the previous version back?"
OTHER = "How is a backup of the ledger made?"
WORDING = "Run the command."


@pytest.fixture
def made(tmp_path: Path) -> Services:
    made = services(tmp_path, text="review: {second_reviewer: false, second_share: 1.0}")
    publish(made, "v1")
    return made


@pytest.fixture
def programs(made: Services) -> TestClient:
    return door(made, "olga")


@pytest.fixture
def rita(made: Services) -> TestClient:
    return signed_in(made, "rita", Role.REVIEWER)


def corrected(programs: TestClient, question: str = QUESTION, answer: str = WORDING, user: str = "ada") -> str:
    asked = programs.post("/chat", json={"question": question, "user_id": user}).json()["interaction_id"]
    body = {"interaction_id": asked, "answer": answer, "user_id": user}
    return str(programs.post("/corrections", json=body).json()["id"])


def read(http: TestClient, path: str) -> str:
    reply = http.get(path, headers=BROWSER)
    assert reply.status_code == 200, reply.text
    return reply.text


def test_a_browser_gets_the_queue_as_a_page_and_a_program_as_json(programs: TestClient, rita: TestClient) -> None:
    name = corrected(programs)
    assert f'href="/review/{name}"' in read(rita, "/review")
    assert rita.get("/review", headers={"Accept": "application/json"}).json()[0]["id"] == name


def test_the_pages_are_for_reviewers_alone(made: Services) -> None:
    asker = signed_in(made, "ada", Role.ASKER)
    assert 'href="/review"' not in read(asker, "/")
    for path in ("/review", "/review/progress", "/review/second"):
        assert asker.get(path, headers=BROWSER).status_code == 403


def test_what_is_chosen_stands_in_the_address_that_is_shared_and_in_the_table(
    programs: TestClient, rita: TestClient
) -> None:
    corrected(programs)
    text = read(rita, "/review?status=rejected&stage=&order=oldest&since=2026-05-01")
    assert "Nothing is left here" in text
    assert 'href="/review.csv?status=rejected&amp;since=2026-05-01&amp;order=oldest"' in text
    assert WORDING in read(rita, "/review?until=2026-05-01&in_hand=nobody")
    for wrong in ("since=2026-02-30", "status=odd", "q=words"):
        assert rita.get(f"/review?{wrong}", headers=BROWSER).status_code == 422


def test_an_address_of_a_queue_comes_back_as_it_was() -> None:
    chosen = Chosen(status="held", conflicts="true", document="a b&c.md", since="2026-05-01")
    assert chosen_of(chosen.address) == chosen
    assert chosen_of("") == Chosen()


def test_words_that_differ_are_marked_on_both_sides_and_nothing_is_lost() -> None:
    before, after = "Hold the reset button for 5 seconds.", "Hold the power button for 10 seconds!"
    left, right = side_by_side(before, after)
    assert ("".join(part.text for part in left), "".join(part.text for part in right)) == (before, after)
    assert [part.text for part in left if part.changed] == ["reset", "5", "."]
    assert [part.text for part in right if part.changed] == ["power", "10", "!"]
    assert side_by_side("", "New words") == ([], side_by_side("x", "New words")[1])


def test_a_correction_is_shown_beside_the_answer_with_its_reasons_before_the_buttons(
    programs: TestClient, rita: TestClient
) -> None:
    name = corrected(programs, answer="Send your <b>password</b> to support@example.org, and wait for 90 minutes.")
    text = read(rita, f"/review/{name}")
    assert "It asks the reader" in text or "secrets:" in text
    assert text.index("Look twice") < text.index("What was answered") < text.index(">Decide<")
    assert "<b>password" not in text
    assert "&lt;" in text
    assert "run rag-flywheel rollback" in re.sub(r"</?(del|ins)>", "", text)


def test_a_verdict_leads_to_the_next_one_and_is_undone_from_there(programs: TestClient, rita: TestClient) -> None:
    first, second = corrected(programs), corrected(programs, OTHER)
    taken = rita.post("/review/next", data={"queue": "order=oldest"}, headers=OURS)
    assert (taken.status_code, taken.headers["location"]) == (303, f"/review/{first}?order=oldest")
    form = {"verdict": "reject", "answer": WORDING, "note": "No.", "seen": "none", "queue": "order=oldest"}
    onward = rita.post(f"/review/{first}", data=form, headers=OURS)
    assert (onward.status_code, onward.headers["location"]) == (303, f"/review/{second}?order=oldest&done={first}")
    assert f'action="/review/{first}/undo"' in read(rita, onward.headers["location"])
    back = rita.post(f"/review/{first}/undo", data={"queue": ""}, headers=OURS)
    assert back.headers["location"] == f"/review/{first}"
    assert programs.get(f"/review/{first}").json()["status"] == "pending"


def test_the_same_words_are_accepted_as_they_are_and_others_as_the_reviewers(
    programs: TestClient, rita: TestClient
) -> None:
    first, second = corrected(programs, answer="One.\nTwo."), corrected(programs, OTHER)
    rita.post(f"/review/{first}", data={"verdict": "accept", "answer": "One.\r\nTwo."}, headers=OURS)
    end = rita.post(f"/review/{second}", data={"verdict": "accept", "answer": "Other words."}, headers=OURS)
    assert end.headers["location"] == f"/review?done={second}"
    assert programs.get(f"/review/{first}").json()["answer"] == "One.\nTwo."
    assert programs.get(f"/review/{second}").json()["answer"] == "Other words."


def test_a_verdict_that_is_refused_says_why_and_keeps_what_was_typed(
    made: Services, programs: TestClient, rita: TestClient
) -> None:
    name = corrected(programs)
    hedy = signed_in(made, "hedy", Role.REVIEWER)
    hedy.post(f"/review/{name}/take", data={"queue": ""}, headers=OURS)
    form = {"verdict": "accept", "answer": "My long wording.", "note": "My reason.", "seen": "none"}
    reply = rita.post(f"/review/{name}", data=form, headers=OURS)
    assert reply.status_code == 409
    for kept in ("hedy has it in hand", "My long wording.", "My reason."):
        assert kept in reply.text


def test_who_wrote_it_is_told_that_another_reviewer_has_to_accept_it_and_where_to_allow_it(
    programs: TestClient, rita: TestClient, tmp_path: Path
) -> None:
    name, others = corrected(programs, user="rita"), corrected(programs, OTHER)
    text = read(rita, f"/review/{name}")
    assert 'value="accept"' not in text
    assert "access.own_reviews: true" in text
    assert 'value="reject"' in text
    assert 'value="accept"' in read(rita, f"/review/{others}")
    (tmp_path / "alone").mkdir()
    alone = services(tmp_path / "alone", text="access: {own_reviews: true}")
    publish(alone, "v1")
    own = corrected(door(alone, "olga"), user="rita")
    assert 'value="accept"' in read(signed_in(alone, "rita", Role.REVIEWER), f"/review/{own}")


def test_after_a_yes_one_is_told_when_it_goes_live(programs: TestClient, rita: TestClient) -> None:
    first, second = corrected(programs), corrected(programs, OTHER)
    onward = rita.post(f"/review/{first}", data={"verdict": "accept", "answer": WORDING}, headers=OURS)
    when = "live with the next reindex (<code>rag-flywheel reindex</code>, or the nightly run)"
    assert f"<strong>Accepted:</strong> {when}" in read(rita, onward.headers["location"])
    assert when in rita.post("/review", data={"ids": [second], "verdict": "accept"}, headers=OURS).text
    assert "2 accepted corrections</a> are not in it" in read(rita, "/versions")
    rita.post("/review", data={"ids": [first, second], "verdict": "reject"}, headers=OURS)
    assert "are not in it" not in read(rita, "/versions")


def test_an_item_is_taken_given_skipped_and_put_back_by_forms(programs: TestClient, rita: TestClient) -> None:
    name = corrected(programs)
    for act, holder in (("take", "rita"), ("leave", None), ("skip", None)):
        assert rita.post(f"/review/{name}/{act}", data={"queue": ""}, headers=OURS).status_code == 303
        assert programs.get(f"/review/{name}").json()["in_hand_of"] == holder
    assert rita.post("/review/next", data={"queue": ""}, headers=OURS).headers["location"] == "/review"
    rita.post(f"/review/{name}/assign", data={"queue": "", "reviewer": "hedy"}, headers=OURS)
    assert programs.get(f"/review/{name}").json()["in_hand_of"] == "hedy"


def test_what_is_ticked_is_decided_on_together(programs: TestClient, rita: TestClient) -> None:
    names = [corrected(programs), corrected(programs, OTHER)]
    form = {"ids": [*names, "gone"], "verdict": "reject", "note": "The manual is right."}
    reply = rita.post("/review", data=form, headers=OURS)
    assert "2 decided on" in reply.text
    assert "no correction gone" in reply.text
    assert {programs.get(f"/corrections/{name}").json()["note"] for name in names} == {"The manual is right."}
    assert rita.post("/review", data={"verdict": "reject"}, headers=OURS).status_code == 422


def test_a_form_of_another_site_decides_nothing(programs: TestClient, rita: TestClient) -> None:
    name = corrected(programs)
    foreign = {**BROWSER, "Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    assert rita.post(f"/review/{name}", data={"verdict": "accept"}, headers=foreign).status_code in (401, 403)
    assert programs.get(f"/review/{name}").json()["status"] == "pending"


def test_what_it_would_touch_comes_as_a_part_of_the_page(programs: TestClient, rita: TestClient) -> None:
    programs.post("/chat", json={"question": OTHER})
    text = read(rita, f"/review/{corrected(programs)}/touches")
    assert "has not learned when a correction is meant" in text
    assert OTHER in text
    assert "<html" not in text


def test_a_second_reviewer_is_told_the_first_verdict_after_their_own(
    made: Services, programs: TestClient, rita: TestClient
) -> None:
    name = corrected(programs)
    form = {"verdict": "accept", "answer": "In better words.", "note": "Rita's reason."}
    rita.post(f"/review/{name}", data=form, headers=OURS)
    assert "Nothing waits for you" in read(rita, "/review/second")
    hedy = signed_in(made, "hedy", Role.REVIEWER)
    text = re.sub(r"</?(del|ins)>", "", read(hedy, "/review/second"))
    assert WORDING in text
    for untold in ("In better words", "reason.", "rita", "accepted"):
        assert untold not in text
    given = hedy.post(f"/review/second/{name}", data={"verdict": "reject"}, headers=OURS).text
    assert "You said <strong>reject</strong>, and the first reviewer said <strong>accept</strong>" in given
    text = read(hedy, "/review/progress")
    assert "0 of 1 second verdicts agree" in text
    assert "rita said accept, hedy said reject" in text
