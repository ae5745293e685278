"""Pages of reviewers: the queue, one correction, and what to do with it."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response

from rag_flywheel.api import review as api
from rag_flywheel.api.review_items import detail, items, may_accept
from rag_flywheel.api.review_models import ReviewBody, ReviewDetail
from rag_flywheel.api.review_work_models import AssignBody, BulkBody, BulkReply
from rag_flywheel.api.state import Asking, Shared, State
from rag_flywheel.domain import CorrectionId, Person, Stage
from rag_flywheel.errors import Conflict, FlywheelError, InvalidInput, NotAllowed
from rag_flywheel.feedback.review_queue import Order
from rag_flywheel.feedback.reviewers import same_person
from rag_flywheel.feedback.second_look import ConcernKind
from rag_flywheel.web.page import TwinRoute, page, posted
from rag_flywheel.web.review_forms import AssignForm, BulkForm, Chosen, DecideForm, QueueForm, chosen_of
from rag_flywheel.web.word_diff import Stretch, side_by_side

routes = APIRouter(route_class=TwinRoute, include_in_schema=False)
SHOWN = 25  # each is looked at twice, which takes 4 ms
AMONG = 1_000  # that the next one is looked for among
STAGES = {
    Stage.MISSING: "no document holds the answer",
    Stage.NOT_RETRIEVED: "the passage was not found",
    Stage.MIS_RANKED: "the passage stood too far down",
    Stage.MIS_GENERATED: "the passage was there, the answer wrong",
}
"""Where an answer failed, in plain words."""
Asked = Annotated[Chosen, Depends()]
Done = Annotated[str | None, Query(max_length=200, description="What was decided on just before.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What somebody has typed and is not to lose, and why it was not taken."""

    answer: str | None
    note: str | None
    failure: str
    status: int


@routes.get("/review")
def show(request: Request, state: Shared, asking: Asking, asked: Asked, done: Done = None) -> Response:
    """What a verdict is worth most first."""
    return _queue(request, state, asking, asked, done=done)


@routes.post("/review")
def decide_many(
    request: Request, state: Shared, asking: Asking, form: Annotated[BulkForm, Depends(posted(BulkForm))]
) -> Response:
    """Decide on all that were ticked, and tell what was refused."""
    if not form.ids:
        raise InvalidInput("nothing was ticked: go back and tick what you decide on")
    body = BulkBody(ids=list(form.ids), verdict=form.verdict, note=form.note)
    replies = api.decide_many(body, state, asking)
    return _queue(request, state, asking, chosen_of(form.queue), replies=replies)


@routes.post("/review/next")
def take_next(state: Shared, asking: Asking, form: Annotated[QueueForm, Depends(posted(QueueForm))]) -> Response:
    """To the first that they can decide on."""
    return _onward(chosen_of(form.queue), None, state, asking)


@routes.get("/review/{correction_id}")
def item(
    correction_id: str, request: Request, state: Shared, asking: Asking, asked: Asked, done: Done = None
) -> Response:
    """One correction, beside what was answered."""
    return _item(correction_id, request, state, asking, asked=asked, done=done)


@routes.get("/review/{correction_id}/touches")
def touches(correction_id: str, request: Request, state: Shared, asking: Asking) -> Response:
    """What it would touch, as a part of its page."""
    return page(request, "_touches.html.jinja", {"touched": api.touches(correction_id, state, asking)})


@routes.post("/review/{correction_id}")
def decide(
    correction_id: str,
    request: Request,
    state: Shared,
    asking: Asking,
    form: Annotated[DecideForm, Depends(posted(DecideForm))],
) -> Response:
    """Decide, and go on with the next one."""
    asked, before = chosen_of(form.queue), detail(CorrectionId(correction_id), asking, state)
    answer = None if form.answer is None else form.answer.replace("\r\n", "\n")
    better = answer is not None and form.verdict == "accept" and answer.split() != before.answer.split()
    body = ReviewBody(verdict=form.verdict, answer=answer if better else None, note=form.note, seen=form.seen)
    try:
        api.decide(correction_id, body, state, asking)
    except (Conflict, InvalidInput, NotAllowed) as error:
        typed = Typed(answer=answer, note=form.note, failure=str(error), status=error.http_status)
        return _item(correction_id, request, state, asking, asked=asked, typed=typed)
    return _onward(asked, correction_id, state, asking)


