"""What a guardrail has to say: one row of the report."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from rag_flywheel.domain import DocumentId

_NAMED = 5  # documents that a message names; all are in `documents`
_ROUNDING = 1e-9


class Invariant(StrEnum):
    """What must hold for a version to go live, in the order in which the report shows it."""

    STORED = "stored"  # the index holds what was built
    FINDABLE = "findable"  # and finds it by its vectors
    PROVENANCE = "provenance"  # every chunk comes from a file or a reviewed correction, every question from people
    ERASED = "erased"  # nothing is left of what the ledger does not hold any more
    SUPERSEDED = "superseded"  # what was replaced is not shown
    MASKING = "masking"  # made-up personal records come out of the redactor masked
    PLANTED = "canaries"  # no planted string is indexed
    RECALL = "recall"  # no planted string and no masked value comes back when it is asked for
    RED_TEAM = "red_team"  # the detectors of orders and poison still find our own attacks
    ASIDE = "aside"  # few documents had to be set aside
    UNSAFE_ANSWERS = "unsafe_answers"  # no answer insults, threatens, or helps to do harm
    LOST = "lost"  # no document of a file that did not change is gone
    SHRINK = "shrink"  # the documents are still there
    GROWTH = "growth"  # there are not many times more passages
    STALE = "stale"  # the judged questions still have their evidence
    AUTHORS = "authors"  # the corrections are not one person's
    GAP = "gap"  # nobody is served worse than others by more than before


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """An invariant, measured. `message` and `measured` never hold the texts of documents, questions or answers."""

    invariant: Invariant
    measured: str  # what `value` counts, or of what it is the share
    value: float | None  # None: there was nothing to measure
    limit: float  # `value` may be this at most
    holds: bool
    message: str  # one sentence; of a breach, what was found and what to do
    documents: tuple[DocumentId, ...]  # that break it


def check(
    invariant: Invariant,
    measured: str,
    *,
    value: float | None,
    limit: float,
    breach: str,
    documents: Iterable[DocumentId] = (),
) -> Check:
    """The check of a value that may be `limit` at most. `breach` is the message where it is more."""
    holds = value is None or value <= limit + _ROUNDING
    told = "nothing to measure" if value is None else f"{value:.4g}, and {limit:.4g} at most is allowed"
    return Check(
        invariant=invariant,
        measured=measured,
        value=value,
        limit=limit,
        holds=holds,
        message=f"{measured[0].upper()}{measured[1:]}: {told}." if holds else breach,
        documents=() if holds else unique(documents),
    )


def unique(documents: Iterable[DocumentId]) -> tuple[DocumentId, ...]:
    return tuple(dict.fromkeys(documents))


def named(documents: Iterable[DocumentId]) -> str:
    """The first few, and how many more there are."""
    those = unique(documents)
    more = len(those) - _NAMED
    return ", ".join(those[:_NAMED]) + (f" and {more} more" if more > 0 else "")
