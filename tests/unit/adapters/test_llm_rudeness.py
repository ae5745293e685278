"""A server that behaves as badly as a socket lets it: every answer ends in bounded time and memory."""

import itertools
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterable

import pytest

from rag_flywheel.adapters.models import waiting
from rag_flywheel.domain import Draft
from rag_flywheel.errors import LanguageModelUnavailable
from tests.fakes.rude_server import FOR_EVER, HEAD, STOP, RudeServer, event
from tests.unit.adapters.language_models import HISTORY, PASSAGES, QUESTION, Models, ask


@pytest.fixture(autouse=True, scope="module")
def _warm() -> None:
    """What the first question loads takes seconds, which are not to be measured."""
    models = Models()
    with RudeServer(lambda: [HEAD, event("Fine [1]."), STOP]) as server:
        ask(models(server.url, timeout=60.0))
    models.close()


Behaviour = Callable[[], Iterable[bytes | float]]
BUSY = b"HTTP/1.1 500 Oh\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html><body>Welcome</body></html>"


def drip(whole: bytes, pause: float = 0.1) -> Iterable[bytes | float]:
    for byte in whole:
        yield bytes([byte])
        yield pause


def failing(models: Models, behaviour: Behaviour, *, timeout: float = 1.0, seconds: float = 60.0) -> tuple[str, str]:
    """What was said before it failed, and the failure."""
    said: list[str] = []
    with RudeServer(behaviour) as server, pytest.raises(LanguageModelUnavailable) as caught:
        said.extend(
            piece
            for piece in models(server.url, timeout=timeout, seconds=seconds, retries=0).answer(QUESTION, PASSAGES)
            if isinstance(piece, str)
        )
    return "".join(said), str(caught.value)


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (lambda: [FOR_EVER], ""),
        (lambda: [HEAD, FOR_EVER], ""),
        (lambda: [HEAD, event("Half of it "), FOR_EVER], "Half of "),
        (lambda: drip(HEAD + event("Never") * 100), ""),
        (lambda: [HEAD, *drip(event("Never") * 100)], ""),
        (lambda: [HEAD, event("Half of it "), *drip(b": comment\n\n" * 100)], "Half of "),
        (lambda: [b"HTTP/1.1 500 Oh\r\n\r\n", *drip(b"x" * 1000)], ""),
    ],
    ids=["at once", "before the body", "half way", "drips headers", "drips events", "drips comments", "drips an error"],
)
def test_silence_and_dripping_bytes_end_after_the_timeout(models: Models, behaviour: Behaviour, said: str) -> None:
    started = time.monotonic()
    words, failure = failing(models, behaviour)
    assert 1.0 <= time.monotonic() - started < 4
    assert words.startswith(said)
    assert bool(words) == bool(said)
    assert "said nothing for 1 seconds" in failure or "status 500" in failure


def test_words_that_never_end_slowly_end_with_the_seconds_of_an_answer(models: Models) -> None:
    started = time.monotonic()
    words, failure = failing(models, lambda: itertools.chain([HEAD], itertools.cycle([event("so "), 0.1])), seconds=1.0)
    assert 1.0 <= time.monotonic() - started < 3
    assert words.startswith("so so so")
    assert "took longer than 1 seconds" in failure
    assert "generator.answer_seconds" in failure


def test_a_model_that_thinks_for_ever_ends_with_the_seconds_of_an_answer_too(models: Models) -> None:
    words, failure = failing(models, lambda: itertools.chain([HEAD], itertools.cycle([event(""), 0.1])), seconds=1.0)
    assert (words, "took longer than 1 seconds" in failure) == ("", True)


def test_a_model_that_thinks_is_not_silent(models: Models) -> None:
    thinking = [event(""), 0.2] * 5
    with RudeServer(lambda: [HEAD, *thinking, event("Fine [1]."), STOP]) as server:
        assert ask(models(server.url, timeout=0.5, retries=0))[1].text == "Fine [1]."


@pytest.mark.parametrize("text", ["never ", "x" * 500_000], ids=["words", "one word"])
def test_a_reply_that_never_stops_is_cut_at_its_budget_and_counts_as_an_answer(models: Models, text: str) -> None:
    with RudeServer(lambda: itertools.chain([HEAD], itertools.cycle([event(text)]))) as server:
        generator = models(server.url, max_tokens=256)
        started = time.monotonic()
        _, draft = ask(generator)
        assert time.monotonic() - started < 5
        assert 0 < len(draft.text) <= 16 * 256
        assert generator.rewrite(QUESTION, HISTORY) == f"What is a canary? {QUESTION}"


