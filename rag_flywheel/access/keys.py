"""API keys: made, changed, taken back, and recognised.

A key is `rf_ID_SECRET`: the id finds its row, and the secret has 256 bits of the system's randomness. The ledger keeps
HMAC-SHA-256 (RFC 2104) of the secret under the deployment's own secret, so that neither a reader of the database nor
one of a backup can use what stands there.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from rag_flywheel.domain import ANONYMOUS, SYSTEM, AccessKey, AuditEntry, Json, Person, Role
from rag_flywheel.errors import Conflict, InvalidInput, NotAllowed, NotFound, NotSignedIn
from rag_flywheel.ports import Keys, Operations

PREFIX = "rf_"
NAME = r"^[^\x00-\x20\x7f|][^\x00-\x1f\x7f|]{0,79}$"  # without what stands in the names of people who sign in
_KEY = re.compile(r"rf_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
READS_ALL = frozenset({Role.OPERATOR, Role.ADMIN})
"""Who builds the index and reads its reports reads every document."""
CREATE, REPLACE, REVOKE = "create key", "replace key", "revoke key"
"""How the audit log calls what is done to keys."""
_NONE = "there is no such key"


class KeyLedger(Keys, Operations, Protocol):
    """Where keys are kept, beside the audit log and the deployment's secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a new key is to be."""

    name: str
    roles: frozenset[Role]
    speaks_for_others: bool = False
    groups: tuple[str, ...] = ()
    tenant: str | None = None
    lasts: timedelta | None = None  # None: until it is revoked

    def __post_init__(self) -> None:
        plain = self.name.isprintable() and self.name == self.name.strip()  # reviews are compared and kept so
        if re.fullmatch(NAME, self.name) is None or not plain:
            raise InvalidInput(
                "a key's name has 1 to 80 characters that can be seen, none of them |, and no space first or last"
            )
        if self.name.casefold() == SYSTEM or self.name.casefold().partition(":")[0] == ANONYMOUS:
            raise InvalidInput(f"{self.name} is what the records call nobody in particular: choose another name")
        if not self.roles:
            raise InvalidInput(f"a key needs a role: {', '.join(Role)}")
        if self.lasts is not None and self.lasts <= timedelta():
            raise InvalidInput("a key lasts for some time, or until it is revoked")


def may_manage(person: Person, tenant: str | None) -> bool:
    """Whether keys of a tenant are a person's affair: of their own, or of any for who belongs to none."""
    return person.tenant in (None, tenant)


def create(wanted: Wanted, *, by: Person, ledger: KeyLedger, now: datetime) -> tuple[AccessKey, str]:
    """A new key, and the text that opens doors: it is told here and never again. Raises NotAllowed for the key of
    another tenant than that of who makes it, and Conflict for a name that another key has in other letters.
    """
    if not may_manage(by, wanted.tenant):
        raise NotAllowed("the keys of another tenant are not yours to make")
    _refuse_twin(wanted, ledger)
    return _made(wanted, by=by, ledger=ledger, now=now)


def rotate(key_id: str, *, overlap: timedelta, by: Person, ledger: KeyLedger, now: datetime) -> tuple[AccessKey, str]:
    """A new key like an old one, which goes on opening for `overlap` at most. Raises NotFound, and Conflict for a key
    that opens nothing.
    """
    with ledger.transaction():
        old = _standing(key_id, by=by, ledger=ledger, now=now)
        lasts = None if old.expires is None else old.expires - old.created
        wanted = Wanted(
            name=old.name,
            roles=old.roles,
            speaks_for_others=old.speaks_for_others,
            groups=old.groups,
            tenant=old.tenant,
            lasts=lasts,
        )
        made = _made(wanted, by=by, ledger=ledger, now=now)
        ends = now + overlap if old.expires is None else min(old.expires, now + overlap)
        _record(replace(old, at=now, expires=ends), REPLACE, by=by, ledger=ledger)
    return made


