"""Who sends a request, and whether they may."""

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass

from rag_flywheel.access import keys
from rag_flywheel.access.roles import ROLES
from rag_flywheel.config import Access
from rag_flywheel.domain import ANONYMOUS, Groups, Person, Role
from rag_flywheel.errors import NotAllowed, NotSignedIn

BROWSER = "browser:"
"""What a page says as the user begins so, where nobody said a name; the rest is known to one browser alone."""
_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """What a request says of who sent it."""

    address: str | None  # of the connection
    forwarded: bool  # whether it says that a proxy passed it on
    bearer: str | None  # what `Authorization: Bearer` holds
    session: str | None  # what the browser of somebody who signed in holds, where a page of ours sent the request


def local(name: str) -> Person:
    """Whoever works with the files themselves, and can do everything anyway."""
    return Person(name=name, roles=frozenset(Role), groups=None, speaks_for_others=True, local=True)


def has_key(caller: Caller) -> bool:
    """Whether it has a key of ours. OpenAI's clients always send some key: one that is none of ours says nothing."""
    return caller.bearer is not None and caller.bearer.startswith(keys.PREFIX)


def has_token(caller: Caller, *, settings: Access) -> bool:
    """Whether it has what can be a token of the identity provider (RFC 7515, 3.1), where such tokens are taken."""
    return bool(settings.oidc.audience) and caller.bearer is not None and _TOKEN.fullmatch(caller.bearer) is not None


def anonymous(caller: Caller, *, settings: Access) -> Person:
    """Whoever has not said who they are. Raises NotSignedIn where such people may not come."""
    from_here = not caller.forwarded and _is_loopback(caller.address)
    if settings.anonymous and (from_here or settings.anonymous_from == "anywhere"):
        return Person(name=None, roles=frozenset(settings.anonymous), speaks_for_others=from_here)
    raise NotSignedIn(
        "say who you are, with `Authorization: Bearer KEY`: an operator makes keys with `rag-flywheel keys create`"
        + ("; or sign in at /login" if settings.oidc.client_id else "")
    )


def admit(person: Person, route: str) -> None:
    """Raises NotAllowed, or NotSignedIn for who has not said who they are, where they may not call the route."""
    if person.roles & ROLES[route]:
        return
    needed = f"this needs the role {' or '.join(role for role in Role if role in ROLES[route])}"
    if person.name is None:
        raise NotSignedIn(f"{needed}: say who you are, with `Authorization: Bearer KEY`")
    raise NotAllowed(f"{needed}, which {person.name} has not")


def asks_for(person: Person, named: str | None) -> str | None:
    """In whose name a person asks, rates or corrects; `named` is what the request says. Raises NotAllowed."""
    if person.speaks_for_others:
        return named
    if person.name is None:
        return None if named is None else f"{ANONYMOUS}:{named}"
    if named not in (None, person.name):
        raise NotAllowed(
            f"{person.name} asks, rates and corrects in that name alone: leave the user out, or use a key that was "
            "made with --for-others"
        )
    return person.name


def hands_in(person: Person, user: str | None) -> str | None:
    """Who answers for what is handed in as the user's, by what is known and not by what is said; None where that is
    told by nothing but what somebody types who works with the files. `user` is what `asks_for` gave.
    """
    if person.local:
        return None
    claimed = person.speaks_for_others and not (user or "").startswith(BROWSER)  # a browser speaks for nobody else
    return person.name or (None if claimed else user) or ANONYMOUS


def asks_in(person: Person, named: Collection[str] | None) -> Groups:
    """In which groups somebody asks; `named` are those that the request says, to ask as somebody in fewer of them.

    An application that asks for others says for each of them: where it says nothing, they are in none, and not in all
    that the application may ask for. Raises NotAllowed for a group that the person is not in.
    """
    if named is None:
        return frozenset() if person.speaks_for_others and person.groups is not None else person.groups
    if person.groups is not None and not person.groups.issuperset(named):
        raise NotAllowed(f"{person.signed} may not ask in a group that the request names")
    return frozenset(named)


def corrects_in(person: Person, asked: Groups) -> Groups:
    """In which groups somebody corrects an answer that was `asked` for: an application corrects for who asked, and not
    as somebody in all groups that it may ask for.
    """
    if not person.speaks_for_others or person.groups is None or asked is None:
        return person.groups
    return person.groups & asked


def sees(person: Person, *, theirs: bool) -> bool:
    """Whether a person may see what belongs to somebody: it is `theirs`, or they review. Who has said no name has an id
    that nobody can guess, and that is all they can have.
    """
    return theirs or person.name is None or sees_others(person)


def sees_others(person: Person) -> bool:
    """Whether a person may see what others asked. To all else nothing may tell the ids of what others asked: of those
    who have said no name, an id is all that opens it.
    """
    return person.speaks_for_others or bool(person.roles & {Role.REVIEWER, Role.OPERATOR, Role.ADMIN})


def _is_loopback(address: str | None) -> bool:
    try:
        return address is not None and ipaddress.ip_address(address).is_loopback
    except ValueError:  # a path, of a Unix socket
        return False
