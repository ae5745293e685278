"""Telling receivers of notices: when, how often, and in whose turn."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from rag_flywheel.domain import Notice
from rag_flywheel.rollout import webhook_outbox
from rag_flywheel.rollout.webhook_outbox import ATTEMPTS, deliver, wait
from tests.fakes.ledger import MemoryLedger

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
Sent = tuple[str, str]  # receiver, notice


@dataclass
class Receivers:
    """`Webhooks` that notes what it sends, and replies as told: by receiver, or by (receiver, notice); else 200."""

    receivers: tuple[str, ...] = ("a",)
    replies: Mapping[str | Sent, int | None] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)
    times: list[datetime] = field(default_factory=list)

    def send(self, notice: Notice, *, receiver: str, at: datetime) -> int | None:
        self.sent.append((receiver, notice.notice_id))
        self.times.append(at)
        return self.replies.get((receiver, notice.notice_id), self.replies.get(receiver, 200))


def ledger_with(*names: str, at: datetime = NOW) -> MemoryLedger:
    ledger = MemoryLedger()
    for number, name in enumerate(names):
        moment = at + timedelta(milliseconds=number)
        ledger.add_notice(Notice(notice_id=name, at=moment, kind="gate.refused", data={"version": name}))
    return ledger


def attempts(ledger: MemoryLedger, webhooks: Receivers, *, hours: float) -> list[float]:
    """Seconds from the notice to each attempt, with a pass every second."""
    for second in range(int(hours * 3600)):
        deliver(ledger, webhooks, at=NOW + timedelta(seconds=second))
    return [(at - NOW).total_seconds() for at in webhooks.times]


def test_what_is_new_is_sent_to_each_receiver_once_and_counted() -> None:
    ledger, webhooks = ledger_with("one", "two"), Receivers(receivers=("a", "b"))
    assert deliver(ledger, webhooks, at=NOW) == 4
    assert deliver(ledger, webhooks, at=NOW + timedelta(hours=1)) == 0
    assert webhooks.sent == [("a", "one"), ("b", "one"), ("a", "two"), ("b", "two")]


def test_without_receivers_nothing_is_locked_or_sent() -> None:
    ledger = ledger_with("one")
    with ledger.lock(webhook_outbox.LOCK):
        assert deliver(ledger, Receivers(receivers=()), at=NOW) == 0


def test_while_another_process_is_at_it_nothing_is_sent() -> None:
    ledger, webhooks = ledger_with("one"), Receivers()
    with ledger.lock(webhook_outbox.LOCK):
        assert deliver(ledger, webhooks, at=NOW) == 0
    assert webhooks.sent == []
    assert deliver(ledger, webhooks, at=NOW) == 1


@pytest.mark.parametrize("reply", [None, 302, 404, 429, 500])
def test_a_failed_attempt_is_repeated_until_one_succeeds(reply: int | None) -> None:
    ledger = ledger_with("one")
    assert deliver(ledger, Receivers(replies={"a": reply}), at=NOW) == 0
    again = Receivers(replies={"a": 204})
    assert deliver(ledger, again, at=NOW + timedelta(seconds=5)) == 1
    assert deliver(ledger, again, at=NOW + timedelta(hours=1)) == 0
    assert len(again.sent) == 1


def test_the_waits_grow_fourfold_from_five_seconds_to_over_five_hours() -> None:
    waits = [wait(number).total_seconds() for number in range(1, ATTEMPTS)]
    assert waits == [5, 20, 80, 320, 1280, 5120, 20480]


def test_each_wait_counts_from_the_last_attempt_and_the_eighth_attempt_is_the_last() -> None:
    ledger, webhooks = ledger_with("one"), Receivers(replies={"a": 500})
    assert attempts(ledger, webhooks, hours=0.2) == [0, 5, 25, 105, 425]
    late = NOW + timedelta(hours=10)  # nothing ran for hours
    for hours in (0, 1, 2, 3, 10):
        deliver(ledger, webhooks, at=late + timedelta(hours=hours))
    assert [(at - late) / timedelta(hours=1) for at in webhooks.times[5:]] == [0, 2, 10]
    assert len(webhooks.times) == ATTEMPTS
    deliver(ledger, webhooks, at=NOW + timedelta(hours=23))
    assert len(webhooks.times) == ATTEMPTS


def test_a_receiver_that_is_gone_for_a_notice_is_not_told_of_it_again_but_of_others() -> None:
    ledger, webhooks = ledger_with("one", "two"), Receivers(replies={("a", "one"): 410})
    for minutes in range(30):
        deliver(ledger, webhooks, at=NOW + timedelta(minutes=minutes))
    assert Counter(webhooks.sent) == {("a", "one"): 1, ("a", "two"): 1}


def test_after_a_failure_a_receiver_s_other_notices_wait_for_the_next_pass() -> None:
    ledger, webhooks = ledger_with("one", "two", "three"), Receivers(receivers=("a", "b"), replies={"a": None})
    assert deliver(ledger, webhooks, at=NOW) == 3
    assert [name for receiver, name in webhooks.sent if receiver == "a"] == ["one"]
    assert [name for receiver, name in webhooks.sent if receiver == "b"] == ["one", "two", "three"]


def test_a_notice_that_a_receiver_never_takes_does_not_keep_back_the_later_ones() -> None:
    ledger, webhooks = ledger_with("bad", "good"), Receivers(replies={("a", "bad"): 400})
    deliver(ledger, webhooks, at=NOW)
    assert deliver(ledger, webhooks, at=NOW + timedelta(seconds=1)) == 1
    assert webhooks.sent == [("a", "bad"), ("a", "good")]


def test_one_pass_sends_a_receiver_only_so_many() -> None:
    names = [f"n{number:02}" for number in range(webhook_outbox.AT_ONCE + 3)]
    ledger, webhooks = ledger_with(*names), Receivers()
    assert deliver(ledger, webhooks, at=NOW) == webhook_outbox.AT_ONCE
    assert deliver(ledger, webhooks, at=NOW) == 3
    assert [name for _, name in webhooks.sent] == names


def test_a_receiver_that_is_added_later_is_told_of_the_last_day_only() -> None:
    ledger = ledger_with("old")
    ledger.add_notice(Notice(notice_id="new", at=NOW + timedelta(hours=24), kind="gate.refused", data={}))
    webhooks = Receivers(receivers=("added",))
    assert deliver(ledger, webhooks, at=NOW + timedelta(hours=25)) == 1
    assert webhooks.sent == [("added", "new")]


def test_a_pass_that_dies_lets_go_of_the_lock_and_keeps_what_it_has_recorded() -> None:
    class Dying(Receivers):
        def send(self, notice: Notice, *, receiver: str, at: datetime) -> int | None:
            if notice.notice_id == "two":
                raise KeyboardInterrupt
            return super().send(notice, receiver=receiver, at=at)

    ledger = ledger_with("one", "two")
    with pytest.raises(KeyboardInterrupt):
        deliver(ledger, Dying(), at=NOW)
    webhooks = Receivers()
    assert deliver(ledger, webhooks, at=NOW) == 1
    assert webhooks.sent == [("a", "two")]


def test_a_notice_that_failed_while_the_clock_was_ahead_is_sent_again_when_the_clock_is_right() -> None:
    ledger, ahead = ledger_with("one"), NOW + timedelta(hours=20)
    assert deliver(ledger, Receivers(replies={"a": 503}), at=ahead) == 0
    assert deliver(ledger, Receivers(), at=ahead + timedelta(seconds=4)) == 0
    assert deliver(ledger, Receivers(), at=NOW + timedelta(minutes=1)) == 1


def test_a_clock_that_was_put_back_uses_up_no_attempts() -> None:
    ledger, ahead, refusing = ledger_with("one"), NOW + timedelta(hours=20), Receivers(replies={"a": 503})
    deliver(ledger, refusing, at=ahead)
    for seconds in range(0, 120, 15):  # less than the wait after two attempts
        deliver(ledger, refusing, at=NOW + timedelta(minutes=1, seconds=seconds))
    assert len(refusing.sent) < 6
    assert deliver(ledger, Receivers(), at=ahead + timedelta(hours=1)) == 1
