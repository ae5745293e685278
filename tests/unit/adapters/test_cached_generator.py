"""Answers that are kept as long as their version."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from rag_flywheel.adapters.models.cached_generator import CachedGenerator
from rag_flywheel.config import Secrets, load
from rag_flywheel.domain import Confidence, Draft, Passage, Searched, VersionId
from rag_flywheel.wiring import services
from tests.fakes.openai_server import OpenAIServer, Received
from tests.fakes.rankings import MemoryCache
from tests.fakes.services import ASSUMED
from tests.unit.adapters.language_models import HISTORY, PASSAGES, QUESTION, Models

V1, V2 = VersionId("v1"), VersionId("v2")


def searched(version: VersionId | None) -> Searched:
    return Searched(ranking=PASSAGES, version=version)


def ask(
    generator: CachedGenerator, question: str = QUESTION, passages: Sequence[Passage] = PASSAGES,
    version: VersionId | None = V1,
) -> tuple[list[str], Draft]:  # fmt: skip
    *pieces, draft = generator.answer(question, passages, searched=searched(version))
    assert isinstance(draft, Draft)
    return [str(piece) for piece in pieces], draft


def counting(received: Received) -> str:
    counting.asked += 1  # type: ignore[attr-defined]
    return f"Answer {counting.asked} moves the alias back [1][3]."  # type: ignore[attr-defined]


@pytest.fixture
def server() -> OpenAIServer:
    counting.asked = 0  # type: ignore[attr-defined]
    return OpenAIServer(reply=counting)


def test_the_same_question_to_the_same_version_gets_the_same_answer_and_the_model_is_not_asked_again(
    models: Models, server: OpenAIServer
) -> None:
    with server:
        generator = CachedGenerator(models(server.url), cache=MemoryCache(), most=100, settings="{}")
        first, second = ask(generator), ask(generator)
        assert len(server.requests) == 1
    assert second[1] == first[1]
    assert [citation.number for citation in second[1].citations] == [1, 3]
    assert "".join(second[0]) == second[1].text == "Answer 1 moves the alias back [1][3]."


def test_another_version_question_passage_or_setting_is_another_request_and_a_rollback_finds_its_own(
    models: Models, server: OpenAIServer
) -> None:
    cache = MemoryCache()
    changed = (replace(PASSAGES[0], chunk=replace(PASSAGES[0].chunk, text="The alias stays.")), *PASSAGES[1:])
    with server:
        generator = CachedGenerator(models(server.url), cache=cache, most=10_000, settings="{}")
        other = CachedGenerator(models(server.url), cache=cache, most=10_000, settings='{"temperature": 1}')
        answers = [
            ask(generator),
            ask(generator, version=V2),
            ask(generator, "How else?"),
            ask(generator, passages=changed),
            ask(other),
        ]
        assert len({draft.text for _, draft in answers}) == len(server.requests) == 5
        assert ask(generator) == ([answers[0][1].text], answers[0][1])
        assert len(server.requests) == 5


def test_without_a_version_nothing_is_kept(models: Models, server: OpenAIServer) -> None:
    cache = MemoryCache()
    with server:
        generator = CachedGenerator(models(server.url), cache=cache, most=100, settings="{}")
        assert ask(generator, version=None)[1].text != ask(generator, version=None)[1].text
        *_, draft = generator.answer(QUESTION, PASSAGES)
        assert isinstance(draft, Draft)
        assert draft.text.startswith("Answer 3")
    assert cache.values == {}


def test_so_many_are_kept_and_no_more_and_the_question_is_not_written_down(
    models: Models, server: OpenAIServer
) -> None:
    cache = MemoryCache()
    with server:
        generator = CachedGenerator(models(server.url), cache=cache, most=3, settings="{}")
        for number in range(20):
            ask(generator, f"What about secret {number}?")
        assert ask(generator, "What about secret 19?")[1].text.startswith("Answer 20 ")
    assert 0 < len(cache.values) <= 3
    assert not any("secret" in key or b"secret" in value for key, value in cache.values.items())


def test_an_answer_that_nobody_heard_to_its_end_is_not_kept(models: Models, server: OpenAIServer) -> None:
    cache = MemoryCache()
    with server:
        generator = CachedGenerator(models(server.url), cache=cache, most=3, settings="{}")
        next(generator.answer(QUESTION, PASSAGES, searched=searched(V1)))
    assert cache.values == {}


def test_refusals_and_doubts_are_kept_as_they_were(models: Models) -> None:
    with OpenAIServer(reply=["NO_ANSWER", "A golden watch costs 50 dollars [2]."]) as server:
        below = models(server.url, unsupported="mark")
        generator = CachedGenerator(below, cache=MemoryCache(), most=100, settings="{}")
        refused, doubted = ask(generator)[1], ask(generator, "How much?")[1]
        assert (ask(generator)[1], ask(generator, "How much?")[1]) == (refused, doubted)
        assert len(server.requests) == 2
    assert (refused.answered, doubted.confidence) == (False, Confidence.LOW)


def test_a_follow_up_is_rewritten_by_the_model_each_time(models: Models) -> None:
    with OpenAIServer(reply="How do I roll back a canary?") as server:
        generator = CachedGenerator(models(server.url), cache=MemoryCache(), most=100, settings="{}")
        assert generator.rewrite(QUESTION, HISTORY) == "How do I roll back a canary?"
        assert generator.name == "openai_like:test-model"


@pytest.mark.parametrize(("setting", "asked"), [("", 2), ("cached_answers: 10, ", 1)])
def test_answers_are_kept_where_the_settings_say_so(
    tmp_path: Path, server: OpenAIServer, setting: str, asked: int
) -> None:
    file = tmp_path / "config.yaml"
    with server:
        file.write_text(
            "privacy: {redact: false}\n"
            f"generator: {{{setting}kind: openai_like, model: test-model, url: '{server.url}'}}"
        )
        with services(load(file, ASSUMED), Secrets()) as made:
            for _ in range(2):
                list(made.generator.answer(QUESTION, PASSAGES, searched=searched(V1)))
        assert len(server.requests) == asked
