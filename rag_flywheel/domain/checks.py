"""What values of the domain check at birth."""

import ipaddress
import re
from datetime import datetime
from urllib.parse import urlsplit

GROUP = r"^[A-Za-z0-9._-]{1,40}$"
"""How a group of askers may be named: too short and too plain for a person's address or a sentence about one."""


def aware(name: str, moment: datetime) -> None:
    if moment.tzinfo is None:
        raise ValueError(f"{name} needs a timezone, got the naive {moment.isoformat()}")


def named(group: str | None) -> None:
    # Without the name that was found: it may be a person's after all.
    if group is not None and re.fullmatch(GROUP, group) is None:
        raise ValueError(
            "a group of askers is named by 1 to 40 letters from a to z, digits, dots, dashes and underscores; "
            f"this name of {len(group)} characters is not"
        )


def is_private(url: str) -> bool:
    """Whether it is a plain URL of which nobody on the way reads or changes what goes there: https, or this machine."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or "@" in parts.netloc or parts.fragment or not url.isascii() or not url.isprintable() or " " in url:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_this_machine(host))


def is_this_machine(host: str) -> bool:
    """Whether a host's name or address is a loopback one."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
