"""The HTTP API: one FastAPI app over the services."""

import contextlib
import logging
from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import Any, Literal

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from rag_flywheel.api import aside, chat, corrections, deployment, explain, golden, openai, versions
from rag_flywheel.api.models import Body, Failure
from rag_flywheel.api.openai import CompletionFailure, FailureDetail
from rag_flywheel.api.state import Shared, make_state
from rag_flywheel.config import Config, masked
from rag_flywheel.errors import FlywheelError
from rag_flywheel.services import Services

logger = logging.getLogger("rag_flywheel.api")

STATUSES = (404, 409, 422, 500, 503)
"""Of the errors of `errors`."""


class HealthReply(Body):
    status: Literal["ok"]
    live: str | None


def create_app(services: Services) -> FastAPI:
    """The app. The caller opens and closes the services. While it serves, it looks at the canary by itself."""

    @contextlib.asynccontextmanager
    async def watching(app: FastAPI) -> AsyncIterator[None]:
        with deployment.Watch(services):
            yield

    app = FastAPI(
        lifespan=watching,
        title="rag-flywheel",
        version=version("rag-flywheel"),
        summary="Answers from your documents that get better with every reviewed correction.",
    )
    app.state.flywheel = make_state(services)
    app.add_exception_handler(FlywheelError, _our_error)
    app.add_exception_handler(RequestValidationError, _bad_request)
    failures = _failures(Failure)
    for doors in (chat, explain, corrections, aside, golden, versions, deployment):
        app.include_router(doors.routes, responses=failures)
    app.include_router(openai.routes, responses=_failures(CompletionFailure))
    app.add_api_route("/config", settings, methods=["GET"], tags=["operation"], responses=failures)
    app.add_api_route("/health", health, methods=["GET"], tags=["operation"], responses=failures)
    return app


def health(state: Shared) -> HealthReply:
    """Whether this process answers, and which version is live (null before the first reindex)."""
    return HealthReply(status="ok", live=state.services.index.live())


def settings(state: Shared) -> Config:
    """The settings in force, passwords masked."""
    return masked(state.services.config)


def _failures(model: type[Body]) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": model} for status in STATUSES}


def _our_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, FlywheelError)
    if error.http_status >= 500:
        logger.error("%s %s: %s", request.method, request.url.path, type(error).__name__)
    return _reply(error.http_status, type(error).__name__, str(error), openai_style=_openai_path(request))


def _bad_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    # What was sent is left out of the message: it may hold a person's text.
    mistakes = [
        f"{'.'.join(str(place) for place in mistake['loc'][1:]) or 'body'}: {mistake['msg']}"
        for mistake in error.errors()
    ]
    return _reply(422, "InvalidInput", "; ".join(mistakes), openai_style=_openai_path(request))


def _openai_path(request: Request) -> bool:
    return request.url.path.startswith("/v1/")


def _reply(status: int, kind: str, message: str, *, openai_style: bool) -> JSONResponse:
    failure: Body = Failure(error=kind, detail=message)
    if openai_style:
        shape: Literal["invalid_request_error", "server_error"] = (
            "invalid_request_error" if status < 500 else "server_error"
        )
        failure = CompletionFailure(error=FailureDetail(message=message, type=shape, code=kind, param=None))
    return JSONResponse(failure.model_dump(), status_code=status)
