"""GET /metrics, in the forms that Prometheus reads."""

import os
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

from rag_flywheel.api.guard import GuardedRoute
from rag_flywheel.api.standing import Stands
from rag_flywheel.api.state import Asking
from rag_flywheel.errors import NotAllowed
from rag_flywheel.ports.metrics import REGISTRY

SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that tells Prometheus' client where the workers of one server write their numbers."""

FORMS: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {}, "application/openmetrics-text": {}}}}

routes = APIRouter(route_class=GuardedRoute)


@routes.get("/metrics", tags=["operation"], response_class=Response, responses=FORMS)
def metrics(request: Request, asking: Asking) -> Response:
    """Counts and times of all workers of this server, and how things stand; of all tenants, by name."""
    if asking.tenant is not None:
        raise NotAllowed("this tells of all tenants, which the key of one of them does not open")
    registry = CollectorRegistry()
    if os.environ.get(SHARED):
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry.register(REGISTRY)
    registry.register(Stands(request.app.state.of_tenant))
    encode, kind = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(registry), headers={"Content-Type": kind})
