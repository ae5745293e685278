"""Who somebody before a page is: by name, or by what their browser holds, so that they find again what they asked."""

import re
import secrets

from fastapi import Request, Response

from rag_flywheel.access.who import BROWSER, asks_for
from rag_flywheel.api.peer import is_https
from rag_flywheel.api.signing_in import hold
from rag_flywheel.domain import Person

_VISITOR = re.compile(r"[A-Za-z0-9_-]{43}")
DAYS = 180  # for which a browser holds it


VISITOR = "x-rag-visitor"
"""The header in which the widget says what its frame holds: browsers keep no cookie for a page within another site's,
or block it (docs/decisions.md). No page of another site can send it, since that takes leave that nobody is given.
"""


def named(request: Request, asking: Person) -> str | None:
    """What is said as the user: nothing where a name is known, else what nobody but this browser has."""
    held = request.headers.get(VISITOR) or request.cookies.get(_cookie(request), "")
    return f"{BROWSER}{held}" if asking.name is None and _VISITOR.fullmatch(held) else None


def user_of(request: Request, asking: Person) -> str | None:
    """In whose name they ask, rate and correct; None for a browser that holds nothing."""
    return asks_for(asking, named(request, asking))


def remember(reply: Response, request: Request, asking: Person) -> None:
    """Let the browser of somebody without a name hold something of its own: 256 random bits."""
    if asking.name is None and named(request, asking) is None:
        seconds = DAYS * 86_400
        hold(reply, _cookie(request), secrets.token_urlsafe(32), seconds=seconds, request=request)


def _cookie(request: Request) -> str:
    return "__Host-rag-visitor" if is_https(request) else "rag-visitor"
