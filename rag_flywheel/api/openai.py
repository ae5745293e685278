"""OpenAI's chat completions, so that any existing chat client works.

The last user message is the question and those before it are the history. System messages are for language models and
are passed over. `user` names the asker, and `user_group` in `metadata` the group that the asker belongs to. `id` is the
interaction's id, so that feedback and corrections can name it; citations and the version come in `rag_flywheel`, a
field of our own that clients pass over.
"""

import json
from collections.abc import Iterator
from typing import Annotated, Literal

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from rag_flywheel.api.chat import started
from rag_flywheel.api.models import TEXT_AT_MOST, Body, CitationReply, Group, chat_reply
from rag_flywheel.api.state import Shared, State
from rag_flywheel.domain import Confidence, Interaction, InteractionId, Question, Turn
from rag_flywheel.errors import FlywheelError, InvalidInput

routes = APIRouter(prefix="/v1", tags=["OpenAI-compatible"])
MODEL = "rag-flywheel"


class ContentPart(BaseModel):
    type: str
    text: str = ""


class Message(BaseModel):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[ContentPart] | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content if part.type == "text")
        return self.content or ""


class StreamOptions(BaseModel):
    include_usage: bool = False


class Metadata(BaseModel):
    """The one key we use; an application may send others for its own ends."""

    user_group: Group | None = None


class CompletionBody(BaseModel):
    """The fields we use; clients send many more (temperature, tools...), which are passed over."""

    model_config = ConfigDict(extra="ignore")

    messages: Annotated[list[Message], Field(min_length=1, max_length=400)]
    model: str = MODEL
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    user: str | None = None
    metadata: Metadata | None = None


class ModelReply(Body):
    id: str
    object: Literal["model"] = "model"
    created: int = 0
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
    finish_reason: Literal["stop"] = "stop"
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
    finish_reason: Literal["stop"] | None
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


class FailureDetail(Body):
    message: str
    type: Literal["invalid_request_error", "server_error"]
    code: str  # the error's name in `errors`
    param: None = None


class CompletionFailure(Body):
    """Why there is no answer, as OpenAI says it."""

    error: FailureDetail


@routes.get("/models")
def models(state: Shared) -> ModelsReply:
    """The one model there is."""
    return ModelsReply(data=[ModelReply(id=MODEL)])


@routes.get("/models/{model}")
def model(model: str) -> ModelReply:
    """The one model there is, whatever it is called."""
    return ModelReply(id=model)


@routes.post("/chat/completions", response_model=Completion)
def completions(body: CompletionBody, state: Shared) -> Completion | StreamingResponse:
    """Answer the last user message, whole or as a stream of chunks that ends with `data: [DONE]`."""
    question = _question(body, state)
    interaction_id = InteractionId(state.services.new_id())
    created = int(question.asked.timestamp())
    if body.stream:
        pieces = started(state, question, interaction_id)
        first = _chunk(interaction_id, created, body, ChunkDelta(role="assistant", content=""))
        return StreamingResponse(_events(pieces, body, first), media_type="text/event-stream")
    interaction = state.chat.answer(question, interaction_id=interaction_id)
    return Completion(
        id=interaction_id,
        created=created,
        model=body.model,
        choices=[Choice(message=AnswerMessage(content=interaction.answer))],
        usage=_usage(body, interaction),
        rag_flywheel=_ours(interaction),
    )


def _question(body: CompletionBody, state: State) -> Question:
    turns = [message for message in body.messages if message.role in ("user", "assistant")]
    if not turns or turns[-1].role != "user" or not turns[-1].text.strip():
        raise InvalidInput("the last message should be the user's question, with text; it is not")
    if any(len(turn.text) > TEXT_AT_MOST for turn in turns):
        raise InvalidInput(f"a message is longer than {TEXT_AT_MOST} characters")
    history = tuple(Turn(role="user" if turn.role == "user" else "assistant", text=turn.text) for turn in turns[:-1])
    return Question(
        text=turns[-1].text,
        asked=state.services.now(),
        user=body.user or None,
        group=None if body.metadata is None else body.metadata.user_group,
        history=history,
        consent=state.chat.consents(None),
    )


def _events(pieces: Iterator[str | Interaction], body: CompletionBody, first: Chunk) -> Iterator[str]:
    yield _event(first)
    try:
        for piece in pieces:
            if isinstance(piece, str):
                yield _event(_with(first, delta=ChunkDelta(content=piece)))
            else:
                last = _with(first, delta=ChunkDelta(), finish_reason="stop")
                yield _event(last.model_copy(update={"rag_flywheel": _ours(piece)}))
                if body.stream_options is not None and body.stream_options.include_usage:
                    yield _event(first.model_copy(update={"choices": [], "usage": _usage(body, piece)}))
    except FlywheelError as error:
        detail = FailureDetail(message=str(error), type="server_error", code=type(error).__name__)
        yield _event(CompletionFailure(error=detail))
    yield "data: [DONE]\n\n"


def _chunk(interaction_id: InteractionId, created: int, body: CompletionBody, delta: ChunkDelta) -> Chunk:
    return Chunk(
        id=interaction_id,
        created=created,
        model=body.model,
        object="chat.completion.chunk",
        choices=[_choice(delta, None)],
    )


def _with(chunk: Chunk, *, delta: ChunkDelta, finish_reason: Literal["stop"] | None = None) -> Chunk:
    return chunk.model_copy(update={"choices": [_choice(delta, finish_reason)]})


def _choice(delta: ChunkDelta, finish_reason: Literal["stop"] | None) -> ChunkChoice:
    return ChunkChoice(index=0, delta=delta, finish_reason=finish_reason, logprobs=None)


def _ours(interaction: Interaction) -> FlywheelFields:
    reply = chat_reply(interaction)
    return FlywheelFields(
        interaction_id=reply.interaction_id,
        citations=reply.citations,
        version=reply.version,
        arm=reply.arm,
        canary=reply.canary,
        answered=reply.answered,
        confidence=reply.confidence,
    )


def _usage(body: CompletionBody, interaction: Interaction) -> Usage:
    asked = sum(len(message.text.split()) for message in body.messages)
    answered = len(interaction.answer.split())
    return Usage(prompt_tokens=asked, completion_tokens=answered, total_tokens=asked + answered)


def _event(value: Body) -> str:
    """Only with the fields that were set: a client adds each of them to the message."""
    return f"data: {json.dumps(value.model_dump(mode='json', exclude_unset=True))}\n\n"
