"""The first page: ask, and read the answer as it comes."""

import contextlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from fastapi.sse import format_sse_event
from pydantic import AwareDatetime

from rag_flywheel.api import corrections as signals
from rag_flywheel.api.chat import asked, streamed
from rag_flywheel.api.failures import told
from rag_flywheel.api.models import ChatBody, FeedbackBody, Name, Text
from rag_flywheel.api.state import Asking, Shared, State
from rag_flywheel.domain import FeedbackKind, Interaction, InteractionId, Person, Question
from rag_flywheel.errors import Conflict, FlywheelError, NotFound
from rag_flywheel.web import consent
from rag_flywheel.web.conversations import SHOWN, history, session_of, turns_of
from rag_flywheel.web.page import Form, PageRoute, is_partial, page, part, posted
from rag_flywheel.web.plain_words import words_of
from rag_flywheel.web.turns import Shown, shown
from rag_flywheel.web.who import named, remember, user_of

logger = logging.getLogger("rag_flywheel.web")

routes = APIRouter(route_class=PageRoute, include_in_schema=False)


class AskForm(Form):
    question: Text
    conversation: AwareDatetime | None = None  # when it began; None: it begins now
    again: Name | None = None  # the answer that was not good enough
    unsure: Name | None = None  # the answer whose suggestion this is
    meant: Name | None = None  # the suggestion


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question on its way."""

    question: Question
    opened: datetime  # when its conversation began
    turns: list[Interaction]  # before it
    interaction_id: InteractionId


@routes.get("/")
def show(request: Request, state: Shared, asking: Asking) -> Response:
    """Where one asks."""
    user = user_of(request, asking)
    reply = page(request, "chat.html.jinja", _values([], None, user, state))
    remember(reply, request, asking)
    return reply


@routes.post("/ask")
def ask(
    request: Request, state: Shared, asking: Asking, form: Annotated[AskForm, Depends(posted(AskForm))]
) -> Response:
    """Answer: piece by piece where the page can take that, else as a whole page."""
    user = user_of(request, asking)
    _say(form, request, state, asking)
    made = _asked(form, request, state, asking)
    if is_partial(request):
        return streamed(state, made.question, made.interaction_id, _events(made, user, state))
    interaction = state.chat.answer(made.question, interaction_id=made.interaction_id)
    turns = [shown(each, state, user=user) for each in made.turns[-SHOWN + 1 :]]
    turns.append(shown(interaction, state, user=user, question=form.question))
    return page(request, "chat.html.jinja", _values(turns, made.opened, user, state))


def _values(turns: list[Shown], opened: datetime | None, user: str | None, state: State) -> dict[str, object]:
    return {"turns": turns, "opened": opened, "consent": consent.stand(user, state)}


def _asked(form: AskForm, request: Request, state: State, asking: Person) -> Asked:
    user, opened = user_of(request, asking), form.conversation or state.services.now()
    turns = turns_of(user, form.conversation, state, state.reader(asking))
    body = ChatBody(
        question=form.question,
        user_id=named(request, asking),
        session_id=None if user is None else session_of(user, opened),
        history=history(turns),
    )
    question = asked(body, state, asking)
    if form.conversation is None:  # by the moment of its first question a conversation is known again
        question = replace(question, asked=opened)
    return Asked(question=question, opened=opened, turns=turns, interaction_id=InteractionId(state.services.new_id()))


def _say(form: AskForm, request: Request, state: State, asking: Person) -> None:
    """What asking so says of an answer before: another one was wanted, or one of its suggestions was meant."""
    for name, kind, value in (
        (form.again, FeedbackKind.REGENERATED, True),
        (form.unsure, FeedbackKind.MEANT, form.meant),
    ):
        if name is not None:
            body = FeedbackBody(interaction_id=name, kind=kind, value=value, user_id=named(request, asking))
            with contextlib.suppress(
                NotFound, Conflict
            ):  # one that was not kept: the question is answered all the same
                signals.feedback(body, state, asking)


def _events(made: Asked, user: str | None, state: State) -> Callable[[Iterator[str | Interaction]], Iterator[bytes]]:
    """The answer as messages that htmx puts into the page: first the question, then pieces, then the whole of it."""

    def events(pieces: Iterator[str | Interaction]) -> Iterator[bytes]:
        values = {"id": made.interaction_id, "question": made.question.text, "opened": made.opened}
        yield _message("_begin.html.jinja", values)
        try:
            for piece in pieces:
                if isinstance(piece, str):
                    yield _message("_piece.html.jinja", {"id": made.interaction_id, "piece": piece})
                else:
                    turn = shown(piece, state, user=user, question=made.question.text)
                    yield _message("_end.html.jinja", {"turn": turn, "opened": made.opened})
        except FlywheelError as error:
            logger.error("an answer broke off: %s", type(error).__name__)
            title, words = words_of(error.http_status)
            failure = {"status": error.http_status, "title": title, "words": words, "detail": told(error)}
            yield _message("_broken.html.jinja", {"id": made.interaction_id, **failure})

    return events


def _message(template: str, values: dict[str, object]) -> bytes:
    return format_sse_event(data_str=part(template, values))
