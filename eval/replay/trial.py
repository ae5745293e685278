"""What a replay asks and what it saw: the boundary between running the loop and measuring it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from rag_flywheel.domain import DocumentId

Slice = Literal["corrected", "untouched", "adversarial"]
"""Other wordings of a corrected question; questions that nobody corrected; other wordings of a question whose accepted
correction is hostile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A question that is asked before and after each turn, and that nothing ever learns from."""

    query_id: str
    cluster: str  # wordings of one question share it
    question: str
    answer: str  # gold
    slice: Slice
    turn: int | None  # of its question's correction, from 1; None where the question is untouched
    relevant: frozenset[DocumentId]  # judged, and the accepted honest correction of its own question
    answerable: bool  # whether a document of the sources answers it; false where a gap took them all
    agreeing: frozenset[DocumentId]  # corrections of any question whose answer agrees with the gold answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What came back for a probe."""

    ranking: tuple[tuple[DocumentId, ...], ...]  # best first, each document once; those that say the same together
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One method under one seed. `before` and each of `turns` are by query id, and have every probe."""

    seed: int
    method: str
    probes: tuple[Probe, ...]
    before: Mapping[str, Seen]
    turns: tuple[Mapping[str, Seen], ...]  # after each turn; the last is "after"
    notes: tuple[str, ...]  # what was decided in each turn, for the report
    hostile: frozenset[DocumentId] = frozenset()  # corrections that were accepted although they are
