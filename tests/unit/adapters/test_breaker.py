"""A service that does not answer is left alone for a while, and tried again."""

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from rag_flywheel.adapters.breaker import FAILURES, SECONDS, Breaker
from rag_flywheel.adapters.index.qdrant_index import connect
from rag_flywheel.domain import VersionId
from rag_flywheel.errors import IndexUnavailable, NotFound
from rag_flywheel.ports.metrics import REGISTRY


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker("index", IndexUnavailable, clock=clock)


def asked(breaker: Breaker, error: Exception | None = None) -> bool:
    """Whether the service was asked."""
    came = False
    try:
        with breaker.asked():
            came = True
            if error is not None:
                raise error
    except (IndexUnavailable, NotFound):
        pass
    return came


def fail(breaker: Breaker, times: int = FAILURES) -> None:
    for _ in range(times):
        assert asked(breaker, IndexUnavailable("silent"))


def counted(name: str) -> float:
    return REGISTRY.get_sample_value(f"rag_flywheel_service_{name}_total", {"service": "index"}) or 0.0


def test_after_three_failures_in_a_row_nobody_waits_for_it(breaker: Breaker) -> None:
    failures, spared = counted("failures"), counted("spared")
    fail(breaker)
    assert not asked(breaker)
    assert breaker.open
    assert (counted("failures") - failures, counted("spared") - spared) == (FAILURES, 1)
    with pytest.raises(IndexUnavailable, match="the index did not answer 3 times in a row: it is tried again in 10 s"):
        breaker.check()


def test_what_answers_in_between_is_not_left_alone(breaker: Breaker) -> None:
    for _ in range(3):
        fail(breaker, FAILURES - 1)
        assert asked(breaker)


def test_an_error_that_tells_that_it_answered_is_no_failure(breaker: Breaker) -> None:
    for _ in range(FAILURES + 1):
        assert asked(breaker, NotFound("no such version"))


def test_a_request_that_the_service_does_not_take_is_an_answer_of_it(breaker: Breaker) -> None:
    for _ in range(FAILURES + 1):
        assert asked(breaker, IndexUnavailable("refused with 400", refused=True))
    for _ in range(FAILURES):
        assert asked(breaker, IndexUnavailable("silent"))
        assert asked(breaker, NotFound("no such version"))
    assert not breaker.open


def test_whatever_error_tells_that_it_answers_again_ends_its_rest(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    clock.now += SECONDS
    assert asked(breaker, NotFound("no such version"))
    assert not breaker.open


class Refusing(BaseHTTPRequestHandler):
    """Takes no request: each has something wrong."""

    def do_GET(self) -> None:
        self.send_response(400)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def refusing() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_version_whose_searches_the_server_refuses_does_not_keep_others_from_being_searched(refusing: str) -> None:
    index = connect(refusing, api_key="", timeout=5, prefix="test")
    for _ in range(FAILURES + 1):
        with pytest.raises(IndexUnavailable, match="answered 400"):
            index.search(VersionId("broken"), text="hold", vector=np.ones(3, np.float32), limit=1, groups=None)
    assert not any(breaker.open for breaker in index.breakers)
    index.close()


def test_after_a_while_one_is_sent_to_see_and_the_others_go_on_waiting(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    clock.now += SECONDS
    breaker.check()  # that one is out
    assert not asked(breaker)
    breaker.failed()
    assert not asked(breaker)
    clock.now += SECONDS
    assert asked(breaker)
    assert not breaker.open
    assert asked(breaker)


def test_who_went_to_see_and_was_never_heard_of_again_does_not_keep_it_away(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    clock.now += SECONDS
    breaker.check()
    clock.now += SECONDS
    assert asked(breaker)


@pytest.fixture
def silent() -> Iterator[str]:
    """The URL of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_silent_index_costs_the_first_questions_the_time_out_and_others_nothing(silent: str) -> None:
    index = connect(silent, api_key="", timeout=1, prefix="test")
    started = time.monotonic()
    for _ in range(FAILURES):
        with pytest.raises(IndexUnavailable, match="does not answer"):
            index.live()
    waited = time.monotonic() - started
    started = time.monotonic()
    for _ in range(100):
        with pytest.raises(IndexUnavailable, match="did not answer 3 times in a row"):
            index.live()
    assert waited >= FAILURES
    assert time.monotonic() - started < 1
    assert [breaker.name for breaker in index.breakers if breaker.open] == ["index"]
    index.close()
