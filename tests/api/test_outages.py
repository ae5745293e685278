"""What can still be done while one part of the service does not answer."""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from rag_flywheel.adapters.models.fallback import FallbackGenerator
from rag_flywheel.api.server import served, warm
from rag_flywheel.domain import Draft, Passage, Searched, VersionId
from rag_flywheel.errors import Damaged, FlywheelError, IndexUnavailable, LanguageModelUnavailable
from rag_flywheel.services import Services
from tests.fakes.doors import laptop
from tests.fakes.index import MemoryIndex
from tests.fakes.services import publish, services
from tests.fakes.serving import Dictated
from tests.unit.api.test_server import serving

QUESTION = {"question": "How do I put the previous version back?", "user_id": "ada"}


class Broken(MemoryIndex):
    """An index whose alias cannot be read while there is a `trouble`."""

    trouble: FlywheelError | None = None

    def live(self) -> VersionId | None:
        if self.trouble is not None:
            raise self.trouble
        return super().live()


class Away(Dictated):
    """A language model that does not answer."""

    def answer(
        self, question: str, passages: Sequence[Passage], *, searched: Searched | None = None
    ) -> Iterator[str | Draft]:
        raise LanguageModelUnavailable("the language model does not answer")


@pytest.fixture
def index() -> Broken:
    return Broken()


@pytest.fixture
def made(tmp_path: Path, index: Broken) -> Services:
    made = replace(services(tmp_path), index=index)
    publish(made, "v1")
    return made


TROUBLES = [IndexUnavailable("the index does not answer"), Damaged("the alias holds no version")]


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_rating_is_taken_while_nobody_knows_which_version_is_live(
    made: Services, index: Broken, trouble: FlywheelError
) -> None:
    with laptop(made) as http:
        asked = http.post("/chat", json=QUESTION).json()["interaction_id"]
        index.trouble = trouble
        rating = {"interaction_id": asked, "kind": "thumb", "value": "down", "user_id": "ada"}
        assert http.post("/feedback", json=rating).status_code == 201
    assert [given.value for given in made.ledger.feedback()] == ["down"]


def test_a_correction_is_taken_while_the_index_does_not_answer(made: Services, index: Broken) -> None:
    with laptop(made) as http:
        asked = http.post("/chat", json=QUESTION).json()["interaction_id"]
        index.trouble = IndexUnavailable("the index does not answer")
        correction = {"interaction_id": asked, "answer": "Press the red button.", "user_id": "ada"}
        assert http.post("/corrections", json=correction).status_code == 202
        edited = {"interaction_id": asked, "kind": "edited", "value": "Press the blue one.", "user_id": "ada"}
        assert http.post("/feedback", json=edited).status_code == 201
    assert [each.correction.answer for each in made.ledger.corrections()] == [
        "Press the red button.",
        "Press the blue one.",
    ]


def test_an_answer_says_that_it_stands_in_for_the_language_model_and_is_recorded_so(tmp_path: Path) -> None:
    made = services(tmp_path)
    away = FallbackGenerator(Away(["Run it."]), made.generator)
    made = replace(made, answerer=away, away=lambda: ["language_model"])
    publish(made, "v1")
    with laptop(made) as http:
        reply = http.post("/chat", json=QUESTION).json()
        events = http.post("/chat", json={**QUESTION, "stream": True}).text
        health = http.get("/health").json()
    assert (reply["answered"], reply["fallback"]) == (True, True)
    assert '"fallback":true' in events.replace(" ", "")
    assert health == {"status": "ok", "live": "v1", "away": ["language_model"]}
    recorded = made.ledger.interaction(reply["interaction_id"])
    assert recorded.generator == f"{made.generator.name} instead of {away.name}"


def test_an_alias_that_names_what_the_ledger_does_not_know_does_not_make_an_answer_unknown(
    made: Services, index: Broken
) -> None:
    with laptop(made) as http:
        asked = http.post("/chat", json=QUESTION).json()["interaction_id"]
        index.build(VersionId("v"), dimension=64, batches=[])
        index.move_live(VersionId("v"), expected=VersionId("v1"))
        rating = {"interaction_id": asked, "kind": "thumb", "value": "down", "user_id": "ada"}
        assert http.post("/feedback", json=rating).status_code == 201


def test_streams_of_a_model_that_says_nothing_hold_up_nobody_else(tmp_path: Path) -> None:
    """Five listen, and two questions are answered at a time."""
    silent = Dictated(["Run ", "it."])
    silent.go_on.clear()
    made = services(tmp_path, text="limits: {at_once: 100}\n", generator=silent)
    publish(made, "v1")
    app = served(warm(made), threads=2, until_the_end=contextlib.nullcontext())
    with serving(app) as (_, port), ThreadPoolExecutor(5) as people:
        url = f"http://127.0.0.1:{port}"
        began = threading.Barrier(6)

        def listen() -> str:
            with httpx.stream("POST", f"{url}/chat", json={**QUESTION, "stream": True}, timeout=30) as reply:
                pieces = reply.iter_text()
                first = next(pieces)
                began.wait(30)
                return first + "".join(pieces)

        heard = [people.submit(listen) for _ in range(5)]
        began.wait(30)
        assert httpx.post(f"{url}/search", json={"question": "rollback"}, timeout=5).status_code == 200
        silent.go_on.set()
        assert all("event: done" in each.result() for each in heard)
