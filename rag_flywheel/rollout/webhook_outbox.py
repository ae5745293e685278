"""Tell other systems what happened: notices to receivers, tried again until they are taken or given up.

An attempt that fails is repeated after 5 s, 20 s, 80 s and so on, each wait four times the one before and counted from
the last attempt: eight attempts within 7.6 hours, the last wait being 5.7 hours. The Standard Webhooks specification
asks for such a schedule (https://www.standardwebhooks.com). A notice may come twice, with one id, and out of order:
when the process dies between the reply and its record, or when a later notice is taken while an earlier one waits.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Protocol

from rag_flywheel.domain import Delivery, Notice
from rag_flywheel.errors import AlreadyRunning
from rag_flywheel.ports import Operations, Outbox, Webhooks

LOCK = "webhooks"
ATTEMPTS = 8
FIRST_WAIT = timedelta(seconds=5)
LONGER = 4.0  # each wait is this many times the one before
NEWS = timedelta(days=1)  # what is older is no news: a receiver that was just added is not told the whole past
AT_ONCE = 10  # notices for one receiver in one pass, so that a pass ends while `at` is still the time
GONE = 410  # HTTP: the receiver wants no more of this


class DeliveryLedger(Operations, Outbox, Protocol):
    """The notices, and the lock under which they are sent."""


def deliver(ledger: DeliveryLedger, webhooks: Webhooks, *, at: datetime) -> int:
    """Send what is due at `at`, which is now, and record each attempt; returns how many deliveries succeeded.

    Any number of processes may call it: while one is at it, the others return 0. A receiver whose attempt fails is
    asked nothing more in this pass, and receivers take turns, so that a slow one cannot keep the others waiting for
    long. 2xx is a success. 410 ends a notice for the receiver, and everything else is tried again.
    """
    if not webhooks.receivers:
        return 0
    try:
        with ledger.lock(LOCK):
            return _pass(ledger, webhooks, at=at)
    except AlreadyRunning:
        return 0


def waiting(ledger: Outbox, webhooks: Webhooks, *, at: datetime) -> list[datetime]:
    """Since when each notice waits that a receiver is still to be told, the oldest first."""
    return sorted(
        notice.at
        for receiver in webhooks.receivers
        for notice, attempts in ledger.undelivered(receiver, attempts=ATTEMPTS)
        if not _given_up(notice, attempts, at=at)
    )


def wait(attempts: int) -> timedelta:
    """How long after that many attempts, at least one, the next one is due."""
    return FIRST_WAIT * LONGER ** (attempts - 1)


def _pass(ledger: Outbox, webhooks: Webhooks, *, at: datetime) -> int:
    waiting = {
        receiver: islice(_due(ledger.undelivered(receiver, attempts=ATTEMPTS), at=at), AT_ONCE)
        for receiver in webhooks.receivers
    }
    delivered = 0
    while waiting:
        for receiver, notices in list(waiting.items()):
            notice = next(notices, None)
            if notice is not None and _tell(notice, receiver, ledger=ledger, webhooks=webhooks, at=at):
                delivered += 1
            else:
                del waiting[receiver]
    return delivered


def _due(undelivered: Sequence[tuple[Notice, tuple[Delivery, ...]]], *, at: datetime) -> Iterator[Notice]:
    for notice, attempts in undelivered:
        # An attempt that is still to come was made before the clock was put back, or by another host's clock.
        last = max((attempt.at for attempt in attempts if attempt.at <= at + FIRST_WAIT), default=None)
        waits = last is not None and at < last + wait(len(attempts))
        if not waits and not _given_up(notice, attempts, at=at):
            yield notice


def _given_up(notice: Notice, attempts: Sequence[Delivery], *, at: datetime) -> bool:
    return at - notice.at > NEWS or any(attempt.status == GONE for attempt in attempts)


def _tell(notice: Notice, receiver: str, *, ledger: Outbox, webhooks: Webhooks, at: datetime) -> bool:
    status = webhooks.send(notice, receiver=receiver, at=at)
    delivered = status is not None and 200 <= status < 300
    ledger.add_delivery(
        Delivery(notice_id=notice.notice_id, receiver=receiver, at=at, delivered=delivered, status=status)
    )
    return delivered
