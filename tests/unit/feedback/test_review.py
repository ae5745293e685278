"""How a correction gets its status: ruled on, listed, and followed until it is live."""

import itertools
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest

from rag_flywheel.adapters.ledger.sql_ledger import open_ledger
from rag_flywheel.domain import (
    SYSTEM,
    CorrectionId,
    CorrectionState,
    ReviewedCorrection,
    Verdict,
    VersionId,
    VersionState,
)
from rag_flywheel.domain.readers import ANYBODY
from rag_flywheel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from rag_flywheel.feedback.assigning import take
from rag_flywheel.feedback.review import (
    NO_REVIEW,
    Look,
    Ruling,
    decide,
    send_back,
    undo,
    waits,
)
from rag_flywheel.feedback.review_queue import SHOWN_WITH, Order, Progress, Selection, askers, queue, survey, worth
from rag_flywheel.feedback.review_queue import progress as progress_of
from rag_flywheel.feedback.second_look import Concern, ConcernKind
from rag_flywheel.privacy.numbering import Masking
from tests.fakes.keys import keys_in
from tests.fakes.ledger import MemoryLedger
from tests.fakes.redactor import FakeRedactor
from tests.fakes.samples import (
    NOON,
    correction,
    interaction,
    manifest,
    review,
    shown,
)
from tests.fakes.signals import hand_in


@pytest.fixture
def ledger() -> MemoryLedger:
    made = MemoryLedger()
    made.add_interaction(interaction("i1", ranking=[shown("faq", 1), shown("a", 2), shown("guide", 3)]))
    return made


def rule(
    ledger: MemoryLedger,
    verdict: Verdict = Verdict.ACCEPT,
    *,
    of: str = "c1",
    answer: str | None = None,
    note: str | None = None,
    reviewer: str = "grace",
    at: datetime = NOON + timedelta(hours=1),
    look: Look | None = None,
    seen: str | None = None,
) -> ReviewedCorrection:
    numbers = itertools.count(len(ledger.audit(limit=100)))
    return decide(
        CorrectionId(of),
        Ruling(verdict=verdict, reviewer=reviewer, answer=answer, note=note, seen=seen),
        ledger=ledger,
        masking=Masking(redactor=FakeRedactor()),
        look=look,
        at=at,
        new_id=lambda: f"r{next(numbers)}",
    )


def listed(
    ledger: MemoryLedger, state: CorrectionState | None, *, conflicting: bool = False, limit: int = 100
) -> list[str]:
    found = queued(
        ledger,
        Selection(
            wanted=lambda reviewed: state in (None, reviewed.verdict_state), conflicting=conflicting, limit=limit
        ),
    )
    return [shown.reviewed.correction.correction_id for shown in found]


def queued(
    ledger: MemoryLedger, chosen: Selection, *, people: Mapping[str, int] | None = None, now: datetime = NOON
) -> list[Progress]:
    return queue(chosen, known=survey(ledger=ledger, live=None), ledger=ledger, people=people or {}, now=now)


def progress(name: CorrectionId, *, ledger: MemoryLedger, live: VersionId | None) -> Progress:
    return progress_of(name, known=survey(ledger=ledger, live=live), ledger=ledger)


# --- decide ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "state"),
    [
        (Verdict.ACCEPT, CorrectionState.ACCEPTED),
        (Verdict.REJECT, CorrectionState.REJECTED),
        (Verdict.QUARANTINE, CorrectionState.QUARANTINED),
    ],
)
def test_a_verdict_decides_the_state_and_is_audited(
    ledger: MemoryLedger, verdict: Verdict, state: CorrectionState
) -> None:
    hand_in(ledger)
    assert rule(ledger, verdict, note="as ada@example.org said").verdict_state is state
    kept = ledger.correction(CorrectionId("c1")).review
    assert kept is not None
    assert (kept.reviewer, kept.note) == ("grace", "as <EMAIL_ADDRESS_1> said")
    [entry] = ledger.audit(limit=10)
    assert (entry.who, entry.action, entry.subject) == ("grace", f"review: {verdict}", "c1")


