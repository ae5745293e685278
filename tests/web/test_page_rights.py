"""What pages show goes by what somebody may read now, and by what is theirs."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from rag_flywheel.api.app import create_app
from rag_flywheel.domain import Chunk, FeedbackKind, Readership, Role, VersionId
from rag_flywheel.rollout.promotion import act_of, promote
from rag_flywheel.services import Services
from tests.fakes.doors import key
from tests.fakes.encoder import HashingEncoder
from tests.fakes.samples import chunk, decision, manifest
from tests.fakes.services import DIMENSION, entries, services
from tests.web.test_pages import BROWSER, OURS

SECRET = "plum0mango"
OPEN = chunk("open", "The canteen opens at noon and serves soup on Mondays.")
APART = replace(chunk("zz", "Something else that stays apart."), groups=("team0",))
CLOSED = replace(chunk("code", f"The code of the vault is {SECRET}, kept well."), groups=("team0",))
PUBLIC = chunk("code", "This page is public now, and holds no code.")


@pytest.fixture
def made(tmp_path: Path) -> Services:
    return services(tmp_path, text="sources: [{path: docs, groups: {'x/': [team0]}}]\n")


def live(made: Services, version: str, chunks: Sequence[Chunk]) -> None:
    made.index.build(VersionId(version), dimension=DIMENSION, batches=[entries(chunks, HashingEncoder(DIMENSION))])
    groups = Counter(group for each in chunks for group in each.groups or ())
    readership = Readership(open=sum(not each.groups for each in chunks), groups=dict(groups))
    before = made.index.live()
    made.ledger.add_version(replace(manifest(version, parent=before, created=made.now()), readership=readership))
    made.ledger.add_decision(decision(VersionId(version)))
    act = act_of("test", "test", at=made.now())
    promote(VersionId(version), expected=before, index=made.index, ledger=made.ledger, act=act)


def http(made: Services) -> TestClient:
    return TestClient(create_app(made), base_url="http://localhost", client=("10.0.0.7", 1), follow_redirects=False)


def test_an_answer_opens_no_older_text_of_a_document_that_it_does_not_cite(made: Services) -> None:
    live(made, "v1", [OPEN, CLOSED, APART])
    browser, bob = http(made), key(made, "bob", Role.ASKER, for_others=False, groups=("team1",))
    asked = browser.post("/chat", json={"question": "When does the canteen open?"}, headers=bob).json()
    live(made, "v2", [OPEN, PUBLIC, APART])
    for wanted in ("", f"?answer={asked['interaction_id']}"):
        reply = browser.get(f"/documents/code{wanted}", headers=bob | BROWSER)
        assert (reply.status_code, SECRET in reply.text) == (200, False)


def test_who_leaves_a_group_keeps_no_answers_from_its_documents(made: Services) -> None:
    live(made, "v1", [OPEN, CLOSED, APART])
    browser = http(made)
    inside, outside = (
        key(made, "ada", Role.ASKER, for_others=False, groups=groups) for groups in (("team0",), ("team1",))
    )
    question = {"question": "What is the code of the vault?", "session_id": "s"}
    assert SECRET in browser.post("/chat", json=question, headers=inside).json()["answer"]
    [kept] = made.ledger.interactions(answered=True, limit=9)
    for who, shown in ((inside, True), (outside, False)):
        reply = browser.get(f"/conversations/{kept.session}", headers=who | BROWSER)
        assert (reply.status_code, SECRET in reply.text) == ((200, True) if shown else (404, False))
        assert ("code of the vault" in browser.get("/conversations", headers=who | BROWSER).text) == shown


def test_a_source_is_judged_once_however_often_a_form_says_so(made: Services) -> None:
    live(made, "v1", [OPEN])
    browser, ada = http(made), key(made, "ada", Role.ASKER, for_others=False)
    name = browser.post("/chat", json={"question": "When does the canteen open?"}, headers=ada).json()["interaction_id"]
    form = {"answer": "At one.", "judged": ["1:right", *["1:wrong"] * 60], "once": "abc"}
    for _ in range(2):
        assert browser.post(f"/answers/{name}/correct", data=form, headers=ada | OURS).status_code == 303
    said = [each.kind for each in made.ledger.feedback()]
    assert said.count(FeedbackKind.PASSAGE_RELEVANCE) == 1
    form["judged"] = ["1:wrong"] * 201
    assert browser.post(f"/answers/{name}/correct", data=form, headers=ada | OURS).status_code == 422
