"""Index versions: list, show, compare, promote, roll back, rebuild, and their reports."""

import asyncio
import json
import os
import sys
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse, JSONResponse
from pydantic import ConfigDict, Field

from rag_flywheel.api.guard import GuardedRoute
from rag_flywheel.api.metrics import SHARED
from rag_flywheel.api.models import (
    Body,
    Failure,
    FollowedReply,
    Instant,
    PromoteBody,
    RollbackBody,
    SwitchReply,
    VersionReply,
    switch_reply,
    version_reply,
)
from rag_flywheel.api.state import Asking, Shared
from rag_flywheel.config import without_settings
from rag_flywheel.domain import Counts, Guardrail, ItemKind, LearnedRanking, Manifest, Outcome, VersionId, VersionState
from rag_flywheel.domain.supersession import replaced
from rag_flywheel.errors import NotFound, status_of_exit
from rag_flywheel.rollout import promotion
from rag_flywheel.rollout.promotion import act_of

routes = APIRouter(tags=["versions"], route_class=GuardedRoute)


class GateReply(Body):
    outcome: Outcome
    reasons: list[str]
    decided: Instant


class VersionDetailReply(Body):
    """A version with its states, oldest first, and the gate's decision on it: null where there is none."""

    version: str
    state: VersionState
    gate: GateReply | None
    manifest: Manifest
    states: list[tuple[datetime, VersionState]]


class FilesChangedReply(Body):
    added: list[str]
    removed: list[str]
    changed: list[str]


class CorrectionsChangedReply(Body):
    added: list[str]
    removed: list[str]


class DiffReply(Body):
    """What the later version has otherwise than the earlier one; pairs are (earlier, later)."""

    model_config = ConfigDict(validate_by_name=True)

    earlier: str = Field(alias="from")
    later: str = Field(alias="to")
    sources: FilesChangedReply
    corrections: CorrectionsChangedReply
    superseded: dict[str, str]  # correction that went -> the one that took its place
    counts: dict[str, tuple[int, int]]
    learned: tuple[LearnedRanking, LearnedRanking]
    settings: list[str]  # the sections that differ


class SkippedReply(Body):
    name: str
    reason: str


class RemovedReply(Body):
    """What was taken out of a document that is kept."""

    document_id: str
    what: str
    count: int
    lines: list[str]


class SuspicionReply(Body):
    """An item that a guardrail points at: left out, or, of an official source, only reported."""

    id: str
    kind: ItemKind
    item: str
    place: str | None
    guardrail: Guardrail
    reason: str
    do: str
    official: bool


class ReadersReply(Body):
    """How many documents are open to all, and how many for which group; one for several counts in each."""

    open: int
    groups: dict[str, int]


class CycleReply(Body):
    """What a run of the cycle came to; `report` is the path of its report where the gate was reached."""

    decision: str
    version: str | None
    reasons: list[str]
    report: str | None
    counts: Counts | None
    readers: ReadersReply | None
    aside: list[SuspicionReply]
    skipped: list[SkippedReply]
    removed: list[RemovedReply]
    alike: list[list[str]]  # documents that nearly say the same
    followed: list[FollowedReply]  # spans that people named which do not stand where they were named
    seconds: float


@routes.get("/versions")
def versions(state: Shared, asking: Asking, deleted: bool = False) -> list[VersionReply]:
    """The kept versions, oldest first; with `deleted` those that are gone too."""
    state.refuse_part(asking)
    records = state.services.ledger.versions()
    return [version_reply(record) for record in records if deleted or record.state != "deleted"]


@routes.get("/versions/{version}")
def show(version: str, state: Shared, asking: Asking) -> VersionDetailReply:
    """The manifest, the states and the gate's decision of a version."""
    state.refuse_part(asking)
    record = state.services.ledger.version(VersionId(version))
    decision = state.services.ledger.decision(VersionId(version))
    gate = None
    if decision is not None:
        gate = GateReply(outcome=decision.outcome, reasons=list(decision.reasons), decided=decision.decided)
    return VersionDetailReply(
        version=version, state=record.state, gate=gate, manifest=record.manifest, states=list(record.states)
    )


