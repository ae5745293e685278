"""A language model behind an OpenAI-compatible server, through LlamaIndex, as a `Generator` and a `Rephraser`."""

import re
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

from rag_flywheel.adapters.models import prompt, reply, support
from rag_flywheel.adapters.models.prompt import Told
from rag_flywheel.adapters.models.refusal import Heard
from rag_flywheel.adapters.models.support import Unsupported
from rag_flywheel.domain import Confidence, Draft, Passage, Searched, Turn
from rag_flywheel.errors import ConfigError, InvalidInput, LanguageModelUnavailable

if TYPE_CHECKING:
    from llama_index.core.llms import ChatMessage

_BULLET = re.compile(r"^(?:\d+[.)]|[-*•])\s+")
_ENDS = (".", "!", "\u3002")  # of statements; the last one is the Chinese and Japanese full stop
_LONGER = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f]|\w{4,}")
_BEGINNING = 5  # characters that the forms of a word share, more or less
_LONGEST_BACKOFF = 8.0  # seconds
_LEAST_ROOM = 16  # tokens for passages or turns, below which asking is no use


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageModel:
    """A model behind a server, and how it is asked."""

    url: str  # the server's base, such as http://localhost:11434/v1
    name: str  # of the model there
    api_key: str = field(repr=False)  # an empty one is sent as "none"
    timeout: float  # the longest silence in seconds: to the connection, to the first piece, between two pieces
    retries: int  # after a lost connection, a time-out, 429 and 5xx, as long as nothing was said yet
    context_window: int  # tokens
    max_tokens: int  # of an answer
    temperature: float
    unsupported: Unsupported  # what becomes of a sentence that the passages it cites do not hold


