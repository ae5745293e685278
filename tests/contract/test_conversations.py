"""What `Conversations` promises."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from rag_flywheel.domain import (
    FeedbackKind,
    InteractionId,
    Json,
    StandIn,
)
from rag_flywheel.errors import Conflict, NotFound
from rag_flywheel.ports import Ledger
from tests.contract.rows import NOON, SECOND, a_correction, a_feedback, a_review, an_interaction
from tests.contract.running import at_once


def test_an_interaction_comes_back_as_it_was_added(ledger: Ledger) -> None:
    ledger.add_interaction(an_interaction())
    assert ledger.interaction(InteractionId("i1")) == an_interaction()


def test_an_interaction_keeps_the_group_of_its_asker(ledger: Ledger) -> None:
    grouped = replace(an_interaction("i2"), group="beta")
    ledger.add_interaction(an_interaction())
    ledger.add_interaction(grouped)
    assert ledger.interaction(InteractionId("i1")).group is None
    assert ledger.interaction(InteractionId("i2")) == grouped
    assert {interaction.group for interaction in ledger.interactions(limit=5)} == {None, "beta"}


def test_a_conversation_tells_what_its_records_stand_in_for(ledger: Ledger) -> None:
    of = [StandIn(kind="PERSON", number=number, words=(f"d{number}",), sealed="x") for number in range(1, 7)]
    ledger.add_interaction(replace(an_interaction("i1"), session="s1", stand_ins=(of[0],)))
    ledger.add_interaction(replace(an_interaction("i2"), session="s1", stand_ins=(of[1],)))
    ledger.add_interaction(replace(an_interaction("i3"), session=None, stand_ins=(of[2],)))
    ledger.add_interaction(replace(an_interaction("i4"), session="s2", stand_ins=(of[3],)))
    ledger.add_feedback(replace(a_feedback(of="i2"), stand_ins=(of[4],)))
    ledger.add_correction(replace(a_correction(of="i1"), stand_ins=(of[5],)))
    ledger.add_review(replace(a_review(), stand_ins=(of[0], of[1])))

    def told(session: str | None, name: str) -> set[int]:
        return {each.number for each in ledger.stand_ins(session, InteractionId(name)) if each == of[each.number - 1]}

    assert told("s1", "new") == told("s1", "i1") == {1, 2, 5, 6}
    assert told(None, "i1") == {1, 2, 6}, "what is said of it goes with it"
    assert told(None, "i3") == {3}
    assert told("s2", "i3") == {3, 4}
    assert told(None, "new") == set()


def test_an_interaction_that_was_never_added_is_not_found(ledger: Ledger) -> None:
    with pytest.raises(NotFound, match="i9"):
        ledger.interaction(InteractionId("i9"))


def test_an_interaction_is_never_replaced(ledger: Ledger) -> None:
    ledger.add_interaction(an_interaction())
    with pytest.raises(Conflict, match="i1"):
        ledger.add_interaction(an_interaction(asked=NOON + SECOND))
    assert ledger.interaction(InteractionId("i1")) == an_interaction()


def test_feedback_on_an_unknown_interaction_is_refused_as_not_found_and_leaves_nothing(ledger: Ledger) -> None:
    with pytest.raises(NotFound, match="i1"):
        ledger.add_feedback(a_feedback())
    assert ledger.feedback() == []


def test_an_instant_of_another_zone_comes_back_as_the_same_instant_to_the_microsecond(ledger: Ledger) -> None:
    asked = datetime(2026, 3, 29, 3, 30, 0, 123456, tzinfo=timezone(timedelta(hours=5, minutes=45)))
    ledger.add_interaction(an_interaction(asked=asked))
    kept = ledger.interaction(InteractionId("i1")).asked
    assert kept == asked
    assert kept.tzinfo is not None


def test_the_value_of_a_feedback_keeps_its_exact_type(ledger: Ledger) -> None:
    values: list[Json] = [None, True, 1, 1.0, 0.1, "", "a\x00b", [1, [2.5, None]], {"z": False, "a": {}}, 2**53 + 1]
    ledger.add_interaction(an_interaction())
    for number, value in enumerate(values):
        ledger.add_feedback(a_feedback(f"f{number}", value=value))
    kept = [feedback.value for feedback in ledger.feedback()]
    assert kept == values
    assert [type(value) for value in kept] == [type(value) for value in values]


def test_an_implicit_signal_keeps_its_rank_and_propensity_and_an_explicit_one_has_none(ledger: Ledger) -> None:
    click = replace(a_feedback("f2", value=1), kind=FeedbackKind.CITATION_CLICK, stage=None, rank=3, propensity=1 / 3)
    ledger.add_interaction(an_interaction())
    ledger.add_feedback(a_feedback())
    ledger.add_feedback(click)
    assert ledger.feedback() == [a_feedback(), click]


def test_interactions_come_newest_first_by_instant_whatever_zone_it_was_given_in(ledger: Ledger) -> None:
    tokyo, lima = timezone(timedelta(hours=9)), timezone(timedelta(hours=-5))
    instants = {
        "first": NOON.astimezone(tokyo),
        "second": (NOON + timedelta(microseconds=1)).astimezone(lima),
        "third": NOON + SECOND,
        "fourth": NOON + SECOND,  # of equal instants the one appended last is the newest
    }
    for name, asked in instants.items():
        ledger.add_interaction(an_interaction(name, asked=asked))
    listed = [interaction.interaction_id for interaction in ledger.interactions(limit=10)]
    assert listed == ["fourth", "third", "second", "first"]
    assert [interaction.interaction_id for interaction in ledger.interactions(limit=2)] == ["fourth", "third"]
    assert [interaction.interaction_id for interaction in ledger.interactions(since=NOON + SECOND, limit=10)] == [
        "fourth",
        "third",
    ]


def test_interactions_can_be_those_without_an_answer(ledger: Ledger) -> None:
    ledger.add_interaction(an_interaction("answered"))
    ledger.add_interaction(replace(an_interaction("refused"), answered=False))
    assert [interaction.interaction_id for interaction in ledger.interactions(answered=False, limit=10)] == ["refused"]
    assert [interaction.interaction_id for interaction in ledger.interactions(answered=True, limit=10)] == ["answered"]
    assert ledger.interaction_ids(answered=False, limit=10) == ["refused"]
    assert ledger.interaction_ids(answered=True, limit=10) == ["answered"]
    assert ledger.interaction_ids(limit=10) == ["refused", "answered"]


def test_several_interactions_are_read_at_once_and_those_that_are_gone_are_left_out(ledger: Ledger) -> None:
    for name in ("i1", "i2", "i3"):
        ledger.add_interaction(an_interaction(name))
    names = [InteractionId("i3"), InteractionId("gone"), InteractionId("i1"), InteractionId("i3")]
    assert ledger.interactions_named(names) == {name: an_interaction(name) for name in ("i1", "i3")}
    assert ledger.interactions_named([]) == {}


def test_feedback_comes_oldest_first_up_to_and_including_the_cut_off(ledger: Ledger) -> None:
    ledger.add_interaction(an_interaction("i1"))
    ledger.add_interaction(an_interaction("i2"))
    ledger.add_feedback(a_feedback("late", given=NOON + SECOND))
    ledger.add_feedback(a_feedback("early", given=NOON))
    ledger.add_feedback(a_feedback("other", of="i2", given=NOON))
    assert [feedback.feedback_id for feedback in ledger.feedback()] == ["early", "other", "late"]
    assert [feedback.feedback_id for feedback in ledger.feedback(until=NOON)] == ["early", "other"]
    assert [feedback.feedback_id for feedback in ledger.feedback(until=NOON - SECOND)] == []
    assert [feedback.feedback_id for feedback in ledger.feedback(interaction_id=InteractionId("i2"))] == ["other"]


def test_feedback_comes_from_and_including_an_instant_on(ledger: Ledger) -> None:
    ledger.add_interaction(an_interaction())
    for number in range(4):
        ledger.add_feedback(a_feedback(f"f{number}", given=NOON + number * SECOND))
    assert [feedback.feedback_id for feedback in ledger.feedback(since=NOON + 2 * SECOND)] == ["f2", "f3"]
    assert [feedback.feedback_id for feedback in ledger.feedback(since=NOON + SECOND, until=NOON + 2 * SECOND)] == [
        "f1",
        "f2",
    ]
    assert ledger.feedback(since=NOON + 4 * SECOND) == []


def test_forty_threads_write_and_readat_once_without_an_error(ledger: Ledger) -> None:
    def work(number: int) -> None:
        name = f"i{number}"
        ledger.add_interaction(an_interaction(name, asked=NOON + number * SECOND))
        with ledger.transaction():
            ledger.add_feedback(a_feedback(f"f{number}", of=name))
            ledger.add_feedback(a_feedback(f"g{number}", of=name))
        assert ledger.interaction(InteractionId(name)).interaction_id == name

    at_once(work, 40, rounds=3)
    assert len(ledger.interactions(limit=1000)) == 120
    assert len(ledger.feedback()) == 240