def test_the_latest_verdict_counts(ledger: MemoryLedger) -> None:
    hand_in(ledger)
    rule(ledger, Verdict.ACCEPT)
    after = rule(ledger, Verdict.REJECT, at=NOON + timedelta(hours=2))
    assert after.verdict_state is CorrectionState.REJECTED
    assert listed(ledger, CorrectionState.ACCEPTED) == []


def test_the_reviewers_wording_replaces_the_authors(ledger: MemoryLedger) -> None:
    hand_in(ledger)
    assert rule(ledger, answer=" Ask ada@example.org. ").answer == "Ask <EMAIL_ADDRESS_1>."
    assert ledger.correction(CorrectionId("c1")).correction.answer == "Run rag-flywheel rollback."


@pytest.mark.parametrize("verdict", [Verdict.REJECT, Verdict.QUARANTINE])
def test_a_wording_goes_with_accept_only(ledger: MemoryLedger, verdict: Verdict) -> None:
    hand_in(ledger)
    with pytest.raises(InvalidInput, match="accept"):
        rule(ledger, verdict, answer="Other words.")


def test_a_review_needs_a_name_and_words_that_are_given_must_be_some(ledger: MemoryLedger) -> None:
    hand_in(ledger)
    with pytest.raises(InvalidInput, match="reviewer"):
        rule(ledger, reviewer=" ")
    with pytest.raises(InvalidInput, match="wording"):
        rule(ledger, answer=" ")
    assert ledger.audit(limit=10) == []
    with pytest.raises(NotFound):
        rule(ledger, of="c9")


def test_the_queue_is_what_stands_in_a_state_oldest_first(ledger: MemoryLedger) -> None:
    for _ in range(3):
        hand_in(ledger)
    rule(ledger, Verdict.QUARANTINE, of="c2")
    assert listed(ledger, CorrectionState.PENDING) == ["c1", "c3"]
    assert listed(ledger, CorrectionState.QUARANTINED) == ["c2"]
    assert listed(ledger, None) == ["c1", "c2", "c3"]
    assert listed(ledger, None, limit=2) == ["c1", "c2"]


# --- held for a second reviewer -------------------------------------------------------------------------------------

WORRYING = "Send us your password."


def look(reviewed: ReviewedCorrection, answer: str) -> Sequence[Concern]:
    """Looks twice at what is sent back or overruled, and at one wording."""
    review = reviewed.review
    marked = review is not None and answer == reviewed.answer and bool(review.guardrail or review.overrules)
    return [Concern(kind=ConcernKind.SECRETS, said="Why?")] if marked or answer == WORRYING else []


@pytest.fixture
def worrying(ledger: MemoryLedger) -> MemoryLedger:
    ledger.add_correction(correction("c1", answer=WORRYING))
    return ledger


def test_what_gives_reason_to_look_twice_is_held_until_a_second_reviewer_accepts_it(worrying: MemoryLedger) -> None:
    assert rule(worrying, look=look, reviewer="Grace").verdict_state is CorrectionState.HELD
    assert worrying.audit(limit=1)[0].action == "review: hold"
    assert rule(worrying, look=look, reviewer="ada").verdict_state is CorrectionState.ACCEPTED


def test_the_second_reviewer_is_not_the_first_one_in_other_letters(worrying: MemoryLedger) -> None:
    rule(worrying, look=look, reviewer="Grace Hopper")
    with pytest.raises(Conflict, match="second reviewer: Grace Hopper accepted it already"):
        rule(worrying, look=look, reviewer=" grace  hopper ")
    assert worrying.correction(CorrectionId("c1")).verdict_state is CorrectionState.HELD


def test_nothing_is_held_where_one_reviewer_is_enough(worrying: MemoryLedger) -> None:
    assert rule(worrying, look=None).verdict_state is CorrectionState.ACCEPTED


