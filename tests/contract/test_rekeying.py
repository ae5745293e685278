"""What `Rekeying` promises: whatever is stored, the same people are found and told as before."""

from dataclasses import replace

import pytest

from rag_flywheel.domain import CorrectionId, FeedbackId, InteractionId, StandIn
from rag_flywheel.domain.erasures import Scope
from rag_flywheel.errors import AlreadyRunning
from rag_flywheel.ports import Ledger
from rag_flywheel.privacy.pseudonyms import pseudonym
from rag_flywheel.privacy.rekeying import LOCK, drop_keys, rekey
from tests.contract.rows import (
    NOON,
    a_consent,
    a_correction,
    a_feedback,
    a_review,
    a_session,
    an_erasure,
    an_interaction,
)
from tests.fakes.samples import exposure


def user(name: str, ledger: Ledger) -> str:
    return pseudonym(name, ledger.salt()) or ""


def leave(name: str, ledger: Ledger) -> None:
    """All that is stored with a pseudonym."""
    who = user(name, ledger)
    conversation = pseudonym(name, ledger.salt(), of="session")
    ledger.add_interaction(replace(an_interaction(f"i-{name}", user=who), session=conversation))
    ledger.add_feedback(a_feedback(f"f-{name}", of=f"i-{name}", user=who))
    ledger.add_correction(replace(a_correction(f"c-{name}", of=f"i-{name}", user=who), sender=who))
    ledger.add_exposure(exposure(who, of=f"i-{name}"))
    ledger.add_exposure(exposure(conversation or "", of=None))
    ledger.open_session(a_session(f"s-{name}", user=who))
    ledger.add_consent(a_consent(f"e-{name}", user=who, session=conversation))
    ledger.add_consent(a_consent(f"n-{name}", user=None, session=conversation))
    ledger.add_erasure(
        replace(an_erasure(f"x-{name}"), scope=Scope(user=who, session=conversation, until=NOON), clean=frozenset())
    )
    ledger.remember(reply(name, ledger), digest="d", reply={"id": f"c-{name}"}, at=NOON)


MASKED, NAMED = "5e" * 12, "a1" * 8
"""Keyed digests: of a value that was masked out, and of a word that a stand-in is for."""


def leave_digests(ledger: Ledger) -> None:
    """A question, a comment, a correction and its review in which something was masked."""
    named = (StandIn(kind="PERSON", number=1, words=(NAMED,)), StandIn(kind="PERSON", number=2))
    asked = replace(an_interaction("i-digests"), masked=(MASKED, MASKED[::-1]), stand_ins=named)
    ledger.add_interaction(asked)
    ledger.add_feedback(replace(a_feedback("f-digests", of="i-digests"), stand_ins=named))
    ledger.add_correction(
        replace(a_correction("c-digests", of="i-digests"), masked=(MASKED,), stand_ins=named, feedback_id=None)
    )
    ledger.add_review(replace(a_review("r-digests", of="c-digests"), stand_ins=named))


def told_digests(ledger: Ledger) -> list[object]:
    return [
        ledger.interaction(InteractionId("i-digests")),
        ledger.feedback(interaction_id=InteractionId("i-digests")),
        ledger.correction(CorrectionId("c-digests")),
        ledger.reviews(of=CorrectionId("c-digests")),
        ledger.stand_ins(None, InteractionId("i-digests")),
    ]


def reply(name: str, ledger: Ledger) -> str:
    return f"POST /corrections:{user(name, ledger)}:{pseudonym('a key', ledger.salt(), of='key')}"


def told(name: str, ledger: Ledger) -> list[object]:
    """All that is told of a person, found by what they are called."""
    who, conversation = user(name, ledger), pseudonym(name, ledger.salt(), of="session")
    return [
        ledger.interactions_of(who),
        ledger.interaction(InteractionId(f"i-{name}")),
        [said for said in ledger.feedback() if said.user == who],
        ledger.correction(CorrectionId(f"c-{name}")),
        ledger.corrections_of(who),
        [met for met in ledger.exposures() if met.unit in (who, conversation)],
        ledger.session(f"s-{name}"),
        ledger.consents_of(who, None),
        ledger.consents_of(None, conversation),
        [entry for entry in ledger.erasures() if entry.scope is not None and entry.scope.user == who],
        ledger.remembered(reply(name, ledger)),
        {who, conversation} <= ledger.people(),
    ]


