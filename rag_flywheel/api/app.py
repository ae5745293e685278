"""The HTTP API: one FastAPI app over the services."""

import contextlib
from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import Any, Literal

from fastapi import FastAPI

from rag_flywheel.api import aside, chat, corrections, deployment, explain, golden, openai, versions
from rag_flywheel.api.entrance import BodyLimit, FromPages
from rag_flywheel.api.failures import CompletionFailure, answer_failures
from rag_flywheel.api.models import Body, Failure
from rag_flywheel.api.state import Shared, make_state
from rag_flywheel.config import Config, masked
from rag_flywheel.services import Services

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
    answer_failures(app)
    app.add_middleware(BodyLimit, most=services.config.api.body_mb * 1_000_000)
    if services.config.api.cors_origins:
        app.add_middleware(FromPages, origins=services.config.api.cors_origins)
    failures: dict[int | str, dict[str, Any]] = {status: {"model": Failure} for status in STATUSES}
    for doors in (chat, explain, corrections, aside, golden, versions, deployment):
        app.include_router(doors.routes, responses=failures)
    app.include_router(openai.routes, responses={status: {"model": CompletionFailure} for status in ("4XX", "5XX")})
    app.add_api_route("/config", settings, methods=["GET"], tags=["operation"], responses=failures)
    app.add_api_route("/health", health, methods=["GET"], tags=["operation"], responses=failures)
    return app


def health(state: Shared) -> HealthReply:
    """Whether this process answers, and which version is live (null before the first reindex)."""
    return HealthReply(status="ok", live=state.services.index.live())


def settings(state: Shared) -> Config:
    """The settings in force, passwords masked."""
    return masked(state.services.config)