def test_one_that_was_held_can_be_accepted_by_the_first_reviewer_once_one_is_enough(worrying: MemoryLedger) -> None:
    rule(worrying, look=look)
    assert rule(worrying, look=None).verdict_state is CorrectionState.ACCEPTED


def test_another_wording_starts_anew(worrying: MemoryLedger) -> None:
    rule(worrying, look=look, reviewer="grace")
    assert rule(worrying, look=look, reviewer="ada", answer="Be careful.").verdict_state is CorrectionState.ACCEPTED
    again = rule(worrying, look=look, reviewer="ada", answer=WORRYING)
    assert (again.verdict_state, again.answer) == (CorrectionState.HELD, WORRYING)


def test_the_second_reviewer_accepts_the_wording_of_the_first(ledger: MemoryLedger) -> None:
    hand_in(ledger)
    rule(ledger, look=look, answer=WORRYING, reviewer="grace")
    both = rule(ledger, look=look, reviewer="ada")
    assert (both.verdict_state, both.answer) == (CorrectionState.ACCEPTED, WORRYING)


def test_one_reviewer_rejects_what_another_held(worrying: MemoryLedger) -> None:
    rule(worrying, look=look, reviewer="grace")
    assert rule(worrying, Verdict.REJECT, look=look, reviewer="ada").verdict_state is CorrectionState.REJECTED


def test_an_accepted_one_can_be_made_the_newest_by_one_reviewer(worrying: MemoryLedger) -> None:
    for reviewer in ("grace", "ada", "ada"):
        state = rule(worrying, look=look, reviewer=reviewer).verdict_state
    assert state is CorrectionState.ACCEPTED


def test_nobody_asks_for_a_hold_or_decides_in_the_name_of_the_guardrails(worrying: MemoryLedger) -> None:
    with pytest.raises(InvalidInput, match="expected accept, reject or quarantine"):
        rule(worrying, Verdict.HOLD)
    with pytest.raises(InvalidInput, match="a person's name"):
        rule(worrying, reviewer="RAG-Flywheel")


# --- sent back by a guardrail ---------------------------------------------------------------------------------------


def put_back(ledger: MemoryLedger, read: ReviewedCorrection, guardrail: str = "injection") -> bool:
    numbers = itertools.count(len(ledger.audit(limit=100)))
    return send_back(
        read,
        guardrail=guardrail,
        reason="it gives orders",
        ledger=ledger,
        at=NOON + timedelta(hours=2),
        new_id=lambda: f"s{next(numbers)}",
    )


@pytest.fixture
def returned(ledger: MemoryLedger) -> MemoryLedger:
    hand_in(ledger)
    hand_in(ledger)
    assert put_back(ledger, rule(ledger, answer="In other words.", of="c2"))
    return ledger


def test_one_that_was_sent_back_waits_for_a_decision_before_all_others(returned: MemoryLedger) -> None:
    found = queued(returned, Selection(wanted=waits, limit=9))
    assert [entry.reviewed.correction.correction_id for entry in found] == ["c2", "c1"]
    assert found[0].state is CorrectionState.QUARANTINED
    assert found[0].reviewed.answer == "In other words."
    review = found[0].reviewed.review
    assert review is not None
    assert (review.reviewer, review.note) == (SYSTEM, "injection: it gives orders")
    entry = returned.audit(limit=1)[0]
    assert (entry.who, entry.detail["guardrail"], entry.detail["reason"]) == (SYSTEM, "injection", "it gives orders")


def test_one_that_a_person_decided_on_meanwhile_is_not_sent_back(ledger: MemoryLedger) -> None:
    hand_in(ledger)
    read = rule(ledger)
    rule(ledger, Verdict.REJECT)
    assert not put_back(ledger, read)
    assert ledger.correction(CorrectionId("c1")).verdict_state is CorrectionState.REJECTED


