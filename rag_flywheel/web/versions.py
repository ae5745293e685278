"""Index versions on pages: their time line, one of them, two of them, and putting one live or back."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response

from rag_flywheel.access.roles import ROLES
from rag_flywheel.api import deployment as deployment_routes
from rag_flywheel.api import versions as routes_of_api
from rag_flywheel.api.deployment import FreezeBody
from rag_flywheel.api.models import Name, PromoteBody, RollbackBody, Text
from rag_flywheel.api.state import Asking, Shared, State
from rag_flywheel.domain import CorrectionId, Person, ReviewedCorrection, VersionId
from rag_flywheel.errors import NotFound
from rag_flywheel.feedback import review_queue
from rag_flywheel.web import charts
from rag_flywheel.web.page import Form, TwinRoute, page, posted

routes = APIRouter(route_class=TwinRoute, include_in_schema=False)

METRIC = "hit_at_1"
SHOWN = 30  # versions of the time line, unless all are asked for


class SwitchForm(Form):
    """What a version is put live by: its name has to be typed."""

    version: Name
    confirm: Name = ""
    why: Text = "asked for on a page"
    freeze: bool = False  # whether promotions are frozen with a rollback


@routes.get("/versions")
def listed(
    request: Request,
    state: Shared,
    asking: Asking,
    deleted: Annotated[bool, Query()] = False,
    every: Annotated[bool, Query(alias="all")] = False,
) -> Response:
    """What is live, the canary, the freeze, and all versions with what the gate measured."""
    records = routes_of_api.versions(state, asking, deleted)[::-1]
    coming = review_queue.coming(state.known(state.reader(asking)))
    shown = records if every else records[:SHOWN]
    reports = {record.version: report(state, record.version) for record in shown}
    values = {
        "versions": shown,
        "hidden": len(records) - len(shown),
        "deleted": deleted,
        "live": state.services.index.live(),
        "kept": frozenset(state.services.index.versions()),
        "coming": len(coming) - len(state.waits_for(coming)),
        "measured": _measured(reports),
        "decisions": {name: state.services.ledger.decision(VersionId(name)) for name in reports},
        "canary": deployment_routes.show(state),
        "freeze": deployment_routes.frozen(state),
        "holdout": deployment_routes.holdout(state).holdout,
        **_may(asking),
    }
    return page(request, "versions.html.jinja", values)


@routes.get("/versions/{version}")
def show(version: str, request: Request, state: Shared, asking: Asking) -> Response:
    """One version: what it is made of, how it was judged, and what can be done with it."""
    return _version(version, request, state, asking)


def _version(
    version: str, request: Request, state: State, asking: Person, mistyped: SwitchForm | None = None
) -> Response:
    """With what was typed, where it was not the version's name."""
    found = routes_of_api.show(version, state, asking)
    told = report(state, version)
    tested = [] if told is None else [one for one in told["comparisons"] if one["difference"] is not None]
    values = {
        "found": found,
        "told": told,
        "tested": list(zip(tested, charts.bars(map(_interval, tested)), strict=True)),
        "live": state.services.index.live(),
        "kept": version in state.services.index.versions(),
        "freeze": deployment_routes.frozen(state),
        "others": [record.version for record in routes_of_api.versions(state, asking)[::-1]],
        "mistyped": mistyped,
        **_may(asking),
    }
    return page(request, "version.html.jinja", values, status=200 if mistyped is None else 422)


@routes.get("/versions/{version}/diff/{other}")
def diff(version: str, other: str, request: Request, state: Shared, asking: Asking) -> Response:
    """What the second of two versions has otherwise than the first, and the questions it won and lost."""
    found = routes_of_api.diff(version, other, state, asking)
    told = report(state, other)
    named = {*found.corrections.added, *found.corrections.removed, *found.superseded.values()}
    values = {
        "found": found,
        "corrections": dict(_corrections(state, named)),
        "swings": None if told is None or told["compared_with"] != version else told.get("swings"),
        "compared": told is not None and told["compared_with"] == version,
    }
    return page(request, "diff.html.jinja", values)


@routes.post("/promote")
def promote(
    request: Request, state: Shared, asking: Asking, form: Annotated[SwitchForm, Depends(posted(SwitchForm))]
) -> Response:
    """Put a version live."""
    if form.confirm != form.version:
        return _version(form.version, request, state, asking, form)
    switched = routes_of_api.promote(PromoteBody(version=form.version, why=form.why), state, asking)
    return RedirectResponse(f"/versions/{switched.live}", 303)


@routes.post("/rollback")
def roll_back(
    request: Request, state: Shared, asking: Asking, form: Annotated[SwitchForm, Depends(posted(SwitchForm))]
) -> Response:
    """Put a version back, and freeze promotions where that was ticked."""
    if form.confirm != form.version:
        return _version(form.version, request, state, asking, form)
    switched = routes_of_api.rollback(RollbackBody(to=form.version, why=form.why), state, asking)
    if form.freeze:
        deployment_routes.freeze(FreezeBody(frozen=True, why=form.why), state, asking)
    return RedirectResponse(f"/versions/{switched.live}", 303)


def report(state: State, version: str) -> Mapping[str, Any] | None:
    """The gate's report on a version that the ledger knows; None where its run ended before the gate."""
    file = state.services.reports / version / "report.json"
    with contextlib.suppress(FileNotFoundError):
        told: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return told
    return None


def _may(asking: Person) -> dict[str, bool]:
    """What the person may do about versions, for the page to offer that alone."""
    acts = {
        "promote": "POST /promote",
        "roll_back": "POST /rollback",
        "freeze": "POST /freeze",
        "stop": "POST /canary/stop",
    }
    return {f"may_{act}": bool(asking.roles & ROLES[row]) for act, row in acts.items()}


def _measured(reports: Mapping[str, Mapping[str, Any] | None]) -> dict[str, dict[str, Any]]:
    """By version, of the targets and of all guards: the difference of the first places, with where it is drawn."""
    found: list[tuple[str, str, Mapping[str, Any]]] = []
    for version, told in reports.items():
        for one in () if told is None else told["comparisons"]:
            is_asked = one["role"] == "target" or one["slice"] == "all guards"
            if is_asked and one["metric"] == METRIC and one["difference"] is not None and one["low"] is not None:
                found.append((version, "target" if one["role"] == "target" else "guards", one))
    drawn = charts.bars(_interval(one) for *_, one in found)
    measured: dict[str, dict[str, Any]] = {}
    for (version, kind, one), bar in zip(found, drawn, strict=True):
        measured.setdefault(version, {}).setdefault(kind, {**one, "bar": bar})
    return measured


def _interval(one: Mapping[str, Any]) -> tuple[float, float, float]:
    middle = float(one["difference"])
    return middle, middle if one["low"] is None else one["low"], middle if one["high"] is None else one["high"]


def _corrections(state: State, names: set[str]) -> Iterator[tuple[str, ReviewedCorrection]]:
    for name in names:
        with contextlib.suppress(NotFound):  # of a person who was forgotten
            yield name, state.services.ledger.correction(CorrectionId(name))
