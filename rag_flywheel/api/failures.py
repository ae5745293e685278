"""What a failed request is told: in OpenAI's shape under /v1, so that its clients raise their own errors, in ours
elsewhere. What was sent is never repeated: it may hold a person's text.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match

from rag_flywheel.api.mistakes import in_words
from rag_flywheel.api.models import Body, Failure
from rag_flywheel.api.state import State
from rag_flywheel.config.hiding import hidden, known_secrets
from rag_flywheel.errors import FlywheelError, TooMany

logger = logging.getLogger("rag_flywheel.api")

NO_JSON = "the body could not be read as JSON"
CODES = {
    "missing": "missing_required_parameter",
    "too_short": "empty_array",
    "too_long": "array_above_max_length",
    "string_too_long": "string_above_max_length",
    "model_not_found": "model_not_found",
    "unsupported_value": "unsupported_value",
    "string_above_max_length": "string_above_max_length",
}
"""What OpenAI calls a mistake, by its type in pydantic; another one is an invalid type or an invalid value."""
OPENAIS = {
    405: "method_not_supported",
    413: "request_too_large",
    415: "unsupported_content_type",
    429: "rate_limit_exceeded",
}
"""What OpenAI calls a request that no route has seen, by its status."""
OURS = {404: "NotFound", 429: "TooMany", 500: "FlywheelError"}
"""What we call it; all others are inputs that cannot be used."""
QUOTING = (404, 409, 422)  # whose messages may repeat what was sent
METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
MISTAKES = 20  # that a reply tells, at most
PLACE = 200  # characters of where a mistake is
UNFORESEEN = "something went wrong that nobody foresaw; the server's log says where"


FailureType = Literal["invalid_request_error", "requests", "server_error"]


class FailureDetail(Body):
    message: str
    type: FailureType
    code: str | None  # what OpenAI calls it, or the error's name in `errors`
    param: str | None = None  # the field that is wrong


class CompletionFailure(Body):
    """Why there is no answer, as OpenAI says it."""

    error: FailureDetail


def answer_failures(app: FastAPI) -> None:
    """Let the app tell all that can go wrong in these shapes."""
    app.add_exception_handler(FlywheelError, _our_error)
    app.add_exception_handler(RequestValidationError, _wrong_request)
    app.add_exception_handler(HTTPException, _no_such_door)
    app.add_exception_handler(Exception, _unforeseen)


def reply_to(error: FlywheelError, request: Request) -> JSONResponse:
    """The failure of a request that no route sees."""
    return _our_error(request, error)


def failed(error: FlywheelError) -> CompletionFailure:
    """The failure of an answer that has begun."""
    return _openai(error.http_status, told(error), type(error).__name__, None)


def told(error: FlywheelError) -> str:
    """What its reader is told of it: vendors' words in it may hold a URL or a key."""
    return hidden(str(error), known_secrets())


def refusal(
    path: str, status: int, detail: str, *, code: str | None = None, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """The reply to a request that no route has taken. `code`: what OpenAI calls it, else by the status."""
    if _is_openais(path):
        return _reply(status, _openai(status, detail, code or OPENAIS.get(status), None), headers)
    return _reply(status, Failure(error=OURS.get(status, "InvalidInput"), detail=detail), headers)


def _our_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, FlywheelError)
    status, kind, detail = error.http_status, type(error).__name__, told(error)
    if status in QUOTING:
        detail = _masked(detail, request)
    if status >= 500:
        logger.error("%s %s: %s", request.method, _route(request), kind)
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None  # RFC 9110, 11.6.1
    if isinstance(error, TooMany):
        return refusal(request.url.path, status, str(error), headers={"Retry-After": str(error.seconds)})
    if _is_openais(request.url.path):
        return _reply(400 if status == 422 else status, _openai(status, detail, kind, None), headers)
    return _reply(status, Failure(error=kind, detail=detail), headers)


def _masked(detail: str, request: Request) -> str:
    """A name that a message repeats, such as that of an interaction that is not there, may be an e-mail address."""
    some: State = next(iter(request.app.state.of_tenant.values()))
    return some.services.redactor.redact(detail).text


def _route(request: Request) -> str:
    """As the route is declared: a path that was sent may hold anything."""
    return str(getattr(request.scope.get("route"), "path", "an unknown path"))


def _wrong_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    mistakes = error.errors()
    if _is_openais(request.url.path):
        return _refused(mistakes[0], request)
    told = [
        f"{'.'.join(str(place) for place in mistake['loc'][1:])[:PLACE] or 'body'}: {in_words(mistake)}"
        for mistake in mistakes[:MISTAKES]
    ]
    more = [f"and {len(mistakes) - MISTAKES} more"] if len(mistakes) > MISTAKES else []
    return _reply(422, Failure(error="InvalidInput", detail=_masked("; ".join([*told, *more]), request)))


def _refused(mistake: Mapping[str, Any], request: Request) -> JSONResponse:
    """One mistake, as OpenAI tells the first one that it finds."""
    kind, (_, *place) = mistake["type"], mistake["loc"]
    if kind == "json_invalid":
        return _reply(400, _openai(400, NO_JSON, None, None))
    code = CODES.get(kind) or ("invalid_type" if kind.endswith("_type") else "invalid_value")
    param = "".join(f"[{name}]" if isinstance(name, int) else f".{name}" for name in place).removeprefix(".")[:PLACE]
    param = _masked(param, request)
    told = _masked(f"{param or 'body'}: {in_words(mistake)}", request)
    status = 404 if kind == "model_not_found" else 400
    return _reply(status, _openai(status, told, code, param or None))


def _no_such_door(request: Request, error: Exception) -> JSONResponse:
    """There is no such route, or it takes another method, or no such body."""
    assert isinstance(error, HTTPException)
    path, status, told, headers = request.url.path, error.status_code, str(error.detail), error.headers
    if status == 404:
        served = "; /v1/models and /v1/chat/completions are served" if _is_openais(path) else ""
        told = f"there is no such URL here{served}"
    elif status == 405:
        told = "this URL does not take this method"
        headers = {"Allow": ", ".join(_methods(request))}
    elif status == 400:
        told = NO_JSON
    return refusal(path, status, told, headers=headers)


def _methods(request: Request) -> list[str]:
    """All that the URL takes: Starlette names those of the first of its routes."""
    routes: Sequence[BaseRoute] = request.app.router.routes
    return [
        method
        for method in METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    ]


def _unforeseen(request: Request, error: Exception) -> JSONResponse:
    """The error is raised once more after this, and logged."""
    return refusal(request.url.path, 500, UNFORESEEN)


def _is_openais(path: str) -> bool:
    return path == "/v1" or path.startswith("/v1/")


def _openai(status: int, message: str, code: str | None, param: str | None) -> CompletionFailure:
    kind: FailureType = "invalid_request_error" if status < 500 else "server_error"
    if status == 429:
        kind = "requests"
    return CompletionFailure(error=FailureDetail(message=message, type=kind, code=code, param=param))


def _reply(status: int, failure: Body, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse(failure.model_dump(), status_code=status, headers=headers)