def test_one_that_a_night_read_in_other_words_is_sent_back_as_the_ledger_has_it(ledger: MemoryLedger) -> None:
    """A night reads texts without the numbers that masks have in a conversation."""
    hand_in(ledger)
    kept = rule(ledger, answer="Ask <PERSON_1> first.")
    assert kept.review is not None
    assert put_back(ledger, replace(kept, review=replace(kept.review, answer="Ask <PERSON> first.")))
    assert ledger.correction(CorrectionId("c1")).answer == "Ask <PERSON_1> first."


def test_one_that_was_erased_meanwhile_is_not_sent_back(ledger: MemoryLedger) -> None:
    hand_in(ledger)
    read = rule(ledger)
    assert not put_back(MemoryLedger(), read)


def test_accepting_what_was_sent_back_needs_a_note_and_names_what_it_overrules(returned: MemoryLedger) -> None:
    with pytest.raises(InvalidInput, match="injection set this wording aside"):
        rule(returned, of="c2")
    review = rule(returned, of="c2", note="It quotes the attack.").review
    assert review is not None
    assert (review.verdict, review.answer, review.overrules) == (Verdict.ACCEPT, "In other words.", "injection")


def test_overruling_holds_for_that_wording_also_beside_another_guardrail(returned: MemoryLedger) -> None:
    assert put_back(returned, rule(returned, of="c2", note="It quotes."), "unsafe_texts")
    both = rule(returned, of="c2", note="It warns.").review
    assert both is not None
    assert both.overrules == "injection, unsafe_texts"
    new = rule(returned, of="c2", answer="Quite another one.").review
    assert new is not None
    assert new.overrules is None


def test_overruling_takes_two_reviewers_where_a_second_look_does(returned: MemoryLedger) -> None:
    first = rule(returned, of="c2", note="It quotes.", look=look, reviewer="grace")
    assert first.verdict_state is CorrectionState.HELD
    second = rule(returned, of="c2", look=look, reviewer="ada")
    assert second.review is not None
    assert (second.verdict_state, second.review.note) == (CorrectionState.ACCEPTED, "It quotes.")
    assert second.review.overrules == "injection"


def test_a_new_wording_of_what_was_sent_back_needs_no_note(returned: MemoryLedger) -> None:
    assert rule(returned, of="c2", answer="Mended.").verdict_state is CorrectionState.ACCEPTED


# --- two reviewers at once ------------------------------------------------------------------------------------------


def test_a_verdict_on_what_somebody_decided_meanwhile_is_refused_with_their_name(ledger: MemoryLedger) -> None:
    hand_in(ledger)
    first = rule(ledger, Verdict.REJECT, reviewer="ada", seen=NO_REVIEW)
    with pytest.raises(Conflict, match="ada decided: reject"):
        rule(ledger, reviewer="grace", seen=NO_REVIEW)
    assert first.review is not None
    assert rule(ledger, reviewer="grace", seen=first.review.review_id).verdict_state is CorrectionState.ACCEPTED


def test_of_reviewers_who_decide_at_the_same_time_one_does(tmp_path: Path) -> None:
    ledger = open_ledger(
        f"sqlite:///{tmp_path / 'ledger.db'}", timeout=30, lock_folder=tmp_path, keys=keys_in(tmp_path)
    )
    together = Barrier(4)

    def wait(reviewed: ReviewedCorrection, answer: str) -> Sequence[Concern]:
        together.wait(30)  # all have read the correction, none has decided
        return []

    def accept(number: int) -> bool:
        try:
            decide(
                CorrectionId("c1"),
                Ruling(verdict=Verdict.ACCEPT, reviewer=f"reviewer {number}"),
                ledger=ledger,
                masking=Masking(redactor=FakeRedactor()),
                look=wait,
                at=NOON + timedelta(minutes=number),
                new_id=lambda: f"r{number}",
            )
        except Conflict:
            return False
        return True

    try:
        ledger.add_interaction(interaction("i1"))
        ledger.add_correction(correction("c1"))
        with ThreadPoolExecutor(4) as pool:
            assert sorted(pool.map(accept, range(4))) == [False, False, False, True]
        assert len(ledger.audit(limit=10)) == 1
    finally:
        ledger.close()


