"""Any language model that LlamaIndex has a class for, named in the settings."""

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.llms import ChatMessage, ChatResponse, CompletionResponse, CustomLLM, LLMMetadata

from rag_flywheel.adapters.models import waiting
from rag_flywheel.adapters.models.llama_index_llm import LlamaIndexSpeaker
from rag_flywheel.adapters.models.llm import ModelGenerator
from rag_flywheel.adapters.privacy.masked_generator import MaskedGenerator
from rag_flywheel.config import Secrets, load
from rag_flywheel.domain import Draft
from rag_flywheel.errors import ConfigError, LanguageModelUnavailable
from rag_flywheel.wiring import services
from tests.fakes.services import ASSUMED
from tests.unit.adapters.language_models import HISTORY, PASSAGES, QUESTION, ask

MOCK = "llama_index.core.llms:MockLLM"
HUNG = threading.Event()


class Scripted(CustomLLM):
    """Says its script word by word; `fails` after the first word, hangs there, or cannot stream."""

    script: str = "The alias moves back in one step [1]."
    fails: str = ""
    api_key: str = ""

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata()

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        return CompletionResponse(text=self.script)

    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Iterator[CompletionResponse]:
        if self.fails == "not streamed":
            raise NotImplementedError
        said = ""
        for word in self.script.split(" "):
            said += word + " "
            yield CompletionResponse(text=said, delta=word + " ")
            if self.fails == "raises":
                raise RuntimeError(f"secret of {prompt}")
            if self.fails == "hangs":
                HUNG.wait(20)


class WithoutDeltas(Scripted):
    """Says only what it has said so far."""

    def stream_chat(self, messages: Any, **kwargs: Any) -> Iterator[ChatResponse]:
        for at in range(1, len(self.script) + 1):
            yield ChatResponse(message=ChatMessage(role="assistant", content=self.script[:at]))


class Refusing(Scripted):
    """Cannot be made."""

    def __init__(self, api_key: str) -> None:
        raise RuntimeError(f"bad key {api_key}")


def generator(name: str, *, timeout: float = 5.0, args: dict[str, Any] | None = None) -> ModelGenerator:
    return ModelGenerator(
        LlamaIndexSpeaker(f"{__name__}:{name}", args or {}, timeout=timeout, seconds=60),
        context_window=4096,
        max_tokens=256,
        check=None,
        fallback=lambda question, _: question,
    )


@pytest.mark.parametrize(
    ("name", "fails"), [("Scripted", ""), ("Scripted", "not streamed"), ("WithoutDeltas", "")], ids=str
)
def test_a_class_of_ones_own_answers_with_citations(name: str, fails: str) -> None:
    made = generator(name, args={"fails": fails})
    pieces, draft = ask(made)
    assert draft.text.strip() == "The alias moves back in one step [1]."
    assert "".join(pieces) == draft.text
    assert [citation.number for citation in draft.citations] == [1]


def test_it_refuses_rewrites_and_rephrases_as_every_model_does() -> None:
    assert not ask(generator("Scripted", args={"script": "NO_ANSWER"}))[1].answered
    made = generator("Scripted", args={"script": "How do I roll back a canary?"})
    assert made.rewrite(QUESTION, HISTORY) == "How do I roll back a canary?"
    assert made.rephrase(QUESTION, 3) == ["How do I roll back a canary?"]


def test_what_it_raises_is_named_by_its_kind_alone() -> None:
    with pytest.raises(LanguageModelUnavailable, match=r"Scripted failed with RuntimeError.*generator\.llm") as caught:
        ask(generator("Scripted", args={"fails": "raises"}))
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_one_that_hangs_is_not_waited_for() -> None:
    started = time.monotonic()
    HUNG.clear()
    said: list[str | Draft] = []
    try:
        with pytest.raises(LanguageModelUnavailable, match=r"nothing for 0\.3 seconds"):
            said.extend(generator("Scripted", timeout=0.3, args={"fails": "hangs"}).answer(QUESTION, PASSAGES))
        assert time.monotonic() - started < 3
    finally:
        HUNG.set()


