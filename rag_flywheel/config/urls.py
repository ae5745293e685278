"""What is secret in URLs, which no message and no page may show: who calls, and the values of the query.

A URL is read as generously as the programs that take it do: passwords that hold a slash, a question mark or an @ are
masked as well, and a text that is no sound URL.
"""

import re
from urllib.parse import unquote, urlsplit

HIDDEN = "***"
_URL = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]{0,30}://)(?P<rest>[^\s\"'<>`]*)")
_VALUES = re.compile(r"(?<=[?&;#])(?P<name>[^=&;#]*)(?P<value>=[^&;#]*)?")
_PORT = re.compile(r"\]?(?::\d*)?$")


def password_in(url: str) -> str | None:
    """The URL's password; None where it has none, or the text is no URL, which is for its user to say."""
    try:
        return urlsplit(url).password
    except ValueError:
        return None


def masked_url(text: str) -> str:
    """The text with what is secret in the URLs that it holds as ***."""
    return _URL.sub(lambda url: url["scheme"] + _masked(url["rest"]), text) if "://" in text else text


def secrets_in(text: str) -> set[str]:
    """What `masked_url` hides of the URLs in the text, each also as it is once its %XX are read."""
    found: set[str] = set()
    for url in _URL.finditer(text):
        who, _, rest = _parted(url["rest"])
        found.update([who, *who.split(":", 1)] if who else [])
        found.update((named["value"] or f"={named['name']}")[1:] for named in _VALUES.finditer(rest))
    return {form for secret in found for form in (secret, unquote(secret)) if secret}


def _masked(rest: str) -> str:
    who, at, where = _parted(rest)
    values = _VALUES.sub(lambda named: f"{named['name']}={HIDDEN}" if named["value"] else named[0] and HIDDEN, where)
    return (HIDDEN if who else "") + at + values


def _parted(rest: str) -> tuple[str, str, str]:
    """What stands before the @, the @, and what stands after it: host, path and query."""
    end = re.search(r"[/?#]", rest)
    authority = rest[: end.start()] if end else rest
    if "@" in authority:
        at = authority.rindex("@")
    elif "@" in rest and ":" in authority and not _PORT.fullmatch(authority[authority.rindex(":") :]):
        at = rest.rindex("@")  # what looks like a port is the beginning of a password
    else:
        return "", "", rest
    return rest[:at], "@", rest[at + 1 :]
