"""What `Sessions` promises."""

import pytest

from rag_flywheel.domain import SessionNow
from rag_flywheel.errors import Conflict
from rag_flywheel.ports import Ledger
from tests.contract.rows import NOON, SECOND, a_session

QUARTER = 900 * SECOND


def test_a_session_comes_back_as_it_was_opened(ledger: Ledger) -> None:
    ledger.open_session(a_session())
    assert ledger.session("5e") == SessionNow(session=a_session(), seen=NOON, ended=None)
    assert ledger.session("5f") is None


def test_no_session_is_opened_twice(ledger: Ledger) -> None:
    ledger.open_session(a_session())
    with pytest.raises(Conflict):
        ledger.open_session(a_session())


def test_the_quarter_of_an_hour_in_which_a_session_was_used_last_is_remembered(ledger: Ledger) -> None:
    ledger.open_session(a_session())
    ledger.open_session(a_session("60"))
    for at in (NOON + QUARTER, NOON + QUARTER + SECOND, NOON + 2 * QUARTER - SECOND):
        ledger.session_seen("5e", at=at)
    assert ledger.session("5e") == SessionNow(session=a_session(), seen=NOON + QUARTER, ended=None)
    ledger.session_seen("5e", at=NOON + 2 * QUARTER)
    assert ledger.session("5e") == SessionNow(session=a_session(), seen=NOON + 2 * QUARTER, ended=None)
    assert ledger.session("60") == SessionNow(session=a_session("60"), seen=NOON, ended=None)


def test_a_session_ends_once_and_no_other_with_it(ledger: Ledger) -> None:
    ledger.open_session(a_session())
    ledger.open_session(a_session("60"))
    ledger.end_session("5e", at=NOON + SECOND)
    ledger.end_session("5e", at=NOON + QUARTER)
    assert ledger.session("5e") == SessionNow(session=a_session(), seen=NOON, ended=NOON + SECOND)
    assert ledger.session("60") == SessionNow(session=a_session("60"), seen=NOON, ended=None)