def revoke(key_id: str, *, by: Person, ledger: KeyLedger, now: datetime) -> AccessKey:
    """The key, which opens nothing from now on. Raises NotFound, and Conflict where it does not open anything now."""
    with ledger.transaction():
        key = replace(_standing(key_id, by=by, ledger=ledger, now=now), at=now, revoked=now)
        _record(key, REVOKE, by=by, ledger=ledger)
    return key


def holder(text: str, *, ledger: KeyLedger, now: datetime) -> Person:
    """Who holds the key. Raises NotSignedIn, in the same words whatever is wrong with it."""
    parts = _KEY.fullmatch(text)
    key = None if parts is None else ledger.key(parts[1])
    if parts is None or key is None or not hmac.compare_digest(key.digest, _digest(parts[2], ledger.salt())):
        raise NotSignedIn("this API key opens nothing: it is wrong, expired or revoked")
    if not key.holds(now):
        raise NotSignedIn("this API key opens nothing: it is wrong, expired or revoked")
    return _used(key, ledger=ledger, now=now)


def id_of(text: str) -> str:
    """The public part of a key that `holder` knows."""
    return text.split("_")[1]


def with_session(key_id: str, *, ledger: KeyLedger, now: datetime) -> Person | None:
    """Who is signed in with a key, as it is now, and for nobody but themself; None where it opens nothing any more."""
    key = ledger.key(key_id)
    if key is None or not key.holds(now):
        return None
    return replace(_used(key, ledger=ledger, now=now), speaks_for_others=False)


def _used(key: AccessKey, *, ledger: KeyLedger, now: datetime) -> Person:
    ledger.key_used(key.key_id, at=now)
    return Person(
        name=key.name,
        roles=key.roles,
        groups=None if key.roles & READS_ALL else frozenset(key.groups),
        speaks_for_others=key.speaks_for_others,
        tenant=key.tenant,
    )


def _refuse_twin(wanted: Wanted, ledger: KeyLedger) -> None:
    """One person with two names would count as two where it takes two."""
    for key, _ in ledger.access_keys():
        if key.tenant == wanted.tenant and key.name != wanted.name and key.name.casefold() == wanted.name.casefold():
            raise Conflict(f"there is a key of {key.name}: one who is the same has the same name, in the same letters")


def _made(wanted: Wanted, *, by: Person, ledger: KeyLedger, now: datetime) -> tuple[AccessKey, str]:
    key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    key = AccessKey(
        key_id=key_id,
        digest=_digest(secret, ledger.salt()),
        name=wanted.name,
        roles=wanted.roles,
        speaks_for_others=wanted.speaks_for_others,
        groups=wanted.groups,
        tenant=wanted.tenant,
        created=now,
        at=now,
        expires=None if wanted.lasts is None else now + wanted.lasts,
    )
    _record(key, CREATE, by=by, ledger=ledger)
    return key, f"{PREFIX}{key_id}_{secret}"


def _standing(key_id: str, *, by: Person, ledger: KeyLedger, now: datetime) -> AccessKey:
    """The key, which nobody else changes before the transaction ends: one that was revoked stays so."""
    key = ledger.claim_key(key_id)
    if key is None or not may_manage(by, key.tenant):
        raise NotFound(_NONE)
    if not key.holds(now):
        raise Conflict("this key opens nothing any more")
    return key


def entry(key: AccessKey, action: str, *, by: Person) -> AuditEntry:
    """What the audit log keeps of a change that left the key so."""
    detail: dict[str, Json] = {
        "name": key.name,
        "roles": ", ".join(sorted(key.roles)),
        "groups": [*key.groups],
        "tenant": key.tenant,
        "expires": None if key.expires is None else key.expires.isoformat(),
    }
    return AuditEntry(at=key.at, who=by.signed, action=action, subject=f"key {key.key_id}", detail=detail)


def _record(key: AccessKey, action: str, *, by: Person, ledger: KeyLedger) -> None:
    with ledger.transaction():
        ledger.add_key(key)
        ledger.add_audit(entry(key, action, by=by))


def _digest(secret: str, salt: bytes) -> str:
    return hmac.new(salt, f"key:{secret}".encode(), hashlib.sha256).hexdigest()
