"""What a person agrees to: asked at the first visit where it has to be, in sight on every page, changed at any time."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import Field

from rag_flywheel.access import sessions
from rag_flywheel.api.people import ConsentBody, record_consent, scope_of
from rag_flywheel.api.state import Asking, Shared, State
from rag_flywheel.domain import Person
from rag_flywheel.domain.consent import Means, Purpose
from rag_flywheel.errors import InvalidInput
from rag_flywheel.privacy.records import standing
from rag_flywheel.web.page import Form, PageRoute, page, posted
from rag_flywheel.web.who import remember, user_of

routes = APIRouter(route_class=PageRoute, include_in_schema=False)
WORDS: Mapping[Purpose, tuple[str, str]] = {
    Purpose.ANSWER: (
        "Keep my questions and the answers",
        "Then I find them again, and can rate and correct them. Without this nothing that I type is kept.",
    ),
    Purpose.LEARN: (
        "Learn from my questions, ratings and corrections",
        "They help others who ask the same. Without this I am answered all the same.",
    ),
    Purpose.EVALUATE: (
        "Use my questions for tests",
        "New versions are asked the same questions before anybody meets them, and some people meet them first.",
    ),
}
"""What each purpose is called on a page, and what it means for whoever is asked."""


class ConsentForm(Form):
    answer: bool = False
    learn: bool = False
    evaluate: bool = False
    next: Annotated[str, Field(max_length=2048)] = "/consent"


def stand(user: str | None, state: State) -> dict[str, object]:
    """For a template: the policy, whether the person has to be asked, what they said, and what is in force."""
    services = state.services
    scope = None if user is None else scope_of(user, services.ledger)
    events = [] if scope is None else services.ledger.consents_of(scope.user, None)
    policy = services.config.privacy.consent
    word = standing(events, policy, session=None)
    rows = [{"name": purpose.value, "words": WORDS[purpose], **_row(word[purpose.value])} for purpose in Purpose]
    asks = policy == "required" and all(row["said"] is None for row in rows)
    return {"policy": policy, "asks": asks, "purposes": rows, "notice": services.config.privacy_notice}


def _row(found: object) -> Mapping[str, object]:
    assert isinstance(found, dict)
    return found


@routes.get("/consent")
def show(request: Request, state: Shared, asking: Asking) -> Response:
    """What is kept, what for, and how to change that."""
    user = user_of(request, asking)
    reply = page(request, "consent.html.jinja", {"consent": stand(user, state), "known": user is not None})
    remember(reply, request, asking)
    return reply


@routes.post("/consent")
def say(
    request: Request, state: Shared, asking: Asking, form: Annotated[ConsentForm, Depends(posted(ConsentForm))]
) -> Response:
    """Record what they say, and go on."""
    onward, user = sessions.own_path(form.next), user_of(request, asking)
    if user is None:
        raise InvalidInput("your browser holds nothing by which to know you again: allow this site's cookies")
    said = {Purpose.ANSWER: form.answer, Purpose.LEARN: form.learn, Purpose.EVALUATE: form.evaluate}
    if not form.answer:  # what is not kept cannot be used
        said = dict.fromkeys(Purpose, False)
    body = ConsentBody(purposes=said, how=Means.PAGE)
    record_consent(scope_of(user, state.services.ledger), body, by=_by(asking), state=state)
    return RedirectResponse(onward, 303)


def _by(asking: Person) -> str:
    return "the person themself" if asking.name is not None else "the person's browser"
