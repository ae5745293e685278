"""What `Outbox` promises."""

import pytest

from rag_flywheel.errors import Conflict, NotFound
from rag_flywheel.ports import Ledger
from tests.contract.rows import NOON, SECOND, a_delivery, a_notice


def test_a_notice_is_undelivered_to_a_receiver_until_that_one_was_told(ledger: Ledger) -> None:
    ledger.add_notice(a_notice())
    failed = [a_delivery(at=NOON + SECOND, status=None), a_delivery(at=NOON)]
    for delivery in failed:
        ledger.add_delivery(delivery)
    ledger.add_delivery(a_delivery(receiver="pager", delivered=True, status=204))
    assert ledger.undelivered("crm", attempts=9) == [(a_notice(), tuple(reversed(failed)))]
    assert ledger.undelivered("pager", attempts=9) == []
    assert ledger.undelivered("new", attempts=9) == [(a_notice(), ())]
    ledger.add_delivery(a_delivery(at=NOON + 2 * SECOND, delivered=True, status=200))
    assert ledger.undelivered("crm", attempts=9) == []


def test_a_notice_is_given_up_for_a_receiver_after_so_many_attempts(ledger: Ledger) -> None:
    ledger.add_notice(a_notice())
    for number in range(3):
        ledger.add_delivery(a_delivery(at=NOON + number * SECOND))
    [(_, tried)] = ledger.undelivered("crm", attempts=4)
    assert len(tried) == 3
    assert ledger.undelivered("crm", attempts=3) == []
    assert ledger.undelivered("pager", attempts=3) == [(a_notice(), ())]


def test_undelivered_notices_come_oldest_first_each_with_its_own_attempts(ledger: Ledger) -> None:
    for name, at in (("late", NOON + SECOND), ("early", NOON), ("told", NOON), ("other", NOON)):
        ledger.add_notice(a_notice(name, at=at))
    ledger.add_delivery(a_delivery("told", delivered=True))
    ledger.add_delivery(a_delivery("late"))
    ledger.add_delivery(a_delivery("early"))
    ledger.add_delivery(a_delivery("late"))
    found = [(notice.notice_id, len(tried)) for notice, tried in ledger.undelivered("crm", attempts=3)]
    assert found == [("early", 1), ("other", 0), ("late", 2)]


def test_a_notice_is_added_once_and_a_delivery_of_an_unknown_one_is_not_found(ledger: Ledger) -> None:
    with pytest.raises(NotFound, match="n1"):
        ledger.add_delivery(a_delivery())
    ledger.add_notice(a_notice())
    with pytest.raises(Conflict, match="n1"):
        ledger.add_notice(a_notice(at=NOON + SECOND))
    assert ledger.undelivered("crm", attempts=1) == [(a_notice(), ())]
