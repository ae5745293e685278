"""A language model behind an OpenAI-compatible server, through LlamaIndex, as a `Speaker`."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

from rag_flywheel.adapters.models.failures import Failure, Names, refused
from rag_flywheel.adapters.models.prompt import Told
from rag_flywheel.adapters.models.waiting import MOST, Patience, Silent, TooLong, TooMany
from rag_flywheel.errors import ConfigError, LanguageModelUnavailable
from rag_flywheel.ports import telemetry

if TYPE_CHECKING:
    from llama_index.core.llms import ChatMessage

_BYTES_OF_AN_EVENT = 4096  # that brings a token, at most; most have a tenth of that
_ENVELOPE = 1 << 20  # bytes for what comes besides, such as what a model thinks
_NAMES = Names(
    key="RAG_FLYWHEEL_LLM_API_KEY",
    model="generator.model",
    url="generator.url",
    limits="generator.model, generator.context_window and generator.max_tokens",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A model behind a server, and how it is asked."""

    url: str  # the server's base, such as http://localhost:11434/v1
    model: str  # its name there
    api_key: str = field(repr=False)  # an empty one is sent as "none"
    timeout: float  # the longest silence in seconds: to the connection, to the first piece, between two pieces
    seconds: float  # the longest answer, with all tries
    retries: int  # after a lost connection, a time-out, 429 and 5xx, as long as nothing was said yet
    context_window: int  # tokens
    max_tokens: int  # of an answer
    temperature: float


class OpenAILikeSpeaker:
    """Says what the model behind `server` streams; safe under threads. Raises ConfigError when the model's name cannot
    work.
    """

    def __init__(self, server: Server, *, pause: Callable[[float], None] = time.sleep) -> None:
        from llama_index.llms.openai_like import OpenAILike  # type: ignore[import-untyped]

        self.name = f"openai_like:{server.model}"
        self._host = urlsplit(server.url).netloc.rpartition("@")[2] or server.url
        self._timeout = server.timeout
        self._seconds = server.seconds
        self._retries = server.retries
        self._patience = Patience(silence=server.timeout)
        self._most = _ENVELOPE + _BYTES_OF_AN_EVENT * server.max_tokens
        self._pause = pause
        self._http = httpx.Client(
            timeout=server.timeout,
            follow_redirects=True,
            event_hooks={"response": [self._watch]},
            limits=httpx.Limits(max_connections=MOST, max_keepalive_connections=20),  # httpx would take 100
        )
        try:
            self._llm = OpenAILike(
                model=server.model,
                api_base=server.url,
                api_key=server.api_key or "none",
                is_chat_model=True,
                context_window=server.context_window,
                max_tokens=server.max_tokens,
                temperature=server.temperature,
                timeout=server.timeout,
                max_retries=0,  # LlamaIndex and the openai client would each retry this often; we do it once
                default_headers={"Accept-Encoding": "identity"},  # the watch reads what passes by
                http_client=self._http,
            )
        except ValueError as error:  # a known OpenAI model without chat completions
            self._http.close()
            raise ConfigError(f"generator.model: {server.model!r} cannot be used over chat completions") from error

    def close(self) -> None:
        """Close the connections to the server."""
        self._http.close()

    def pieces(self, told: Told) -> Iterator[str]:
        """The reply as it comes, tried again while nothing of it was said."""
        from llama_index.core.llms import ChatMessage, MessageRole

        messages = [
            ChatMessage(role=MessageRole.SYSTEM, content=told.system),
            ChatMessage(role=MessageRole.USER, content=told.user),
        ]
        vendors, tell = _vendor_errors(), telemetry.tokens()
        until = time.monotonic() + self._seconds
        for attempt in count():
            said = False
            try:
                for piece in self._patience.pieces(lambda: self._once(messages, tell), until=until):
                    if piece:
                        said = True
                        yield piece
                return
            except vendors as error:
                failure = _failure(error, timeout=self._timeout, seconds=self._seconds)
                wait = failure.pause(attempt)
                again = failure.worth_waiting(self._timeout) and time.monotonic() + wait < until
                if said or not again or attempt >= self._retries:
                    raise LanguageModelUnavailable(
                        f"the language model at {self._host} {failure.what}; {failure.advice}",
                        refused=failure.alone,
                    ) from error
            self._pause(wait)

    def _once(self, messages: "Sequence[ChatMessage]", tell: Callable[[int, int], None]) -> Iterator[str]:
        """A piece for each event, empty where it has no words for the asker, such as those of a model that thinks.

        `tell` gets the tokens that were read and said, where the server counts them.
        """
        heard = finished = False
        for response in self._llm.stream_chat(messages):
            heard = True
            choices = response.raw.choices if response.raw is not None else []
            usage = getattr(response.raw, "usage", None)
            if usage is not None:
                tell(usage.prompt_tokens, usage.completion_tokens)
            finished = finished or any(choice.finish_reason for choice in choices)
            yield response.delta or ""
        if not heard:
            raise ValueError("no event")
        if not finished:
            raise _BrokenOff

    def _watch(self, response: httpx.Response) -> None:
        assert isinstance(response.stream, httpx.SyncByteStream)
        response.stream = _Watched(response.stream, silence=self._timeout, seconds=self._seconds, most=self._most)


