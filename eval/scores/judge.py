"""The judge of one cycle: an OpenAI-compatible model, what it may cost, what it has cost, and what it said before.

Its client counts every request and token, waits when the server says `Retry-After` (RFC 9110, 10.2.3), and holds each
request, waiting included, to `judge.timeout`.
"""

import asyncio
import email.utils
import json
import logging
import struct
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from rag_flywheel import config
from rag_flywheel.errors import ConfigError
from rag_flywheel.ports import Cache

_log = logging.getLogger(__name__)

ANSWER_TOKENS = 2048
"""What one reply of the judge may be long; that much of the budget is set aside while it is awaited."""

_GIVE_UP_AFTER = 10  # scores that failed in a row: it is down, and waiting for each would take the night
_BYTES_PER_TOKEN = 3  # where the server does not count: English has 4 or more, so that the estimate errs upwards
_PAUSE = 1.0  # seconds after a 429, at least: a server that says 0 again and again would eat the budget
_VALUE = struct.Struct("<d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What the judge has cost in one cycle."""

    calls: int  # requests sent, those that were refused too
    tokens_in: int  # by the server's count; an estimate for replies that give none
    tokens_out: int
    cached: int  # scores known from before, without a request
    failed: int  # scores that are missing
    seconds: float  # of scoring with it
    stopped: str | None  # why it was not asked any more; None where it never came to that


class Judge:
    """Made once for a cycle by `open_judge` and shared by all that is judged in it; one scoring uses it at a time.

    `replies` are the judge's replies of this cycle by the digest of their prompt; they end with it, as they repeat what
    people wrote. Only values go to the cache.
    """

    def __init__(self, settings: config.Judge, *, key: str, cache: Cache) -> None:
        self.model = settings.model
        self.url = settings.url
        self.concurrency = settings.concurrency
        self.replies: dict[tuple[str, str], Any] = {}
        self._settings = settings
        self._key = key
        self._cache = cache
        self._calls = self._tokens_in = self._tokens_out = 0
        self._reserved = 0  # tokens that requests under way may still cost
        self._in_a_row = 0
        self._cached = self._failed = 0
        self._seconds = 0.0
        self._stopped: str | None = None
        self._resume = 0.0  # on the monotonic clock: when the server wants to hear of us again

    @property
    def costs(self) -> Costs:
        """What it has cost so far."""
        return Costs(
            calls=self._calls,
            tokens_in=self._tokens_in,
            tokens_out=self._tokens_out,
            cached=self._cached,
            failed=self._failed,
            seconds=self._seconds,
            stopped=self._stopped,
        )

    @property
    def stopped(self) -> bool:
        """Whether it is not asked any more in this cycle: its budget is used up, or it is down."""
        return self._stopped is not None

    def client(self) -> Any:
        """An `openai.AsyncOpenAI` for the running event loop, whose requests are counted and held to the budget."""
        from openai import AsyncOpenAI

        return AsyncOpenAI(
            base_url=self.url,
            api_key=self._key or "none",
            timeout=self._settings.timeout,
            max_retries=0,
            http_client=_Metered(self),
        )

    # --- scores: known, new and missing ones

    def known(self, keys: Sequence[str]) -> dict[str, float]:
        """The values judged before, by key."""
        found = self._cache.get(keys)
        return {key: _VALUE.unpack(value)[0] for key, value in found.items() if len(value) == _VALUE.size}

    def settle(self, key: str, value: float | None) -> None:
        """Remember a new value, or that a score is missing; after ten missing ones in a row the judge is given up."""
        if value is None:
            self._in_a_row += 1
            if self._in_a_row >= _GIVE_UP_AFTER and self._stopped is None:
                self._stop(f"it was given up after {_GIVE_UP_AFTER} scores in a row that failed")
            return
        self._in_a_row = 0
        self._cache.put({key: _VALUE.pack(value)})

    def tell(self, *, cached: int, failed: int, seconds: float) -> None:
        """Add a scoring to the costs."""
        self._cached += cached
        self._failed += failed
        self._seconds += seconds

    # --- one request

    async def send(self, prompt: bytes, post: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        """The whole reply to a prompt that `post` sends, once more where the server is busy and says until when.

        Raises TimeoutError after `judge.timeout`, JudgeStopped, and what `post` raises.
        """
        limit = time.monotonic() + self._settings.timeout
        async with asyncio.timeout(self._settings.timeout):
            while True:
                while (wait := self._resume - time.monotonic()) > 0:
                    await asyncio.sleep(wait)
                response = await self._send_once(_estimate(prompt), post)
                pause = _pause(response)
                if pause is None or time.monotonic() + pause >= limit:
                    return response
                self._resume = max(self._resume, time.monotonic() + pause)

    async def _send_once(self, prompt: int, post: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        reserved = prompt + ANSWER_TOKENS
        self._reserve(reserved)
        spent = (prompt, 0)  # a reply that never came was still worked on
        try:
            response = await post()
            await response.aread()
            spent = _usage(response, prompt)
            return response
        finally:
            self._reserved -= reserved
            self._tokens_in += spent[0]
            self._tokens_out += spent[1]

    def _reserve(self, tokens: int) -> None:
        calls, most = self._settings.maximum_calls, self._settings.maximum_tokens
        if self._calls >= calls:
            self._stop(f"judge.maximum_calls ({calls}) is used up")
        elif self._tokens_in + self._tokens_out + self._reserved + tokens > most:
            self._stop(f"judge.maximum_tokens ({most}) is used up")
        if self._stopped is not None:
            raise JudgeStopped(self._stopped)
        self._calls += 1
        self._reserved += tokens

    def _stop(self, why: str) -> None:
        if self._stopped is None:
            self._stopped = why
            _log.warning("the judge is not asked any more in this cycle: %s", why)


def open_judge(settings: config.Judge, *, key: str, cache: Cache) -> Judge | None:
    """The configured judge, None where there is none. Raises ConfigError when only half of it is given."""
    if not settings.url and not settings.model:
        return None
    if not settings.url or not settings.model:
        missing = "url" if settings.model else "model"
        raise ConfigError(f"a judge needs judge.model and judge.url, and judge.{missing} is empty: set both or neither")
    return Judge(settings, key=key, cache=cache)


class JudgeStopped(Exception):
    """No request is sent any more. The OpenAI client makes a lost connection of it, and that is counted as such."""


class _Metered(httpx.AsyncClient):
    """Sends requests the judge's way. A client and no transport, which would not see the environment's proxies."""

    def __init__(self, judge: Judge) -> None:
        super().__init__(follow_redirects=True)
        self._judge = judge

    async def send(
        self,
        request: httpx.Request,
        *,
        stream: bool = False,
        auth: Any = httpx.USE_CLIENT_DEFAULT,
        follow_redirects: Any = httpx.USE_CLIENT_DEFAULT,
    ) -> httpx.Response:
        def post() -> Awaitable[httpx.Response]:
            return super(_Metered, self).send(request, stream=stream, auth=auth, follow_redirects=follow_redirects)

        return await self._judge.send(request.content, post)


def _pause(response: httpx.Response) -> float | None:
    """Seconds until a busy server wants the request again; None where it gave an answer, or an error for good."""
    named = response.headers.get("Retry-After")
    if response.status_code != 429 and not (response.status_code == 503 and named):
        return None
    return max(_PAUSE, _seconds(named or ""))


def _seconds(named: str) -> float:
    """What `Retry-After` says, in whole seconds or as a date; 0 where it says neither."""
    if named.isdecimal():
        return float(named)
    try:
        return email.utils.parsedate_to_datetime(named).timestamp() - time.time()
    except ValueError:
        return 0.0


def _usage(response: httpx.Response, prompt: int) -> tuple[int, int]:
    """(tokens in, tokens out) as the server counts them, else an estimate. A refused request costs none."""
    if response.status_code != 200:
        return 0, 0
    try:
        usage: Mapping[str, Any] = json.loads(response.content)["usage"]
        counted = usage["prompt_tokens"], usage["completion_tokens"]
    except (ValueError, TypeError, LookupError):
        return prompt, _estimate(response.content)
    whole = all(isinstance(count, int) and count >= 0 for count in counted)
    return counted if whole else (prompt, _estimate(response.content))


def _estimate(text: bytes) -> int:
    return -(-len(text) // _BYTES_PER_TOKEN)
