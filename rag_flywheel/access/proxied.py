"""Who a proxy says that somebody is, which is believed of proxies that the settings name."""

import ipaddress
from collections.abc import Sequence

from rag_flywheel.access.tokens import marked, read_by
from rag_flywheel.config import Access
from rag_flywheel.domain import Person
from rag_flywheel.errors import NotSignedIn

PROXY = "proxy"
"""Who says the names. An issuer is a URL, so no token's name begins so."""


def is_trusted(address: str | None, *, settings: Access) -> bool:
    """Whether the connection is from a proxy that the settings name."""
    try:
        known = ipaddress.ip_address(address or "")
    except ValueError:  # none, or a path of a Unix socket
        return False
    plain = getattr(known, "ipv4_mapped", None) or known  # as a socket that listens on both has it
    return any(plain in ipaddress.ip_network(network) for network in settings.proxies)


def person(users: Sequence[bytes], groups: Sequence[bytes], *, settings: Access) -> Person | None:
    """Who the proxy's headers name, by all their values; None where they name nobody.

    Raises NotSignedIn where they name several, or one that cannot be read: then somebody else had a hand in it.
    """
    if not users or users == [b""]:
        return None
    if len(users) > 1 or len(groups) > 1:
        raise NotSignedIn("the proxy passes on a header that should be its own: let it set it, and not add to it")
    try:
        name = marked(PROXY, users[0].decode().strip())
        listed = [group.strip() for group in b"".join(groups).decode().split(",")]
    except UnicodeDecodeError:
        name, listed = None, []
    if name is None:
        raise NotSignedIn("the proxy names nobody: its header is not the name of a person")
    given = {settings.proxy_roles[group] for group in listed if group in settings.proxy_roles}
    roles = frozenset({*given, *settings.proxy_default_roles})
    return Person(name=name, roles=roles, groups=read_by(roles, listed))
