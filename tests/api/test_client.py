"""The client for programs, over a real socket to the real app."""

import asyncio
import dataclasses
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rag_flywheel.api import explain, models, people, signing_in
from rag_flywheel.client import Asking, AsyncClient, Client, Span, replies
from rag_flywheel.domain import Role
from rag_flywheel.errors import (
    Conflict,
    Damaged,
    FlywheelError,
    InvalidInput,
    KeyReused,
    LanguageModelUnavailable,
    NotFound,
    NothingLive,
    NotSignedIn,
    TooMany,
    Unavailable,
)
from rag_flywheel.services import Services
from tests.fakes.doors import key
from tests.fakes.services import publish, services
from tests.fakes.serving import Dictated, served

QUESTION = "How do I put the previous version back?"
ANSWER = "Run rag-flywheel rollback, and wait for one second."


@pytest.fixture
def made(tmp_path: Path) -> Services:
    made = services(tmp_path)
    publish(made, "v1")
    return made


@pytest.fixture
def url(made: Services) -> Iterator[str]:
    with served(made) as url:
        yield url


def ada_key(made: Services) -> str:
    headers = key(made, "ada", Role.ASKER, for_others=False)
    return headers["Authorization"].removeprefix("Bearer ")


def test_a_person_asks_rates_corrects_and_sees_what_became_of_it(made: Services, url: str) -> None:
    with Client(url, key=ada_key(made)) as client:
        assert (client.me().name, client.me().roles) == ("ada", ("asker",))
        answer = client.ask(Asking(question=QUESTION, session="s1", history=[("user", "Hello."), ("assistant", "Hi.")]))
        assert answer.citations[0].document_id == "rollback"
        assert client.feedback(answer.interaction_id, "thumb", "down").stage is not None
        cited = answer.citations[0]
        span = Span(document_id=cited.document_id, start=cited.start, end=cited.end)
        receipt = client.correct(answer.interaction_id, ANSWER, evidence=[span])
        assert client.correction(receipt.id).status == receipt.status == "pending"
        [mine] = client.my_corrections()
        assert (mine.id, mine.answer, mine.status) == (receipt.id, ANSWER, "pending")
        assert client.search(QUESTION, limit=2).passages[0].document_id == "rollback"
        assert client.consent().purposes["learn"].in_force
        assert not client.agree({"learn": False}).purposes["learn"].in_force


def test_the_awaited_client_does_the_same(made: Services, url: str) -> None:
    async def whole() -> tuple[str, list[str], str]:
        async with AsyncClient(url, key=ada_key(made)) as client:
            answer = await client.ask(QUESTION)
            await client.feedback(answer.interaction_id, "stars", 2)
            receipt = await client.correct(answer.interaction_id, ANSWER)
            mine = [entry.id for entry in await client.my_corrections()]
            assert (await client.search(QUESTION)).version == "v1"
            assert (await client.agree({"evaluate": False})).purposes["answer"].in_force
            assert (await client.consent()).user == (await client.me()).name == "ada"
            return receipt.id, mine, (await client.correction(receipt.id)).status

    name, mine, status = asyncio.run(whole())
    assert (mine, status) == ([name], "pending")


def test_what_is_agreed_to_goes_with_a_question(made: Services, url: str) -> None:
    with Client(url, key=ada_key(made)) as client:
        client.ask(Asking(question=QUESTION, consent=["learn"]))
        client.ask(Asking(question=QUESTION, consent=False))
    without, learning = made.ledger.interactions(limit=2)
    assert (without.consent, learning.consent) == (False, True)
    assert {str(use) for use in learning.purposes or ()} == {"answer", "learn"}


def dictated(tmp_path: Path, *, breaks: bool = False) -> Services:
    made = services(tmp_path, generator=Dictated(["Run ", "it."], breaks=breaks))
    publish(made, "v1")
    return made


def test_an_answer_comes_in_pieces_and_then_whole(tmp_path: Path) -> None:
    async def awaited(url: str) -> list[Any]:
        async with AsyncClient(url) as client:
            return [piece async for piece in client.stream(QUESTION)]

    with served(dictated(tmp_path)) as url, Client(url) as client:
        for pieces in (list(client.stream(QUESTION)), asyncio.run(awaited(url))):
            assert pieces[:-1] == ["Run ", "it."]
            assert (pieces[-1].answer, pieces[-1].version) == ("Run it.", "v1")


def test_a_stream_that_breaks_off_raises_the_error_that_the_server_names(tmp_path: Path) -> None:
    with served(dictated(tmp_path, breaks=True)) as url, Client(url) as client:
        pieces = client.stream(QUESTION)
        assert next(pieces) == "Run "
        with pytest.raises(LanguageModelUnavailable, match="does not answer"):
            list(pieces)


