"""What OpenAI's chat completions take and give, as pydantic models; its reference says what each field means.

What clients send besides is passed over. What would change the answer's form, and cannot be had here, is refused. The
type of such a mistake is the code that OpenAI's clients know it by.
"""

import contextlib
import json
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from rag_flywheel.api.consent import WrittenAgreement
from rag_flywheel.api.endings import FinishReason
from rag_flywheel.api.models import TEXT_AT_MOST, Body, CitationReply, Group, Readable
from rag_flywheel.domain import Confidence

MODEL = "rag-flywheel"
MESSAGES_AT_MOST = 400  # of a conversation, the newest; what is older is not even looked at
PARTS_AT_MOST = 100  # of a message
CHARACTERS_AT_MOST = 1_000_000  # of a part
NAME_AT_MOST = 200  # characters


# --- requests -------------------------------------------------------------------------------------------------------


def _known(model: str) -> str:
    if model != MODEL:
        raise PydanticCustomError("model_not_found", "this model does not exist; the only one there is is rag-flywheel")
    return model


def _parts(content: object) -> object:
    """A text is a list of one part, and no content one of none."""
    if content is None:
        return []
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _newest(messages: object) -> object:
    return messages[-MESSAGES_AT_MOST:] if isinstance(messages, list) else messages


def _several(stop: object) -> object:
    return [stop] if isinstance(stop, str) else [] if stop is None else stop


def _single(choices: int) -> int:
    if choices > 1:
        raise PydanticCustomError("unsupported_value", "there is one answer to a question; only 1 is supported")
    return choices


def _without(wanted: bool) -> bool:
    if wanted:
        raise PydanticCustomError("unsupported_value", "there are no probabilities of tokens; only false is supported")
    return wanted


def _free(choice: object) -> object:
    """No call can be made here, which a client that insists on one has to know."""
    if choice not in (None, "none", "auto"):
        raise PydanticCustomError("unsupported_value", "no tool is ever called; only none and auto are supported")
    return choice


def _plain(form: object) -> object:
    if form is not None and not (isinstance(form, dict) and form.get("type") == "text"):
        raise PydanticCustomError("unsupported_value", "answers are quoted from documents; only text is supported")
    return form


def _written(modalities: list[str]) -> list[str]:
    if modalities != ["text"]:
        raise PydanticCustomError("unsupported_value", "answers are written; only text is supported")
    return modalities


ModelName = Annotated[str, AfterValidator(_known)]
Flag = Annotated[bool, Field(strict=True)]
Whole = Annotated[int, Field(strict=True, ge=1)]
Real = Annotated[float, Field(strict=True, allow_inf_nan=False)]
AskerName = Annotated[str, Field(max_length=NAME_AT_MOST)]


class ContentPart(BaseModel):
    """A piece of a message; its text is None where it is something else than a text."""

    type: Annotated[str, Field(max_length=NAME_AT_MOST)]
    text: Annotated[str, Field(max_length=CHARACTERS_AT_MOST)] | None = None

    @field_validator("text")
    @classmethod
    def _only_of_texts(cls, text: str | None, info: ValidationInfo) -> str | None:
        return text if info.data.get("type") == "text" else None


class Message(BaseModel):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Annotated[
        list[ContentPart],
        Field(max_length=PARTS_AT_MOST),
        BeforeValidator(_parts, json_schema_input_type=str | list[ContentPart] | None),
    ] = []

    @property
    def text(self) -> str:
        return "\n".join(part.text for part in self.content if part.text is not None)


def question_at(messages: list[Message]) -> int:
    """Where the question is: the last message of the user. What comes after it, such as the beginning of an answer or
    the result of a tool, is passed over. Raises ValueError where there is none.
    """
    return max(at for at, message in enumerate(messages) if message.role == "user")


def _with_question(messages: list[Message]) -> list[Message]:
    try:
        asked = messages[question_at(messages)]
    except ValueError:
        raise PydanticCustomError("invalid_value", "there is no message of the user, so there is no question") from None
    if any(part.text is None for part in asked.content):
        raise PydanticCustomError(
            "unsupported_value",
            "the last message of the user has parts that are no text, such as images: only text is read",
        )
    if not asked.text.strip():
        raise PydanticCustomError("invalid_value", "the last message of the user should be a question; it has no text")
    if len(asked.text) > TEXT_AT_MOST:
        raise PydanticCustomError(
            "string_above_max_length",
            "the last message of the user is too long; at most {most} characters are taken",
            {"most": TEXT_AT_MOST},
        )
    return messages


class StreamOptions(BaseModel):
    include_usage: Flag | None = False


