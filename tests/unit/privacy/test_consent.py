"""Consent: what is in force, and what a later version has to heed. Pure."""

from datetime import datetime, timedelta

import pytest

from rag_flywheel.domain.consent import EVERY_PURPOSE, ConsentEvent, ConsentState, Means, Purpose
from rag_flywheel.privacy.consent import NOTHING, Policy, Said, agreed, agreements, holds
from tests.fakes.samples import NOON

LEARN, ANSWER = Purpose.LEARN, Purpose.ANSWER
HOUR = timedelta(hours=1)


def event(
    hour: int,
    *,
    given: bool,
    purposes: frozenset[Purpose] = EVERY_PURPOSE,
    session: str | None = None,
    user: str | None = "ada",
) -> ConsentEvent:
    return ConsentEvent(
        event_id=f"{hour} {session}",
        at=at(hour),
        user=user,
        session=session,
        state=ConsentState.GIVEN if given else ConsentState.WITHDRAWN,
        purposes=purposes,
        how=Means.API,
        notice="",
        said_by="the person themself",
    )


def at(hour: int) -> datetime:
    return NOON + hour * HOUR


def test_who_gives_a_purpose_gives_answer_with_it_and_who_withdraws_that_withdraws_all() -> None:
    assert event(0, given=True, purposes=frozenset({LEARN})).purposes == {ANSWER, LEARN}
    assert event(0, given=False, purposes=frozenset({ANSWER})).purposes == EVERY_PURPOSE
    assert event(0, given=False, purposes=frozenset({LEARN})).purposes == {LEARN}


@pytest.mark.parametrize(
    ("events", "in_it", "elsewhere"),
    [
        ([], None, None),
        ([event(0, given=True), event(1, given=False)], False, False),
        ([event(0, given=False), event(1, given=True)], True, True),
        ([event(0, given=True), event(1, given=False, session="s")], False, True),
        ([event(0, given=False, session="s"), event(1, given=True)], False, True),
        ([event(0, given=False), event(1, given=True, session="s")], True, False),
        ([event(0, given=True, session="s"), event(1, given=False)], False, False),
        ([event(0, given=True, session="s"), event(1, given=False), event(2, given=True, session="s")], True, False),
    ],
    ids=[
        "nothing was said",
        "withdrawn",
        "given again",
        "withdrawn in a conversation",
        "given to all later",
        "given in a conversation",
        "all withdrawn later",
        "given in it after that",
    ],
)
def test_a_conversation_has_its_own_word_unless_all_was_withdrawn_since(
    events: list[ConsentEvent], in_it: bool | None, elsewhere: bool | None
) -> None:
    assert holds(LEARN, events, session="s") is in_it
    assert holds(LEARN, events, session="t") is holds(LEARN, events, session=None) is elsewhere


@pytest.mark.parametrize(
    ("policy", "said", "events", "purposes", "how"),
    [
        ("assumed", None, [], EVERY_PURPOSE, Means.ASSUMED),
        ("required", None, [], NOTHING, Means.RECORD),
        ("off", None, [event(0, given=True)], NOTHING, Means.RECORD),
        ("off", EVERY_PURPOSE, [], NOTHING, Means.HEADER),
        ("required", None, [event(0, given=True)], EVERY_PURPOSE, Means.RECORD),
        ("required", None, [event(0, given=True, purposes=frozenset({ANSWER}))], {ANSWER}, Means.RECORD),
        ("assumed", None, [event(0, given=False, purposes=frozenset({LEARN}))], EVERY_PURPOSE - {LEARN}, Means.ASSUMED),
        ("assumed", None, [event(0, given=False)], NOTHING, Means.RECORD),
        ("assumed", NOTHING, [event(0, given=True)], NOTHING, Means.HEADER),
        ("required", EVERY_PURPOSE, [], EVERY_PURPOSE, Means.HEADER),
        ("assumed", EVERY_PURPOSE, [event(0, given=False, purposes=frozenset({LEARN}))], EVERY_PURPOSE - {LEARN}, None),
    ],
)
def test_what_a_question_may_be_used_for(
    policy: Policy,
    said: frozenset[Purpose] | None,
    events: list[ConsentEvent],
    purposes: frozenset[Purpose],
    how: Means | None,
) -> None:
    found = agreed(policy, None if said is None else Said(purposes=said, how=Means.HEADER), events, session="s")
    assert found.purposes == purposes
    assert how in (None, found.how)


@pytest.mark.parametrize(
    ("said_at", "events", "may"),
    [
        (0, [], True),
        (0, [event(1, given=False)], False),
        (0, [event(1, given=False), event(2, given=True)], False),
        (3, [event(1, given=False), event(2, given=True)], True),
        (1, [event(1, given=False)], False),
        (2, [event(1, given=False)], False),
        (0, [event(1, given=False, purposes=frozenset({Purpose.EVALUATE}))], True),
        (0, [event(1, given=False, session="s")], True),
        (0, [event(1, given=False, user="bob")], True),
    ],
)
def test_what_a_person_handed_in_may_be_used_unless_they_said_no_then_or_since(
    said_at: int, events: list[ConsentEvent], may: bool
) -> None:
    known = agreements(events, policy="assumed")
    assert known.allow_from(LEARN, "ada", at=at(said_at)) is may


def test_whoever_changes_their_mind_ten_thousand_times_is_looked_up_in_time() -> None:
    known = agreements([event(hour, given=bool(hour % 2)) for hour in range(10_000)], policy="assumed")
    assert not any(known.allow_from(LEARN, "ada", at=at(number)) for number in range(50))
