"""Passwords in URLs, which no message and no page may show."""

from urllib.parse import urlsplit, urlunsplit


def password_in(url: str) -> str | None:
    """The URL's password; None where it has none, or the text is no URL, which is for its user to say."""
    try:
        return urlsplit(url).password
    except ValueError:
        return None


def masked_url(url: str) -> str:
    """The URL with its password, if any, as ***."""
    if password_in(url) is None:
        return url
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username}:***@{host}"))
