"""The HTTP API: one FastAPI app over the services."""

import contextlib
from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import Any

import anyio
from fastapi import Depends, FastAPI
from fastapi.security import HTTPBearer

from rag_flywheel.api import (
    aside,
    chat,
    corrections,
    deployment,
    explain,
    golden,
    keys,
    openai,
    operation,
    signing_in,
    versions,
)
from rag_flywheel.api.doorstep import Doorstep, security_headers
from rag_flywheel.api.entrance import BodyLimit, FromPages
from rag_flywheel.api.failures import CompletionFailure, answer_failures
from rag_flywheel.api.guard import ASKING_AT_ONCE, Guard, refuse_unguarded
from rag_flywheel.api.models import Failure
from rag_flywheel.api.peer import Behind
from rag_flywheel.api.state import make_state
from rag_flywheel.domain import Person
from rag_flywheel.services import Services

STATUSES = (401, 403, 404, 409, 422, 500, 503)
"""Of the errors of `errors`."""
OURS = (chat, explain, corrections, aside, golden, versions, deployment, keys, signing_in, operation)


def create_app(services: Services, *, local: Person | None = None) -> FastAPI:
    """The app. The caller opens and closes the services. While it serves, it looks at the canary by itself.

    `local` sends every request, where it is who works with the files themselves; else each has to say who sends it.
    """

    @contextlib.asynccontextmanager
    async def watching(app: FastAPI) -> AsyncIterator[None]:
        with deployment.Watch(services):
            yield

    app = FastAPI(
        lifespan=watching,
        title="rag-flywheel",
        version=version("rag-flywheel"),
        summary="Answers from your documents that get better with every reviewed correction.",
        openapi_url=None,  # `operation` serves it and its pages, to those who may call anything
        dependencies=[Depends(HTTPBearer(auto_error=False, description="An API key: `rag-flywheel keys create`."))],
    )
    config = services.config
    app.state.flywheel = make_state(services)
    app.state.guard = Guard(
        services=services,
        local=local,
        lookups=anyio.CapacityLimiter(ASKING_AT_ONCE),
        provider=anyio.CapacityLimiter(ASKING_AT_ONCE),
    )
    answer_failures(app)
    app.add_middleware(BodyLimit, most=config.api.body_mb * 1_000_000)
    if local is None:
        app.add_middleware(Doorstep, hosts=config.access.hosts, origins=config.api.cors_origins)
    if config.api.cors_origins:
        app.add_middleware(FromPages, origins=config.api.cors_origins)
    security_headers(app)
    app.add_middleware(Behind, proxies=config.access.proxies)
    failures: dict[int | str, dict[str, Any]] = {status: {"model": Failure} for status in STATUSES}
    for doors in OURS:
        app.include_router(doors.routes, responses=failures)
    app.include_router(openai.routes, responses={status: {"model": CompletionFailure} for status in ("4XX", "5XX")})
    refuse_unguarded([*(doors.routes for doors in OURS), openai.routes])
    return app