class _BrokenOff(Exception):
    """The stream ended without saying that the answer is finished."""


class _TooMuch(Exception):
    """More bytes came than an answer can have."""


class _Watched(httpx.SyncByteStream):
    """A body that goes no longer than `silence` seconds without an event, `seconds` in all, and has at most `most`
    bytes. httpx counts seconds without a byte only, and would read an endless line into memory."""

    def __init__(self, stream: httpx.SyncByteStream, *, silence: float, seconds: float, most: int) -> None:
        self._stream = stream
        self._silence = silence
        self._until = time.monotonic() + seconds
        self._left = most

    def __iter__(self) -> Iterator[bytes]:
        heard = time.monotonic()
        for piece in self._stream:
            now = time.monotonic()
            self._left -= len(piece)
            if self._left < 0:
                raise _TooMuch
            if now > self._until:
                raise TooLong
            if b"data:" in piece:
                heard = now
            elif now - heard > self._silence:
                raise Silent
            yield piece

    def close(self) -> None:
        self._stream.close()


# --- errors ---------------------------------------------------------------------------------------------------------


def _vendor_errors() -> tuple[type[Exception], ...]:
    """What a call may raise: the client's errors, the transport's where a stream breaks, and what LlamaIndex and the
    client stumble over when a reply is not what the protocol says."""
    from openai import OpenAIError

    ours = (_BrokenOff, _TooMuch, Silent, TooLong, TooMany)
    return OpenAIError, httpx.HTTPError, *ours, ValueError, TypeError, AttributeError, IndexError


def _failure(error: Exception, *, timeout: float, seconds: float) -> Failure:
    """What happened, without a word of the request or of the server's message, which may repeat the request."""
    import openai

    match error:
        case TooLong():
            return Failure(
                f"took longer than {seconds:g} seconds", "raise generator.answer_seconds or lighten its load", False
            )
        case TooMany():
            return Failure(f"has not ended {MOST} answers", "ask again later, or look at its log", False)
        case _TooMuch():
            return Failure("sent more than an answer can have", "look at its log, or raise generator.max_tokens", False)
        case openai.APITimeoutError() | httpx.TimeoutException() | Silent():
            return Failure(f"said nothing for {timeout:g} seconds", "raise generator.timeout or lighten its load", True)
        case openai.APIStatusError():
            return refused(error.status_code, error.response.headers.get("retry-after", ""), _NAMES)
        case openai.APIConnectionError() | httpx.ConnectError():
            return Failure("cannot be reached", "start it, or check generator.url", True)
        case httpx.HTTPError() | _BrokenOff():
            return Failure("broke off in the middle of its answer", "ask again, or look at its log", True)
        case openai.APIError():
            return Failure("reported an error in the middle of its answer", "look at its log", False)
        case _:
            return Failure(
                f"replied with something that is no chat completion ({type(error).__name__})",
                "check generator.url: it usually ends in /v1",
                False,
            )
