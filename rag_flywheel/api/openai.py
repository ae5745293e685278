"""OpenAI's chat completions, so that any existing chat client works.

The last user message is the question, and the newest turns before it are the history. System messages are for language
models and are passed over. `user` names the asker, and `user_group` in `metadata` the group that the asker belongs to.
`consent` there, or the header X-Rag-Flywheel-Consent, says what the texts may be kept and used for. `id` is the
interaction's id, so that feedback and corrections can name it; citations and the version come in `rag_flywheel`, a
field of our own that clients pass over.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.responses import StreamingResponse

from rag_flywheel.access.who import asks_for, asks_in
from rag_flywheel.api.chat import STREAMED, streamed
from rag_flywheel.api.consent import Word, purposes
from rag_flywheel.api.endings import Ending, FinishReason, bounded
from rag_flywheel.api.failures import failed
from rag_flywheel.api.models import TEXT_AT_MOST, Body, chat_reply
from rag_flywheel.api.openai_models import (
    NAME_AT_MOST,
    AnswerMessage,
    Choice,
    Chunk,
    ChunkChoice,
    ChunkDelta,
    Completion,
    CompletionBody,
    FlywheelFields,
    Message,
    ModelName,
    ModelReply,
    ModelsReply,
    Usage,
    question_at,
)
from rag_flywheel.api.reading import SparingRoute
from rag_flywheel.api.state import Asking, Shared, State
from rag_flywheel.domain import Interaction, InteractionId, Question, Turn
from rag_flywheel.domain.consent import Means
from rag_flywheel.errors import FlywheelError
from rag_flywheel.privacy.consent import Said

routes = APIRouter(prefix="/v1", tags=["OpenAI-compatible"], route_class=SparingRoute)
TURNS_AT_MOST = 200  # of the history, as in `POST /chat`
HISTORY_AT_MOST = 100_000  # characters

OpenWebUiUser = Annotated[str | None, Header(alias="X-OpenWebUI-User-Id", max_length=NAME_AT_MOST)]
OpenWebUiChat = Annotated[str | None, Header(alias="X-OpenWebUI-Chat-Id", max_length=NAME_AT_MOST)]
ConsentHeader = Annotated[Word | None, Header(alias="X-Rag-Flywheel-Consent")]


@routes.get("/models")
def models(state: Shared) -> ModelsReply:
    """The one model there is."""
    return ModelsReply(data=[_model(state)])


@routes.get("/models/{model:path}")
def model(model: ModelName, state: Shared) -> ModelReply:
    """The one model there is, and 404 for any other name."""
    return _model(state)


@routes.post("/chat/completions", response_model=Completion, responses=STREAMED)
def completions(
    body: CompletionBody,
    state: Shared,
    asking: Asking,
    user: OpenWebUiUser = None,
    chat: OpenWebUiChat = None,
    consent: ConsentHeader = None,
) -> Completion | StreamingResponse:
    """Answer the last user message, whole or as a stream of chunks that ends with `data: [DONE]`.

    Open WebUI names the asker and the conversation in headers, where the body names nobody.
    """
    asker = asks_for(asking, body.asker or user or None)
    agreed = state.chat.agreed(_said(body, consent), user=asker, session=chat or None)
    question = Question(
        text=body.messages[question_at(body.messages)].text,
        asked=state.services.now(),
        user=asker,
        group=None if body.metadata is None else body.metadata.user_group,
        groups=asks_in(asking, None if body.metadata is None else body.metadata.groups),
        session=chat or None,
        history=_history(body.messages[: question_at(body.messages)]),
        consent=bool(agreed.purposes),
        purposes=agreed.purposes,
        agreed=agreed.how,
    )
    interaction_id = InteractionId(state.services.new_id())
    created = int(question.asked.timestamp())
    if body.stream:
        first = _first_chunk(interaction_id, created, body)
        return streamed(state, question, interaction_id, lambda pieces: _events(pieces, body, first))
    interaction = state.chat.answer(question, interaction_id=interaction_id)
    *_, ending = bounded([interaction.answer, interaction], stops=body.stop, words=body.words)
    assert isinstance(ending, Ending)
    return Completion(
        id=interaction_id,
        created=created,
        model=body.model,
        choices=[Choice(message=AnswerMessage(content=ending.text), finish_reason=ending.reason)],
        usage=_usage(body, ending.text),
        rag_flywheel=_ours(interaction),
    )


def _said(body: CompletionBody, word: str | None) -> Said | None:
    """What header and metadata say: where both say something, what both allow."""
    header = purposes(word)
    written = None if body.metadata is None else body.metadata.consent
    if written is None:
        return None if header is None else Said(purposes=header, how=Means.HEADER)
    return Said(purposes=written if header is None else written & header, how=Means.METADATA)


def _model(state: State) -> ModelReply:
    """Its birthday is that of the live version; the epoch before the first one."""
    live = state.services.index.live()
    return ModelReply(
        created=0 if live is None else int(state.services.ledger.version(live).manifest.created.timestamp())
    )


def _history(earlier: Sequence[Message]) -> tuple[Turn, ...]:
    """The newest turns, as many as fit; what a client keeps of a long conversation is its own affair."""
    turns: list[Turn] = []
    left = HISTORY_AT_MOST
    for message in reversed(earlier):
        text = message.text[:TEXT_AT_MOST]
        if message.role not in ("user", "assistant") or not text.strip():
            continue
        left -= len(text)
        if left < 0 or len(turns) == TURNS_AT_MOST:
            break
        turns.append(Turn(role="user" if message.role == "user" else "assistant", text=text))
    return tuple(reversed(turns))


def _events(pieces: Iterator[str | Interaction], body: CompletionBody, first: Chunk) -> Iterator[str]:
    yield _event(first)
    try:
        for piece in bounded(pieces, stops=body.stop, words=body.words):
            if isinstance(piece, str):
                yield _event(_with(first, delta=ChunkDelta(content=piece)))
            else:
                last = _with(first, delta=ChunkDelta(), finish_reason=piece.reason)
                yield _event(last.model_copy(update={"rag_flywheel": _ours(piece.interaction)}))
                if body.wants_usage:
                    yield _event(first.model_copy(update={"choices": [], "usage": _usage(body, piece.text)}))
    except FlywheelError as error:
        yield _event(failed(error))
    yield "data: [DONE]\n\n"


def _first_chunk(interaction_id: InteractionId, created: int, body: CompletionBody) -> Chunk:
    """What all chunks of a stream have in common, and where the message begins."""
    first = Chunk(
        id=interaction_id,
        created=created,
        model=body.model,
        object="chat.completion.chunk",
        choices=[_choice(ChunkDelta(role="assistant", content=""), None)],
    )
    return first.model_copy(update={"usage": None}) if body.wants_usage else first


def _with(chunk: Chunk, *, delta: ChunkDelta, finish_reason: FinishReason | None = None) -> Chunk:
    return chunk.model_copy(update={"choices": [_choice(delta, finish_reason)]})


def _choice(delta: ChunkDelta, finish_reason: FinishReason | None) -> ChunkChoice:
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
        fallback=reply.fallback,
    )


def _usage(body: CompletionBody, answer: str) -> Usage:
    asked = sum(len(message.text.split()) for message in body.messages)
    answered = len(answer.split())
    return Usage(prompt_tokens=asked, completion_tokens=answered, total_tokens=asked + answered)


def _event(value: Body) -> str:
    """Only with the fields that were set: a client adds each of them to the message."""
    return f"data: {json.dumps(value.model_dump(mode='json', exclude_unset=True))}\n\n"
