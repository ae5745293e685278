"""What a body may cost: what nobody reads of it is not held while the question is answered."""

import json
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from rag_flywheel.domain import Draft, Passage, Searched
from tests.fakes.doors import door
from tests.fakes.services import publish, services
from tests.fakes.serving import Dictated

LISTS = 300_000
HELD_AT_MOST = 5_000_000  # bytes; as Python objects the lists alone are four times as many


class Weighing(Dictated):
    """Says how much memory is held while it answers."""

    held = 0

    def answer(
        self, question: str, passages: Sequence[Passage], *, searched: Searched | None = None
    ) -> Iterator[str | Draft]:
        self.held = tracemalloc.get_traced_memory()[0]
        yield from super().answer(question, passages)


@pytest.mark.parametrize("place", ["field", "message", "old messages"])
def test_what_nobody_reads_of_a_body_is_not_held(tmp_path: Path, place: str) -> None:
    generator = Weighing(["One."])
    made = services(tmp_path, generator=generator)
    publish(made, "v1")
    asked: dict[str, object] = {"role": "user", "content": "How?"}
    junk: list[object] = [[] for _ in range(LISTS)]
    body: dict[str, object] = {"model": "rag-flywheel", "messages": [asked]}
    if place == "field":
        body["tools"] = junk
    elif place == "message":
        body["messages"] = [asked | {"tool_calls": junk}]
    else:
        body["messages"] = [*junk, asked | {"role": "assistant"}, *[asked] * 400]
    content = json.dumps(body)
    del junk, body
    http = door(made)
    assert http.get("/v1/models").status_code == 200  # what the routes themselves take is there before
    tracemalloc.start()
    try:
        reply = http.post("/v1/chat/completions", content=content, headers={"content-type": "application/json"})
    finally:
        tracemalloc.stop()
    assert reply.status_code == 200
    assert 0 < generator.held < HELD_AT_MOST
