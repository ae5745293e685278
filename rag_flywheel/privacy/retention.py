"""For how long each kind of record is kept. Pure."""

from datetime import datetime, timedelta
from enum import StrEnum

from rag_flywheel.config import Retention


class Kind(StrEnum):
    """Records that go when their time is over, by the name of the setting, in the order in which they go: what refers
    to another comes before it.
    """

    CORRECTIONS = "corrections"
    FEEDBACK = "feedback"
    EXPOSURES = "exposures"
    INTERACTIONS = "interactions"
    NOTICES = "notices"
    REPLIES = "replies"
    SESSIONS = "sessions"
    AUDIT = "audit"
    REPORTS = "reports"
    RECEIPTS = "receipts"
    CACHES = "caches"


def period(kind: Kind, settings: Retention) -> timedelta | None:
    """None: without end."""
    days: int = getattr(settings, kind.value)
    return timedelta(days=days) if days else None


def kept_until(kind: Kind, since: datetime, settings: Retention) -> datetime | None:
    """From when on a record of that moment goes with the next nightly run; None: it stays."""
    kept = period(kind, settings)
    return None if kept is None else since + kept
