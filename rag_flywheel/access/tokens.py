"""Who a token of the identity provider stands for: rules, and nothing else.

Access tokens are taken as RFC 9068 says, and as providers that are older than it send them, which is without their own
`typ`; ID tokens as OpenID Connect Core 1.0 says in 3.1.3.7. RFC 8725 has the reasons.
"""

import hmac
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypeGuard

from rag_flywheel.access.keys import READS_ALL
from rag_flywheel.config import Oidc
from rag_flywheel.domain import Groups, Person, Role, Signed
from rag_flywheel.domain.groups import own
from rag_flywheel.errors import NotSignedIn

MARK = "|"
"""Between who says a name and the name. No key's name has it, so that nobody is taken for somebody else."""
LONGEST = 255  # characters of a name
WRONG = "this token opens nothing: it is wrong, expired, or not meant for this server"
_PLAIN = ("", "jwt")
_ACCESS = (*_PLAIN, "at+jwt", "application/at+jwt")


def bearer(signed: Signed, *, settings: Oidc, now: datetime) -> Person:
    """Who sends it as `Authorization: Bearer`. Raises NotSignedIn, in the same words whatever is wrong with it."""
    claims = signed.claims
    held = "cnf" in claims  # by the holder of a key (RFC 7800), who has to show it, which a bearer does not
    if signed.kind not in _ACCESS or held or not settings.audience or settings.audience not in _audience(claims):
        raise NotSignedIn(WRONG)
    return _person(claims, settings=settings, now=now)


def identified(signed: Signed, *, nonce: str, settings: Oidc, now: datetime) -> Person:
    """Who has signed in. Raises NotSignedIn, in the same words whatever is wrong with it."""
    claims, client = signed.claims, settings.client_id
    audience, party = _audience(claims), claims.get("azp")
    ours = client in audience and (party == client if party is not None else len(audience) == 1)
    told = str(claims.get("nonce")).encode(errors="replace")
    asked = hmac.compare_digest(told, nonce.encode())
    if signed.kind not in _PLAIN or not ours or not asked:
        raise NotSignedIn(WRONG)
    return _person(claims, settings=settings, now=now)


def marked(by: str, name: str) -> str | None:
    """The name as records have it, None where it is none: empty, too long, or not printable."""
    return f"{by}{MARK}{name}" if 0 < len(name) <= LONGEST and name.isprintable() and name.strip() == name else None


def _person(claims: Mapping[str, Any], *, settings: Oidc, now: datetime) -> Person:
    if claims.get("iss") != settings.issuer or not _is_time(claims, settings.leeway, now):
        raise NotSignedIn(WRONG)
    name = _name(claims, settings)
    if name is None:
        raise NotSignedIn(WRONG)
    given = {settings.roles[value] for value in _listed(claims, settings.roles_claim) if value in settings.roles}
    roles = frozenset({*given, *settings.default_roles})
    return Person(name=name, roles=roles, groups=read_by(roles, _listed(claims, settings.groups_claim)))


def read_by(roles: frozenset[Role], groups: Iterable[str]) -> Groups:
    """By which groups somebody with these roles reads, who is in these."""
    return None if roles & READS_ALL else own(frozenset(groups))


def _name(claims: Mapping[str, Any], settings: Oidc) -> str | None:
    subject, said = claims.get("sub"), claims.get(settings.name_claim)
    if not isinstance(subject, str) or not subject or not isinstance(said, str):
        return None
    if settings.name_claim == "email" and claims.get("email_verified") is not True:
        return None  # it is what the person typed
    # What people can write in several ways is one name; a subject is exact, says the standard.
    return marked(settings.issuer, said if settings.name_claim == "sub" else said.casefold())


def _is_time(claims: Mapping[str, Any], leeway: float, now: datetime) -> bool:
    """Whether it holds now: it says until when, and is neither from the future nor for it."""
    moment = now.timestamp()
    expires, starts, issued = (claims.get(name) for name in ("exp", "nbf", "iat"))
    begun = all(value is None or (_is_instant(value) and value <= moment + leeway) for value in (starts, issued))
    return begun and _is_instant(expires) and moment < expires + leeway


def _is_instant(value: object) -> TypeGuard[float]:
    """Whether it is a NumericDate of RFC 7519, and one that clocks will show."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12


def _audience(claims: Mapping[str, Any]) -> list[str]:
    said = claims.get("aud")
    listed = said if isinstance(said, list) else [said]
    return [value for value in listed if isinstance(value, str)] if all(isinstance(v, str) for v in listed) else []


def _listed(claims: Mapping[str, Any], name: str) -> list[str]:
    """What a claim holds: one text, or several."""
    said = _claim(claims, name)
    values = [said] if isinstance(said, str) else said if isinstance(said, list) else []
    return [value for value in values if isinstance(value, str)]


def _claim(claims: Mapping[str, Any], name: str) -> object:
    """The claim of that name, or what is found along its dots: Keycloak has `realm_access.roles`."""
    if not name:
        return None
    if name in claims:
        return claims[name]
    found: object = claims
    for step in name.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found
