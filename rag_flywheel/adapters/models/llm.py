"""A language model that answers from passages: a `Generator` and a `Rephraser` over whatever says its words."""

import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from rag_flywheel.adapters.models import prompt, reply
from rag_flywheel.adapters.models.prompt import Told
from rag_flywheel.adapters.models.refusal import Heard
from rag_flywheel.domain import Confidence, Draft, Passage, Searched, Turn
from rag_flywheel.errors import ConfigError, InvalidInput, LanguageModelUnavailable
from rag_flywheel.ports import Redactor, telemetry
from rag_flywheel.ports.metrics import Stage

_BULLET = re.compile(r"^(?:\d+[.)]|[-*•])\s+")
_ENDS = (".", "!", "\u3002")  # of statements; the last one is the Chinese and Japanese full stop
_LONGER = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f]|\w{4,}")
_BEGINNING = 5  # characters that the forms of a word share, more or less
_BYTES_OF_A_TOKEN = 16  # at most, nearly always: English has four
_LEAST_ROOM = 16  # tokens for passages or turns, below which asking is no use


class Speaker(Protocol):
    """A language model as it can be reached."""

    @property
    def name(self) -> str:
        """Of the model, as interactions record it."""

    def pieces(self, told: Told) -> Iterator[str]:
        """The reply as it comes. Raises LanguageModelUnavailable."""

    def close(self) -> None:
        """Let go of connections."""


class Checked(Protocol):
    """A reply sentence by sentence, as it is shown."""

    found: int  # sentences that the passages support, after the last one
    missed: int  # and those that they do not

    def __iter__(self) -> Iterator[str]: ...


Check = Callable[[Iterator[str], Sequence[str], str], Checked]
"""The pieces of a reply, the texts of its passages and the question to what is shown of it."""


class ModelGenerator:
    """Answers from numbered passages with [n] markers, streamed; as safe under threads as `speaker` is.

    `context_window` is what the model reads at once, `max_tokens` what it says at most, both in tokens; a longer reply
    ends there. `check` compares its sentences with the passages; None: they are shown as they come. `fallback` makes
    the standalone query when the model's own is unusable. Raises ConfigError when the window cannot work.
    """

    def __init__(
        self,
        speaker: Speaker,
        *,
        context_window: int,
        max_tokens: int,
        check: Check | None,
        fallback: Callable[[str, Sequence[Turn]], str],
    ) -> None:
        self.name = speaker.name
        self._speaker = speaker
        self._check = check
        self._fallback = fallback
        self._key = secrets.token_bytes(32)  # of the marks: new with each process, and told to nobody
        self._most = _BYTES_OF_A_TOKEN * max_tokens
        self._room = context_window - max_tokens - prompt.INSTRUCTIONS
        if self._room < _LEAST_ROOM:
            raise ConfigError(
                f"generator.context_window: {context_window} tokens leave no room for passages beside "
                f"generator.max_tokens ({max_tokens}) and the instructions; raise the one or lower the other"
            )

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

    def masked_by(self, redactor: Redactor) -> "ModelGenerator":
        """Itself: `MaskedGenerator` masks what it is told."""
        return self

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
        checked = self._check and self._check(said, [prompt.shown(passage) for passage in seen], question)
        text = ""
        for piece in said if checked is None else _compared_with_passages(checked):
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
                f"the language model {self.name} gave an empty answer; raise generator.max_tokens if it thinks "
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
        self._speaker.close()

    def _pieces(self, told: Told) -> Iterator[str]:
        provider, _, model = self.name.partition(":")
        about: dict[str, telemetry.Value] = {
            telemetry.OPERATION: "chat",
            telemetry.PROVIDER: "openai" if provider == "openai_like" else provider,
            telemetry.MODEL: model,
            telemetry.LLM_MODEL: model,
        }
        return telemetry.parts(Stage.MODEL, self._storable(told), about)

    def _storable(self, told: Told) -> Iterator[str]:
        """The reply in characters that can be stored, cut where it is longer than it may be: some models never stop."""
        left = self._most
        for piece in self._speaker.pieces(told):
            said = piece.replace("\0", "").encode("utf-8", "replace")
            yield said[: max(0, left)].decode("utf-8", "ignore")
            left -= len(said)
            if left < 0:
                return

    def _room_after(self, question: str) -> int:
        """Tokens left for the rest. Raises InvalidInput when the question alone fills the window."""
        needed = prompt.question_tokens(question)
        if self._room - needed < _LEAST_ROOM:
            raise InvalidInput(
                f"the question has about {needed} tokens and the language model has room for {self._room}; "
                f"shorten it, or raise generator.context_window"
            )
        return self._room - needed


def _compared_with_passages(checked: Checked) -> Iterator[str]:
    """What the check shows of a reply, and what it found, told to whoever looks at the answer."""

    def sentences() -> Iterator[str]:
        yield from checked
        telemetry.told({telemetry.SUPPORTED: checked.found, telemetry.UNSUPPORTED: checked.missed})

    return telemetry.parts(Stage.CHECK, sentences())


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