def test_a_verdict_counts_though_its_clock_is_behind(ledger: MemoryLedger) -> None:
    hand_in(ledger)
    rule(ledger, at=NOON + timedelta(hours=2))
    assert rule(ledger, Verdict.REJECT, at=NOON + timedelta(hours=1)).verdict_state is CorrectionState.REJECTED


# --- conflicts ------------------------------------------------------------------------------------------------------

UNPLUG = "Unplug the set and wait an hour."


@pytest.fixture
def contested(ledger: MemoryLedger) -> MemoryLedger:
    """c1 is accepted and undisputed; c2 is accepted, and the pending c3 and c4 contradict it: one of the very
    same question, one of nearly the same.
    """
    ledger.add_correction(correction("c1", question="Is there a clock?"))
    ledger.add_correction(correction("c2", question="How can I reset the remote of my set?"))
    ledger.add_correction(correction("c3", question="how can I reset the remote of my set", answer=UNPLUG))
    ledger.add_correction(correction("c4", question="How can I reset the remote of my set now?", answer=UNPLUG))
    for name in ("c1", "c2"):
        rule(ledger, of=name)
    return ledger


def test_conflicts_come_first_and_can_be_listed_alone(contested: MemoryLedger) -> None:
    assert listed(contested, None) == ["c2", "c3", "c4", "c1"]
    assert listed(contested, None, limit=1) == ["c2"]
    assert listed(contested, None, conflicting=True) == ["c2", "c3", "c4"]
    assert listed(contested, CorrectionState.PENDING, conflicting=True) == ["c3", "c4"]


def test_a_conflict_names_the_other_side_and_whether_it_is_the_same_question(contested: MemoryLedger) -> None:
    found = progress(CorrectionId("c2"), ledger=contested, live=None)
    assert [(conflict.other.correction.correction_id, conflict.same_question) for conflict in found.conflicts] == [
        ("c3", True),
        ("c4", False),
    ]


def test_accepting_the_other_answer_settles_the_conflict_and_the_audit_says_what_it_superseded(
    contested: MemoryLedger,
) -> None:
    rule(contested, of="c3", at=NOON + timedelta(hours=2))
    assert contested.audit(limit=1)[0].detail == {"supersedes": ["c2"], "restores": []}
    older, newer = (progress(CorrectionId(name), ledger=contested, live=None) for name in ("c2", "c3"))
    assert (older.state, older.superseded_by, older.replaced) == (CorrectionState.SUPERSEDED, "c3", ())
    assert (newer.state, newer.superseded_by, newer.replaced) == (CorrectionState.ACCEPTED, None, ("c2",))
    assert (older.conflicts, newer.conflicts) == ((), ())  # c4 says the same as c3


def test_rejecting_the_winner_gives_the_older_one_its_place_back_and_the_audit_says_so(
    contested: MemoryLedger,
) -> None:
    rule(contested, of="c3", at=NOON + timedelta(hours=2))
    rule(contested, Verdict.REJECT, of="c3", at=NOON + timedelta(hours=3))
    assert contested.audit(limit=1)[0].detail == {"supersedes": [], "restores": ["c2"]}
    assert progress(CorrectionId("c2"), ledger=contested, live=None).state is CorrectionState.ACCEPTED


def test_answers_to_nearly_the_same_question_both_stay_until_one_is_rejected(contested: MemoryLedger) -> None:
    rule(contested, Verdict.REJECT, of="c3")
    rule(contested, of="c4", at=NOON + timedelta(hours=2))
    assert listed(contested, CorrectionState.ACCEPTED, conflicting=True) == ["c2", "c4"]
    rule(contested, Verdict.REJECT, of="c2", at=NOON + timedelta(hours=3))
    assert listed(contested, None, conflicting=True) == []
    assert listed(contested, CorrectionState.ACCEPTED) == ["c1", "c4"]


