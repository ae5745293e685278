"""Index versions: list, show, compare, promote, roll back, rebuild, and their reports."""

import asyncio
import json
import sys
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse, JSONResponse
from pydantic import TypeAdapter

from rag_flywheel.api.models import (
    PromoteBody,
    RollbackBody,
    SwitchReply,
    VersionReply,
    switch_reply,
    version_reply,
)
from rag_flywheel.api.state import Shared
from rag_flywheel.domain import VersionId, VersionRecord
from rag_flywheel.domain.supersession import replaced
from rag_flywheel.errors import NotFound
from rag_flywheel.rollout import promotion

routes = APIRouter(tags=["versions"])
_RECORD = TypeAdapter(VersionRecord)


@routes.get("/versions")
def versions(state: Shared, deleted: bool = False) -> list[VersionReply]:
    """The kept versions, oldest first; with `deleted` those that are gone too."""
    records = state.services.ledger.versions()
    return [version_reply(record) for record in records if deleted or record.state != "deleted"]


@routes.get("/versions/{version}")
def show(version: str, state: Shared) -> dict[str, Any]:
    """The manifest, the states and the gate's decision of a version."""
    record = state.services.ledger.version(VersionId(version))
    decision = state.services.ledger.decision(VersionId(version))
    gate = None
    if decision is not None:
        gate = {"outcome": decision.outcome, "reasons": decision.reasons, "decided": decision.decided.isoformat()}
    shown: dict[str, Any] = _RECORD.dump_python(record, mode="json")
    return {"version": version, "state": record.state, "gate": gate, **shown}


@routes.get("/versions/{version}/diff/{other}")
def diff(version: str, other: str, state: Shared) -> dict[str, Any]:
    """What `other` has that `version` has not, and the reverse: files, corrections, counts, learned, settings.

    `superseded` names, for each correction that went because another one took its place, that other one.
    """
    before = state.services.ledger.version(VersionId(version)).manifest
    after = state.services.ledger.version(VersionId(other)).manifest
    files = {name for name in before.sources if name in after.sources}
    numbers = before.counts.__slots__
    removed = sorted(set(before.corrections) - set(after.corrections))
    by = replaced(state.services.ledger.corrections(until=after.feedback_cutoff))
    return {
        "from": version,
        "to": other,
        "sources": {
            "added": sorted(set(after.sources) - files),
            "removed": sorted(set(before.sources) - files),
            "changed": sorted(name for name in files if before.sources[name] != after.sources[name]),
        },
        "corrections": {
            "added": sorted(set(after.corrections) - set(before.corrections)),
            "removed": removed,
        },
        "superseded": {name: by[name] for name in removed if name in by},
        "counts": {name: [getattr(before.counts, name), getattr(after.counts, name)] for name in numbers},
        "learned": [_plain(before.learned), _plain(after.learned)],
        "settings": sorted(
            name
            for name in {*before.settings, *after.settings}
            if before.settings.get(name) != after.settings.get(name)
        ),
    }


@routes.post("/promote")
def promote(body: PromoteBody, state: Shared) -> SwitchReply:
    """Point the alias at a kept version."""
    services = state.services
    return switch_reply(
        promotion.promote(
            VersionId(body.version),
            expected=services.index.live(),
            index=services.index,
            ledger=services.ledger,
            who=body.who,
            why=body.why,
            at=services.now(),
        )
    )


@routes.post("/rollback")
def rollback(body: RollbackBody, state: Shared) -> SwitchReply:
    """Put the previous version back, or the one named."""
    services = state.services
    return switch_reply(
        promotion.roll_back(
            None if body.to is None else VersionId(body.to),
            index=services.index,
            ledger=services.ledger,
            who=body.who,
            why=body.why,
            at=services.now(),
        )
    )


@routes.get("/reports/{version}", response_model=None)
def report(
    version: str, state: Shared, format: Annotated[Literal["json", "md", "html"], Query()] = "json"
) -> FileResponse:
    """The gate's report on a version, also of one that was refused."""
    state.services.ledger.version(VersionId(version))  # a name that the ledger knows cannot leave the folder
    file = state.services.reports / version / f"report.{format}"
    if not file.is_file():
        raise NotFound(f"there is no report on {version}: its run ended before the gate")
    kinds = {"json": "application/json", "md": "text/markdown; charset=utf-8", "html": "text/html; charset=utf-8"}
    return FileResponse(file, media_type=kinds[format])


@routes.post("/reindex", response_model=None)
async def reindex(state: Shared, force: bool = False) -> JSONResponse:
    """Run the cycle in a process of its own and reply with its result. A second run meanwhile is refused (409)."""
    command = [sys.executable, "-m", "rag_flywheel", "--config", str(state.config_file), "reindex", "--json"]
    process = await asyncio.create_subprocess_exec(
        *command, *(["--force"] if force else []), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    try:
        result = json.loads(output)
    except json.JSONDecodeError:
        return JSONResponse({"error": "ReindexFailed", "detail": "the run ended without a result"}, status_code=500)
    return JSONResponse(result, status_code=_STATUS.get(process.returncode or 0, 500))


_STATUS = {0: 200, 3: 200, 4: 200, 2: 422, 6: 409, 7: 503}


def _plain(value: object) -> Any:
    return TypeAdapter(type(value)).dump_python(value, mode="json")
