"""Whether somebody asked to forget what comes in again from elsewhere."""

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime

from rag_flywheel.cycle.erasing import suppression_list
from rag_flywheel.privacy.erasure import Suppressed, subject, suppressed
from rag_flywheel.services import Services

Erased = Callable[[str | None, str | None, datetime], bool]
"""Of the pseudonyms of a person and of a conversation, and of a moment."""


def erased(services: Services) -> Erased:
    """By the suppression list, which outlives what leads to the person."""
    salt = services.ledger.salt()
    by_subject: dict[str, list[Suppressed]] = defaultdict(list)
    for known in suppressed(suppression_list(services)):
        by_subject[known.subject].append(known)

    def was_erased(user: str | None, session: str | None, at: datetime) -> bool:
        if user is None or not by_subject:
            return False
        conversation = None if session is None else subject(session, salt)
        return any(
            at <= known.until and (known.since is None or at >= known.since) and known.session in (None, conversation)
            for known in by_subject.get(subject(user, salt), ())
        )

    return was_erased
