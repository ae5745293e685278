"""People who are signed in with a browser, and what an identity provider says of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rag_flywheel.domain.access import Role
from rag_flywheel.domain.checks import aware


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A login. What the browser holds is known to it alone; the ledger keeps a keyed hash."""

    digest: str  # keyed hash of what the browser holds, hexadecimal
    name: str  # reviews and acts are recorded under it
    roles: frozenset[Role]
    groups: tuple[str, ...]  # sorted
    pseudonym: str  # of the name, by which the session is found when the person is erased
    opened: datetime
    key_id: str | None = None  # of the key that it was opened with, and ends with; None: at an identity provider

    def __post_init__(self) -> None:
        aware("opened", self.opened)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionNow:
    """A session as it stands."""

    session: Session
    seen: datetime  # the first use in the latest quarter of an hour in which it was used, or when it was opened
    ended: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What a token says that the identity provider signed, and nothing of which is checked beyond that."""

    kind: str  # the header `typ` in small letters; empty where there is none
    claims: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """One attempt to sign in at the provider: what goes there and has to come back."""

    redirect: str  # the URL to which the provider sends the browser back
    state: str
    nonce: str
    verifier: str  # of PKCE (RFC 7636)
