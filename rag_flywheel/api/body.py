"""What can be said of a body before anything is made of it: whether it is text, how deep it goes, and how wide.

Each look is one pass in C over the bytes, with nothing to go back to, so it costs the same whatever the bytes are.
"""

import re
from urllib.parse import unquote_to_bytes

DEPTH = 32  # lists and objects within each other; what is asked here has 5
CONTAINERS = 500_000  # lists and objects; an import of 20,000 judged questions has 40,001
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)  # also one that never ends
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_WHOLE = re.compile(
    rb"(?:[^\\]++|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\(?!u[dD][89a-fA-F]).)*+", re.DOTALL
)
"""JSON up to its first escaped surrogate that has no partner."""


def is_text(body: bytes) -> bool:
    """Whether JSON is UTF-8 without half a character (a lone surrogate), escaped or not: no database keeps one."""
    matched = _WHOLE.match(body)
    return is_utf8(body) and matched is not None and body[matched.end() :].strip(b"\\") == b""


def is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def is_utf8_unquoted(raw: bytes) -> bool:
    """Whether a path or a query is UTF-8 once its %XX are bytes."""
    return is_utf8(unquote_to_bytes(raw))


def too_nested(body: bytes) -> bool:
    """Whether JSON has more lists and objects than `CONTAINERS`, or deeper ones than `DEPTH`.

    Also of what is no JSON: whatever then remains is for the parser to refuse.
    """
    if body.count(b"[") + body.count(b"{") <= DEPTH:
        return False
    left = _STRING.sub(b"", body).translate(_BRACKETS, _NO_BRACKETS)
    if len(left) > 2 * CONTAINERS:
        return True
    for _ in range(DEPTH):
        left = left.replace(b"[]", b"")  # the innermost ones
    return bool(left)
