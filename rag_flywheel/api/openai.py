"""OpenAI's chat completions, so that any existing chat client works.

The last user message is the question and those before it are the history. System messages are for language models and
are passed over. `user` names the asker, and `user_group` in `metadata` the group that the asker belongs to. `id` is the
interaction's id, so that feedback and corrections can name it; citations and the version come in `rag_flywheel`, a
field of our own that clients pass over.
"""

import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from rag_flywheel.api.chat import started
from rag_flywheel.api.models import TEXT_AT_MOST, Group, chat_reply
from rag_flywheel.api.state import Shared, State
from rag_flywheel.domain import Interaction, InteractionId, Question, Turn
from rag_flywheel.errors import FlywheelError, InvalidInput

routes = APIRouter(prefix="/v1", tags=["OpenAI-compatible"])
MODEL = "rag-flywheel"


class Part(BaseModel):
    type: str
    text: str = ""


class Message(BaseModel):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = None

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


@routes.get("/models")
def models(state: Shared) -> dict[str, Any]:
    """The one model there is."""
    return {"object": "list", "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "rag-flywheel"}]}


@routes.get("/models/{model}")
def model(model: str) -> dict[str, Any]:
    """The one model there is, whatever it is called."""
    return {"id": model, "object": "model", "created": 0, "owned_by": "rag-flywheel"}


@routes.post("/chat/completions", response_model=None)
def completions(body: CompletionBody, state: Shared) -> dict[str, Any] | StreamingResponse:
    """Answer the last user message, whole or as a stream of chunks that ends with `data: [DONE]`."""
    question = _question(body, state)
    shape: dict[str, Any] = {
        "id": state.services.new_id(),
        "created": int(question.asked.timestamp()),
        "model": body.model,
    }
    interaction_id = InteractionId(shape["id"])
    if body.stream:
        pieces = started(state, question, interaction_id)
        return StreamingResponse(_chunks(pieces, body, shape), media_type="text/event-stream")
    interaction = state.chat.answer(question, interaction_id=interaction_id)
    message = {"role": "assistant", "content": interaction.answer, "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    usage = _usage(body, interaction)
    return {**shape, "object": "chat.completion", "choices": [choice], "usage": usage, **_ours(interaction)}


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


def _chunks(pieces: Iterator[str | Interaction], body: CompletionBody, shape: dict[str, Any]) -> Iterator[str]:
    shape = {**shape, "object": "chat.completion.chunk"}
    yield _data(shape | {"choices": [_choice({"role": "assistant", "content": ""}, None)]})
    try:
        for piece in pieces:
            if isinstance(piece, str):
                yield _data(shape | {"choices": [_choice({"content": piece}, None)]})
            else:
                yield _data(shape | {"choices": [_choice({}, "stop")], **_ours(piece)})
                if body.stream_options is not None and body.stream_options.include_usage:
                    yield _data(shape | {"choices": [], "usage": _usage(body, piece)})
    except FlywheelError as error:
        yield _data({"error": {"message": str(error), "type": "server_error", "code": type(error).__name__}})
    yield "data: [DONE]\n\n"


def _choice(delta: dict[str, str], finish: str | None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}


def _ours(interaction: Interaction) -> dict[str, Any]:
    return {"rag_flywheel": chat_reply(interaction).model_dump(mode="json", exclude={"answer"})}


def _usage(body: CompletionBody, interaction: Interaction) -> dict[str, int]:
    """Words, as a stand-in for tokens: retrieval has no tokenizer that a client would recognise."""
    asked = sum(len(message.text.split()) for message in body.messages)
    answered = len(interaction.answer.split())
    return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}


def _data(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value)}\n\n"
