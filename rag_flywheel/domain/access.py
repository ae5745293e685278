"""Who asks, and the keys that say so."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rag_flywheel.domain.checks import aware
from rag_flywheel.domain.groups import Groups

ANONYMOUS = "anonymous"
"""Who has said no name. It stands, with a colon, before the names that unknown people give themselves, so that nobody
takes another's.
"""


class Role(StrEnum):
    """What a person may do here; `access.roles` says which routes that is."""

    ASKER = "asker"  # asks, rates and corrects, and sees what became of it
    REVIEWER = "reviewer"  # decides on corrections, and reads what people asked
    OPERATOR = "operator"  # says what is judged, built, tried and live, and reads all documents
    ADMIN = "admin"  # all of it, and who may what


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Whoever sent a request: a person, or a program in its own name. Reviews and acts are recorded under `name`."""

    name: str | None  # None: nobody said
    roles: frozenset[Role]
    groups: Groups = frozenset()  # that say which documents they may read
    speaks_for_others: bool = False  # may name whom it asks, rates and corrects for
    tenant: str | None = None  # None: the deployment's own documents and people
    local: bool = False  # works with the files themselves, and types whatever name

    @property
    def signed(self) -> str:
        """The name for records."""
        return self.name or ANONYMOUS


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """An API key at one instant. Its secret is known to its holder alone; the ledger keeps a keyed hash."""

    key_id: str  # public: the part of the key that finds its row
    digest: str  # keyed hash of the secret, hexadecimal
    name: str  # whose it is; reviews and acts are recorded under it
    roles: frozenset[Role]
    speaks_for_others: bool
    tenant: str | None
    created: datetime
    at: datetime  # when it was made or changed to this
    groups: tuple[str, ...] = ()
    expires: datetime | None = None
    revoked: datetime | None = None

    def __post_init__(self) -> None:
        for name in ("created", "at", "expires", "revoked"):
            moment = getattr(self, name)
            if moment is not None:
                aware(name, moment)
        if not self.roles:
            raise ValueError("a key needs a role, got none")

    def holds(self, now: datetime) -> bool:
        """Whether it opens anything."""
        return self.revoked is None and (self.expires is None or now < self.expires)
