"""What people say of an answer: thumbs, stars, words, and a better answer."""

import secrets
from collections.abc import Iterator
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import ConfigDict, Field, JsonValue

from rag_flywheel.api import corrections as signals
from rag_flywheel.api.models import CorrectionBody, EvidenceBody, FeedbackBody, Text
from rag_flywheel.api.state import Asking, Shared, State, own
from rag_flywheel.domain import Citation, FeedbackKind, Interaction, Person
from rag_flywheel.errors import Conflict, InvalidInput
from rag_flywheel.feedback.intake import readable
from rag_flywheel.web.markdown import rendered, without_markers
from rag_flywheel.web.masked import masked_kinds
from rag_flywheel.web.page import Form, PageRoute, is_partial, page, posted
from rag_flywheel.web.turns import shown
from rag_flywheel.web.who import named, user_of

routes = APIRouter(route_class=PageRoute, include_in_schema=False)
NAME_AT_MOST = 200  # characters of a document's name, as in `EvidenceBody`
Judged = Annotated[str, Field(pattern=r"^\d{1,4}:(right|wrong|outdated)$")]


class SayForm(Form):
    """What is left out is not said."""

    thumb: Literal["up", "down"] | None = None
    number: int | None = None  # of a source
    relevant: bool | None = None  # whether that one helps
    stars: int | None = None
    comment: Text | None = None
    issue: bool = False  # whether the comment reports a problem


class CorrectForm(Form):
    answer: Text
    judged: Annotated[tuple[Judged, ...], Field(max_length=200)] = ()  # sources, as `number:word`
    once: Annotated[str, Field(max_length=100)] = ""


class PreviewForm(Form):
    model_config = ConfigDict(extra="ignore")  # a browser sends what else stands in the form

    answer: Text | None = None


@routes.get("/answers/{interaction_id}")
def show(interaction_id: str, request: Request, state: Shared, asking: Asking) -> Response:
    """One answer that was kept."""
    user = user_of(request, asking)
    turn = shown(_kept(interaction_id, request, state, asking), state, user=user)
    return page(request, "answer.html.jinja", {"turn": turn, "opened": None})


@routes.post("/answers/{interaction_id}/feedback")
def say(
    interaction_id: str,
    request: Request,
    state: Shared,
    asking: Asking,
    form: Annotated[SayForm, Depends(posted(SayForm))],
) -> Response:
    """Record it, and show what was said."""
    interaction = _kept(interaction_id, request, state, asking)
    said = list(_signals(form, interaction))
    if not said:
        raise InvalidInput("nothing was said: choose a thumb or stars, or write something")
    for kind, value in said:
        _record(interaction, kind, value, request, state, asking)
    if not is_partial(request):
        return RedirectResponse(f"/answers/{interaction_id}", 303)
    turn = shown(interaction, state, user=user_of(request, asking))
    return page(request, "_said.html.jinja", {"turn": turn, "thanks": form.stars is not None or bool(form.comment)})


@routes.get("/answers/{interaction_id}/correct")
def write(interaction_id: str, request: Request, state: Shared, asking: Asking) -> Response:
    """Where a better answer is written, beginning with the one that was given."""
    interaction = _kept(interaction_id, request, state, asking)
    turn = shown(interaction, state, user=user_of(request, asking))
    draft = without_markers(interaction.answer) if interaction.answered else ""
    values = {"turn": turn, "draft": draft, "once": secrets.token_urlsafe(16)}
    return page(request, "_correct.html.jinja" if is_partial(request) else "correct.html.jinja", values)


@routes.post("/answers/{interaction_id}/correct")
def correct(
    interaction_id: str,
    request: Request,
    state: Shared,
    asking: Asking,
    form: Annotated[CorrectForm, Depends(posted(CorrectForm))],
) -> Response:
    """Hand it in, and show what becomes of it."""
    interaction = _kept(interaction_id, request, state, asking)
    by_number = {citation.number: citation for citation in interaction.citations}
    words: dict[str, list[Citation]] = {"right": [], "wrong": [], "outdated": []}
    for number, word in dict(judged.split(":") for judged in form.judged).items():
        if int(number) in by_number:
            words[word].append(by_number[int(number)])
    body = CorrectionBody(
        interaction_id=interaction_id,
        answer=form.answer,
        evidence=tuple(_span(citation) for citation in words["right"]),
        supersedes=tuple(_span(citation) for citation in words["outdated"]),
        user_id=named(request, asking),
    )
    receipt = signals.correct(body, state, asking, form.once or None)
    for citation in words["wrong"]:
        body_of = FeedbackBody(
            interaction_id=interaction_id,
            kind=FeedbackKind.PASSAGE_RELEVANCE,
            value=_relevance(citation, False),
            user_id=named(request, asking),
        )
        signals.feedback(body_of, state, asking, f"{form.once}-{citation.number}" if form.once else None)
    if is_partial(request):
        return page(request, "_handed_in.html.jinja")
    return RedirectResponse(f"/my-corrections#c-{receipt.id}", 303)


@routes.post("/preview")
def preview(request: Request, state: Shared, form: Annotated[PreviewForm, Depends(posted(PreviewForm))]) -> Response:
    """How a text in Markdown will look once it is stored, and what of it will be masked."""
    kept = state.services.redactor.redact(form.answer or "")
    return page(request, "_preview.html.jinja", {"text": rendered(kept.text), "masked": masked_kinds(kept)})


def _kept(name: str, request: Request, state: State, asking: Person) -> Interaction:
    """Raises NotFound for what is not theirs, or rests on what they may not read now; Conflict where its texts were not
    kept.
    """
    theirs = own(name, asking, user_of(request, asking), state)
    found = readable(theirs, state.reader(asking), state.services.ledger)
    if not found.consent:
        raise Conflict(
            "this answer was not kept, so it can be neither rated nor corrected: agree that answers are kept, then ask "
            "again"
        )
    return found


def _signals(form: SayForm, interaction: Interaction) -> Iterator[tuple[FeedbackKind, JsonValue]]:
    if form.thumb is not None:
        yield FeedbackKind.THUMB, form.thumb
    if form.stars is not None:
        yield FeedbackKind.STARS, form.stars
    if form.comment is not None:
        yield FeedbackKind.ISSUE if form.issue else FeedbackKind.COMMENT, form.comment
    if form.relevant is not None:
        citation = next((each for each in interaction.citations if each.number == form.number), None)
        if citation is None:
            raise InvalidInput("this answer has no source of that number")
        yield FeedbackKind.PASSAGE_RELEVANCE, _relevance(citation, form.relevant)


def _relevance(citation: Citation, relevant: bool) -> JsonValue:
    return {
        "document_id": citation.document_id,
        "start": citation.start,
        "end": citation.end,
        "relevant": relevant,
    }


def _span(citation: Citation) -> EvidenceBody:
    """Raises InvalidInput for a document whose name is longer than requests take."""
    if len(citation.document_id) > NAME_AT_MOST:
        raise InvalidInput(
            f"a document with a name of more than {NAME_AT_MOST} characters cannot be named: leave it out"
        )
    return EvidenceBody(document_id=citation.document_id, start=citation.start, end=citation.end)


def _record(
    interaction: Interaction, kind: FeedbackKind, value: JsonValue, request: Request, state: State, asking: Person
) -> None:
    body = FeedbackBody(
        interaction_id=interaction.interaction_id, kind=kind, value=value, user_id=named(request, asking)
    )
    signals.feedback(body, state, asking)
