"""API keys: made, replaced and taken back by whoever says who may what."""

import logging
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import Field

from rag_flywheel.access import keys
from rag_flywheel.api.guard import Guard, GuardedRoute
from rag_flywheel.api.models import Body, Readable
from rag_flywheel.api.state import Asking, State
from rag_flywheel.domain import AccessKey, Person, Role
from rag_flywheel.errors import InvalidInput, LedgerUnavailable
from rag_flywheel.ports import Operations

logger = logging.getLogger("rag_flywheel.api")
routes = APIRouter(prefix="/keys", tags=["access"], route_class=GuardedRoute)
Days = Annotated[float, Field(gt=0, le=36_500)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """Where the keys of all tenants are, whoever asks."""

    ledger: keys.KeyLedger
    now: Callable[[], datetime]
    tenants: Container[str | None]
    own: Mapping[str | None, Operations]  # the ledgers of the tenants that are served here

    def tell(self, action: str, key: AccessKey, *, by: Person) -> None:
        """Also in the audit log of the tenant whose key it is, which its people read."""
        if key.tenant is not None and key.tenant in self.own:
            try:
                self.own[key.tenant].add_audit(keys.entry(key, action, by=by))
            except LedgerUnavailable:  # it is done, and a new key has to be told
                logger.error("%s: %s is in the deployment's audit log alone", key.tenant, action)


def _keeper(request: Request) -> Keeper:
    guard: Guard = request.app.state.guard
    served: Mapping[str | None, State] = request.app.state.of_tenant
    return Keeper(
        ledger=guard.services.ledger,
        now=guard.services.now,
        tenants={None, *guard.services.config.tenants},
        own={name: state.services.ledger for name, state in served.items()},
    )


Root = Annotated[Keeper, Depends(_keeper)]


class KeyBody(Body):
    name: Annotated[str, Field(pattern=keys.NAME)]
    roles: Annotated[frozenset[Role], Field(min_length=1)]
    for_others: bool = False
    groups: Readable = None
    tenant: str | None = None
    days: Days | None = None  # null: until it is revoked


class RotateBody(Body):
    overlap_hours: Annotated[float, Field(ge=0, le=8_760)] = 24.0  # for which the old key goes on opening


class KeyReply(Body):
    id: str
    name: str
    roles: list[Role]
    for_others: bool
    groups: list[str]
    tenant: str | None
    created: datetime
    expires: datetime | None
    revoked: datetime | None
    opens: bool  # false: expired or revoked
    used: datetime | None  # the hour in which it was used last


class NewKeyReply(KeyReply):
    key: str  # told once


@routes.get("")
def listed(root: Root, asking: Asking) -> list[KeyReply]:
    """All keys, without what opens; a tenant's admin sees the tenant's."""
    found = root.ledger.access_keys()
    return [KeyReply(**_fields(key, root, used)) for key, used in found if keys.may_manage(asking, key.tenant)]


@routes.post("", status_code=201)
def create(body: KeyBody, root: Root, asking: Asking) -> NewKeyReply:
    """A new key. The reply is the only place where it ever stands. A tenant's admin makes keys of the tenant."""
    tenant = body.tenant if body.tenant is not None else asking.tenant
    if tenant not in root.tenants and keys.may_manage(asking, tenant):  # no other tenant's admin learns which there are
        raise InvalidInput("there is no such tenant in the settings")
    wanted = keys.Wanted(
        name=body.name,
        roles=body.roles,
        speaks_for_others=body.for_others,
        groups=body.groups or (),
        tenant=tenant,
        lasts=None if body.days is None else timedelta(days=body.days),
    )
    made, text = keys.create(wanted, by=asking, ledger=root.ledger, now=root.now())
    root.tell(keys.CREATE, made, by=asking)
    return NewKeyReply(**_fields(made, root, None), key=text)


@routes.post("/{key_id}/rotate", status_code=201)
def rotate(key_id: str, body: RotateBody, root: Root, asking: Asking) -> NewKeyReply:
    """A new key in the place of an old one, which goes on opening for a while."""
    overlap = timedelta(hours=body.overlap_hours)
    made, text = keys.rotate(key_id, overlap=overlap, by=asking, ledger=root.ledger, now=root.now())
    root.tell(keys.CREATE, made, by=asking)
    old = root.ledger.key(key_id)
    assert old is not None
    root.tell(keys.REPLACE, old, by=asking)
    return NewKeyReply(**_fields(made, root, None), key=text)


@routes.post("/{key_id}/revoke")
def revoke(key_id: str, root: Root, asking: Asking) -> KeyReply:
    """The key opens nothing from now on."""
    key = keys.revoke(key_id, by=asking, ledger=root.ledger, now=root.now())
    root.tell(keys.REVOKE, key, by=asking)
    used = {known.key_id: at for known, at in root.ledger.access_keys()}
    return KeyReply(**_fields(key, root, used[key_id]))


def _fields(key: AccessKey, root: Keeper, used: datetime | None) -> dict[str, object]:
    return {
        "id": key.key_id,
        "name": key.name,
        "roles": sorted(key.roles),
        "for_others": key.speaks_for_others,
        "groups": list(key.groups),
        "tenant": key.tenant,
        "created": key.created,
        "expires": key.expires,
        "revoked": key.revoked,
        "opens": key.holds(root.now()),
        "used": used,
    }