@pytest.mark.parametrize(
    "behaviour",
    [
        lambda: itertools.chain([HEAD, b"data: "], itertools.repeat(b"x" * 65536)),
        lambda: itertools.chain([HEAD], itertools.repeat(b":" + b"x" * 65535)),
        lambda: itertools.chain([BUSY], itertools.repeat(b"x" * 65536)),
    ],
    ids=["an endless line", "an endless comment", "an endless error"],
)
def test_an_endless_line_is_not_read_into_memory(models: Models, behaviour: Behaviour) -> None:
    tracemalloc.start()
    try:
        _, failure = failing(models, behaviour, timeout=20.0)
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()
    assert "sent more than an answer can have" in failure or "status 500" in failure


@pytest.mark.parametrize(
    ("behaviour", "failure"),
    [
        (lambda: [HEAD, event("Half of it ")[:-20]], "broke off|no chat completion"),
        (lambda: [HEAD, event("Half of it "), b'data: {"choices": [{"del'], "broke off"),
        (lambda: [HEAD, event("Half of it "), b'data: {"choices": [{"del\n\n', STOP], "no chat completion"),
        (lambda: [HEAD, event("Half of it "), b"event: odd\n\n", STOP], "no chat completion"),
        (lambda: [HEAD, event("Half of it "), b"data: \xff\xfe\n\n", STOP], "no chat completion"),
        (lambda: [PAGE], "no chat completion"),
        (lambda: [HEAD], "no chat completion"),
        (lambda: [HEAD, event(""), STOP], "empty answer"),
        (lambda: [b"HTTP/1.1 204 No Content\r\n\r\n"], "no chat completion"),
        (lambda: [b"\x00\x01\x02\r\n\r\n"], "cannot be reached|broke off"),
        (list, "cannot be reached|broke off"),
        (lambda: [b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", event("Half ")], "broke off"),
    ],
    ids=[
        "closes inside the first event",
        "closes inside an event",
        "half an event",
        "an event without data",
        "not UTF-8",
        "a page",
        "nothing",
        "an empty reply",
        "no content",
        "no HTTP",
        "hangs up",
        "fewer bytes than it said",
    ],
)
def test_what_is_no_answer_says_so(models: Models, behaviour: Behaviour, failure: str) -> None:
    with RudeServer(behaviour) as server, pytest.raises(LanguageModelUnavailable, match=failure):
        ask(models(server.url, retries=0))


def test_lines_that_mean_nothing_are_passed_over(models: Models) -> None:
    noise = b": comment\nretry: never\nnonsense\n\n\n"
    with RudeServer(lambda: [HEAD, noise, event("Fine "), noise, event("[1]."), noise, STOP]) as server:
        assert ask(models(server.url))[1].text == "Fine [1]."


def test_characters_that_cannot_be_stored_are_not_said(models: Models) -> None:
    with RudeServer(lambda: [HEAD, event("Fi\0ne "), event("\ud83d [1]."), STOP]) as server:
        assert ask(models(server.url))[1].text == "Fine ? [1]."


def test_a_server_that_drops_connections_is_asked_again_only_so_often_and_not_past_the_seconds(models: Models) -> None:
    with RudeServer(list) as server:
        with pytest.raises(LanguageModelUnavailable):
            ask(models(server.url, retries=3))
        assert server.asked == 4
        with pytest.raises(LanguageModelUnavailable):
            ask(models(server.url, retries=3, seconds=0.4))
        assert server.asked == 5


def test_threads_that_were_left_behind_end(models: Models) -> None:
    with RudeServer(lambda: itertools.chain([HEAD], itertools.cycle([b": comment\n\n", 0.05]))) as server:
        for _ in range(3):
            with pytest.raises(LanguageModelUnavailable):
                ask(models(server.url, timeout=0.2, retries=0))
        until = time.monotonic() + 5
        while any(thread.name == "model" for thread in threading.enumerate()) and time.monotonic() < until:
            time.sleep(0.05)
        assert not [thread for thread in threading.enumerate() if thread.name == "model"]


def test_many_that_hang_are_not_waited_for_without_end(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "MOST", 1)
    with RudeServer(lambda: drip(HEAD)) as server:
        generator = models(server.url, timeout=0.2, retries=0)
        with pytest.raises(LanguageModelUnavailable, match="said nothing"):
            ask(generator)
        with pytest.raises(LanguageModelUnavailable, match="has not ended"):
            list[str | Draft](generator.answer(QUESTION, PASSAGES))
