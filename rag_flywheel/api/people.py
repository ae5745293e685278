"""What is kept of a person: shown to them, agreed to, and erased."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Path, Query
from fastapi.responses import HTMLResponse
from pydantic import AwareDatetime, Field, JsonValue, RootModel, model_validator
from starlette.requests import HTTPConnection

from rag_flywheel.api.guard import GuardedRoute
from rag_flywheel.api.models import Body, Instant, Name
from rag_flywheel.api.person_page import page, wants_page
from rag_flywheel.api.state import Asking, Shared, State
from rag_flywheel.cycle import erasing
from rag_flywheel.cycle.erasing import Request
from rag_flywheel.domain import Person, Role, VersionId
from rag_flywheel.domain.consent import ConsentEvent, Means, Purpose
from rag_flywheel.domain.erasures import Scope
from rag_flywheel.errors import InvalidInput, NotFound
from rag_flywheel.ports import Operations
from rag_flywheel.privacy.belongings import export
from rag_flywheel.privacy.pseudonyms import pseudonym
from rag_flywheel.privacy.records import changes, records, standing
from rag_flywheel.privacy.sealing import sealing

routes = APIRouter(prefix="/users", tags=["people"], route_class=GuardedRoute)
User = Annotated[str, Path(min_length=1, max_length=200)]
Session = Annotated[str | None, Query(min_length=1, max_length=200, description="Of this conversation alone.")]
Moment = Annotated[AwareDatetime | None, Query()]
OWN = "the person's own key"
THEMSELF = "the person themself"


class PersonData(RootModel[dict[str, JsonValue]]):
    """All that is kept of a person, by what it is."""


class ErasureReply(Body):
    """How far an erasure is."""

    id: str | None  # null: of a dry run
    state: Literal["asked", "swept", "done", "preview"]
    received: Instant | None
    due: Instant | None
    records: dict[str, int]  # by surface, when it was asked for
    versions: list[VersionId]  # that hold something of theirs: barred, and deleted after the next good one


UNUSABLE: dict[str, JsonValue] = {  # what is not kept cannot be used
    "not": {
        "required": ["answer"],
        "properties": {"answer": {"const": False}},
        "anyOf": [{"required": [use], "properties": {use: {"const": True}}} for use in ("learn", "evaluate")],
    }
}


class ConsentBody(Body):
    """What a person says about some purposes: true: they agree, false: they do not."""

    purposes: Annotated[dict[Purpose, bool], Field(min_length=1, json_schema_extra=UNUSABLE)]
    session_id: Name | None = None  # of this conversation alone
    notice: Annotated[str, Field(max_length=100)] = ""  # version of the text; empty: the settings'
    how: Literal[Means.API, Means.PAGE, Means.COMMAND] = Means.API

    @model_validator(mode="after")
    def _can_be_meant(self) -> Self:
        if self.purposes.get(Purpose.ANSWER) is False and any(self.purposes.values()):
            raise ValueError("what is not kept cannot be used: without `answer` there is none of the others")
        return self


class PurposeReply(Body):
    """A person's word on a purpose."""

    said: bool | None  # null: nothing
    in_force: bool  # whether a question asked now would be used for it


class ConsentReply(Body):
    """What a person agreed to, in all or in one conversation."""

    user: str
    setting: Literal["assumed", "required", "off"]
    purposes: dict[Purpose, PurposeReply]
    records: list[JsonValue]  # with fields after ISO/IEC TS 27560:2023


PAGE: dict[int | str, dict[str, Any]] = {200: {"content": {"text/html": {"schema": {"type": "string"}}}}}


@routes.get("/{user:path}/data", response_model=PersonData, responses=PAGE)
def data(user: User, state: Shared, asking: Asking, came: HTTPConnection) -> PersonData | HTMLResponse:
    """All that is kept of a person: questions and answers, signals, corrections with their reviews, consent, and when
    each goes. As JSON, or as a page for who wants `text/html`, as browsers do.
    """
    by, _ = _checked(user, asking)
    services = state.services
    keys = sealing(services.config, services.secrets) if by == THEMSELF else None
    found: dict[str, JsonValue] = export(scope_of(user, services.ledger), services.ledger, services.config, keys=keys)
    whole = {"user": user, **found}
    accept = came.headers.get("accept", "*/*")
    vary = {"Vary": "Accept", "Cache-Control": "no-store"}
    return HTMLResponse(page(whole), headers=vary) if wants_page(accept) else PersonData(whole)


