"""Pages on the work of reviewers: how far they are, and second reviews."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from rag_flywheel.api import review as api
from rag_flywheel.api.review_work_models import SecondBody
from rag_flywheel.api.state import Asking, Shared
from rag_flywheel.web.page import TwinRoute, page, posted
from rag_flywheel.web.review import STAGES
from rag_flywheel.web.review_forms import SecondForm
from rag_flywheel.web.word_diff import side_by_side

routes = APIRouter(route_class=TwinRoute, include_in_schema=False)
QUEUES = {
    "sent_back": "Sent back by a guardrail",
    "held": "Held for a second reviewer",
    "pending": "Nobody has decided yet",
}


@routes.get("/review/progress")
def progress(
    request: Request, state: Shared, asking: Asking, days: Annotated[int, Query(ge=1, le=3650)] = 7
) -> Response:
    """What waits, what each reviewer decided, and how far they agree."""
    values = {
        "counts": api.progress(state, asking, days),
        "agreement": api.agreement(state, asking),
        "queues": QUEUES,
    }
    return page(request, "review_progress.html.jinja", values)


@routes.get("/review/second")
def second(request: Request, state: Shared, asking: Asking) -> Response:
    """One that another reviewer decided on, without what they decided."""
    found = next(iter(api.second(state, asking, 1)), None)
    left, right = ([], []) if found is None else side_by_side(found.answered, found.answer)
    values = {"item": found, "left": left, "right": right, "stages": STAGES, "given": None}
    return page(request, "review_second.html.jinja", values)


@routes.post("/review/second/{correction_id}")
def decide_second(
    correction_id: str,
    request: Request,
    state: Shared,
    asking: Asking,
    form: Annotated[SecondForm, Depends(posted(SecondForm))],
) -> Response:
    """Record it, and tell what the first reviewer said."""
    given = api.decide_second(correction_id, SecondBody(verdict=form.verdict, note=form.note), state, asking)
    values: dict[str, object] = {"item": None, "left": [], "right": [], "stages": STAGES, "given": given}
    return page(request, "review_second.html.jinja", values)
