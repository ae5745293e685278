"""A question on two versions side by side: what each finds, and why."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from rag_flywheel.answering import explain
from rag_flywheel.api import versions as versions_of_api
from rag_flywheel.api.models import Name, Text
from rag_flywheel.api.state import Asking, Shared, State
from rag_flywheel.domain import Person, VersionId
from rag_flywheel.web.page import Form, PageRoute, page, posted

routes = APIRouter(route_class=PageRoute, include_in_schema=False)

LIMIT = 8  # passages of each, and known questions


class CompareForm(Form):
    question: Text
    left: Name
    right: Name


@routes.get("/compare")
def show(
    request: Request,
    state: Shared,
    asking: Asking,
    left: Annotated[str | None, Query(max_length=200)] = None,
    right: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """Where one types a question. It is never a part of an address."""
    kept = _kept(state, asking)
    live = state.services.index.live()
    before = next((name for name in kept if name != live), live)
    return page(request, "compare.html.jinja", _form(kept, question="", left=left or before, right=right or live))


@routes.post("/compare")
def compare(
    request: Request, state: Shared, asking: Asking, form: Annotated[CompareForm, Depends(posted(CompareForm))]
) -> Response:
    """What both versions find for a question. Nothing is recorded."""
    values = _form(_kept(state, asking), question=form.question, left=form.left, right=form.right)
    found = [
        explain.find(form.question, chat=state.chat, version=VersionId(name), limit=LIMIT, groups=asking.groups)
        for name in dict.fromkeys((form.left, form.right))
    ]
    places = [{(one.document_id, one.start): one.rank for one in side.passages} for side in found]
    others = places[::-1] if len(places) > 1 else places
    return page(request, "compare.html.jinja", values | {"sides": list(zip(found, others, strict=True))})


def _kept(state: State, asking: Person) -> list[str]:
    """The versions that can be searched, the newest first."""
    there = set(state.services.index.versions())
    return [record.version for record in versions_of_api.versions(state, asking)[::-1] if record.version in there]


def _form(kept: list[str], *, question: str, left: str | None, right: str | None) -> dict[str, object]:
    return {"kept": kept, "question": question, "left": left, "right": right, "sides": []}
