"""While a language model is away, sentences of the documents stand in for its answers."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rag_flywheel.adapters.breaker import FAILURES
from rag_flywheel.config import Secrets, load
from rag_flywheel.domain import Draft, Searched
from rag_flywheel.errors import LanguageModelUnavailable
from rag_flywheel.ports import Generator
from rag_flywheel.services import Services
from rag_flywheel.wiring import services
from tests.fakes.openai_server import Die, Fail, OpenAIServer
from tests.fakes.services import ASSUMED
from tests.unit.adapters.language_models import HISTORY, PASSAGES, QUESTION

DOWN = Fail(status=503)


@contextmanager
def opened(folder: Path, url: str, more: str = "") -> Iterator[Services]:
    file = folder / "config.yaml"
    file.write_text(
        "privacy: {redact: false}\n"
        f"generator: {{{more}retries: 0, kind: openai_like, model: test-model, url: '{url}'}}"
    )
    with services(load(file, ASSUMED), Secrets()) as made:
        yield made


def drafted(generator: Generator | None) -> Draft:
    assert generator is not None
    *_, draft = generator.answer(QUESTION, PASSAGES, searched=Searched(ranking=PASSAGES))
    assert isinstance(draft, Draft)
    return draft


def test_sentences_of_the_documents_answer_while_the_model_is_away_and_the_draft_says_so(tmp_path: Path) -> None:
    with OpenAIServer(reply=DOWN) as server, opened(tmp_path, server.url) as made:
        draft = drafted(made.answerer)
        assert draft.generator == "extractive instead of openai_like:test-model"
        assert draft.text
        server.reply = "The alias moves back [1]."
        assert drafted(made.answerer).generator is None


def test_questions_that_a_model_refuses_are_answered_by_sentences_and_keep_no_other_from_it(tmp_path: Path) -> None:
    with OpenAIServer(reply=Fail(status=400)) as server, opened(tmp_path, server.url) as made:
        for _ in range(FAILURES + 1):
            assert drafted(made.answerer).generator is not None
        assert made.away() == []
        server.reply = "The alias moves back [1]."
        assert drafted(made.answerer).generator is None


def test_a_model_that_does_not_answer_is_left_alone_and_named_as_away(tmp_path: Path) -> None:
    with OpenAIServer(reply=DOWN) as server, opened(tmp_path, server.url) as made:
        for _ in range(FAILURES + 2):
            drafted(made.answerer)
        assert len(server.requests) == FAILURES
        assert made.away() == ["language_model"]
        assert made.answerer is not None
        assert QUESTION in made.answerer.rewrite(QUESTION, HISTORY)  # by rules
        assert len(server.requests) == FAILURES


def test_a_cycle_is_told_that_the_model_is_away_and_asks_each_time(tmp_path: Path) -> None:
    with OpenAIServer(reply=DOWN) as server, opened(tmp_path, server.url) as made:
        for _ in range(FAILURES + 2):
            with pytest.raises(LanguageModelUnavailable):
                drafted(made.generator)
        assert len(server.requests) == FAILURES + 2
        assert made.away() == []


def test_an_answer_that_breaks_off_is_not_gone_on_with_by_another(tmp_path: Path) -> None:
    broken = OpenAIServer(reply=Die(text="Hold the green button until it clicks twice [1]. Then"))
    with broken as server, opened(tmp_path, server.url, "unsupported: keep, ") as made:
        for _ in range(FAILURES + 1):
            with pytest.raises(LanguageModelUnavailable):
                drafted(made.answerer)
        assert made.away() == []


def test_where_the_settings_say_so_the_error_is_told_instead(tmp_path: Path) -> None:
    with (
        OpenAIServer(reply=DOWN) as server,
        opened(tmp_path, server.url, "fallback: none, ") as made,
        pytest.raises(LanguageModelUnavailable),
    ):
        drafted(made.answerer)