def test_only_so_many_hung_answers_are_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "MOST", 2)
    HUNG.clear()
    try:
        made = generator("Scripted", timeout=0.05, args={"fails": "hangs"})
        for _ in range(2):
            with pytest.raises(LanguageModelUnavailable, match="said nothing"):
                ask(made)
        with pytest.raises(LanguageModelUnavailable, match="has not ended"):
            ask(made)
    finally:
        HUNG.set()
    with contextlib.suppress(LanguageModelUnavailable):
        ask(made)


def test_a_reader_who_leaves_ends_the_thread() -> None:
    before = threading.active_count()
    stream = generator("Scripted", args={"script": "word " * 1000}).answer(QUESTION, PASSAGES)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    until = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < until:
        time.sleep(0.05)
    assert threading.active_count() <= before


@pytest.mark.parametrize(
    ("name", "args", "message"),
    [
        ("llama_index.llms.no_such:Model", {}, "pip install llama-index-llms-no-such"),
        ("no_such_module:Model", {}, "the module no_such_module is not installed"),
        ("llama_index.core.llms:NoSuch", {}, "has no language model NoSuch"),
        ("pathlib:Path", {}, "has no language model Path"),
        (MOCK, {"max_tokens": "many"}, "max_tokens: Input should be a valid integer"),
        (MOCK, {"temprature": 0}, r"takes no temprature; known ones are .*max_tokens"),
        (f"{__name__}:Refusing", {}, "needs api_key"),
        (f"{__name__}:Refusing", {"api_key": "sk-secret"}, "it raised RuntimeError"),
    ],
)
def test_a_class_that_cannot_be_made_is_a_mistake_in_the_settings(
    name: str, args: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        LlamaIndexSpeaker(name, args, timeout=1, seconds=60)
    assert "sk-secret" not in str(caught.value)


# --- the settings ---------------------------------------------------------------------------------------------------


def test_the_settings_name_the_class_and_a_variable_stands_for_a_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "NO_ANSWER")
    file = tmp_path / "config.yaml"
    file.write_text(
        "privacy: {redact: false}\n"
        f"generator: {{kind: llama_index, llm: {{class: {__name__}:Scripted, args: {{script: '${{MY_KEY}}'}}}}}}"
    )
    with services(load(file, ASSUMED), Secrets()) as made:
        assert isinstance(made.generator, MaskedGenerator)
        assert made.generator.name == "llama_index:Scripted"
        *_, draft = made.generator.answer(QUESTION, PASSAGES)
    assert isinstance(draft, Draft)
    assert not draft.answered


def test_a_variable_that_is_not_set_is_named(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(f"generator: {{kind: llama_index, llm: {{class: {MOCK}, args: {{a: '${{NO_SUCH_KEY_HERE}}'}}}}}}")
    with pytest.raises(ConfigError, match="NO_SUCH_KEY_HERE"), services(load(file, ASSUMED), Secrets()):
        pass


@pytest.mark.parametrize(
    ("llm", "message"),
    [
        ("{args: {}}", "needs `class`"),
        ("{class: MockLLM}", "needs `class`"),
        (f"{{class: {MOCK}, args: []}}", "`args` should be a section"),
        (f"{{class: {MOCK}, args: {{api_key: sk-secret}}}}", "holds a secret"),
        (f"{{class: {MOCK}, arg: {{}}}}", r"generator\.llm"),
    ],
)
def test_settings_that_name_no_class_or_hold_a_secret_are_refused(tmp_path: Path, llm: str, message: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(f"generator: {{kind: llama_index, llm: {llm}}}")
    with pytest.raises(ConfigError, match=message) as caught:
        load(file, ASSUMED)
    assert "sk-secret" not in str(caught.value)


def test_a_kind_without_its_class_says_what_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("generator: {kind: llama_index}")
    with pytest.raises(ConfigError, match=r"needs generator\.llm"), services(load(file, ASSUMED), Secrets()):
        pass