@routes.get("/{user:path}/consent")
def consent(user: User, state: Shared, asking: Asking, session_id: Session = None) -> ConsentReply:
    """What a person agreed to, and the records of it."""
    _checked(user, asking)
    return _consent(user, session_id, state)


@routes.put("/{user:path}/consent")
def agree(user: User, body: ConsentBody, state: Shared, asking: Asking) -> ConsentReply:
    """Record what a person agrees to or withdraws. It counts for what they ask from now on, and what is withdrawn goes
    out of every later version. What is their word already is not recorded again.
    """
    by, _ = _checked(user, asking)
    record_consent(scope_of(user, state.services.ledger, session=body.session_id), body, by=by, state=state)
    return _consent(user, body.session_id, state)


def record_consent(scope: Scope, body: ConsentBody, *, by: str, state: State) -> None:
    """Record what a person says, as far as it is not their word already; `by`: who sent it, for the records."""
    services = state.services
    with services.ledger.transaction():
        known = services.ledger.consents_of(scope.user, None)
        for said, purposes in changes(body.purposes, known, session=scope.session):
            services.ledger.add_consent(
                ConsentEvent(
                    event_id=services.new_id(),
                    at=services.now(),
                    user=scope.user,
                    session=scope.session,
                    state=said,
                    purposes=purposes,
                    how=body.how,
                    notice=body.notice or services.config.privacy_notice.version,
                    said_by=by,
                )
            )


@routes.delete("/{user:path}/data")
def forget(
    user: User,
    state: Shared,
    asking: Asking,
    session_id: Session = None,
    since: Moment = None,
    until: Moment = None,
    dry_run: Annotated[bool, Query(description="Say what would be found, and change nothing.")] = False,
) -> ErasureReply:
    """Erase a person's data: at once what no version holds, the rest when the next version is live."""
    services = state.services
    by, checked = _checked(user, asking)
    if since is not None and since > services.now():
        raise InvalidInput("nothing was kept yet from that moment on: `since` lies in the future")
    scope = scope_of(user, services.ledger, session=session_id, since=since, until=until)
    if dry_run:
        seen = erasing.preview(scope, services)
        return ErasureReply(
            id=None, state="preview", received=None, due=None, records=seen.records, versions=list(seen.versions)
        )
    entry = erasing.forget(Request(scope=scope, asked_by=by, checked=checked), services)
    return ErasureReply(
        id=entry.erasure_id,
        state=entry.state.value,
        received=entry.received,
        due=entry.due,
        records=dict(entry.before),
        versions=list(entry.barred),
    )


def _consent(user: str, session: str | None, state: State) -> ConsentReply:
    services = state.services
    scope = scope_of(user, services.ledger, session=session)
    events, policy = services.ledger.consents_of(scope.user, None), services.config.privacy.consent
    shown = events if session is None else [event for event in events if event.session in (None, scope.session)]
    return ConsentReply.model_validate(
        {
            "user": user,
            "setting": policy,
            "purposes": standing(events, policy, session=scope.session),
            "records": records(shown, services.config.privacy_notice),
        }
    )


def _checked(user: str, asking: Person) -> tuple[str, str]:
    """Who asks, for the records, and how that was checked. Raises NotFound for whose affair it is not."""
    if asking.name == user and not asking.speaks_for_others:
        return THEMSELF, OWN
    if Role.ADMIN in asking.roles:
        return asking.signed, "an admin's word"
    raise NotFound("there is nobody of this name whose data are yours to see or to erase")


def scope_of(
    user: str,
    ledger: Operations,
    *,
    session: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Scope:
    """Which records are meant: a person's, of one conversation, of a span of time. Raises InvalidInput."""
    salt = ledger.salt()
    known = pseudonym(user, salt)
    assert known is not None
    try:
        return Scope(user=known, session=pseudonym(session, salt, of="session"), since=since, until=until)
    except ValueError as error:
        raise InvalidInput(str(error)) from error
