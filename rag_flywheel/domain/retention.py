"""The kinds of records that go when their time is over."""

from enum import StrEnum


class Kind(StrEnum):
    """By the name of the setting, in the order in which they go: what refers to another comes before it."""

    CORRECTIONS = "corrections"  # that were not accepted
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


IN_LEDGER = tuple(kind for kind in Kind if kind not in (Kind.RECEIPTS, Kind.CACHES))
"""Those that have rows there; of reports it is what decisions hold of them."""
