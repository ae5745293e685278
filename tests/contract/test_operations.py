"""What `Operations` promises."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from rag_flywheel.domain import (
    InteractionId,
)
from rag_flywheel.domain.erasures import Scope
from rag_flywheel.errors import AlreadyRunning, NotFound
from rag_flywheel.ports import Ledger
from tests.contract.rows import (
    NOON,
    SECOND,
    a_correction,
    a_delivery,
    a_feedback,
    a_freeze,
    a_holdout,
    a_manifest,
    a_notice,
    a_review,
    a_topic_ruling,
    an_entry,
    an_erasure,
    an_interaction,
)
from tests.contract.running import failing
from tests.fakes.samples import canary, exposure


def test_the_salt_is_long_and_always_the_same(ledger: Ledger) -> None:
    assert len(ledger.salt()) >= 16
    assert ledger.salt() == ledger.salt()


def test_an_audit_entry_comes_back_as_it_was_added(ledger: Ledger) -> None:
    ledger.add_audit(an_entry())
    assert ledger.audit(limit=5) == [an_entry()]


def test_audit_entries_come_in_the_order_of_adding_the_last_first_and_no_more_than_asked_for(ledger: Ledger) -> None:
    """Whatever a host's clock says, and however long somebody waited for a lock."""
    for number, seconds in enumerate((0, 3, 1, 2)):
        ledger.add_audit(an_entry(f"s{number}", at=NOON + seconds * SECOND))
    assert [entry.subject for entry in ledger.audit(limit=3)] == ["s3", "s2", "s1"]


def test_a_lock_that_is_held_is_refused_and_free_again_afterwards(ledger: Ledger) -> None:
    with ledger.lock("reindex"):
        with pytest.raises(AlreadyRunning, match="reindex"), ledger.lock("reindex"):
            pass
        with ledger.lock("promotion"):  # another name is another lock
            ledger.add_interaction(an_interaction())
    with failing(ledger.lock("reindex")):
        pass
    with ledger.lock("reindex"):
        assert ledger.interaction(InteractionId("i1")) == an_interaction()


def test_a_transaction_that_fails_keeps_nothing(ledger: Ledger) -> None:
    with failing(ledger.transaction()):
        ledger.add_interaction(an_interaction())
        ledger.add_feedback(a_feedback())
        assert ledger.interaction(InteractionId("i1")) == an_interaction()  # its own writes are seen inside
    assert ledger.interactions(limit=1) == []
    assert ledger.feedback() == []


def test_only_the_outermost_of_nested_transactions_commits(ledger: Ledger) -> None:
    with failing(ledger.transaction()), ledger.transaction():
        ledger.add_interaction(an_interaction())
    assert ledger.interactions(limit=1) == []
    with ledger.transaction(), ledger.transaction():
        ledger.add_interaction(an_interaction())
    assert ledger.interaction(InteractionId("i1")) == an_interaction()


def test_an_inner_transaction_that_fails_takes_only_its_own_writes_with_it(ledger: Ledger) -> None:
    with ledger.transaction():
        ledger.add_interaction(an_interaction())
        with failing(ledger.transaction()):
            ledger.add_feedback(a_feedback("lost"))
        with pytest.raises(NotFound):
            ledger.add_review(a_review(of="k9"))  # a refused write leaves the transaction usable
        ledger.add_feedback(a_feedback("kept"))
    assert [feedback.feedback_id for feedback in ledger.feedback()] == ["kept"]


def test_a_transaction_belongs_to_its_thread(ledger: Ledger) -> None:
    """What another thread writes meanwhile is no part of it: its failure does not undo that."""
    started = threading.Event()

    def write() -> None:
        started.set()
        ledger.add_interaction(an_interaction("theirs"))

    with ThreadPoolExecutor(1) as other:
        with failing(ledger.transaction()):
            ledger.add_interaction(an_interaction("ours"))
            writing = other.submit(write)
            started.wait()
        writing.result()
    assert [interaction.interaction_id for interaction in ledger.interactions(limit=9)] == ["theirs"]


def test_what_is_recorded_of_a_deployment_is_kept_together_or_not_at_all(ledger: Ledger) -> None:
    def record() -> None:
        ledger.add_interaction(an_interaction())
        ledger.add_exposure(exposure())
        ledger.add_canary(canary())
        ledger.add_holdout(a_holdout())
        ledger.add_freeze(a_freeze())
        ledger.add_notice(a_notice())
        ledger.add_delivery(a_delivery())

    with failing(ledger.transaction()):
        with ledger.transaction():
            record()
        assert ledger.canary() == canary()  # its own writes are seen inside
    assert (ledger.exposures(), ledger.canaries(), ledger.undelivered("crm", attempts=9)) == ([], [], [])
    assert (ledger.canary(), ledger.holdout(), ledger.freeze()) == (None, None, None)
    with ledger.transaction():
        record()
    assert (ledger.exposures(), ledger.canaries()) == ([exposure()], [canary()])
    assert ledger.undelivered("crm", attempts=9) == [(a_notice(), (a_delivery(),))]
    assert (ledger.canary(), ledger.holdout(), ledger.freeze()) == (canary(), a_holdout(), a_freeze())


def test_marks_change_with_every_row_that_comes_or_goes_and_with_nothing_else(ledger: Ledger) -> None:
    ledger.add_interaction(an_interaction())
    seen = [ledger.marks()]
    ledger.add_audit(an_entry())
    assert ledger.marks() == seen[0]
    steps: list[Callable[[], object]] = [
        lambda: ledger.add_interaction(an_interaction("i2", user="bob")),
        lambda: ledger.add_feedback(a_feedback()),
        lambda: ledger.add_correction(a_correction()),
        lambda: ledger.add_review(a_review()),
        lambda: ledger.add_version(a_manifest()),
        lambda: ledger.add_topic_ruling(a_topic_ruling()),
        lambda: ledger.add_erasure(an_erasure()),
        lambda: ledger.erase(Scope(user="bob")),
    ]
    for step in steps:
        step()
        assert ledger.marks() not in seen
        seen.append(ledger.marks())
    assert seen[-1]["interactions"][1] == 1