@routes.get("/versions/{version}/diff/{other}")
def diff(version: str, other: str, state: Shared, asking: Asking) -> DiffReply:
    """What `other` has that `version` has not, and the reverse: files, corrections, counts, learned, settings.

    `superseded` names, for each correction that went because another one took its place, that other one.
    """
    state.refuse_part(asking)
    before = state.services.ledger.version(VersionId(version)).manifest
    after = state.services.ledger.version(VersionId(other)).manifest
    files = {name for name in before.sources if name in after.sources}
    numbers = before.counts.__slots__
    removed = sorted(set(before.corrections) - set(after.corrections))
    by = replaced(state.services.ledger.corrections(until=after.feedback_cutoff))
    return DiffReply(
        earlier=version,
        later=other,
        sources=FilesChangedReply(
            added=sorted(set(after.sources) - files),
            removed=sorted(set(before.sources) - files),
            changed=sorted(name for name in files if before.sources[name] != after.sources[name]),
        ),
        corrections=CorrectionsChangedReply(
            added=sorted(set(after.corrections) - set(before.corrections)), removed=[*removed]
        ),
        superseded={name: by[name] for name in removed if name in by},
        counts={name: (getattr(before.counts, name), getattr(after.counts, name)) for name in numbers},
        learned=(before.learned, after.learned),
        settings=sorted(
            name
            for name in {*before.settings, *after.settings}
            if before.settings.get(name) != after.settings.get(name)
        ),
    )


@routes.post("/promote")
def promote(body: PromoteBody, state: Shared, asking: Asking) -> SwitchReply:
    """Point the alias at a kept version."""
    services = state.services
    return switch_reply(
        promotion.promote(
            VersionId(body.version),
            expected=services.index.live(),
            index=services.index,
            ledger=services.ledger,
            act=act_of(asking.signed, body.why, at=services.now()),
        )
    )


@routes.post("/rollback")
def rollback(body: RollbackBody, state: Shared, asking: Asking) -> SwitchReply:
    """Put the previous version back, or the one named."""
    services = state.services
    return switch_reply(
        promotion.roll_back(
            None if body.to is None else VersionId(body.to),
            index=services.index,
            ledger=services.ledger,
            act=act_of(asking.signed, body.why, at=services.now()),
        )
    )


KINDS = {"json": "application/json", "md": "text/markdown; charset=utf-8", "html": "text/html; charset=utf-8"}
FILES: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            kind.partition(";")[0]: {"schema": {} if kind == KINDS["json"] else {"type": "string"}}
            for kind in KINDS.values()
        }
    }
}


@routes.get("/reports/{version}", response_model=None, responses=FILES)
def report(
    version: str, state: Shared, asking: Asking, format: Annotated[Literal["json", "md", "html"], Query()] = "json"
) -> FileResponse:
    """The gate's report on a version, also of one that was refused."""
    state.refuse_part(asking)
    state.services.ledger.version(VersionId(version))  # a name that the ledger knows cannot leave the folder
    file = state.services.reports / version / f"report.{format}"
    if not file.is_file():
        raise NotFound(f"there is no report on {version}: its run ended before the gate")
    return FileResponse(file, media_type=KINDS[format])


@routes.post("/reindex", response_model=CycleReply)
async def reindex(state: Shared, asking: Asking, force: bool = False) -> CycleReply | JSONResponse:
    """Run the cycle in a process of its own and reply with its result. A second run meanwhile is refused (409)."""
    command = [sys.executable, "-m", "rag_flywheel", "--config", str(state.config_file), "reindex", "--json"]
    # Variables of the environment are the deployment's: a tenant's run would work on what is not the tenant's.
    environ = {**os.environ} if asking.tenant is None else without_settings(os.environ)
    environ.pop(SHARED, None)  # it is no worker
    process = await asyncio.create_subprocess_exec(
        *command, *(["--force"] if force else []), stdout=asyncio.subprocess.PIPE, env=environ
    )
    output, _ = await process.communicate()
    try:
        said = json.loads(output)
    except json.JSONDecodeError:
        failure = Failure(error="ReindexFailed", detail="the run ended without a result")
        return JSONResponse(failure.model_dump(), status_code=500)
    status = status_of_exit(process.returncode or 0)
    return CycleReply.model_validate(said) if status == 200 else JSONResponse(said, status_code=status)
