"""What went wrong, as a page for who would rather have one: where programs get the error in JSON."""

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import cast

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from rag_flywheel.api.person_page import wants_page
from rag_flywheel.errors import FlywheelError
from rag_flywheel.web.page import is_partial, page
from rag_flywheel.web.sign_in import sign_in_page

WORDS: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        401: ("Please sign in", "This page is for people who have signed in."),
        403: ("This is not yours to do", "You are signed in, and your role does not allow this."),
        404: ("There is nothing here", "The page may have moved, or it is somebody else's."),
        405: ("That does not work here", "This address does not take what was sent."),
        409: ("That is not possible now", "Things have changed since this page was made. Look again, then decide."),
        413: ("That is too long", "Shorten the text and send it again."),
        422: ("Something is missing or wrong", "Go back, look at what you filled in, and send it again."),
        429: ("One moment, please", "Many requests came from you in a short time. Wait a little, then try again."),
        503: ("Not available right now", "Something that this page needs does not answer, or nothing is live yet."),
    }
)
"""What each status is called, and what to do."""
ELSE = ("Something went wrong", "It is not your fault. The server's log says where it happened.")

Told = Callable[[Request, Exception], Response]


def answer_as_pages(app: FastAPI) -> None:
    """Let the app tell its failures as pages too, in the words that its other replies have."""
    for kind in (FlywheelError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, _paged(cast(Told, app.exception_handlers[kind])))


def _paged(told: Told) -> Told:
    def answer(request: Request, error: Exception) -> Response:
        reply, path = told(request, error), request.url.path
        if path.startswith(("/v1/", "/static/")) or not wants_page(request.headers.get("accept", "")):
            return reply
        made = _page(request, reply.status_code, str(json.loads(bytes(reply.body))["detail"]))
        for name in ("retry-after", "allow", "www-authenticate"):
            if name in reply.headers:
                made.headers[name] = reply.headers[name]
        return made

    return answer


def _page(request: Request, status: int, detail: str) -> Response:
    title, words = WORDS.get(status, ELSE)
    values = {"status": status, "title": title, "words": words, "detail": detail}
    if is_partial(request):
        return page(request, "_failure.html.jinja", values, status=status)
    if status == 401:
        return sign_in_page(request, onward=request.url.path, status=401, detail=detail)
    return page(request, "failure.html.jinja", values, status=status)
