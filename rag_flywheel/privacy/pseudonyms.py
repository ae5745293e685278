"""Names of people never enter the ledger: only keyed hashes do. Pure."""

import hashlib
import hmac
from typing import Literal


def pseudonym(
    name: str | None, salt: bytes, *, of: Literal["user", "session", "key", "case", "topic"] = "user"
) -> str | None:
    """A person's or a session's stand-in: HMAC-SHA-256 (RFC 2104) under the deployment's salt, 32 hexadecimal digits.

    One name always gives one stand-in, so that a person can be found again to be forgotten, and nobody without the
    salt can go back. A session and a person of one name have different stand-ins. So have other names that people
    make up, since they may be anything: the key of a request, the id of a judged question.
    """
    return None if name is None else hmac.new(salt, f"{of}:{name}".encode(), hashlib.sha256).hexdigest()[:32]
