"""Who may look at a correction, and whose own it is."""

from typing import Protocol

from rag_flywheel.domain import ANONYMOUS, ReviewedCorrection
from rag_flywheel.domain.readers import Reader
from rag_flywheel.ports import Conversations, Corrections, Operations
from rag_flywheel.privacy.pseudonyms import pseudonym


class ReviewLedger(Operations, Conversations, Corrections, Protocol):
    """Corrections and their reviews, with the audit log."""


def is_for(reviewed: ReviewedCorrection, reader: Reader, ledger: Conversations) -> bool:
    """Whether the reader may read it, and the answer that it corrects: they are shown together."""
    of = reviewed.correction
    return reader.groups is None or (
        reader.reads_correction(of) and reader.reads_interaction(ledger.interaction(of.interaction_id))
    )


def is_own(reviewer: str, correction: ReviewedCorrection, ledger: ReviewLedger) -> bool:
    """Whether they wrote it or handed it in; who does not say who they are may have, whatever it is."""
    names = {reviewer, reviewer.strip()}  # corrections have the name as it came
    theirs = {pseudonym(name, ledger.salt()) for name in names}
    of = correction.correction
    return reviewer == ANONYMOUS or of.user in theirs or of.sender in theirs


def same_person(name: str, other: str) -> bool:
    return "".join(name.casefold().split()) == "".join(other.casefold().split())
