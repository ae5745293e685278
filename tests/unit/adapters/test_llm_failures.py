"""A language model that is down, slow, broken off or talks nonsense."""

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest

from rag_flywheel.domain import (
    Draft,
)
from rag_flywheel.errors import LanguageModelUnavailable
from tests.fakes.openai_server import Broken, Die, Fail, OpenAIServer, Slow, Stall
from tests.unit.adapters.language_models import KEY, PASSAGES, QUESTION, Models, ask


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_passing_failure_is_tried_again(models: Models, status: int) -> None:
    with OpenAIServer(reply=[Fail(status=status), Fail(status=status), "Fine [1]."]) as server:
        pieces, draft = ask(models(server.url, retries=2))
        assert len(server.requests) == 3
    assert "".join(pieces) == draft.text == "Fine [1]."
    assert models.pauses == [0.5, 1.0]


def test_retries_are_not_multiplied(models: Models) -> None:
    with OpenAIServer(reply=Fail(status=500)) as server:
        with pytest.raises(LanguageModelUnavailable, match="status 500"):
            ask(models(server.url, retries=2))
        assert len(server.requests) == 3


def test_the_server_says_how_long_to_wait(models: Models) -> None:
    with OpenAIServer(reply=[Fail(status=429, retry_after=3), "Fine."]) as server:
        ask(models(server.url, timeout=5))
    assert models.pauses == [3.0]


def test_a_wait_longer_than_the_timeout_is_not_waited(models: Models) -> None:
    with OpenAIServer(reply=[Fail(status=429, retry_after=3600), "Fine."]) as server:
        with pytest.raises(LanguageModelUnavailable, match="status 429"):
            ask(models(server.url, timeout=5))
        assert len(server.requests) == 1
    assert models.pauses == []


@pytest.mark.parametrize(
    ("status", "advice"),
    [(400, "context_window"), (401, "RAG_FLYWHEEL_LLM_API_KEY"), (403, "RAG_FLYWHEEL_LLM_API_KEY")],
)
def test_a_lasting_failure_is_not_tried_again_and_says_what_to_do(models: Models, status: int, advice: str) -> None:
    with OpenAIServer(reply=Fail(status=status)) as server:
        with pytest.raises(LanguageModelUnavailable, match=advice):
            ask(models(server.url))
        assert len(server.requests) == 1


def test_an_unknown_model_is_named_as_a_setting(models: Models) -> None:
    with OpenAIServer() as server, pytest.raises(LanguageModelUnavailable, match=r"404.*generator\.model"):
        ask(models(server.url, model="no-such-model"))


def test_a_server_that_is_down_is_named_by_host_with_its_cause_and_no_texts(models: Models) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(LanguageModelUnavailable, match="cannot be reached") as caught:
        ask(models(f"http://user:password@127.0.0.1:{port}/v1", retries=1))
    message = str(caught.value)
    assert f"127.0.0.1:{port}" in message
    assert not any(secret in message for secret in (KEY, "password", QUESTION, "alias"))
    assert isinstance(caught.value.__cause__, openai.APIConnectionError)
    assert models.pauses == [0.5]


@pytest.mark.parametrize(
    "stall",
    [Stall(), Stall(text="The first words"), Stall(keep_alive=0.05), Stall(text="The first words", keep_alive=0.05)],
    ids=["at once", "in the middle", "with comments", "in the middle, with comments"],
)
def test_the_timeout_holds_for_a_server_that_falls_silent(models: Models, stall: Stall) -> None:
    started = time.monotonic()
    silence = r"nothing for 0\.3 seconds.*generator\.timeout"
    with OpenAIServer(reply=stall) as server, pytest.raises(LanguageModelUnavailable, match=silence):
        ask(models(server.url, timeout=0.3, retries=0))
    assert 0.3 <= time.monotonic() - started < 2


def test_a_slow_answer_is_not_cut_while_words_keep_coming(models: Models) -> None:
    with OpenAIServer(reply=Slow(text="Slow but quite sure [1].", pause=0.2)) as server:
        started = time.monotonic()
        assert ask(models(server.url, timeout=0.6, retries=0))[1].answered
    assert time.monotonic() - started > 0.6


def test_an_answer_that_broke_off_after_its_first_word_is_not_begun_again(models: Models) -> None:
    said: list[str | Draft] = []
    with OpenAIServer(reply=[Die(text="The first words"), "Fine."]) as server:
        with pytest.raises(LanguageModelUnavailable, match="broke off"):
            said.extend(models(server.url).answer(QUESTION, PASSAGES))
        assert len(server.requests) == 1


def test_a_connection_lost_before_the_first_word_is_tried_again(models: Models) -> None:
    with OpenAIServer(reply=[Die(), "Fine [1]."]) as server:
        assert ask(models(server.url))[1].text == "Fine [1]."
        assert len(server.requests) == 2


@pytest.mark.parametrize(
    "body",
    ['{"choices": [{"mess', '{"choices": null}', '"text"', "[]", '{"choices": [{"delta": "text"}]}'],
)
def test_a_reply_that_is_no_chat_completion_says_so(models: Models, body: str) -> None:
    with OpenAIServer(reply=Broken(body=body)) as server:
        with pytest.raises(LanguageModelUnavailable, match=r"generator\.url"):
            ask(models(server.url))
        assert len(server.requests) == 1


def test_an_error_inside_the_stream_is_one_and_its_words_stay_out_of_the_message(models: Models) -> None:
    body = json.dumps({"error": {"message": f"bad prompt: {QUESTION}"}})
    with (
        OpenAIServer(reply=Broken(body=body)) as server,
        pytest.raises(LanguageModelUnavailable, match="in the middle of its answer") as caught,
    ):
        ask(models(server.url))
    assert QUESTION not in str(caught.value)


def test_an_empty_answer_is_a_failure(models: Models) -> None:
    with OpenAIServer(reply=" ") as server, pytest.raises(LanguageModelUnavailable, match=r"generator\.max_tokens"):
        ask(models(server.url))


def test_a_reader_that_leaves_early_leaves_the_generator_usable(models: Models) -> None:
    with OpenAIServer(reply=["A long answer " * 50, "Fine [1]."]) as server:
        generator = models(server.url)
        stream = generator.answer(QUESTION, PASSAGES)
        assert next(stream) == "A "
        del stream
        assert ask(generator)[1].text == "Fine [1]."


def test_many_threads_share_one_generator(models: Models) -> None:
    with OpenAIServer(reply=lambda received: f"About {received.prompt.rpartition('number-')[2][:2]} [1].") as server:
        generator = models(server.url)
        with ThreadPoolExecutor(8) as pool:
            drafts = list(pool.map(lambda n: ask(generator, question=f"number-{n}?")[1], range(10, 42)))
    assert [draft.text for draft in drafts] == [f"About {n} [1]." for n in range(10, 42)]


def test_the_timeout_holds_for_a_server_that_takes_the_connection_and_says_nothing(models: Models) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}/v1"
        with pytest.raises(LanguageModelUnavailable, match=r"nothing for 0\.2 seconds"):
            ask(models(url, timeout=0.2, retries=1))
    assert models.pauses == [0.5]
