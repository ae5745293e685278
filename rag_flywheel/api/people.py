"""What is kept of a person: shown to them, and erased."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime, JsonValue, RootModel

from rag_flywheel.api.guard import GuardedRoute
from rag_flywheel.api.models import Body, Instant
from rag_flywheel.api.state import Asking, Shared
from rag_flywheel.cycle import erasing
from rag_flywheel.cycle.erasing import Request
from rag_flywheel.domain import Person, Role, VersionId
from rag_flywheel.domain.erasures import Scope
from rag_flywheel.errors import InvalidInput, NotFound
from rag_flywheel.ports import Operations
from rag_flywheel.privacy.belongings import export
from rag_flywheel.privacy.pseudonyms import pseudonym

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


@routes.get("/{user:path}/data")
def data(user: User, state: Shared, asking: Asking) -> PersonData:
    """All that is kept of a person: questions and answers, signals, corrections with their reviews, consent."""
    _checked(user, asking)
    found: Mapping[str, JsonValue] = export(_scope(user, state.services.ledger), state.services.ledger)
    return PersonData({**found, "user": user})


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
    scope = _scope(user, services.ledger, session=session_id, since=since, until=until)
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


def _checked(user: str, asking: Person) -> tuple[str, str]:
    """Who asks, for the records, and how that was checked. Raises NotFound for whose affair it is not."""
    if asking.name == user and not asking.speaks_for_others:
        return THEMSELF, OWN
    if Role.ADMIN in asking.roles:
        return asking.signed, "an admin's word"
    raise NotFound("there is nobody of this name whose data are yours to see or to erase")


def _scope(
    user: str,
    ledger: Operations,
    *,
    session: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Scope:
    salt = ledger.salt()
    known = pseudonym(user, salt)
    assert known is not None
    try:
        return Scope(user=known, session=pseudonym(session, salt, of="session"), since=since, until=until)
    except ValueError as error:
        raise InvalidInput(str(error)) from error
