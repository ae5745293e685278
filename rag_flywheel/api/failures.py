"""What a failed request is told: in OpenAI's shape under /v1, so that its clients raise their own errors, in ours
elsewhere. What was sent is never repeated: it may hold a person's text.
"""

import logging
from collections.abc import Mapping
from typing import Any, Literal

from fastapi import FastAPI, Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from rag_flywheel.api.models import Body, Failure
from rag_flywheel.errors import FlywheelError

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


class FailureDetail(Body):
    message: str
    type: Literal["invalid_request_error", "server_error"]
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


def reply_to(error: FlywheelError, request: Request) -> JSONResponse:
    """The failure of a request that no route sees."""
    return _our_error(request, error)


def failed(error: FlywheelError) -> CompletionFailure:
    """The failure of an answer that has begun."""
    return _openai(error.http_status, str(error), type(error).__name__, None)


def _our_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, FlywheelError)
    status, kind = error.http_status, type(error).__name__
    if status >= 500:
        logger.error("%s %s: %s", request.method, request.url.path, kind)
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None  # RFC 9110, 11.6.1
    if _is_openais(request):
        return _reply(400 if status == 422 else status, _openai(status, str(error), kind, None), headers)
    return _reply(status, Failure(error=kind, detail=str(error)), headers)


def _wrong_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    mistakes = error.errors()
    if not _is_openais(request):
        told = [
            f"{'.'.join(str(place) for place in mistake['loc'][1:]) or 'body'}: {mistake['msg']}"
            for mistake in mistakes
        ]
        return _reply(422, Failure(error="InvalidInput", detail="; ".join(told)))
    return _refused(mistakes[0], request.headers.get("content-type", ""))


def _refused(mistake: Mapping[str, Any], content_type: str) -> JSONResponse:
    """One mistake, as OpenAI tells the first one that it finds."""
    kind, (_, *place) = mistake["type"], mistake["loc"]
    if kind == "json_invalid":
        return _reply(400, _openai(400, NO_JSON, None, None))
    if not place and kind != "missing" and "json" not in content_type:
        told = "the body should be JSON, with the header Content-Type: application/json"
        return _reply(415, _openai(415, told, "unsupported_content_type", None))
    code = CODES.get(kind) or ("invalid_type" if kind.endswith("_type") else "invalid_value")
    param = "".join(f"[{name}]" if isinstance(name, int) else f".{name}" for name in place).removeprefix(".")
    told = f"{param or 'body'}: {mistake['msg']}"
    status = 404 if kind == "model_not_found" else 400
    return _reply(status, _openai(status, told, code, param or None))


async def _no_such_door(request: Request, error: Exception) -> Response:
    """There is no such route, or it takes another method, or no such body."""
    assert isinstance(error, HTTPException)
    if not _is_openais(request):
        return await http_exception_handler(request, error)
    told, code = str(error.detail), None
    if error.status_code == 404:
        told = "there is no such URL here; /v1/models and /v1/chat/completions are served"
    elif error.status_code == 405:
        told, code = "this URL does not take this method", "method_not_supported"
    elif error.status_code == 400:
        told = f"{NO_JSON}: {told}"
    elif error.status_code == 413:
        code = "request_too_large"
    return _reply(error.status_code, _openai(error.status_code, told, code, None), error.headers)


def _is_openais(request: Request) -> bool:
    path = request.url.path
    return path == "/v1" or path.startswith("/v1/")


def _openai(status: int, message: str, code: str | None, param: str | None) -> CompletionFailure:
    kind: Literal["invalid_request_error", "server_error"] = "invalid_request_error" if status < 500 else "server_error"
    return CompletionFailure(error=FailureDetail(message=message, type=kind, code=code, param=param))


def _reply(status: int, failure: Body, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse(failure.model_dump(), status_code=status, headers=headers)
