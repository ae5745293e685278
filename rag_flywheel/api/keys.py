"""API keys: made, replaced and taken back by whoever says who may what."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from rag_flywheel.access import keys
from rag_flywheel.api.guard import GuardedRoute
from rag_flywheel.api.models import Body
from rag_flywheel.api.state import Asking, Shared
from rag_flywheel.domain import AccessKey, Role

routes = APIRouter(prefix="/keys", tags=["access"], route_class=GuardedRoute)
Days = Annotated[float, Field(gt=0, le=36_500)]


class KeyBody(Body):
    name: Annotated[str, Field(pattern=keys.NAME)]
    roles: Annotated[frozenset[Role], Field(min_length=1)]
    for_others: bool = False
    tenant: str | None = None
    days: Days | None = None  # null: until it is revoked


class RotateBody(Body):
    overlap_hours: Annotated[float, Field(ge=0, le=8_760)] = 24.0  # for which the old key goes on opening


class KeyReply(Body):
    id: str
    name: str
    roles: list[Role]
    for_others: bool
    tenant: str | None
    created: datetime
    expires: datetime | None
    revoked: datetime | None
    opens: bool  # false: expired or revoked
    used: datetime | None  # the hour in which it was used last


class NewKeyReply(KeyReply):
    key: str  # told once


@routes.get("")
def listed(state: Shared) -> list[KeyReply]:
    """All keys, without what opens."""
    return [KeyReply(**_fields(key, state, used)) for key, used in state.services.ledger.access_keys()]


@routes.post("", status_code=201)
def create(body: KeyBody, state: Shared, asking: Asking) -> NewKeyReply:
    """A new key. The reply is the only place where it ever stands."""
    wanted = keys.Wanted(
        name=body.name,
        roles=body.roles,
        speaks_for_others=body.for_others,
        tenant=body.tenant,
        lasts=None if body.days is None else timedelta(days=body.days),
    )
    made, text = keys.create(wanted, by=asking.signed, ledger=state.services.ledger, now=state.services.now())
    return NewKeyReply(**_fields(made, state, None), key=text)


@routes.post("/{key_id}/rotate", status_code=201)
def rotate(key_id: str, body: RotateBody, state: Shared, asking: Asking) -> NewKeyReply:
    """A new key in the place of an old one, which goes on opening for a while."""
    overlap = timedelta(hours=body.overlap_hours)
    services = state.services
    made, text = keys.rotate(key_id, overlap=overlap, by=asking.signed, ledger=services.ledger, now=services.now())
    return NewKeyReply(**_fields(made, state, None), key=text)


@routes.post("/{key_id}/revoke")
def revoke(key_id: str, state: Shared, asking: Asking) -> KeyReply:
    """The key opens nothing from now on."""
    services = state.services
    return KeyReply(
        **_fields(keys.revoke(key_id, by=asking.signed, ledger=services.ledger, now=services.now()), state, None)
    )


def _fields(key: AccessKey, state: Shared, used: datetime | None) -> dict[str, object]:
    return {
        "id": key.key_id,
        "name": key.name,
        "roles": sorted(key.roles),
        "for_others": key.speaks_for_others,
        "tenant": key.tenant,
        "created": key.created,
        "expires": key.expires,
        "revoked": key.revoked,
        "opens": key.holds(state.services.now()),
        "used": used,
    }
