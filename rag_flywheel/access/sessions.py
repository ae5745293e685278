"""People who sign in with a browser, at an identity provider or with a key: what it holds meanwhile, and afterwards.

While somebody signs in, nothing is kept here: the browser holds random bits, the time and where it goes on, and what
goes to the provider (`state`, `nonce`, the verifier of PKCE) is a keyed hash of these, so that it fits no other browser
and no changed cookie. Afterwards the browser holds 256 random bits, of which the ledger keeps a keyed hash.
"""

import base64
import hashlib
import hmac
import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import Protocol

from rag_flywheel.access import keys
from rag_flywheel.access.tokens import MARK, read_by
from rag_flywheel.config import Access
from rag_flywheel.domain import Person, Session, SignIn
from rag_flywheel.errors import InvalidInput, NotSignedIn
from rag_flywheel.ports import Keys, Operations, Sessions
from rag_flywheel.privacy.pseudonyms import pseudonym

SIGN_IN = timedelta(minutes=10)  # from /login to the provider and back
QUARTER = 900  # seconds
_OWN = re.compile(r"/(?!/)[!-\[\]-~]{0,2000}")
"""A path of ours: printable ASCII without the backslash, which browsers take for a slash."""
_HELD = re.compile(r"[A-Za-z0-9_-]{43}\.(\d{10,11})\.([A-Za-z0-9_-]{0,2700})")
_SESSION = re.compile(r"[A-Za-z0-9_-]{43}")
_AGAIN = "this sign-in is not the one that began in this browser, or took too long: begin again at /login"


class SessionLedger(Sessions, Keys, Operations, Protocol):
    """Where sessions are kept, beside keys and the deployment's secret."""


def begin(onward: str, *, redirect: str, salt: bytes, now: datetime) -> tuple[str, SignIn]:
    """What the browser is to hold, and what goes to the provider. `onward` is where it goes afterwards.

    Raises InvalidInput where that is no path of this server.
    """
    place = base64.urlsafe_b64encode(own_path(onward).encode()).decode().rstrip("=")
    held = f"{secrets.token_urlsafe(32)}.{int(now.timestamp())}.{place}"
    return held, _sign_in(held, redirect, salt)


def own_path(onward: str) -> str:
    """The path. Raises InvalidInput where it is none of this server."""
    if _OWN.fullmatch(onward) is None:
        raise InvalidInput("next is a path of this server, such as /docs")
    return onward


def resume(held: str, state: str, *, redirect: str, salt: bytes, now: datetime) -> tuple[SignIn, str]:
    """What went to the provider, and where the browser goes on. Raises NotSignedIn where the state is of no sign-in
    that began in this browser within the last ten minutes.
    """
    parts = _HELD.fullmatch(held)
    attempt = _sign_in(held, redirect, salt)
    if parts is None or not hmac.compare_digest(attempt.state.encode(), state.encode(errors="replace")):
        raise NotSignedIn(_AGAIN)
    if not timedelta() <= now - datetime.fromtimestamp(int(parts[1]), UTC) <= SIGN_IN:
        raise NotSignedIn(_AGAIN)
    return attempt, base64.urlsafe_b64decode(parts[2] + "=" * (-len(parts[2]) % 4)).decode()


def open_with_key(text: str, *, ledger: SessionLedger, now: datetime) -> str:
    """What the browser of a key's holder is to hold from now on. Raises NotSignedIn for a key that opens nothing."""
    person = keys.holder(text, ledger=ledger, now=now)
    return open_session(person, ledger=ledger, now=now, key_id=keys.id_of(text))


def open_session(person: Person, *, ledger: SessionLedger, now: datetime, key_id: str | None = None) -> str:
    """What the browser is to hold from now on: always something new, so that nobody can have set it before."""
    text, salt = secrets.token_urlsafe(32), ledger.salt()
    found = pseudonym(person.name, salt)
    assert person.name is not None
    assert found is not None
    ledger.open_session(
        Session(
            digest=_digest(text, salt),
            name=person.name,
            roles=person.roles,
            groups=tuple(sorted(person.groups or ())),
            pseudonym=found,
            opened=now,
            key_id=key_id,
        )
    )
    return text


def holder(text: str, *, settings: Access, ledger: SessionLedger, now: datetime) -> Person | None:
    """Who is signed in with what a browser holds; None for what opens nothing, or nothing any more."""
    if _SESSION.fullmatch(text) is None:
        return None
    digest = _digest(text, ledger.salt())
    found = ledger.session(digest)
    if found is None or found.ended is not None:
        return None
    session = found.session
    if session.key_id is None and not session.name.startswith(
        f"{settings.oidc.issuer}{MARK}"
    ):  # whose word no longer counts here
        return None
    if now >= session.opened + timedelta(hours=settings.session_hours):
        return None
    if now >= found.seen + timedelta(hours=settings.session_idle_hours):
        return None
    if now.timestamp() // QUARTER != found.seen.timestamp() // QUARTER:
        ledger.session_seen(digest, at=now)
    if session.key_id is not None:
        return keys.with_session(session.key_id, ledger=ledger, now=now)
    return Person(name=session.name, roles=session.roles, groups=read_by(session.roles, session.groups))


def end(text: str, *, ledger: SessionLedger, now: datetime) -> None:
    """What the browser holds opens nothing from now on."""
    digest = _digest(text, ledger.salt())
    if _SESSION.fullmatch(text) is not None and ledger.session(digest) is not None:
        ledger.end_session(digest, at=now)


def _sign_in(held: str, redirect: str, salt: bytes) -> SignIn:
    def made(of: str) -> str:
        digest = hmac.digest(salt, f"sign-in {of}:{held}".encode(errors="replace"), "sha256")
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    return SignIn(redirect=redirect, state=made("state"), nonce=made("nonce"), verifier=made("verifier"))


def _digest(text: str, salt: bytes) -> str:
    return hmac.new(salt, f"browser:{text}".encode(errors="replace"), hashlib.sha256).hexdigest()