def test_a_flood_of_answers_to_one_question_shows_a_few_with_each(ledger: MemoryLedger) -> None:
    for at in range(SHOWN_WITH + 5):
        ledger.add_correction(correction(f"c{at}", answer=f"{at}"))
    found = queued(ledger, Selection(wanted=lambda reviewed: True, conflicting=True, limit=100))
    assert [len(entry.conflicts) for entry in found] == [SHOWN_WITH] * (SHOWN_WITH + 5)


def odd_to_look_at(reviewed: ReviewedCorrection, answer: str) -> list[Concern]:
    return [Concern(kind=ConcernKind.LINKS, said="links")]


# --- take back ------------------------------------------------------------------------------------------------------


def take_back(ledger: MemoryLedger, *, who: str = "grace", at: datetime = NOON + timedelta(hours=2)) -> str:
    numbers = itertools.count(len(ledger.audit(limit=100)))
    found = undo(
        CorrectionId("c1"),
        reviewer=who,
        reader=ANYBODY,
        ledger=ledger,
        at=at,
        new_id=lambda: f"u{next(numbers)}",
    )
    return str(found.verdict_state)


def test_a_verdict_that_is_taken_back_leaves_the_correction_as_it_was(ledger: MemoryLedger) -> None:
    ledger.add_correction(correction("c1"))
    rule(ledger, answer="In other words.")
    assert take_back(ledger) == "pending"
    assert ledger.correction(CorrectionId("c1")).answer == "Run rag-flywheel rollback."
    entry = ledger.audit(limit=1)[0]
    assert (entry.who, entry.action, entry.detail["was"]) == ("grace", "review: undo", "accept")
    rule(ledger, Verdict.REJECT, seen=NO_REVIEW)
    rule(ledger, at=NOON + timedelta(hours=3))
    assert take_back(ledger, at=NOON + timedelta(hours=4)) == "rejected"
    assert take_back(ledger, at=NOON + timedelta(hours=4)) == "pending"


def test_the_second_of_two_reviewers_takes_back_and_the_first_ones_word_stands(ledger: MemoryLedger) -> None:
    ledger.add_correction(correction("c1"))
    rule(ledger, look=odd_to_look_at)
    rule(ledger, look=odd_to_look_at, reviewer="hedy")
    assert take_back(ledger, who=" Hedy") == "held"
    with pytest.raises(Conflict, match="grace accepted it already"):
        rule(ledger, look=odd_to_look_at)


def test_an_undo_says_what_it_takes_out_of_the_way_and_what_has_its_place_back(ledger: MemoryLedger) -> None:
    ledger.add_correction(correction("c0"))
    rule(ledger, of="c0", at=NOON)
    ledger.add_correction(correction("c1"))
    rule(ledger)
    take_back(ledger)
    assert ledger.audit(limit=1)[0].detail["restores"] == ["c0"]


def test_nobody_takes_back_what_another_decided_or_what_nobody_did(ledger: MemoryLedger) -> None:
    ledger.add_correction(correction("c1"))
    with pytest.raises(Conflict, match="nothing to take back"):
        take_back(ledger)
    rule(ledger)
    with pytest.raises(NotAllowed, match="grace decided on it"):
        take_back(ledger, who="hedy")


def test_what_a_night_has_used_is_not_taken_back_but_decided_on_anew(ledger: MemoryLedger) -> None:
    ledger.add_correction(correction("c1"))
    rule(ledger, at=NOON + timedelta(hours=1))
    ledger.add_version(manifest("v1", cutoff=NOON + timedelta(minutes=59)))
    ledger.add_version(manifest("v2", cutoff=NOON + timedelta(hours=1)))
    with pytest.raises(Conflict, match="version v2 was built by what was decided up to then: decide on it anew"):
        take_back(ledger)
    assert ledger.correction(CorrectionId("c1")).verdict_state is CorrectionState.ACCEPTED


# --- in hand --------------------------------------------------------------------------------------------------------


