"""What takes people out of the ledger, or their stand-ins: erasure, retention, a new key."""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Protocol

from rag_flywheel.domain import (
    Json,
)
from rag_flywheel.domain.erasures import ErasureEntry, Scope, Theirs
from rag_flywheel.domain.retention import Kind


class Erasure(Protocol):
    """Forgetting a person."""

    def erase(self, scope: Scope) -> dict[str, int]:
        """Delete interactions, feedback and corrections (with reviews) in the scope, what others said on them, what
        was set aside of them, and, of a whole person, their sessions, which end so, and what they said of consent;
        returns counts by table.
        """

    def scrub(self, theirs: Theirs, *, manifests: bool) -> dict[str, int]:
        """Delete what names erased records and is nothing without them (replies, notices, retirements, judged
        questions), and take their names and texts out of what stays: decisions, the audit log, others' answers that
        quote them, and with `manifests` those of versions. Returns counts by table.
        """

    def records(self) -> Iterator[tuple[str, Mapping[str, Json]]]:
        """Every row as it is stored: table, values by column. Not of the deployment's own settings, nor rows that hold
        nothing but numbers of others.
        """

    def people(self) -> set[str]:
        """The pseudonyms of all who left something, and of sessions of those who named nobody."""

    def overwrite(self) -> None:
        """Leave nothing of deleted rows in the database's files, as far as it can be told to do so now."""

    def write_anew(self) -> None:
        """The same, also in the free room of pages: others wait to write while a file is written anew, and there has to
        be room for a second one. Raises LedgerUnavailable and DiskUnavailable.
        """

    def add_erasure(self, entry: ErasureEntry) -> None:
        """Record a request to be forgotten, or how far it is."""

    def erasures(self) -> list[ErasureEntry]:
        """The latest entry of each, in the order in which they were asked for."""

    def close_erasure(self, entry: ErasureEntry) -> None:
        """Record that one is done, in the place of all its entries before."""


class Rekeying(Protocol):
    """A new key for the pseudonyms as they are stored. What is told of people, and asked for, stays the same."""

    def rekey(self) -> Iterator[int]:
        """Store all pseudonyms under a new key, or go on where that was broken off, while others read and write; yields
        how many rows were stored anew, a few at a time. One at a time: the caller holds a lock. Raises WrongKey where
        the keys cannot be changed from here.
        """

    def drop_keys(self) -> int:
        """Drop the keys under which nothing is stored any more, once a new one has been given to all rows; returns how
        many. A backup of before cannot be read without them.
        """


class Expiry(Protocol):
    """What goes when its time is over."""

    def expire(self, kind: Kind, *, before: datetime, spare: AbstractSet[str] = frozenset()) -> Iterator[int]:
        """Delete what is older, a few rows at a time, each time for good; yields how many were deleted.

        Interactions go with what was said of them. One that a correction rests on stays, and so does what was said of
        it. Corrections go that were not accepted, from the last decision on, but for those whose ids are in `spare`. Of
        reports it is what decisions hold of them that goes, but for versions in `spare`.
        """
