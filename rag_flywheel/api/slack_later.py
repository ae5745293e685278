"""What is done once Slack has its reply: the work of a person's turn, and telling what came of it.

A Slack that hangs holds a thread for as long as all attempts take, so telling has threads of its own.
"""

import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass

import anyio
import anyio.to_thread
from starlette.concurrency import run_in_threadpool

from rag_flywheel.api import slack_messages as messages
from rag_flywheel.api.limits import Allowance, person_key
from rag_flywheel.config.logs import place_of
from rag_flywheel.domain import Json, Person
from rag_flywheel.errors import FlywheelError

TELLING_AT_ONCE = 4  # messages that are being sent to Slack, beside the threads that answer
Message = dict[str, Json]
logger = logging.getLogger("rag_flywheel.slack")


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """How it is done: in turns, and with how many threads for Slack."""

    allowance: Allowance
    telling: anyio.CapacityLimiter

    async def do(self, asking: Person, work: Callable[[], Message], tell: Callable[[Message], None]) -> None:
        """Whatever goes wrong, the person is told that something did, where Slack takes it."""
        key = person_key(asking)
        assert key is not None
        try:
            async with self.allowance.turn(key):
                told = await run_in_threadpool(work)
        except Exception as error:  # noqa: BLE001 - nobody else would tell them
            _log("what was asked from Slack", error)
            told = messages.failed(error)
        if not told:
            return
        try:
            await anyio.to_thread.run_sync(functools.partial(tell, told), limiter=self.telling)
        except Exception as error:  # noqa: BLE001 - nobody else would tell them
            _log("a reply to Slack", error)


def _log(what: str, error: Exception) -> None:
    """Of an error that was foreseen the kind is enough, which its own words explain to whoever asked."""
    logger.error("%s: %s", what, type(error).__name__ if isinstance(error, FlywheelError) else place_of(error))
