"""How the flywheel is doing, in numbers: all tables, each as a file, and the week as a page."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import JSONResponse

from rag_flywheel.api.guard import GuardedRoute
from rag_flywheel.api.overview_models import (
    FIRST,
    Day,
    DigestBody,
    DigestReply,
    Format,
    OverviewReply,
    Table,
    as_csv,
    overview_reply,
    rows,
)
from rag_flywheel.api.state import Asking, Shared, State
from rag_flywheel.domain.readers import EVERYTHING, Reader
from rag_flywheel.errors import InvalidInput
from rag_flywheel.rollout import deployment, digest
from rag_flywheel.rollout.counts import ERASURES, Continued, Marks, Settled, settled
from rag_flywheel.rollout.overview import Every, Eyes, Overview, Wanted, overview
from rag_flywheel.rollout.promotion import act_of

routes = APIRouter(prefix="/insights", tags=["insights"], route_class=GuardedRoute)
FRESH = timedelta(minutes=1)
"""How long numbers are taken for those of now."""
SETTLED = "settled"
DAYS = 30  # that are looked at where nobody says which
MARKDOWN = "text/markdown; charset=utf-8"
Since = Annotated[Day | None, Query(description="Its first day; the Monday of the last week that is over.")]


def _wanted(
    state: Shared,
    first: Annotated[Day | None, Query(alias="from", description="First day, in UTC; 30 days ago.")] = None,
    last: Annotated[Day | None, Query(alias="to", description="Last day, in UTC; today.")] = None,
    every: Annotated[Every, Query(description="How long a line of `times` is.")] = Every.DAY,
    group: Annotated[str | None, Query(max_length=200, description="Of askers; all where it is not given.")] = None,
) -> Wanted:
    """Raises InvalidInput."""
    end = last or state.services.now().astimezone(UTC).date()
    begin = first or max(FIRST, end - timedelta(days=DAYS - 1))
    if begin > end:
        raise InvalidInput(f"the time ends before it begins: from {begin} to {end}; give `from` a day before `to`")
    return Wanted(first=begin, last=end, every=every, group=group or None)


Chosen = Annotated[Wanted, Depends(_wanted)]


@routes.get("/overview")
def show(wanted: Chosen, state: Shared, asking: Asking) -> OverviewReply:
    """Answers by version and time with their intervals, failures by stage, corrections, documents, and the hold-out;
    of what who asks may read.
    """
    return overview_reply(_found(wanted, state, state.reader(asking)))


@routes.get("/export", response_class=Response, responses={200: {"content": {"text/csv": {}, "application/json": {}}}})
def export(
    table: Table, wanted: Chosen, state: Shared, asking: Asking, format: Annotated[Format, Query()] = Format.CSV
) -> Response:
    """One of its tables as a file: CSV (RFC 4180), or JSON with the same columns."""
    told = show(wanted, state, asking)
    headers = {"Content-Disposition": f'attachment; filename="{table}-{told.first}-{told.last}.{format}"'}
    if format is Format.JSON:
        return JSONResponse(rows(told, table), headers=headers)
    return Response(as_csv(told, table), media_type="text/csv; charset=utf-8", headers=headers)


@routes.get("/digest", response_class=Response, responses={200: {"content": {"text/markdown": {}}}})
def read_digest(state: Shared, asking: Asking, since: Since = None) -> Response:
    """Seven days on a page of Markdown, beside the seven before them; of what who asks may read."""
    return Response(_digest(since, state, state.reader(asking)).markdown, media_type=MARKDOWN)


@routes.post("/digest")
def send_digest(body: DigestBody, state: Shared, asking: Asking) -> DigestReply:
    """Leave the digest of a week that is over for the webhooks, once however often it is asked for."""
    services = state.services
    made = _digest(body.since, state, EVERYTHING)
    if made.since + digest.WEEK > services.now().astimezone(UTC).date():
        raise InvalidInput(f"the week from {made.since} is not over: name a day at least seven days ago")
    act = act_of(asking.signed, "asked for", at=services.now())
    sent = digest.send(made, ledger=services.ledger, act=act)
    return DigestReply(state="sent" if sent else "known", since=made.since, delivered=deployment.deliver(services))


def _digest(since: date | None, state: State, reader: Reader) -> digest.Digest:
    first = since or digest.last_week(state.services.now().astimezone(UTC).date())
    week, before = (
        _found(Wanted(first=day, last=day + timedelta(days=6)), state, reader) for day in (first, first - digest.WEEK)
    )
    return digest.digest(week, before)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    overview: Overview
    marks: Marks
    at: datetime

    def holds(self, marks: Marks, at: datetime) -> bool:
        """For a while after it was made, unless something was deleted since: of the numbers up to the last one of a
        table, more are of no row then. An erasure leaves a record, for where numbers are given again.
        """
        gone = marks[ERASURES] != self.marks[ERASURES] or any(
            marks[table][1] < count or marks[table][0] - marks[table][1] > last - count
            for table, (last, count) in self.marks.items()
        )
        return at - self.at <= FRESH and not gone


def _found(wanted: Wanted, state: State, reader: Reader) -> Overview:
    services = state.services
    key, marks, at = (
        (services.index.live(), reader.groups, reader.before, wanted),
        services.ledger.marks(),
        services.now(),
    )
    with state.lock:
        known = state.overviews.get(key)
    if isinstance(known, _Made) and known.holds(marks, at):
        return known.overview
    made = overview(
        wanted,
        Eyes(reader=reader, sensitive=state.sensitive()),
        counts=Continued(ledger=services.ledger, settled=_settled(state, marks, at)),
        versions=services.ledger,
        known=state.known(reader),
        live=services.index.live(),
        gain=state.gain(),
    )
    with state.lock:
        state.overviews[key] = _Made(overview=made, marks=marks, at=at)
    return made


def _settled(state: State, marks: Marks, at: datetime) -> Settled:
    with state.lock:
        known = state.settled.get(SETTLED)
    found = settled(known, ledger=state.services.ledger, marks=marks, today=at.astimezone(UTC).date())
    with state.lock:
        state.settled[SETTLED] = found
    return found