def test_nobody_decides_on_what_another_has_in_hand_and_deciding_puts_it_back(ledger: MemoryLedger) -> None:
    ledger.add_correction(correction("c1"))
    now, minutes = NOON + timedelta(hours=1), timedelta(minutes=15)
    take(CorrectionId("c1"), reviewer="hedy", reader=ANYBODY, ledger=ledger, at=now, lasting=minutes)
    with pytest.raises(Conflict, match="hedy has it in hand"):
        rule(ledger)
    rule(ledger, reviewer="hedy", look=odd_to_look_at)
    assert (
        rule(ledger, look=odd_to_look_at).verdict_state is CorrectionState.ACCEPTED
    )  # the second one does not have to wait


# --- the queue ------------------------------------------------------------------------------------------------------


def test_the_queue_goes_by_what_a_verdict_is_worth(ledger: MemoryLedger) -> None:
    for number, name in enumerate(["plain", "asked", "held", "old", "back"]):
        before = timedelta(weeks=5) if name == "old" else timedelta(0)
        ledger.add_correction(correction(name, question=f"Question {number}?", submitted=NOON - before))
    ledger.add_review(review("held", Verdict.HOLD))
    ledger.add_review(review("back", Verdict.QUARANTINE, guardrail="poison"))
    people = {"question 1": 15}
    by_worth = queued(ledger, Selection(wanted=waits, limit=9), people=people)
    assert [entry.reviewed.correction.correction_id for entry in by_worth] == ["back", "old", "asked", "held", "plain"]
    later = worth(by_worth[-1].reviewed, in_conflict=True, people=0, now=NOON + timedelta(weeks=1.5))
    assert later.score == 4 + 1.5


@pytest.mark.parametrize(("order", "expected"), [(Order.OLDEST, ["c1", "c2"]), (Order.NEWEST, ["c2", "c1"])])
def test_the_queue_goes_by_time_where_that_is_asked_for(
    ledger: MemoryLedger, order: Order, expected: list[str]
) -> None:
    ledger.add_correction(correction("c1"))
    ledger.add_correction(correction("c2", question="What else?", submitted=NOON + timedelta(minutes=1)))
    found = queued(ledger, Selection(wanted=waits, order=order, limit=9), people={"how do i roll back": 99})
    assert [entry.reviewed.correction.correction_id for entry in found] == expected


def test_people_who_asked_the_same_are_counted_once_each(ledger: MemoryLedger) -> None:
    asked = [("ada", "How?"), ("ada", "how"), ("bob", "HOW!"), (None, "how?"), (None, "how?"), ("ada", "Why?")]
    made = [interaction(f"a{at}", question=text, user=user) for at, (user, text) in enumerate(asked)]
    assert askers(made) == {"how": 4, "why": 1}


def test_those_who_say_the_same_are_shown_together(ledger: MemoryLedger) -> None:
    ledger.add_correction(correction("c1"))
    ledger.add_correction(
        correction("c2", question="How do I roll back, please?", answer="Run rag-flywheel rollback now.")
    )
    ledger.add_correction(correction("c3", answer="Nobody knows that."))
    [first, *_] = queued(ledger, Selection(wanted=waits, order=Order.OLDEST, limit=9))
    assert [other.correction.correction_id for other in first.alike] == ["c2"]
    assert [found.other.correction.correction_id for found in first.conflicts] == ["c3"]


# --- progress -------------------------------------------------------------------------------------------------------

V1, V2, V3 = (VersionId(f"v{number}") for number in (1, 2, 3))


def accepted_at(ledger: MemoryLedger, at: datetime) -> None:
    ledger.add_correction(correction("c1"))
    ledger.add_review(review("c1", reviewed=at))


def went_live(ledger: MemoryLedger, version: VersionId, hour: int, *corrections: str) -> None:
    at = NOON + timedelta(hours=hour)
    ledger.add_version(manifest(version, created=at, corrections=corrections))
    ledger.set_state(version, VersionState.LIVE, at=at)


