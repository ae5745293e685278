"""Who supports a person's text, and what has too few supporters for an index of a sensitive domain."""

from dataclasses import replace
from datetime import timedelta

import pytest

from rag_flywheel.domain import (
    CorrectionId,
    DocumentId,
    Feedback,
    FeedbackId,
    FeedbackKind,
    InteractionId,
    Json,
    ReviewedCorrection,
)
from rag_flywheel.feedback.supporters import Unsupported, unsupported
from rag_flywheel.privacy.sensitive import Sensitive
from tests.fakes.ledger import MemoryLedger
from tests.fakes.samples import NOON, correction, interaction, review, shown, span

QUESTION = "How do I roll back?"
WARD = Sensitive(
    anything=True,
    by_source=True,
    groups=frozenset({"patients"}),
    file_is=lambda name: name == "ward.md",
    files={DocumentId("ward"): "ward.md", DocumentId("manual"): "manual.md", DocumentId("guide"): "manual.md"},
)


def asked(ledger: MemoryLedger, name: str, user: str | None, session: str | None = None, text: str = QUESTION) -> None:
    made = interaction(name, question=text, user=user, ranking=[shown("ward", 1)], citations=0)
    ledger.add_interaction(replace(made, session=session))


def waiting(ledger: MemoryLedger, *, needed: int = 3, sensitive: Sensitive = WARD) -> Unsupported:
    questions = [each for each in ledger.interactions(limit=99) if each.answered]
    return unsupported(ledger.corrections(), questions, ledger=ledger, sensitive=sensitive, needed=needed)


@pytest.fixture
def ledger() -> MemoryLedger:
    made = MemoryLedger()
    asked(made, "i1", "ann")
    made.add_correction(replace(correction(evidence=[span("ward")]), user="ann"))
    made.add_review(review())
    return made


def test_a_correction_waits_until_enough_different_people_asked_the_same(ledger: MemoryLedger) -> None:
    asked(ledger, "i2", "bob", text="how do i ROLL back")
    asked(ledger, "i3", "ann")
    assert waiting(ledger).corrections == {"c1"}
    assert waiting(ledger, needed=2) == Unsupported()
    asked(ledger, "i4", "cleo")
    assert waiting(ledger) == Unsupported()


def test_who_handed_in_meant_or_confirmed_the_same_is_a_supporter_too(ledger: MemoryLedger) -> None:
    asked(ledger, "i2", "bob", text="What is a rollback?")
    asked(ledger, "i3", "cleo", text="Is there a way back?")
    ledger.add_correction(replace(correction("c2", of="i2"), user="bob"))
    assert waiting(ledger).corrections == {"c1", "c2"}
    signal(ledger, "i3", FeedbackKind.MEANT, "c1", "cleo")
    assert waiting(ledger).corrections == {"c2"}
    citing = replace(interaction("i4", citations=1, question="other", user="dan"))
    citing = replace(citing, citations=(replace(citing.citations[0], document_id=DocumentId("correction:c2")),))
    ledger.add_interaction(citing)
    signal(ledger, "i4", FeedbackKind.THUMB, "up", "dan")
    assert waiting(ledger).corrections == frozenset()


def test_people_of_one_session_are_one_supporter_and_nobody_named_is_none(ledger: MemoryLedger) -> None:
    for number, (user, session) in enumerate(
        [("ann", "s1"), ("bob", "s1"), ("bob", "s2"), ("cleo", "s2"), (None, "s3")]
    ):
        asked(ledger, f"i{number + 2}", user, session)
    assert waiting(ledger, needed=2).corrections == {"c1"}
    asked(ledger, "i9", "dan", "s9")
    assert waiting(ledger, needed=2) == Unsupported()


def test_a_confirmed_question_needs_as_many(ledger: MemoryLedger) -> None:
    assert waiting(ledger, needed=2).questions == {"i1"}
    asked(ledger, "i2", "bob")
    assert waiting(ledger, needed=2).questions == frozenset()


@pytest.mark.parametrize(
    ("evidence", "found", "group", "waits"),
    [
        ("ward", "manual", None, True),  # it rests on what is sensitive
        ("manual", "ward", None, True),  # or corrects an answer from that
        ("manual", "manual", "patients", True),  # or somebody of a sensitive group asked
        ("manual", "manual", "staff", False),
        ("gone", "manual", None, True),  # nobody can tell
        ("correction:c0", "manual", None, False),  # what stood beside decides
        ("correction:c0", "correction:c0", None, True),
    ],
)
def test_what_is_sensitive_is_told_by_what_it_is_about_and_by_who_asked(
    evidence: str, found: str, group: str | None, waits: bool
) -> None:
    ledger = MemoryLedger()
    made = interaction("i1", user="ann", ranking=[shown(found, 1)], citations=0)
    ledger.add_interaction(replace(made, group=group))
    ledger.add_correction(replace(correction(evidence=[span(evidence)]), user="ann"))
    ledger.add_review(review())
    assert bool(waiting(ledger).corrections) is waits


def test_nothing_waits_where_nothing_is_marked(ledger: MemoryLedger) -> None:
    assert waiting(ledger, sensitive=replace(WARD, anything=False)) == Unsupported()


def test_what_several_people_do_in_one_chain_of_sessions_stays_quick() -> None:
    ledger = MemoryLedger()
    for number in range(2000):
        for session in (f"s{number}", f"s{number + 1}"):
            asked(ledger, f"{number}{session}", f"u{number}", session)
    ledger.add_correction(correction(of="0s0", evidence=[span("ward")]))
    entry = ReviewedCorrection(correction=correction(of="0s0", evidence=[span("ward")]), review=review())
    found = unsupported([entry], [], ledger=ledger, sensitive=WARD, needed=2)
    assert found.corrections == {CorrectionId("c1")}


def signal(ledger: MemoryLedger, of: str, kind: FeedbackKind, value: Json, user: str) -> None:
    ledger.add_feedback(
        Feedback(
            feedback_id=FeedbackId(f"{of}{kind}"),
            interaction_id=InteractionId(of),
            given=NOON + timedelta(hours=1),
            user=user,
            kind=kind,
            value=value,
        )
    )
