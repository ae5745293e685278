"""A new key for the pseudonyms as the ledger stores them, and the end of old ones.

What people are known by in the service does not change: nobody changes the side of a canary, leaves the suppression
list, or has to sign in again.
"""

from datetime import datetime
from typing import Protocol

from rag_flywheel.domain import AuditEntry
from rag_flywheel.ports import Operations, Rekeying

LOCK = "rekey"


class KeyedLedger(Operations, Rekeying, Protocol):
    """Where pseudonyms are stored, beside locks and the audit log."""


def rekey(*, ledger: KeyedLedger, by: str, now: datetime) -> int:
    """How many rows were stored anew. Raises AlreadyRunning where another process is at it, and WrongKey where the keys
    are in the environment and none is new.
    """
    with ledger.lock(LOCK):
        rows = sum(ledger.rekey())
        ledger.add_audit(_entry("rekey", by, now))
    return rows


def drop_keys(*, ledger: KeyedLedger, by: str, now: datetime) -> int:
    """How many keys were dropped. Raises AlreadyRunning, and Conflict where rows are still stored under them."""
    with ledger.lock(LOCK):
        dropped = ledger.drop_keys()
        ledger.add_audit(_entry("drop keys", by, now))
    return dropped


def _entry(action: str, by: str, now: datetime) -> AuditEntry:
    return AuditEntry(at=now, who=by, action=action, subject="pseudonyms", detail={})
