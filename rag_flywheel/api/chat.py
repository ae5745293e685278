"""POST /chat, whole or as Server-Sent Events."""

import itertools
from collections.abc import Iterator

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from pydantic import BaseModel

from rag_flywheel.api.models import ChatBody, ChatReply, Delta, Failure, chat_reply
from rag_flywheel.api.state import Shared, State
from rag_flywheel.domain import Interaction, InteractionId, Question
from rag_flywheel.errors import FlywheelError

routes = APIRouter(tags=["chat"])


@routes.post("/chat", response_model=ChatReply)
def chat(body: ChatBody, state: Shared) -> ChatReply | StreamingResponse:
    """Answer a question from the documents, with citations.

    With `stream`, Server-Sent Events: `delta` {"text"} as the answer comes, then `done` with the whole reply; a failure
    in between is an `error` event.
    """
    question = Question(
        text=body.question,
        asked=state.services.now(),
        user=body.user_id,
        group=body.user_group,
        session=body.session_id,
        history=tuple(turn.turn() for turn in body.history),
        consent=state.chat.consents(body.consent),
    )
    interaction_id = InteractionId(state.services.new_id())
    if not body.stream:
        return chat_reply(state.chat.answer(question, interaction_id=interaction_id))
    return StreamingResponse(_events(started(state, question, interaction_id)), media_type="text/event-stream")


def started(state: State, question: Question, interaction_id: InteractionId) -> Iterator[str | Interaction]:
    """The stream of an answer whose first piece is there, so that a failure before it is still an HTTP status."""
    pieces = state.chat.stream(question, interaction_id=interaction_id)
    return itertools.chain([next(pieces)], pieces)


def _events(pieces: Iterator[str | Interaction]) -> Iterator[bytes]:
    try:
        for piece in pieces:
            if isinstance(piece, str):
                yield _event("delta", Delta(text=piece))
            else:
                yield _event("done", chat_reply(piece))
    except FlywheelError as error:
        yield _event("error", Failure(error=type(error).__name__, detail=str(error)))


def _event(name: str, data: BaseModel) -> bytes:
    return format_sse_event(event=name, data_str=data.model_dump_json())
