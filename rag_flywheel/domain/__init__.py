"""The project's words as types: values without behaviour, checked at birth, standard library only.

Every instant is a timezone-aware `datetime` in UTC. Every span counts characters of the document's stored text
(normalised and masked), start inclusive and end exclusive.
"""

from rag_flywheel.domain.access import ANONYMOUS, AccessKey, Person, Role
from rag_flywheel.domain.anchors import Fate, Followed
from rag_flywheel.domain.asides import Aside, AsideState, Guardrail, ItemKind, Suspicion, questions_left_out
from rag_flywheel.domain.checks import GROUP
from rag_flywheel.domain.conversation import Citation, Confidence, Draft, Interaction, Question, Shown, Suggestion, Turn
from rag_flywheel.domain.documents import Chunk, Document, Evidence, Provenance, Quote
from rag_flywheel.domain.feedback import (
    IMPLICIT,
    SYSTEM,
    Correction,
    CorrectionState,
    Feedback,
    FeedbackKind,
    Review,
    ReviewedCorrection,
    Stage,
    Verdict,
    standing,
)
from rag_flywheel.domain.golden import GoldenCase, Retirement
from rag_flywheel.domain.groups import NOBODY, OPERATORS, Groups, Readership
from rag_flywheel.domain.ids import (
    CORRECTION_PREFIX,
    CanaryId,
    ChunkId,
    CorrectionId,
    DocumentId,
    FeedbackId,
    InteractionId,
    Json,
    VersionId,
    shown,
    wrong_name,
)
from rag_flywheel.domain.ranking import UNTUNED, Admission, Candidate, LearnedRanking, Passage, Scores, Searched
from rag_flywheel.domain.rollouts import Arm, Canary, CanaryState, Delivery, Exposure, Freeze, HoldOut, Notice, Outcomes
from rag_flywheel.domain.sessions import Session, SessionNow, Signed, SignIn
from rag_flywheel.domain.stand_ins import StandIn
from rag_flywheel.domain.versions import AuditEntry, Counts, Decision, Manifest, Outcome, VersionRecord, VersionState

__all__ = [
    "ANONYMOUS",
    "CORRECTION_PREFIX",
    "GROUP",
    "IMPLICIT",
    "NOBODY",
    "OPERATORS",
    "SYSTEM",
    "UNTUNED",
    "AccessKey",
    "Admission",
    "Arm",
    "Aside",
    "AsideState",
    "AuditEntry",
    "Canary",
    "CanaryId",
    "CanaryState",
    "Candidate",
    "Chunk",
    "ChunkId",
    "Citation",
    "Confidence",
    "Correction",
    "CorrectionId",
    "CorrectionState",
    "Counts",
    "Decision",
    "Delivery",
    "Document",
    "DocumentId",
    "Draft",
    "Evidence",
    "Exposure",
    "Fate",
    "Feedback",
    "FeedbackId",
    "FeedbackKind",
    "Followed",
    "Freeze",
    "GoldenCase",
    "Groups",
    "Guardrail",
    "HoldOut",
    "Interaction",
    "InteractionId",
    "ItemKind",
    "Json",
    "LearnedRanking",
    "Manifest",
    "Notice",
    "Outcome",
    "Outcomes",
    "Passage",
    "Person",
    "Provenance",
    "Question",
    "Quote",
    "Readership",
    "Retirement",
    "Review",
    "ReviewedCorrection",
    "Role",
    "Scores",
    "Searched",
    "Session",
    "SessionNow",
    "Shown",
    "SignIn",
    "Signed",
    "Stage",
    "StandIn",
    "Suggestion",
    "Suspicion",
    "Turn",
    "Verdict",
    "VersionId",
    "VersionRecord",
    "VersionState",
    "questions_left_out",
    "shown",
    "standing",
    "wrong_name",
]