class OpenAILikeGenerator:
    """Answers from numbered passages with [n] markers, streamed; safe under threads.

    `fallback` makes the standalone query when the model's own is unusable. Raises ConfigError when the model's name or
    the window cannot work.
    """

    def __init__(
        self,
        model: LanguageModel,
        *,
        fallback: Callable[[str, Sequence[Turn]], str],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        from llama_index.llms.openai_like import OpenAILike  # type: ignore[import-untyped]

        self.name = f"openai_like:{model.name}"
        self._host = urlsplit(model.url).netloc.rpartition("@")[2] or model.url
        self._timeout = model.timeout
        self._retries = model.retries
        self._unsupported = model.unsupported
        self._fallback = fallback
        self._pause = pause
        self._key = secrets.token_bytes(32)  # of the marks: new with each process, and told to nobody
        self._room = model.context_window - model.max_tokens - prompt.INSTRUCTIONS
        if self._room < _LEAST_ROOM:
            raise ConfigError(
                f"generator.context_window: {model.context_window} tokens leave no room for passages beside "
                f"generator.max_tokens ({model.max_tokens}) and the instructions; raise the one or lower the other"
            )
        self._http = httpx.Client(timeout=model.timeout, follow_redirects=True, event_hooks={"response": [self._watch]})
        try:
            self._llm = OpenAILike(
                model=model.name,
                api_base=model.url,
                api_key=model.api_key or "none",
                is_chat_model=True,
                context_window=model.context_window,
                max_tokens=model.max_tokens,
                temperature=model.temperature,
                timeout=model.timeout,
                max_retries=0,  # LlamaIndex and the openai client would each retry this often; we do it once
                default_headers={"Accept-Encoding": "identity"},  # the watch reads what passes by
                http_client=self._http,
            )
        except ValueError as error:  # a known OpenAI model without chat completions
            self._http.close()
            raise ConfigError(f"generator.model: {model.name!r} cannot be used over chat completions") from error

    def rewrite(self, question: str, history: Sequence[Turn]) -> str:
        """A standalone query, by the model, which is not asked without history; by `fallback` where it says nothing, an
        answer, a refusal or a lecture instead. Raises LanguageModelUnavailable.
        """
        if not history:
            return question
        told = prompt.rewriting(question, history, room=self._room_after(question), key=self._key)
        lines = "".join(self._pieces(told)).replace(told.mark, "").strip().splitlines()
        query = lines[0].strip().strip("\"'").strip() if lines else ""
        return query if _is_wording(query, question, history) else self._fallback(question, history)

    def prepare(self, found: Sequence[Sequence[Passage]]) -> None:
        """Nothing: a model is asked one question at a time."""

    def answer(
        self, question: str, passages: Sequence[Passage], *, searched: Searched | None = None
    ) -> Iterator[str | Draft]:
        """Pieces as the model says them, then the draft. Without passages it refuses and the model is not asked.

        A refusal after words that cite a passage ends an answer; after others the asker is told of it too. What the
        passages do not support is marked or cut; an answer of which nothing is left is a refusal, and one of which
        nothing is supported is doubtful.
        """
        if not passages:
            yield prompt.REFUSAL
            yield Draft(text=prompt.REFUSAL, answered=False, citations=())
            return
        told, seen = prompt.answering(question, passages, room=self._room_after(question), key=self._key)
        heard = Heard(self._pieces(told))
        said = reply.shown(
            iter(heard),
            [passage.chunk.text for passage in seen],
            instructions=prompt.instructions(told.mark),
            mark=told.mark,
        )
        checked = None
        if self._unsupported != "keep":
            held = support.read([prompt.shown(passage) for passage in seen], question)
            checked = support.Checked(said, held, cut=self._unsupported == "cut")
        text = ""
        for piece in said if checked is None else checked:
            piece = piece if text else piece.lstrip()
            if piece:
                text += piece
                yield piece
        citations = reply.citations(text, seen)
        missed, found = (0, 0) if checked is None else (checked.missed, checked.found)
        refused = not citations and (heard.refused or (not text and missed > 0))
        if refused:
            piece = f"\n\n{prompt.REFUSAL}" if text else prompt.REFUSAL
            yield piece
            text += piece
        if not text:
            raise LanguageModelUnavailable(
                f"the language model at {self._host} gave an empty answer; raise generator.max_tokens if it thinks "
                f"before it answers, or try another generator.model"
            )
        doubtful = not refused and missed > 0 and found == 0
        yield Draft(
            text=text, answered=not refused, citations=citations, confidence=Confidence.LOW if doubtful else None
        )

    def rephrase(self, text: str, count: int) -> list[str]:
        """Up to `count` wordings, by the model. Raises LanguageModelUnavailable, InvalidInput."""
        self._room_after(text)
        told = prompt.rephrasing(text, count, key=self._key)
        lines = "".join(self._pieces(told)).replace(told.mark, "").splitlines()
        wordings = [_BULLET.sub("", line.strip()).strip("\"'").strip() for line in lines]
        # A long line is an answer or a lecture, not a wording.
        return [wording for wording in wordings if 0 < len(wording) <= 100 + 2 * len(text)][:count]

    def close(self) -> None:
        """Close the connections to the server."""
        self._http.close()

    def _room_after(self, question: str) -> int:
        """Tokens left for the rest. Raises InvalidInput when the question alone fills the window."""
        needed = prompt.question_tokens(question)
        if self._room - needed < _LEAST_ROOM:
            raise InvalidInput(
                f"the question has about {needed} tokens and the language model has room for {self._room}; "
                f"shorten it, or raise generator.context_window"
            )
        return self._room - needed

    def _pieces(self, told: Told) -> Iterator[str]:
        """The reply as it comes, tried again while nothing of it was said."""
        from llama_index.core.llms import ChatMessage, MessageRole

        messages = [
            ChatMessage(role=MessageRole.SYSTEM, content=told.system),
            ChatMessage(role=MessageRole.USER, content=told.user),
        ]
        vendors = _vendor_errors()
        for attempt in count():
            said = False
            try:
                for piece in self._once(messages):
                    said = True
                    yield piece
                return
            except vendors as error:
                failure = _failure(error, timeout=self._timeout)
                # A server that wants to be left alone for longer than we wait for an answer is not there for us.
                again = failure.passing and (failure.wait is None or failure.wait <= self._timeout)
                if said or not again or attempt >= self._retries:
                    raise LanguageModelUnavailable(
                        f"the language model at {self._host} {failure.what}; {failure.advice}"
                    ) from error
            self._pause(min(0.5 * 2**attempt, _LONGEST_BACKOFF) if failure.wait is None else failure.wait)

    def _once(self, messages: "Sequence[ChatMessage]") -> Iterator[str]:
        finished = False
        for response in self._llm.stream_chat(messages):
            choices = response.raw.choices if response.raw is not None else []
            finished = finished or any(choice.finish_reason for choice in choices)
            if response.delta:
                yield response.delta
        if not finished:
            raise _BrokenOff

    def _watch(self, response: httpx.Response) -> None:
        assert isinstance(response.stream, httpx.SyncByteStream)
        response.stream = _Watched(response.stream, limit=self._timeout)


class _BrokenOff(Exception):
    """The stream ended without saying that the answer is finished."""


class _Watched(httpx.SyncByteStream):
    """A body that may not go `limit` seconds without an event. httpx counts bytes, so a stalled server that sends
    keep-alive comments would hold a thread for ever."""

    def __init__(self, stream: httpx.SyncByteStream, *, limit: float) -> None:
        self._stream = stream
        self._limit = limit

    def __iter__(self) -> Iterator[bytes]:
        heard = time.monotonic()
        for piece in self._stream:
            now = time.monotonic()
            if b"data:" in piece:
                heard = now
            elif now - heard > self._limit:
                raise httpx.ReadTimeout(f"no event for {self._limit:g} s")
            yield piece

    def close(self) -> None:
        self._stream.close()


def _is_wording(query: str, question: str, history: Sequence[Turn]) -> bool:
    """Whether it may be the question in the words of the conversation. A long one is a lecture; one that ends as a
    statement, or of which more than half are words that nobody said before, is an answer or a refusal."""
    if not 0 < len(query) <= 300 + len(question):
        return False
    if query.endswith(_ENDS) and not question.rstrip().endswith(_ENDS):
        return False
    said = {word for text in (question, *(turn.text for turn in history)) for word in _compared(text)}
    words = _compared(query)
    return 0 < len(words) <= 2 * sum(word in said for word in words)


def _compared(text: str) -> list[str]:
    """The longer words of a text, so far as all their forms begin, and the characters of scripts without blanks."""
    return [word.casefold()[:_BEGINNING] for word in _LONGER.findall(text)]


# --- errors ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Failure:
    what: str
    advice: str
    passing: bool  # whether another try may help
    wait: float | None = None  # seconds that the server asks to be left alone


def _vendor_errors() -> tuple[type[Exception], ...]:
    """What a call may raise: the client's errors, the transport's where a stream breaks, and what LlamaIndex and the
    client stumble over when a reply is not what the protocol says."""
    from openai import OpenAIError

    return OpenAIError, httpx.HTTPError, _BrokenOff, ValueError, TypeError, AttributeError, IndexError


def _failure(error: Exception, *, timeout: float) -> _Failure:
    """What happened, without a word of the request or of the server's message, which may repeat the request."""
    import openai

    match error:
        case openai.APITimeoutError() | httpx.TimeoutException():
            return _Failure(
                f"said nothing for {timeout:g} seconds", "raise generator.timeout or lighten its load", True
            )
        case openai.APIStatusError():
            return _status_failure(error.status_code, error.response.headers.get("retry-after", ""))
        case openai.APIConnectionError() | httpx.ConnectError():
            return _Failure("cannot be reached", "start it, or check generator.url", True)
        case httpx.HTTPError() | _BrokenOff():
            return _Failure("broke off in the middle of its answer", "ask again, or look at its log", True)
        case openai.APIError():
            return _Failure("reported an error in the middle of its answer", "look at its log", False)
        case _:
            return _Failure(
                f"replied with something that is no chat completion ({type(error).__name__})",
                "check generator.url: it usually ends in /v1",
                False,
            )


def _status_failure(status: int, retry_after: str) -> _Failure:
    what = f"refused with status {status}"
    wait = float(retry_after) if re.fullmatch(r"\d{1,6}(\.\d+)?", retry_after) else None
    if status in (401, 403):
        return _Failure(what, "set RAG_FLYWHEEL_LLM_API_KEY to a key that it accepts", False)
    if status == 404:
        return _Failure(what, "check that generator.model is a model it has and that generator.url is right", False)
    if status == 429:
        return _Failure(what, "it has too many requests or the key's quota is spent; try again later", True, wait)
    if status >= 500:
        return _Failure(what, "look at its log, or try again later", True, wait)
    return _Failure(what, "check generator.model, generator.context_window and generator.max_tokens against it", False)
