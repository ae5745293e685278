"""What guardrails set aside: list, show, release, drop."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from rag_flywheel.api.guard import GuardedRoute
from rag_flywheel.api.models import Body, Instant, Text
from rag_flywheel.api.state import Asking, Shared, State
from rag_flywheel.cycle import aside
from rag_flywheel.cycle.aside import Listed
from rag_flywheel.domain import AsideState, Guardrail, ItemKind, Person

routes = APIRouter(prefix="/aside", tags=["aside"], route_class=GuardedRoute)


class AsideReply(Body):
    """An item that a guardrail points at, and what became of it."""

    id: str
    state: AsideState
    kind: ItemKind
    item: str  # the id of a document, a correction, or the interaction of a confirmed question
    place: str | None  # DOCUMENT:START:END of what is left out; null where that is all of it
    guardrail: Guardrail
    reason: str
    do: str  # what a person can do about it
    official: bool  # of a source that is trusted: it is only reported, and stays in the version
    at: Instant
    version: str | None  # the candidate that it was found in
    who: str | None  # who ruled, and why; null where nobody did
    why: str | None


class AsideTextReply(AsideReply):
    text: str | None  # what it says, personal data masked; null where that is not kept any more


class RulingBody(Body):
    why: Text


@routes.get("")
def listed(
    state: Shared, asking: Asking, of: Annotated[AsideState | None, Query(alias="state")] = None
) -> list[AsideReply]:
    """What is set aside or reported, and undecided, the latest first; or what is in the state that is named."""
    wanted = (AsideState.ASIDE, AsideState.REPORTED) if of is None else (of,)
    return [
        AsideReply(**_fields(found))
        for found in aside.overview(state.services, state.reader(asking))
        if found.state in wanted
    ]


@routes.get("/{id}")
def show(id: str, state: Shared, asking: Asking) -> AsideTextReply:
    """One of them, with what it says."""
    found = aside.find(id, state.services, state.reader(asking))
    return AsideTextReply(**_fields(found), text=aside.text(found, state.services))


@routes.post("/{id}/release")
def release(id: str, body: RulingBody, state: Shared, asking: Asking) -> AsideReply:
    """Let it pass for as long as its text does not change; the next reindex takes it in."""
    return _ruled(id, AsideState.RELEASED, body, state, asking)


@routes.post("/{id}/drop")
def drop(id: str, body: RulingBody, state: Shared, asking: Asking) -> AsideReply:
    """Leave it out for good, and tell of it no more."""
    return _ruled(id, AsideState.DROPPED, body, state, asking)


def _ruled(id: str, ruling: AsideState, body: RulingBody, state: State, asking: Person) -> AsideReply:
    look = state.look() if state.services.config.review.second_reviewer else None
    found = aside.rule(
        id,
        ruling,
        who=asking.signed,
        why=body.why,
        services=state.services,
        look=look,
        reader=state.reader(asking),
    )
    return AsideReply(**_fields(found))


def _fields(listed: Listed) -> dict[str, Any]:
    return {
        **aside.told(listed.aside.suspicion),
        "state": listed.state,
        "at": listed.aside.at,
        "version": listed.aside.version_id,
        "who": listed.aside.who,
        "why": listed.aside.why,
    }