def as_list(value: object) -> object:
    """A text that is a list in JSON, as that list."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        with contextlib.suppress(ValueError, RecursionError):
            return json.loads(value)
    return value


class Metadata(BaseModel):
    """The keys that we use; an application may send others for its own ends. Values are texts, and so are lists."""

    user_group: Group | None = None
    groups: Annotated[Readable, BeforeValidator(as_list)] = None
    consent: WrittenAgreement = None


class CompletionBody(BaseModel):
    """The fields that matter here."""

    model_config = ConfigDict(extra="ignore")

    model: ModelName
    messages: Annotated[
        list[Message], Field(min_length=1), BeforeValidator(_newest, json_schema_input_type=list[Message])
    ]
    stream: Flag | None = False
    stream_options: StreamOptions | None = None
    user: AskerName | None = None
    safety_identifier: AskerName | None = None  # OpenAI's newer name for it
    metadata: Metadata | None = None
    stop: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=NAME_AT_MOST)]],
        Field(max_length=4),
        BeforeValidator(_several, json_schema_input_type=str | list[str] | None),
    ] = []
    max_completion_tokens: Whole | None = None
    max_tokens: Whole | None = None  # its older name
    n: Annotated[Whole, AfterValidator(_single)] | None = 1
    logprobs: Annotated[Flag, AfterValidator(_without)] | None = False
    tool_choice: Annotated[object, AfterValidator(_free)] = None
    function_call: Annotated[object, AfterValidator(_free)] = None
    response_format: Annotated[object, AfterValidator(_plain)] = None
    modalities: Annotated[list[str], AfterValidator(_written)] | None = None
    temperature: Annotated[Real, Field(ge=0, le=2)] | None = None  # looked at from here on, but of no effect
    top_p: Annotated[Real, Field(ge=0, le=1)] | None = None
    presence_penalty: Annotated[Real, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[Real, Field(ge=-2, le=2)] | None = None
    seed: Annotated[int, Field(strict=True)] | None = None

    @field_validator("messages")
    @classmethod
    def _ask(cls, messages: list[Message]) -> list[Message]:
        return _with_question(messages)

    @field_validator("stream_options")
    @classmethod
    def _of_a_stream(cls, options: StreamOptions | None, info: ValidationInfo) -> StreamOptions | None:
        if options is not None and not info.data.get("stream"):
            raise PydanticCustomError("invalid_value", "only a stream has options; send stream: true or leave them out")
        return options

    @property
    def asker(self) -> str | None:
        return self.user or self.safety_identifier or None

    @property
    def words(self) -> int | None:
        """How many the answer may have."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def wants_usage(self) -> bool:
        """Whether a stream is to say how long question and answer were."""
        return self.stream_options is not None and bool(self.stream_options.include_usage)


# --- replies --------------------------------------------------------------------------------------------------------


class ModelReply(Body):
    id: Literal["rag-flywheel"] = "rag-flywheel"
    object: Literal["model"] = "model"
    created: int  # seconds since 1970
    owned_by: Literal["rag-flywheel"] = "rag-flywheel"


class ModelsReply(Body):
    object: Literal["list"] = "list"
    data: list[ModelReply]


class AnswerMessage(Body):
    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class Choice(Body):
    index: int = 0
    message: AnswerMessage
    finish_reason: FinishReason
    logprobs: None = None


class Usage(Body):
    """Words, as a stand-in for tokens: retrieval has no tokenizer that a client would recognise."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class FlywheelFields(Body):
    """What OpenAI has no place for: what `POST /chat` replies beside the answer."""

    interaction_id: str
    citations: list[CitationReply]
    version: str
    arm: str
    canary: str | None
    answered: bool
    confidence: Confidence | None
    fallback: bool


class Completion(Body):
    id: str
    created: int  # seconds since 1970
    model: str
    object: Literal["chat.completion"] = "chat.completion"
    choices: list[Choice]
    usage: Usage
    rag_flywheel: FlywheelFields


class ChunkDelta(Body):
    """What a chunk adds to the message: a field that is not set stays as it was."""

    role: Literal["assistant"] = "assistant"
    content: str = ""


class ChunkChoice(Body):
    index: int
    delta: ChunkDelta
    finish_reason: FinishReason | None
    logprobs: None


class Chunk(Body):
    """A piece of a streamed completion; the last one, or two, have the fields that are not set in the others."""

    id: str
    created: int
    model: str
    object: Literal["chat.completion.chunk"]
    choices: list[ChunkChoice]
    rag_flywheel: FlywheelFields | None = None
    usage: Usage | None = None