def test_errors_are_those_of_the_tree_in_the_server_s_own_words(made: Services, url: str, tmp_path: Path) -> None:
    with Client(url) as client:
        with pytest.raises(NotFound, match="its id is in the reply"):
            client.correct("nowhere", ANSWER)
        with pytest.raises(InvalidInput, match="question"):
            client.ask("  ")
        with pytest.raises(InvalidInput):
            list(client.stream("  "))
        with pytest.raises(InvalidInput, match="nobody is named"):
            client.my_corrections()
    with Client(url, key="rf_000000000000_" + "x" * 43) as client, pytest.raises(NotSignedIn):
        client.me()
    (tmp_path / "empty").mkdir()
    with served(services(tmp_path / "empty")) as bare, Client(bare) as client, pytest.raises(NothingLive) as raised:
        client.ask(QUESTION)
    assert isinstance(raised.value, Conflict)


def test_the_same_key_records_once_and_another_request_under_it_is_refused(made: Services, url: str) -> None:
    with Client(url) as client:
        asked = client.ask(QUESTION).interaction_id
        twice = [client.correct(asked, ANSWER, key="k1").id for _ in range(2)]
        with pytest.raises(KeyReused):
            client.correct(asked, "Another answer.", key="k1")
    assert twice[0] == twice[1]
    assert len(made.ledger.corrections()) == 1


class Flaky(http.server.BaseHTTPRequestHandler):
    """Fails as often as it is told to, and counts; it keeps the keys of what is sent."""

    failures: list[int | str]
    keys: list[str | None]

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.keys.append(self.headers.get("Idempotency-Key"))
        failure = self.failures.pop(0) if self.failures else 200
        if failure == "hang up":
            self.close_connection = True
            return
        bodies = {429: '{"error": "TooMany", "detail": "later"}', 503: '{"error": "Unavailable", "detail": "down"}'}
        good = '{"id": "f1", "kind": "thumb", "stage": null, "correction_id": null, "rank": null, "propensity": null}'
        body = (bodies.get(int(failure)) or good).encode()
        self.send_response(int(failure))
        self.send_header("Retry-After", "0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Quiet."""


@pytest.fixture
def flaky() -> Iterator[tuple[str, type[Flaky]]]:
    handler = type("Handler", (Flaky,), {"failures": [], "keys": []})
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", handler
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("failures", [["hang up"], [503, 503], [429, "hang up"]], ids=str)
def test_feedback_is_sent_again_with_the_same_key(flaky: tuple[str, type[Flaky]], failures: list[int | str]) -> None:
    url, handler = flaky
    handler.failures += failures
    with Client(url, pause=0.01) as client:
        assert client.feedback("i1", "thumb", "down").id == "f1"
    assert len(handler.keys) == len(failures) + 1
    assert len(set(handler.keys)) == 1
    assert handler.keys[0]


@pytest.mark.parametrize(("failure", "raised"), [("hang up", Unavailable), (503, Unavailable)], ids=str)
def test_a_question_that_may_have_arrived_is_not_asked_twice(
    flaky: tuple[str, type[Flaky]], failure: int | str, raised: type[FlywheelError]
) -> None:
    url, handler = flaky
    handler.failures += [failure]
    with Client(url, pause=0.01) as client, pytest.raises(raised):
        client.ask(QUESTION)
    assert handler.keys == [None]


def test_after_some_attempts_it_gives_up_and_says_why(flaky: tuple[str, type[Flaky]]) -> None:
    url, handler = flaky
    handler.failures += [429] * 9
    with Client(url, attempts=2, pause=0.01) as client, pytest.raises(TooMany) as raised:
        client.search(QUESTION)
    assert (len(handler.keys), raised.value.seconds) == (2, 0)
    handler.failures.clear()
    with Client(url, attempts=1) as client, pytest.raises(Damaged, match="no Found"):
        client.search(QUESTION)


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://localhost", "http://[::1"])
def test_what_is_no_url_is_refused_at_once(url: str) -> None:
    with pytest.raises(InvalidInput, match="expected such as http"):
        Client(url)
    with pytest.raises(InvalidInput, match="expected such as http"):
        AsyncClient(url)


@pytest.mark.parametrize(
    ("kind", "of"),
    [
        (replies.Answer, models.ChatReply),
        (replies.Citation, models.CitationReply),
        (replies.Suggestion, models.SuggestionReply),
        (replies.Recorded, models.FeedbackReply),
        (replies.Receipt, models.CorrectionReceipt),
        (replies.Correction, models.CorrectionReply),
        (replies.Passage, explain.RankedPassageReply),
        (replies.Found, explain.SearchReply),
        (replies.Consent, people.ConsentReply),
        (replies.Word, people.PurposeReply),
        (replies.Me, signing_in.MeReply),
    ],
)
def test_every_field_of_a_reply_is_one_of_the_api_s(kind: Any, of: Any) -> None:
    assert {field.name for field in dataclasses.fields(kind)} <= set(of.model_fields)