@routes.post("/review/{correction_id}/skip")
def skip(
    correction_id: str, state: Shared, asking: Asking, form: Annotated[QueueForm, Depends(posted(QueueForm))]
) -> Response:
    api.skip(correction_id, state, asking)
    return _onward(chosen_of(form.queue), None, state, asking)


@routes.post("/review/{correction_id}/take")
def take(
    correction_id: str, state: Shared, asking: Asking, form: Annotated[QueueForm, Depends(posted(QueueForm))]
) -> Response:
    api.take(correction_id, state, asking)
    return _to(correction_id, chosen_of(form.queue))


@routes.post("/review/{correction_id}/leave")
def leave(
    correction_id: str, state: Shared, asking: Asking, form: Annotated[QueueForm, Depends(posted(QueueForm))]
) -> Response:
    api.leave(correction_id, state, asking)
    return _to(correction_id, chosen_of(form.queue))


@routes.post("/review/{correction_id}/assign")
def assign(
    correction_id: str, state: Shared, asking: Asking, form: Annotated[AssignForm, Depends(posted(AssignForm))]
) -> Response:
    api.assign(correction_id, AssignBody(reviewer=form.reviewer), state, asking)
    return _to(correction_id, chosen_of(form.queue))


@routes.post("/review/{correction_id}/undo")
def undo(
    correction_id: str, state: Shared, asking: Asking, form: Annotated[QueueForm, Depends(posted(QueueForm))]
) -> Response:
    """Back to what was decided on, as it was before."""
    api.undo(correction_id, state, asking)
    return _to(correction_id, chosen_of(form.queue))


def _queue(
    request: Request,
    state: State,
    asking: Person,
    asked: Chosen,
    *,
    done: str | None = None,
    replies: list[BulkReply] | None = None,
) -> Response:
    found = api.chosen(asked.filters(limit=SHOWN + 1), asking, state)
    values = {
        "items": items(found[:SHOWN], asking, state),
        "more": len(found) > SHOWN,
        "asked": asked,
        "done": _decided(done, asking, state),
        "replies": replies,
        "stages": STAGES,
        "concerns": list(ConcernKind),
        "orders": list(Order),
    }
    return page(request, "review.html.jinja", values)


def _item(
    correction_id: str,
    request: Request,
    state: State,
    asking: Person,
    *,
    asked: Chosen,
    done: str | None = None,
    typed: Typed | None = None,
) -> Response:
    found = detail(CorrectionId(correction_id), asking, state)
    left, right = side_by_side(found.answered, found.answer)
    reworded: tuple[list[Stretch], list[Stretch]] | None = None
    if found.proposed != found.answer:
        reworded = side_by_side(found.proposed, found.answer)
    values = {
        "item": found,
        "left": left,
        "right": right,
        "reworded": reworded,
        "asked": asked,
        "done": _decided(done, asking, state),
        "typed": typed,
        "stage": STAGES[found.stage],
        "mine": found.in_hand_of is not None and same_person(found.in_hand_of, asking.signed),
        "may_accept": may_accept(CorrectionId(found.id), asking, state),
        "undoable": found.reviewer is not None and same_person(found.reviewer, asking.signed),
    }
    return page(request, "review_item.html.jinja", values, status=200 if typed is None else typed.status)


def _decided(name: str | None, asking: Person, state: State) -> ReviewDetail | None:
    """What was decided on just before, to be taken back."""
    if name is None:
        return None
    try:
        return detail(CorrectionId(name), asking, state)
    except FlywheelError:
        return None


def _onward(asked: Chosen, done: str | None, state: State, asking: Person) -> Response:
    """To the next one of the queue, or back to the queue where none is left."""
    taken = api.take_next(asked.filters(limit=AMONG), state, asking).item
    return _to(None if taken is None else taken.id, asked, done=done)


def _to(correction_id: str | None, asked: Chosen, *, done: str | None = None) -> Response:
    said = [asked.address, "" if done is None else f"done={quote(done, safe='')}"]
    query = "&".join(filter(None, said))
    path = "/review" if correction_id is None else f"/review/{quote(correction_id, safe='')}"
    return RedirectResponse(f"{path}?{query}" if query else path, 303)