def test_people_are_found_and_told_the_same_whatever_key_their_rows_are_stored_under(ledger: Ledger) -> None:
    for name in ("ada", "grace"):
        leave(name, ledger)
    before = {name: told(name, ledger) for name in ("ada", "grace")}
    assert all(all(parts) for parts in before.values())
    for _ in range(2):
        assert rekey(ledger=ledger, by="olga", now=NOON) == 20
        assert {name: told(name, ledger) for name in before} == before
    assert drop_keys(ledger=ledger, by="olga", now=NOON) == 1
    assert {name: told(name, ledger) for name in before} == before
    assert [(entry.who, entry.action) for entry in ledger.audit(limit=3)] == [
        ("olga", "drop keys"),
        ("olga", "rekey"),
        ("olga", "rekey"),
    ]


def test_while_rows_are_stored_anew_people_are_found_whether_their_turn_has_come_or_not(ledger: Ledger) -> None:
    leave("ada", ledger)
    before = told("ada", ledger)
    for number, _ in enumerate(ledger.rekey()):
        assert told("ada", ledger) == before
        leave(f"new{number}", ledger)
        assert all(told(f"new{number}", ledger))
    assert told("ada", ledger) == before


def test_what_was_masked_in_a_record_is_known_again_whatever_key_it_is_stored_under(ledger: Ledger) -> None:
    leave_digests(ledger)
    before = told_digests(ledger)
    assert all(before)
    for _ in range(2):
        assert rekey(ledger=ledger, by="olga", now=NOON) == 4
        assert told_digests(ledger) == before
    assert drop_keys(ledger=ledger, by="olga", now=NOON) == 1
    assert told_digests(ledger) == before


def test_who_comes_back_under_a_new_key_is_the_same_person_with_one_reply_to_a_request(ledger: Ledger) -> None:
    leave("ada", ledger)
    rekey(ledger=ledger, by="olga", now=NOON)
    ledger.add_interaction(an_interaction("again", user=user("ada", ledger)))
    assert len(ledger.interactions_of(user("ada", ledger))) == 2
    assert not ledger.remember(reply("ada", ledger), digest="other", reply={}, at=NOON)
    assert ledger.remembered(reply("ada", ledger)) == ("d", {"id": "c-ada"})


def test_who_is_forgotten_under_a_new_key_leaves_nothing_and_others_lose_nothing(ledger: Ledger) -> None:
    for name in ("ada", "grace"):
        leave(name, ledger)
    kept = told("grace", ledger)
    rows = ledger.rekey()
    next(rows)  # some rows are of the new key, and others are not
    erased = ledger.erase(Scope(user=user("ada", ledger), until=NOON))
    assert {table: number for table, number in erased.items() if number} == {
        "replies": 1,
        "corrections": 1,
        "feedback": 1,
        "exposures": 1,
        "interactions": 1,
    } | {"consents": 1, "sessions": 1}
    list(rows)
    assert ledger.interactions_of(user("ada", ledger)) == []
    assert ledger.consents_of(user("ada", ledger), None) == []
    assert FeedbackId("f-ada") not in {said.feedback_id for said in ledger.feedback()}
    assert told("grace", ledger) == kept


def test_of_two_new_keys_at_once_one_is_refused(ledger: Ledger) -> None:
    leave("ada", ledger)
    with ledger.lock(LOCK), pytest.raises(AlreadyRunning):
        rekey(ledger=ledger, by="olga", now=NOON)
    with ledger.lock(LOCK), pytest.raises(AlreadyRunning):
        drop_keys(ledger=ledger, by="olga", now=NOON)
