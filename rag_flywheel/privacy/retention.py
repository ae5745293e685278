"""For how long each kind of record is kept. Pure."""

from datetime import datetime, timedelta

from rag_flywheel.config import Retention
from rag_flywheel.domain.retention import Kind


def period(kind: Kind, settings: Retention) -> timedelta | None:
    """None: without end."""
    days: int = getattr(settings, kind.value)
    return timedelta(days=days) if days else None


def kept_until(kind: Kind, since: datetime, settings: Retention) -> datetime | None:
    """From when on a record of that moment goes with the next nightly run; None: it stays."""
    kept = period(kind, settings)
    return None if kept is None else since + kept
