"""A document as a version holds it, with the passage marked that an answer cites."""

import contextlib
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from rag_flywheel.api import corrections as signals
from rag_flywheel.api.models import FeedbackBody
from rag_flywheel.api.state import Asking, Shared, State, own
from rag_flywheel.domain import CORRECTION_PREFIX, DocumentId, FeedbackKind, Interaction, Person
from rag_flywheel.errors import Conflict, FlywheelError, InvalidInput, NotFound
from rag_flywheel.feedback.intake import readable
from rag_flywheel.web.page import PageRoute, page
from rag_flywheel.web.who import named, user_of

routes = APIRouter(route_class=PageRoute, include_in_schema=False)
Span = Annotated[
    str | None, Query(pattern=r"^\d{1,10}-\d{1,10}$", description="Characters, the last one not included.")
]


@routes.get("/documents/{document_id:path}")
def show(
    document_id: str,
    request: Request,
    state: Shared,
    asking: Asking,
    span: Span = None,
    answer: Annotated[str | None, Query(max_length=200)] = None,
    number: Annotated[int | None, Query(ge=0, le=10_000)] = None,
) -> Response:
    """Its text, for who may read it: as the version had it that gave the `answer`, while that is kept."""
    name = DocumentId(document_id)
    if not state.reader(asking).reads(name):
        raise _not_there()
    asked = None if answer is None else _asked(answer, name, request, state, asking)
    text, same = _text(name, asked, state)
    if asked is not None and number is not None and "prefetch" not in request.headers.get("sec-purpose", ""):
        _clicked(asked, number, request, state, asking)
    first, last = map(int, span.split("-")) if span is not None and same else (0, 0)
    values = {
        "title": "A corrected answer" if name.startswith(CORRECTION_PREFIX) else document_id,
        "before": text[:first],
        "marked": text[first:last],
        "after": text[max(first, last) :],
        "moved": not same,
    }
    return page(request, "document.html.jinja", values)


def _asked(answer: str, name: DocumentId, request: Request, state: State, asking: Person) -> Interaction | None:
    """The answer, where it is theirs, they may read it, and it cites the document: else its version is none of theirs,
    which may hold an older text for other readers.
    """
    with contextlib.suppress(NotFound):
        theirs = own(answer, asking, user_of(request, asking), state)
        found = readable(theirs, state.reader(asking), state.services.ledger)
        if any(name in (cited.document_id, *(also.document_id for also in cited.also)) for cited in found.citations):
            return found
    return None


def _text(name: DocumentId, asked: Interaction | None, state: State) -> tuple[str, bool]:
    """The text, and whether it is as whoever asked met it: else no place in it can be marked. Raises NotFound."""
    live = state.services.index.live()
    for version in dict.fromkeys([live if asked is None else asked.version_id, live]):
        text = None if version is None else state.texts(version).get(name)
        if text is not None:
            return text, asked is None or version == asked.version_id
    raise _not_there()


def _clicked(asked: Interaction, number: int, request: Request, state: State, asking: Person) -> None:
    """An implicit signal, where the answer is theirs and was kept."""
    body = FeedbackBody(
        interaction_id=asked.interaction_id,
        kind=FeedbackKind.CITATION_CLICK,
        value=number,
        user_id=named(request, asking),
    )
    with contextlib.suppress(NotFound, InvalidInput, Conflict):
        signals.feedback(body, state, asking)


def _not_there() -> FlywheelError:
    """What is said of a document that is not there, and in the same words of one that is not for whoever asks."""
    return NotFound("there is no such document in the version that answers now")