def test_until_a_review_it_is_pending(ledger: MemoryLedger) -> None:
    ledger.add_correction(correction("c1"))
    found = progress(CorrectionId("c1"), ledger=ledger, live=None)
    assert (found.state, found.version, found.live_since) == (CorrectionState.PENDING, None, None)


def test_an_accepted_one_waits_for_the_next_version(ledger: MemoryLedger) -> None:
    went_live(ledger, V1, 1)
    accepted_at(ledger, NOON + timedelta(hours=2))
    assert progress(CorrectionId("c1"), ledger=ledger, live=V1).state is CorrectionState.ACCEPTED
    assert progress(CorrectionId("c1"), ledger=ledger, live=None).state is CorrectionState.ACCEPTED


def test_it_is_live_with_the_first_version_that_went_live_with_it(ledger: MemoryLedger) -> None:
    accepted_at(ledger, NOON + timedelta(hours=2))
    ledger.add_version(manifest(V1, created=NOON + timedelta(hours=3), corrections=["c1"]))  # never went live
    went_live(ledger, V2, 4, "c1")
    went_live(ledger, V3, 5, "c1")
    found = progress(CorrectionId("c1"), ledger=ledger, live=V3)
    assert (found.state, found.version) == (CorrectionState.LIVE, V2)
    assert found.live_since == NOON + timedelta(hours=4)


def test_after_a_roll_back_it_waits_again_and_remembers_where_it_was(ledger: MemoryLedger) -> None:
    went_live(ledger, V1, 1)
    accepted_at(ledger, NOON + timedelta(hours=2))
    went_live(ledger, V2, 3, "c1")
    found = progress(CorrectionId("c1"), ledger=ledger, live=V1)
    assert (found.state, found.version) == (CorrectionState.ACCEPTED, V2)


def test_one_that_another_took_the_place_of_is_live_until_the_next_version_and_then_superseded(
    ledger: MemoryLedger,
) -> None:
    accepted_at(ledger, NOON + timedelta(hours=2))
    went_live(ledger, V1, 3, "c1")
    ledger.add_correction(correction("c2"))
    rule(ledger, of="c2", at=NOON + timedelta(hours=4))
    before = progress(CorrectionId("c1"), ledger=ledger, live=V1)
    assert (before.state, before.superseded_by) == (CorrectionState.LIVE, "c2")
    went_live(ledger, V2, 5, "c2")
    after = progress(CorrectionId("c1"), ledger=ledger, live=V2)
    assert (after.state, after.superseded_by, after.version) == (CorrectionState.SUPERSEDED, "c2", V1)


def test_one_whose_successor_was_rejected_since_waits_for_the_next_version(ledger: MemoryLedger) -> None:
    accepted_at(ledger, NOON + timedelta(hours=2))
    ledger.add_correction(correction("c2"))
    rule(ledger, of="c2", at=NOON + timedelta(hours=3))
    went_live(ledger, V1, 4, "c2")
    rule(ledger, Verdict.REJECT, of="c2", at=NOON + timedelta(hours=5))
    assert progress(CorrectionId("c1"), ledger=ledger, live=V1).state is CorrectionState.ACCEPTED


def test_one_rejected_after_it_went_live_is_rejected(ledger: MemoryLedger) -> None:
    accepted_at(ledger, NOON + timedelta(hours=2))
    went_live(ledger, V1, 3, "c1")
    ledger.add_review(review("c1", Verdict.REJECT, reviewed=NOON + timedelta(hours=4), name="second"))
    assert progress(CorrectionId("c1"), ledger=ledger, live=V1).state is CorrectionState.REJECTED


def test_a_blank_after_a_name_does_not_make_an_author_somebody_else(ledger: MemoryLedger) -> None:
    hand_in(ledger, user="grace ")
    with pytest.raises(NotAllowed, match="nobody accepts their own"):
        rule(ledger, reviewer="grace ")


def test_an_unknown_correction_is_not_found(ledger: MemoryLedger) -> None:
    with pytest.raises(NotFound):
        progress(CorrectionId("c9"), ledger=ledger, live=None)
