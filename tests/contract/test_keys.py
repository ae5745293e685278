"""What `Keys` promises."""

from dataclasses import replace

from rag_flywheel.ports import Ledger
from tests.contract.rows import NOON, SECOND, a_key

ADA = a_key()


def test_a_key_comes_back_as_it_was_recorded(ledger: Ledger) -> None:
    ledger.add_key(ADA)
    assert ledger.key("k1") == ADA
    assert ledger.key("k2") is None


def test_the_latest_entry_of_a_key_counts_and_keys_stay_in_the_order_in_which_they_were_made(ledger: Ledger) -> None:
    other = replace(ADA, key_id="k2", name="grace", expires=NOON + SECOND)
    revoked = replace(ADA, at=NOON + SECOND, revoked=NOON + SECOND)
    for entry in (ADA, other, revoked):
        ledger.add_key(entry)
    assert ledger.key("k1") == revoked
    assert ledger.access_keys() == [(revoked, None), (other, None)]


def test_the_hour_in_which_a_key_was_used_last_is_remembered(ledger: Ledger) -> None:
    ledger.add_key(ADA)
    for at in (NOON, NOON + SECOND):
        ledger.key_used("k1", at=at)
    assert ledger.access_keys() == [(ADA, NOON)]
    ledger.key_used("k1", at=NOON + 3600 * SECOND)
    assert ledger.access_keys() == [(ADA, NOON + 3600 * SECOND)]
