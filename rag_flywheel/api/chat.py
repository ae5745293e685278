"""POST /chat, whole or as Server-Sent Events."""

import functools
import itertools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, TypeVar

import anyio.to_thread
from fastapi import APIRouter, BackgroundTasks
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from pydantic import BaseModel
from starlette.types import Receive, Scope, Send

from rag_flywheel.access.who import asks_for, asks_in
from rag_flywheel.api import counted
from rag_flywheel.api.failures import told
from rag_flywheel.api.guard import GuardedRoute
from rag_flywheel.api.models import ChatBody, ChatReply, Delta, Failure, chat_reply
from rag_flywheel.api.state import Asking, Shared, State
from rag_flywheel.domain import FeedbackKind, Interaction, InteractionId, Person, Question
from rag_flywheel.domain.consent import Means
from rag_flywheel.errors import FlywheelError
from rag_flywheel.feedback import intake
from rag_flywheel.privacy.consent import Said
from rag_flywheel.privacy.numbering import masking

logger = logging.getLogger("rag_flywheel.api")

Made = TypeVar("Made")

routes = APIRouter(tags=["chat"], route_class=GuardedRoute)

PIECE_BY_PIECE = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
"""Neither a cache nor nginx, which heeds the second, may keep a stream until it is whole."""


EVENT = {"type": "object", "properties": {"event": {"type": "string"}, "data": {"type": "string"}}}
STREAMED: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {"schema": EVENT}}}}
"""What a reply may be besides JSON, for the OpenAPI document."""


@routes.post("/chat", response_model=ChatReply, responses=STREAMED)
def chat(body: ChatBody, state: Shared, asking: Asking) -> ChatReply | StreamingResponse:
    """Answer a question from the documents, with citations.

    With `stream`, Server-Sent Events: `delta` {"text"} as the answer comes, then `done` with the whole reply; a failure
    in between is an `error` event.
    """
    question = asked(body, state, asking)
    interaction_id = InteractionId(state.services.new_id())
    if not body.stream:
        return chat_reply(state.chat.answer(question, interaction_id=interaction_id))
    return streamed(state, question, interaction_id, _events)


def asked(body: ChatBody, state: State, asking: Person) -> Question:
    """The question, in whose name it is asked, as somebody in which groups, and what it may be kept and used for."""
    user = asks_for(asking, body.user_id)
    said = None if body.consent is None else Said(purposes=body.consent, how=Means.API)
    agreed = state.chat.agreed(said, user=user, session=body.session_id)
    return Question(
        text=body.question,
        asked=state.services.now(),
        user=user,
        groups=asks_in(asking, body.groups),
        group=body.user_group,
        session=body.session_id,
        history=tuple(turn.turn() for turn in body.history),
        consent=bool(agreed.purposes),
        purposes=agreed.purposes,
        agreed=agreed.how,
    )


def streamed(
    state: State,
    question: Question,
    interaction_id: InteractionId,
    events: Callable[[Iterator[str | Interaction]], Iterator[str] | Iterator[bytes]],
) -> StreamingResponse:
    """An answer as the events that `events` makes of its pieces. Raises what fails before the first piece is there.

    A reader who hangs up before the answer is whole has given up, which is recorded in the asker's name. The answer is
    made to its end all the same: it can then be looked at, and rated, like any other.
    """
    pieces = state.chat.stream(question, interaction_id=interaction_id)
    in_a_thread = functools.partial(anyio.to_thread.run_sync, limiter=state.listening)
    after = BackgroundTasks()
    after.add_task(in_a_thread, _read_on, pieces, state, question, interaction_id)
    headers = {**PIECE_BY_PIECE, "X-Interaction-Id": interaction_id}
    made = _waited(pieces, events, in_a_thread)
    return Streamed(made, media_type="text/event-stream", headers=headers, background=after)


class Streamed(StreamingResponse):
    """A stream that begins when its first event is there."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        events = aiter(self.body_iterator)
        self.body_iterator = _joined(await anext(events), events)
        await super().__call__(scope, receive, send)


async def _joined(first: Made, rest: AsyncIterator[Made]) -> AsyncIterator[Made]:
    yield first
    async for event in rest:
        yield event


async def _waited(
    pieces: Iterator[str | Interaction],
    events: Callable[[Iterator[str | Interaction]], Iterator[str] | Iterator[bytes]],
    in_a_thread: Callable[..., Awaitable[Any]],
) -> AsyncIterator[str | bytes]:
    """The events, waited for in threads that are none of `api.threads`: a model that is slow to speak holds up those
    alone who listen to it.
    """
    made = events(itertools.chain([await in_a_thread(next, pieces)], pieces))
    while (event := await in_a_thread(next, made, None)) is not None:
        yield event


def _read_on(
    pieces: Iterator[str | Interaction], state: State, question: Question, interaction_id: InteractionId
) -> None:
    """Read what the reader left, which is nothing where nobody hung up."""
    services = state.services
    try:
        if any(isinstance(piece, Interaction) for piece in pieces):
            signal = intake.Signal(
                interaction_id=interaction_id,
                kind=FeedbackKind.ABANDONED,
                value=True,
                user=question.user,
                reader=state.chat.readers.reader(question.groups),
            )
            given = intake.prepare(
                signal,
                ledger=services.ledger,
                masking=masking(services),
                minimum_similarity=services.config.generator.minimum_similarity,
                at=services.now(),
                new_id=services.new_id,
            )
            services.ledger.add_feedback(given)
            counted.feedback(given)
    except FlywheelError as error:
        logger.error("an answer whose reader had hung up: %s", type(error).__name__)


def _events(pieces: Iterator[str | Interaction]) -> Iterator[bytes]:
    try:
        for piece in pieces:
            if isinstance(piece, str):
                yield _event("delta", Delta(text=piece))
            else:
                yield _event("done", chat_reply(piece))
    except FlywheelError as error:
        yield _event("error", Failure(error=type(error).__name__, detail=told(error)))


def _event(name: str, data: BaseModel) -> bytes:
    return format_sse_event(event=name, data_str=data.model_dump_json())
