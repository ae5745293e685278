"""Gaps: the topics that people ask about and the documents do not answer, and each of them with what can be done."""

from itertools import chain
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response

from rag_flywheel.api import gaps
from rag_flywheel.api.gaps import CheckReply, WholeTopicReply
from rag_flywheel.api.models import Name, Text
from rag_flywheel.api.review_items import may_accept
from rag_flywheel.api.state import Asking, Shared, State
from rag_flywheel.domain import CORRECTION_PREFIX, CorrectionId, InteractionId, Person
from rag_flywheel.domain.topics import TopicState
from rag_flywheel.web.page import Form, TwinRoute, is_partial, page, posted

routes = APIRouter(route_class=TwinRoute, include_in_schema=False)
LISTED = 100
LOOKED_AT = 10  # questions of a topic whose passages are offered as documents to link
Standing = Literal["waiting", "addressed", "dismissed"]


class AnswerForm(Form):
    answer: Text
    interaction_id: Name | None = None


class RulingForm(Form):
    state: Literal["open", "addressed", "dismissed"]
    why: Text
    document_id: Name | None = None


@routes.get("/gaps")
def listed(
    request: Request,
    state: Shared,
    asking: Asking,
    show: Annotated[Standing, Query()] = "waiting",
    off_topic: bool = False,
) -> Response:
    """The topics that wait for somebody, or those that are settled."""
    wanted = None if show == "waiting" else TopicState(show)
    values = {
        "topics": gaps.gaps(state, asking, wanted, off_topic, LISTED),
        "show": show,
        "off_topic": off_topic,
        "most": LISTED,
        "state": wanted,
    }
    return page(request, "gaps.html.jinja", values)


@routes.get("/gaps/export")
def download(state: Shared, asking: Asking, wanted: gaps.Wanted = None, off_topic: bool = False) -> Response:
    """The table, which a browser saves. It stands before the page of a topic, whose path it has, too."""
    return gaps.export(state, asking, wanted, off_topic)


@routes.get("/gaps/{topic}")
def show(request: Request, topic: str, state: Shared, asking: Asking) -> Response:
    """One topic."""
    return _page(request, gaps.show(topic, state, asking), state, asking)


@routes.post("/gaps/{topic}/answer")
def answer(
    topic: str, state: Shared, asking: Asking, form: Annotated[AnswerForm, Depends(posted(AnswerForm))]
) -> Response:
    """Answer it here; then the topic says that this waits for a review."""
    body = gaps.AnswerBody(answer=form.answer, interaction_id=form.interaction_id)
    gaps.answer(topic, body, state, asking)
    return RedirectResponse(f"/gaps/{topic}", 303)


@routes.post("/gaps/{topic}/ruling")
def rule(
    topic: str, state: Shared, asking: Asking, form: Annotated[RulingForm, Depends(posted(RulingForm))]
) -> Response:
    """Dismiss it, link a document, or open it again."""
    gaps.rule(topic, gaps.RulingBody.model_validate(form.model_dump()), state, asking)
    return RedirectResponse(f"/gaps/{topic}", 303)


@routes.post("/gaps/{topic}/check")
def check(
    request: Request, topic: str, state: Shared, asking: Asking, form: Annotated[Form, Depends(posted(Form))]
) -> Response:
    """Did it close? In its place on the page, or on the whole page again where no script runs."""
    checked = gaps.check(topic, state, asking)
    if is_partial(request):
        return page(request, "_gap_check.html.jinja", {"checked": checked})
    return _page(request, gaps.show(topic, state, asking), state, asking, checked)


def _page(
    request: Request, topic: WholeTopicReply, state: State, asking: Person, checked: CheckReply | None = None
) -> Response:
    values = {
        "topic": topic,
        "acceptable": {each.id for each in topic.corrections if may_accept(CorrectionId(each.id), asking, state)},
        "checked": checked,
        "documents": _documents(topic, state),
        "highest": max(1, *topic.weeks),
    }
    return page(request, "gap.html.jinja", values)


def _documents(topic: WholeTopicReply, state: State) -> list[str]:
    """Those that came up for its questions, which who sees the topic may read."""
    asked = (
        state.services.ledger.interaction(InteractionId(wording.interaction_id))
        for wording in topic.wordings[:LOOKED_AT]
    )
    shown = chain.from_iterable(interaction.ranking[: interaction.shown] for interaction in asked)
    return sorted({of.document_id for of in shown if not of.document_id.startswith(CORRECTION_PREFIX)})
