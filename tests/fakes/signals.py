"""Signals and corrections as people send them, checked and recorded in a ledger of fakes."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from rag_flywheel.domain import (
    Correction,
    DocumentId,
    Evidence,
    Feedback,
    FeedbackId,
    InteractionId,
    Passage,
    VersionId,
)
from rag_flywheel.errors import IndexUnavailable
from rag_flywheel.feedback import corrections, intake
from rag_flywheel.feedback.quoting import quoted
from rag_flywheel.privacy.numbering import Masking
from tests.fakes.ledger import MemoryLedger
from tests.fakes.redactor import FakeRedactor
from tests.fakes.samples import NOON

TEXTS = {
    DocumentId("guide"): "You can run rag-flywheel rollback at any time.".ljust(90) + "It is safe",
    DocumentId("correction:c0"): "An older answer here",
}
"""The documents of the live version."""


def say(ledger: MemoryLedger, kind: str, value: Any, *, of: str = "i1", user: str | None = None) -> Feedback:
    """A signal, checked and recorded a second after the one before."""
    number = len(ledger.feedback())
    given = intake.prepare(
        intake.Signal(interaction_id=InteractionId(of), kind=kind, value=value, user=user),
        ledger=ledger,
        masking=Masking(redactor=FakeRedactor()),
        minimum_similarity=0.35,
        at=NOON + timedelta(seconds=number),
        new_id=lambda: f"f{number}",
    )
    ledger.add_feedback(given)
    return given


def hand_in(
    ledger: MemoryLedger,
    answer: str = "Run rag-flywheel rollback.",
    *,
    of: str = "i1",
    evidence: Sequence[Evidence] = (),
    supersedes: Sequence[Evidence] = (),
    user: str | None = None,
    feedback: str | None = None,
    found: Sequence[Passage] = (),
    texts: Mapping[DocumentId, str] | None = None,
    away: bool = False,
) -> Correction:
    """A correction, checked and recorded, whose search finds what is given, a minute after the one before. `away`:
    whether the index does not answer.
    """

    def read(version: VersionId) -> Mapping[DocumentId, str]:
        if away:
            raise IndexUnavailable("the index does not answer")
        return TEXTS if texts is None else texts

    def find(text: str) -> Sequence[Passage]:
        read(VersionId("live"))
        return found

    number = len(ledger.corrections()) + 1
    made = corrections.prepare(
        corrections.Submission(
            interaction_id=InteractionId(of),
            answer=answer,
            evidence=tuple(evidence),
            supersedes=tuple(supersedes),
            user=user,
            feedback_id=None if feedback is None else FeedbackId(feedback),
        ),
        ledger=ledger,
        masking=Masking(redactor=FakeRedactor()),
        find=find,
        quoted=lambda spans, seen: quoted(spans, versions=[VersionId("live")], texts=read) if spans else (),
        at=NOON + timedelta(minutes=number),
        new_id=lambda: f"c{number}",
    )
    ledger.add_correction(made)
    return made
