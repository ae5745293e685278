"""Requests that Slack has signed, and who somebody in Slack is here.

The signature is HMAC-SHA256 over version, time and body (https://docs.slack.dev/authentication/verifying-requests-from-slack).
"""

import hmac
from datetime import datetime

from rag_flywheel.access.tokens import marked
from rag_flywheel.config import Slack
from rag_flywheel.domain import Person, Role
from rag_flywheel.errors import NotSignedIn

FRESH = 300  # seconds that a request may be old, or new: Slack's own advice
SLACK = "slack"
"""Who says the names. An issuer is a URL and a proxy's is another word, so no other name begins so."""
_WRONG = "Slack has not signed this: RAG_FLYWHEEL_SLACK_SIGNING_SECRET should be the signing secret of the app"


def check(body: bytes, *, timestamp: str, signature: str, secret: str, now: datetime) -> None:
    """Raises NotSignedIn for a request that Slack has not signed, or not just now."""
    signed = b"v0:%s:%s" % (timestamp.encode(errors="replace"), body)
    expected = "v0=" + hmac.digest(secret.encode(), signed, "sha256").hex()
    if not hmac.compare_digest(expected.encode(), signature.encode(errors="replace")):
        raise NotSignedIn(_WRONG)
    seconds = int(timestamp) if timestamp.isascii() and timestamp.isdecimal() and len(timestamp) < 12 else 0
    if abs(now.timestamp() - seconds) > FRESH:
        raise NotSignedIn(
            f"Slack signed this more than {FRESH} seconds from now: send it when it is new, and set the clock"
        )


def is_welcome(team: str, home: str | None, *, settings: Slack) -> bool:
    """Whether people of these workspaces may ask: where it was asked, and whose the person is, where that is told."""
    return not settings.teams or {team, home or team} <= set(settings.teams)


def person(team: str, user: str, home: str | None, *, settings: Slack) -> Person:
    """Somebody in a workspace: a person who asks, like any other. Who is of another one, as in a channel that two
    organisations share, is in none of its groups.
    """
    name = marked(SLACK, f"{team}:{user}")
    groups = settings.groups.get(team, ()) if home in (None, team) else ()
    return Person(name=name, roles=frozenset({Role.ASKER}), groups=frozenset(groups))


def in_channel(asking: Person) -> Person:
    """The same person where all of a channel read what they are answered: so from what is open to everybody."""
    return Person(name=asking.name, roles=asking.roles)
