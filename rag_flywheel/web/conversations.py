"""Conversations of one person: how they are known again, looked at, gone on with, and deleted.

What the ledger keeps of a conversation is a keyed hash of its name. The name is made of the person and the moment of
the first question, which the ledger keeps too, so that it can be made again and nothing else has to be remembered.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response

from rag_flywheel.api.models import HISTORY_AT_MOST, TurnBody
from rag_flywheel.api.state import Asking, Shared, State
from rag_flywheel.cycle import erasing
from rag_flywheel.domain import Interaction
from rag_flywheel.domain.erasures import Scope
from rag_flywheel.domain.readers import EVERYTHING, Reader
from rag_flywheel.errors import NotFound
from rag_flywheel.privacy.pseudonyms import pseudonym
from rag_flywheel.web.page import Form, PageRoute, is_partial, page, posted
from rag_flywheel.web.turns import shown
from rag_flywheel.web.who import user_of

routes = APIRouter(route_class=PageRoute, include_in_schema=False)
LISTED = 100  # conversations, the newest
SHOWN = 20  # of its questions on one page
TURNS = 10  # questions with answers that a new question is read with
CUT = HISTORY_AT_MOST // (2 * TURNS)  # characters of each text, at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """One person's, oldest question first."""

    session: str  # as the ledger knows it
    opened: datetime | None  # by which it goes on; None: the first question is gone, or no page asked it
    turns: tuple[Interaction, ...]


class DeleteForm(Form):
    pass


def session_of(user: str | None, opened: datetime) -> str:
    """The name of a conversation that began at that moment."""
    return hashlib.sha256(f"{user}|{opened.isoformat()}".encode()).hexdigest()


def kept_session(user: str | None, opened: datetime, state: State) -> str | None:
    """A conversation as the ledger knows it."""
    return pseudonym(session_of(user, opened), state.services.ledger.salt(), of="session")


def turns_of(user: str | None, opened: datetime | None, state: State, reader: Reader) -> list[Interaction]:
    """What was asked in it before, as it was kept, of what they may read now."""
    if user is None or opened is None:
        return []
    ledger = state.services.ledger
    session, who = kept_session(user, opened, state), pseudonym(user, ledger.salt())
    said = (asked for asked in ledger.interactions_of(who or "") if asked.session == session)
    return [asked for asked in said if reader.reads_interaction(asked)]


def history(turns: Sequence[Interaction]) -> tuple[TurnBody, ...]:
    """The last of them, as a question takes what came before it."""
    made: list[TurnBody] = []
    for asked in turns[-TURNS:]:
        made.append(TurnBody(role="user", content=asked.question[:CUT]))
        made.append(TurnBody(role="assistant", content=asked.answer[:CUT]))
    return tuple(made)


def conversations(user: str | None, state: State, reader: Reader = EVERYTHING) -> list[Conversation]:
    """The newest first, with the questions whose answers the reader may read."""
    ledger = state.services.ledger
    salt = ledger.salt()
    who = pseudonym(user, salt)
    held: dict[str, list[Interaction]] = defaultdict(list)
    for asked in [] if who is None else ledger.interactions_of(who):
        if asked.session is not None and asked.question:
            held[asked.session].append(asked)
    found = []
    for session, turns in held.items():
        opened = turns[0].asked
        ours = pseudonym(session_of(user, opened), salt, of="session") == session
        seen = tuple(asked for asked in turns if reader.reads_interaction(asked))
        if seen:
            found.append(Conversation(session=session, opened=opened if ours else None, turns=seen))
    return sorted(found, key=lambda each: each.turns[-1].asked, reverse=True)


@routes.get("/conversations")
def show(request: Request, state: Shared, asking: Asking) -> Response:
    """What this person asked before."""
    found = conversations(user_of(request, asking), state, state.reader(asking))
    return page(request, "conversations.html.jinja", {"conversations": found[:LISTED], "more": len(found) - LISTED})


@routes.get("/conversations/{session}")
def show_one(
    session: str,
    request: Request,
    state: Shared,
    asking: Asking,
    part: Annotated[int, Query(ge=0, le=1_000_000, description="How many parts before the newest one.")] = 0,
) -> Response:
    """One of them, to read and to go on with; a long one in parts, the newest first."""
    user = user_of(request, asking)
    found = _own(session, user, state, state.reader(asking))
    part = min(part, (len(found.turns) - 1) // SHOWN)
    end = len(found.turns) - part * SHOWN
    start = max(0, end - SHOWN)
    values = {
        "turns": [shown(asked, state, user=user) for asked in found.turns[start:end]],
        "conversation": found,
        "part": part,
        "earlier": start,
        "later": len(found.turns) - end,
    }
    return page(request, "conversation.html.jinja", values)


@routes.post("/conversations/{session}/delete")
def delete(
    session: str,
    request: Request,
    state: Shared,
    asking: Asking,
    form: Annotated[DeleteForm, Depends(posted(DeleteForm))],
) -> Response:
    """Erase it, with what was said of it, out of every version too."""
    user = user_of(request, asking)
    _own(session, user, state, EVERYTHING)  # what one may not read any more, one may still delete
    who = pseudonym(user, state.services.ledger.salt())
    assert who is not None
    checked = "signed in" if asking.name is not None else "what their browser holds"
    wish = erasing.Request(scope=Scope(user=who, session=session), asked_by="the person themself", checked=checked)
    erasing.forget(wish, state.services)
    if is_partial(request):
        return page(request, "_deleted.html.jinja", {"opened": None})
    return RedirectResponse("/conversations", 303)


def _own(session: str, user: str | None, state: State, reader: Reader) -> Conversation:
    for each in conversations(user, state, reader):
        if each.session == session:
            return each
    raise NotFound("there is no such conversation of yours: it may have been deleted")
