"""What `Consents` promises."""

import pytest

from rag_flywheel.domain.consent import ConsentState, Purpose
from rag_flywheel.domain.erasures import Scope
from rag_flywheel.errors import Conflict
from rag_flywheel.ports import Ledger
from tests.contract.rows import NOON, SECOND, a_consent


def test_what_a_person_said_comes_back_oldest_first_and_nobody_else_s(ledger: Ledger) -> None:
    late = a_consent("late", at=NOON + SECOND, given=True, purposes=frozenset({Purpose.LEARN}))
    early, bobs = a_consent("early", session="s1"), a_consent("bobs", user="bob")
    for event in (late, early, bobs):
        ledger.add_consent(event)
    assert ledger.consents_of("ann", "s2") == [early, late]
    assert late.purposes == {Purpose.ANSWER, Purpose.LEARN}, "what is not kept cannot be learned from"
    assert {event.event_id for event in ledger.consents(until=NOON)} == {"early", "bobs"}
    assert len(ledger.consents()) == 3


def test_where_nobody_is_named_a_conversation_has_its_own_word(ledger: Ledger) -> None:
    unnamed = a_consent("unnamed", user=None, session="s1")
    for event in (unnamed, a_consent("other", user=None, session="s2"), a_consent("anns", session="s1")):
        ledger.add_consent(event)
    assert ledger.consents_of(None, "s1") == [unnamed]
    assert ledger.consents_of(None, None) == []


def test_nothing_that_was_said_is_replaced(ledger: Ledger) -> None:
    ledger.add_consent(a_consent())
    with pytest.raises(Conflict):
        ledger.add_consent(a_consent(given=True))
    assert [event.state for event in ledger.consents()] == [ConsentState.WITHDRAWN]


def test_an_erasure_of_a_part_leaves_their_word(ledger: Ledger) -> None:
    ledger.add_consent(a_consent(session="s1"))
    assert ledger.erase(Scope(user="ann", session="s1"))["consents"] == 0
    assert ledger.erase(Scope(user="ann", since=NOON))["consents"] == 0
    assert ledger.erase(Scope(user="ann", until=NOON))["consents"] == 1
