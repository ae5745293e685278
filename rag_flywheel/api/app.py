"""The HTTP API and the pages: one FastAPI app over the services."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from importlib.metadata import version
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

import anyio
from fastapi import Depends, FastAPI
from fastapi.security import HTTPBearer

from rag_flywheel.api import (
    aside,
    chat,
    corrections,
    deployment,
    explain,
    feedback_exchange,
    gaps,
    golden,
    golden_export,
    insights,
    keys,
    mcp,
    metrics,
    openai,
    operation,
    overview,
    people,
    review,
    signing_in,
    slack,
    versions,
)
from rag_flywheel.api.doorstep import Doorstep, Told, security_headers, with_headers
from rag_flywheel.api.entrance import Entrance, FromPages
from rag_flywheel.api.failures import CompletionFailure, answer_failures
from rag_flywheel.api.guard import ASKING_AT_ONCE, Guard, refuse_unguarded
from rag_flywheel.api.limits import Allowance
from rag_flywheel.api.models import Failure
from rag_flywheel.api.observed import Observed
from rag_flywheel.api.peer import Behind
from rag_flywheel.api.slack_later import TELLING_AT_ONCE, Later
from rag_flywheel.api.state import make_state
from rag_flywheel.domain import Person
from rag_flywheel.services import Services
from rag_flywheel.web.failures import answer_as_pages
from rag_flywheel.web.pages import PAGES

if TYPE_CHECKING:  # older releases of FastAPI have none, and tell nothing
    from fastapi.telemetry import TelemetryConfig

STATUSES = (401, 403, 404, 409, 422, 429, 500, 503)
"""Of the errors of `errors`."""
AT_THE_ENTRANCE = (400, 408, 413, 414, 415, 431)
"""Of what no route has seen."""
SILENT: "TelemetryConfig" = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}
"""What FastAPI itself would tell of requests: paths, query strings and the words of errors. `Observed` tells less."""
OURS = (
    *(chat, explain, corrections, feedback_exchange, review, gaps, insights, overview, aside, golden, golden_export),
    *(versions, deployment, keys, people, signing_in, operation, mcp, metrics, slack),
)


def create_app(
    services: Services, *, tenants: Mapping[str, Services] = MappingProxyType({}), local: Person | None = None
) -> FastAPI:
    """The app. The caller opens and closes the services. While it serves, it looks at the canaries by itself.

    Who comes with the key of a tenant meets that tenant's services and no others; the keys themselves are in the ledger
    of `services`. `local` sends every request, where it is who works with the files themselves; else each has to say
    who sends it.
    """
    every: dict[str | None, Services] = {None: services}
    every.update(tenants.items())

    @contextlib.asynccontextmanager
    async def watching(app: FastAPI) -> AsyncIterator[None]:
        with contextlib.ExitStack() as watched:
            for each in every.values():
                watched.enter_context(deployment.Watch(each))
            yield

    app = FastAPI(
        lifespan=watching,
        title="rag-flywheel",
        version=version("rag-flywheel"),
        summary="Answers from your documents that get better with every reviewed correction.",
        redirect_slashes=False,  # a path has one form; a redirect would tell who may not come in which there are
        telemetry=SILENT,
        openapi_url=None,  # `operation` serves it and its pages, to those who may call anything
        dependencies=[Depends(HTTPBearer(auto_error=False, description="An API key: `rag-flywheel keys create`."))],
    )
    config = services.config
    app.state.of_tenant = {name: make_state(each) for name, each in every.items()}
    lookups = anyio.CapacityLimiter(ASKING_AT_ONCE)
    app.state.guard = Guard(
        services=services,
        tenants=every.keys(),
        local=local,
        lookups=lookups,
        provider=anyio.CapacityLimiter(ASKING_AT_ONCE),
        allowance=Allowance(settings=config.limits, rates=services.rates, lookups=lookups),
    )
    app.state.later = Later(allowance=app.state.guard.allowance, telling=anyio.CapacityLimiter(TELLING_AT_ONCE))
    answer_failures(app)
    answer_as_pages(app)
    app.add_exception_handler(Exception, with_headers(cast(Told, app.exception_handlers[Exception])))
    app.add_middleware(Entrance, most=config.api.body_mb * 1_000_000, limits=config.limits)
    if local is None:
        app.add_middleware(Doorstep, hosts=config.access.hosts, origins=config.api.cors_origins)
    if config.api.cors_origins:
        app.add_middleware(FromPages, origins=config.api.cors_origins)
    security_headers(app)
    app.add_middleware(Behind, proxies=config.access.proxies)
    app.add_middleware(Observed)
    _open_doors(app)
    return app


def _open_doors(app: FastAPI) -> None:
    """Every route of the API and of the pages."""
    for pages in PAGES:  # before the rest: one that stands beside a route of the API leaves programs to it
        app.include_router(pages.routes)
    failures = _failures()
    for doors in OURS:
        app.include_router(doors.routes, responses=failures)
    app.include_router(openai.routes, responses={status: {"model": CompletionFailure} for status in ("4XX", "5XX")})
    refuse_unguarded([*(doors.routes for doors in (*OURS, *PAGES)), openai.routes])
    _make_validators(app)


def _make_validators(app: FastAPI) -> None:
    """What validates the requests of each route, which FastAPI makes at the first request that looks for one: who asks
    first would wait for it, and two who ask at once make it in two threads, with warnings that FastAPI hides in one.
    """
    for route in app.routes:
        route.matches({"type": "http", "method": "GET", "path": "/", "root_path": "", "headers": []})


def _failures() -> dict[int | str, dict[str, Any]]:
    """Every status of a failure, for the document. The schema is named by one of them, and meant by all: FastAPI makes
    a validator of each model that it is given, for each status of each route, which took half the time of a start.
    """
    meant = {"application/json": {"schema": {"$ref": f"#/components/schemas/{Failure.__name__}"}}}
    every: dict[int | str, dict[str, Any]] = {
        status: {"description": HTTPStatus(status).phrase, "content": meant} for status in (*STATUSES, *AT_THE_ENTRANCE)
    }
    every[422] = {"model": Failure}
    return every
