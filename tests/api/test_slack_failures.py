"""Slack: what people are told when something breaks, and that a Slack that hangs holds up nobody."""

import functools
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from starlette.concurrency import run_in_threadpool

from rag_flywheel.api.app import create_app
from rag_flywheel.api.slack_later import TELLING_AT_ONCE, Later, Message
from rag_flywheel.domain import Person, Role
from tests.fakes.services import services
from tests.fakes.serving import Dictated
from tests.fakes.slack import installed

QUESTION = "How do I roll back to the previous version?"
WORDS = "xylophonequux"
STEVE = Person(name="slack|T1:U1", roles=frozenset({Role.ASKER}))


def said() -> Message:
    return {"text": "x"}


class Broken(Dictated):
    def answer(self, *arguments: Any, **named: Any) -> Any:
        raise KeyError(WORDS)


def test_of_an_error_that_nobody_foresaw_who_asked_is_told_and_the_log_has_no_words(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with installed(tmp_path, generator=Broken([])) as app:
        assert app.ask(QUESTION).status_code == 200
        [message] = app.there.messages()
    assert "Something went wrong" in message["text"]
    [line] = [record.getMessage() for record in caplog.records if record.name == "rag_flywheel.slack"]
    assert "KeyError at " in line
    assert WORDS not in caplog.text


def test_a_reply_that_breaks_in_another_way_than_slack_refusing_it_is_logged_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def tell(message: Message) -> None:
        raise ValueError(WORDS)

    later: Later = create_app(services(tmp_path)).state.later
    anyio.run(later.do, STEVE, said, tell)
    assert "ValueError at " in caplog.text
    assert WORDS not in caplog.text


def test_a_slack_that_hangs_leaves_the_threads_that_answer_alone(tmp_path: Path) -> None:
    """More messages than there are threads for answers wait for it."""
    later: Later = create_app(services(tmp_path)).state.later
    over = threading.Event()
    done: list[int] = []

    def tell(number: int, message: Message) -> None:
        assert over.wait(20)
        done.append(number)

    async def whole() -> None:
        anyio.to_thread.current_default_thread_limiter().total_tokens = TELLING_AT_ONCE
        async with anyio.create_task_group() as group:
            for number in range(3 * TELLING_AT_ONCE):
                person = replace(STEVE, name=f"slack|T1:U{number}")
                group.start_soon(later.do, person, said, functools.partial(tell, number))
            await anyio.sleep(0.5)
            try:
                with anyio.fail_after(5):
                    assert await run_in_threadpool(lambda: "answered") == "answered"
            finally:
                over.set()

    anyio.run(whole)
    assert len(done) == 3 * TELLING_AT_ONCE


def test_a_view_that_slack_does_not_open_is_told_to_who_pressed_the_button(tmp_path: Path) -> None:
    with installed(tmp_path) as app:
        app.ask(QUESTION)
        rows = [block["elements"] for block in app.there.messages()[-1]["blocks"] if block["type"] == "actions"]
        app.there.reply = {"ok": False, "error": "expired_trigger_id"}
        app.press("correct", rows[0][0]["value"])
        assert "Not available right now" in app.there.messages()[-1]["text"]
