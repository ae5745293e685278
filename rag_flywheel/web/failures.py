"""What went wrong, as a page for who would rather have one: where programs get the error in JSON."""

import json
from collections.abc import Callable
from typing import cast

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from rag_flywheel.api.person_page import wants_page
from rag_flywheel.errors import FlywheelError
from rag_flywheel.web.page import is_partial, page
from rag_flywheel.web.plain_words import words_of
from rag_flywheel.web.sign_in import sign_in_page

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
    title, words = words_of(status)
    values = {"status": status, "title": title, "words": words, "detail": detail}
    if is_partial(request):
        return page(request, "_failure.html.jinja", values, status=status)
    if status == 401:
        return sign_in_page(request, onward=_onward(request), status=401, detail=detail)
    return page(request, "failure.html.jinja", values, status=status)


def _onward(request: Request) -> str:
    """Where it goes on after signing in: what was asked for, where that was a page."""
    if request.method != "GET":
        return "/"
    query = request.url.query
    return f"{request.url.path}?{query}" if query else request.url.path
