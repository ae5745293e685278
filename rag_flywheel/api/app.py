"""The HTTP API: one FastAPI app over the services."""

import contextlib
import logging
from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from rag_flywheel import config
from rag_flywheel.api import chat, corrections, deployment, explain, golden, openai, versions
from rag_flywheel.api.state import Shared, make_state
from rag_flywheel.errors import FlywheelError
from rag_flywheel.services import Services

logger = logging.getLogger("rag_flywheel.api")


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
    for doors in (chat, openai, explain, corrections, golden, versions, deployment):
        app.include_router(doors.routes)
    app.add_api_route("/config", settings, methods=["GET"], tags=["operation"])
    app.add_api_route("/health", health, methods=["GET"], tags=["operation"])
    return app


def health(state: Shared) -> dict[str, str | None]:
    """Whether this process answers, and which version is live (null before the first reindex)."""
    return {"status": "ok", "live": state.services.index.live()}


def settings(state: Shared) -> dict[str, Any]:
    """The settings in force, passwords masked."""
    return config.shown(state.services.config)


def _our_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, FlywheelError)
    if error.http_status >= 500:
        logger.error("%s %s: %s", request.method, request.url.path, type(error).__name__)
    return _reply(error.http_status, type(error).__name__, str(error), openai_style=_openai_path(request))


def _bad_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    # What was sent is left out of the message: it may hold a person's text.
    mistakes = [f"{'.'.join(str(part) for part in one['loc'][1:]) or 'body'}: {one['msg']}" for one in error.errors()]
    return _reply(422, "InvalidInput", "; ".join(mistakes), openai_style=_openai_path(request))


def _openai_path(request: Request) -> bool:
    return request.url.path.startswith("/v1/")


def _reply(status: int, kind: str, message: str, *, openai_style: bool) -> JSONResponse:
    if openai_style:
        shape = "invalid_request_error" if status < 500 else "server_error"
        body: dict[str, object] = {"error": {"message": message, "type": shape, "code": kind, "param": None}}
    else:
        body = {"error": kind, "detail": message}
    return JSONResponse(body, status_code=status)
