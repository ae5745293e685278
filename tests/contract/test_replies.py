"""What `Replies` promises."""

from concurrent.futures import ThreadPoolExecutor

from rag_flywheel.domain import (
    Json,
)
from rag_flywheel.ports import Ledger
from tests.contract.rows import NOON, SECOND
from tests.contract.running import failing


def test_a_key_that_was_never_used_has_no_reply(ledger: Ledger) -> None:
    assert ledger.remembered("key") is None


def test_a_reply_is_remembered_once_and_then_never_changes(ledger: Ledger) -> None:
    replies: list[Json] = [{"id": "k1", "status": "pending"}, None, [1.0]]
    for number, reply in enumerate(replies):
        assert ledger.remember(f"key{number}", digest="d1", reply=reply, at=NOON) is True
        assert ledger.remember(f"key{number}", digest="d2", reply="other", at=NOON + SECOND) is False
        assert ledger.remembered(f"key{number}") == ("d1", reply)


def test_of_threads_that_remember_the_same_key_exactly_one_is_the_first(ledger: Ledger) -> None:
    def remember(number: int) -> bool:
        return ledger.remember("key", digest=f"d{number}", reply=number, at=NOON)

    with ThreadPoolExecutor(16) as threads:
        first = list(threads.map(remember, range(16)))
    assert first.count(True) == 1
    assert ledger.remembered("key") == (f"d{first.index(True)}", first.index(True))


def test_a_reply_of_a_failed_transaction_is_not_remembered(ledger: Ledger) -> None:
    with failing(ledger.transaction()):
        ledger.remember("key", digest="d1", reply=1, at=NOON)
    assert ledger.remember("key", digest="d2", reply=2, at=NOON) is True
