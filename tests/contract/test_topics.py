"""What `Topics` promises."""

import pytest

from rag_flywheel.domain.erasures import Scope, Theirs
from rag_flywheel.domain.retention import Kind
from rag_flywheel.domain.topics import TopicState
from rag_flywheel.errors import Conflict, NotFound
from rag_flywheel.ports import Ledger
from tests.contract.rows import NOON, SECOND, a_topic_ruling, an_interaction


@pytest.fixture
def asked(ledger: Ledger) -> Ledger:
    ledger.add_interaction(an_interaction("i1", user="ann"))
    ledger.add_interaction(an_interaction("i2", user="bob", asked=NOON + 2 * SECOND))
    return ledger


def test_what_was_decided_on_a_topic_comes_back_as_it_was_said_the_oldest_first(asked: Ledger) -> None:
    later = a_topic_ruling("t2", members=("i2", "i1"), at=NOON + SECOND, state=TopicState.OPEN)
    asked.add_topic_ruling(later)
    asked.add_topic_ruling(a_topic_ruling())
    assert asked.topic_rulings() == [a_topic_ruling(), later]


def test_nobody_can_decide_on_a_question_that_is_gone_and_nothing_of_such_a_ruling_stays(asked: Ledger) -> None:
    with pytest.raises(NotFound):
        asked.add_topic_ruling(a_topic_ruling(members=("i1", "gone")))
    assert asked.topic_rulings() == []


def test_a_ruling_is_never_replaced(asked: Ledger) -> None:
    asked.add_topic_ruling(a_topic_ruling())
    with pytest.raises(Conflict):
        asked.add_topic_ruling(a_topic_ruling(state=TopicState.OPEN))
    assert asked.topic_rulings() == [a_topic_ruling()]


def test_a_person_who_is_forgotten_leaves_a_topic_and_the_last_one_takes_what_was_decided_along(asked: Ledger) -> None:
    asked.add_topic_ruling(a_topic_ruling(members=("i1", "i2")))
    asked.add_topic_ruling(a_topic_ruling("t2", members=("i1",)))
    counts = asked.erase(Scope(user="ann"))
    assert (counts["topic_members"], counts["topic_rulings"]) == (2, 1)
    assert asked.topic_rulings() == [a_topic_ruling(members=("i2",))]
    asked.erase(Scope(user="bob"))
    assert asked.topic_rulings() == []


def test_what_expires_leaves_a_topic_too(asked: Ledger) -> None:
    asked.add_topic_ruling(a_topic_ruling(members=("i1", "i2")))
    asked.add_topic_ruling(a_topic_ruling("t2", members=("i1",)))
    assert sum(asked.expire(Kind.INTERACTIONS, before=NOON + SECOND)) == 1
    assert asked.topic_rulings() == [a_topic_ruling(members=("i2",))]


def test_a_reason_that_quotes_somebody_who_is_forgotten_is_taken_out_and_the_ruling_stays(asked: Ledger) -> None:
    asked.add_topic_ruling(a_topic_ruling(why="as ann put it"))
    asked.add_topic_ruling(a_topic_ruling("t2", why="not ours"))
    counts = asked.scrub(Theirs(names=lambda text: text == "k0", wrote=lambda text: "as ann" in text), manifests=False)
    assert counts["topic_rulings"] == 2
    first, second = asked.topic_rulings()
    assert (first.why, first.correction_id, first.members) == ("<ERASED>", "<ERASED>", ("i1",))
    assert (second.why, second.correction_id, second.members) == ("not ours", "<ERASED>", ("i1",))
