"""Judged questions as the ledger keeps them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from rag_flywheel.domain.checks import aware
from rag_flywheel.domain.documents import Evidence
from rag_flywheel.domain.ids import DocumentId


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenCase:
    """A question that a person judged, as the ledger keeps it. Texts are masked."""

    case_id: str
    added: datetime
    who: str
    origin: Literal["added", "imported"]
    question: str
    cluster: str  # wordings of one question share it
    answer: str | None  # the reference answer, where there is one
    documents: tuple[DocumentId, ...]  # whole documents that answer it
    evidence: tuple[Evidence, ...]  # spans that answer it
    answerable: bool  # false: the right answer is a refusal

    def __post_init__(self) -> None:
        aware("added", self.added)
        if not self.question.strip():
            raise ValueError(f"golden case {self.case_id} needs a question, got an empty one")
        if self.answerable != bool(self.documents or self.evidence):
            raise ValueError(
                f"golden case {self.case_id}: an answerable question, and only that, names what answers it"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Retirement:
    """A person's word that a case, whatever its origin, is used neither for tuning nor for the gate any more."""

    case_id: str
    retired: datetime
    who: str
    why: str

    def __post_init__(self) -> None:
        aware("retired", self.retired)
