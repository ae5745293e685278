"""What `Keys` promises."""

import functools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

from rag_flywheel.access import keys
from rag_flywheel.access.who import local
from rag_flywheel.domain import Role
from rag_flywheel.errors import Conflict
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


def test_who_claims_a_key_waits_for_others_and_sees_what_they_wrote(ledger: Ledger) -> None:
    ledger.add_key(ADA)
    claimed = threading.Event()

    def replaced() -> None:
        with ledger.transaction():
            assert ledger.claim_key("k1") == ADA
            claimed.set()
            time.sleep(0.3)  # in which the other one would have read the key as it was
            ledger.add_key(replace(ADA, at=NOON + SECOND, expires=NOON + 3600 * SECOND))

    def revoked() -> None:
        assert claimed.wait(10)
        with ledger.transaction():
            seen = ledger.claim_key("k1")
            assert seen is not None
            assert seen.expires is not None
            ledger.add_key(replace(seen, at=NOON + SECOND, revoked=NOON + SECOND))

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(replaced), pool.submit(revoked)]:
            done.result(30)
    assert ledger.key("k1") == replace(ADA, at=NOON + SECOND, expires=NOON + 3600 * SECOND, revoked=NOON + SECOND)
    with ledger.transaction():
        assert ledger.claim_key("k2") is None


def test_a_key_that_is_revoked_while_it_is_replaced_opens_no_more(ledger: Ledger) -> None:
    root = local("root")
    wanted = keys.Wanted(name="ada", roles=frozenset({Role.ASKER}))
    made = [keys.create(wanted, by=root, ledger=ledger, now=NOON)[0].key_id for _ in range(8)]

    def change(number: int) -> None:
        change = keys.revoke if number % 2 else functools.partial(keys.rotate, overlap=timedelta(days=1))
        try:
            change(made[number // 2], by=root, ledger=ledger, now=NOON)
        except Conflict:  # it was revoked first
            assert number % 2 == 0

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(change, range(16)))
    assert [key for key, _ in ledger.access_keys() if key.key_id in made and key.holds(NOON)] == []
