"""What the HTTP API takes and gives, as pydantic models. Unknown fields are refused."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    PlainSerializer,
    StringConstraints,
    model_validator,
)

from rag_flywheel.api.consent import Agreement
from rag_flywheel.domain import (
    GROUP,
    Confidence,
    Correction,
    CorrectionState,
    DocumentId,
    Evidence,
    Fate,
    Feedback,
    Interaction,
    Stage,
    Turn,
    VersionRecord,
)
from rag_flywheel.domain.groups import group_names
from rag_flywheel.domain.probes import Found, Probe
from rag_flywheel.feedback.gaps import Suspect
from rag_flywheel.feedback.review_queue import Progress
from rag_flywheel.rollout.promotion import Switch

TEXT_AT_MOST = 20_000  # characters
PLACE_AT_MOST = 2**31 - 1  # characters of a document
SAYS_SOMETHING = r"[^\s\x1c-\x1f\x85]"  # which a schema can say, unlike that spaces around it do not count
Text = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=TEXT_AT_MOST, pattern=SAYS_SOMETHING)
]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=SAYS_SOMETHING)]
Group = Annotated[str, StringConstraints(strip_whitespace=True, pattern=GROUP)]


Instant = Annotated[datetime, PlainSerializer(datetime.isoformat, return_type=str)]
"""Written as Python writes it, with +00:00."""


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Failure(Body):
    """Why there is no answer, or why a streamed one broke off."""

    error: str  # its name in `errors`
    detail: str


# --- chat -----------------------------------------------------------------------------------------------------------


class TurnBody(Body):
    role: Literal["user", "assistant"]
    content: Annotated[str, Field(max_length=TEXT_AT_MOST, validation_alias=AliasChoices("content", "text"))]

    def turn(self) -> Turn:
        return Turn(role=self.role, text=self.content)


HISTORY_AT_MOST = 200_000  # characters of all its turns


def _bounded(history: tuple[TurnBody, ...]) -> tuple[TurnBody, ...]:
    if sum(len(turn.content) for turn in history) > HISTORY_AT_MOST:
        raise ValueError(f"the turns have more than {HISTORY_AT_MOST} characters in all; send the newest ones")
    return history


def _named(value: object) -> tuple[str, ...] | None:
    return None if value is None else group_names(value)


Readable = Annotated[tuple[str, ...] | None, BeforeValidator(_named)]
"""Groups of documents that somebody may read, as `group_names` takes them."""


class ChatBody(Body):
    question: Text
    user_id: Name | None = None
    user_group: Group | None = None
    groups: Readable = None  # that the person is in whom an application asks for, and that say what they may read
    session_id: Name | None = None
    history: Annotated[tuple[TurnBody, ...], Field(max_length=200), AfterValidator(_bounded)] = ()
    consent: Agreement = None
    stream: bool = False


class AlsoReply(Body):
    """Another place that says nearly the same."""

    document_id: str
    start: int
    end: int


class CitationReply(Body):
    number: int
    document_id: str
    title: str
    text: str
    start: int
    end: int
    score: float
    also: list[AlsoReply]


class Delta(Body):
    """A piece of a streamed answer."""

    text: str


class SuggestionReply(Body):
    """A corrected question that may be meant. Say so with feedback of the kind `meant`."""

    correction_id: str
    question: str


class ChatReply(Body):
    interaction_id: str
    answer: str
    citations: list[CitationReply]
    version: str
    arm: str
    canary: str | None
    answered: bool
    confidence: Confidence | None
    fallback: bool
    suggestions: list[SuggestionReply]


def chat_reply(interaction: Interaction) -> ChatReply:
    return ChatReply(
        interaction_id=interaction.interaction_id,
        answer=interaction.answer,
        citations=[CitationReply.model_validate(citation, from_attributes=True) for citation in interaction.citations],
        version=interaction.version_id,
        arm=interaction.arm,
        canary=interaction.canary_id,
        answered=interaction.answered,
        confidence=interaction.confidence,
        fallback=interaction.fallback,
        suggestions=[
            SuggestionReply(correction_id=offered.correction_id, question=offered.question)
            for offered in interaction.suggestions
        ],
    )


# --- feedback and corrections ---------------------------------------------------------------------------------------


def _keepable(value: JsonValue) -> JsonValue:
    """Raises ValueError for what no ledger keeps (JSON has no infinity), and for what is longer than anything said."""
    parts = [value]
    for part in parts:
        if isinstance(part, dict):
            parts += [*part, *part.values()]
        elif isinstance(part, list):
            parts += part
        elif isinstance(part, str) and len(part) > TEXT_AT_MOST:
            raise ValueError(f"a text has {len(part)} characters; at most {TEXT_AT_MOST} are taken")
        elif isinstance(part, int | float) and not abs(part) <= PLACE_AT_MOST:
            raise ValueError(f"a number is larger than {PLACE_AT_MOST}, or none")
    return value


class FeedbackBody(Body):
    interaction_id: Name
    kind: Name
    value: Annotated[JsonValue, AfterValidator(_keepable)] = True
    user_id: Name | None = None


class FeedbackReply(Body):
    id: str
    kind: str
    stage: Stage | None
    correction_id: str | None
    rank: int | None = None  # a reply remembered from an earlier release has none
    propensity: float | None = None


def feedback_reply(feedback: Feedback, correction: Correction | None) -> FeedbackReply:
    return FeedbackReply(
        id=feedback.feedback_id,
        kind=feedback.kind,
        stage=feedback.stage,
        correction_id=None if correction is None else correction.correction_id,
        rank=feedback.rank,
        propensity=feedback.propensity,
    )


class EvidenceBody(Body):
    document_id: Name
    start: Annotated[int, Field(ge=0, le=PLACE_AT_MOST)]
    end: Annotated[int, Field(ge=1, le=PLACE_AT_MOST)]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.start >= self.end:
            raise ValueError(f"a span needs start < end, got {self.start}..{self.end}")
        return self

    def evidence(self) -> Evidence:
        return Evidence(document_id=DocumentId(self.document_id), start=self.start, end=self.end)


class EvidenceReply(EvidenceBody):
    """A span with the words that stood there when it was named, None where they were not kept."""

    quote: str | None


class FollowedReply(Body):
    """A span that is not where it was named, both as `document:start:end`."""

    of: str  # the case that named it
    superseded: bool  # true: a correction replaces it; false: it answers the question
    was: str
    now: list[str]
    fate: Fate


def spans_reply(spans: tuple[Evidence, ...]) -> list[EvidenceReply]:
    return [
        EvidenceReply(
            document_id=span.document_id,
            start=span.start,
            end=span.end,
            quote=None if span.quote is None else span.quote.exact,
        )
        for span in spans
    ]


class CorrectionBody(Body):
    interaction_id: Name
    answer: Text
    evidence: Annotated[tuple[EvidenceBody, ...], Field(max_length=50)] = ()
    supersedes: Annotated[tuple[EvidenceBody, ...], Field(max_length=50)] = ()
    user_id: Name | None = None


class CorrectionReceipt(Body):
    id: str
    status: CorrectionState


class RewordedReply(Body):
    found: Found
    made: bool  # false: somebody asked so


class ProbeReply(Body):
    """What the latest version that was probed made of a correction: asked for in its own words, and in others."""

    own: Found
    rewordings: list[RewordedReply]


def probe_reply(probe: Probe | None) -> ProbeReply | None:
    if probe is None:
        return None
    rewordings = [RewordedReply(found=reworded.found, made=reworded.made) for reworded in probe.rewordings]
    return ProbeReply(own=probe.own, rewordings=rewordings)


class CorrectionReply(Body):
    id: str
    status: CorrectionState
    stage: Stage
    interaction_id: str | None  # this and the note are null for who has said no name: answers name corrections
    submitted: datetime
    reviewed: datetime | None
    note: str | None
    version: str | None
    live_since: datetime | None
    superseded_by: str | None
    probe: ProbeReply | None
    waits_for: str | None  # why an accepted one is in no version yet, where that is for want of supporters


def correction_reply(progress: Progress, *, known: bool, waits_for: str | None) -> CorrectionReply:
    """`known`: whether it is told to its author for sure, or to who sees what others handed in."""
    correction, review = progress.reviewed.correction, progress.reviewed.review
    return CorrectionReply(
        id=correction.correction_id,
        status=progress.state,
        stage=correction.stage,
        interaction_id=correction.interaction_id if known else None,
        submitted=correction.submitted,
        reviewed=None if review is None else review.reviewed,
        note=review.note if known and review is not None else None,
        version=progress.version,
        live_since=progress.live_since,
        superseded_by=progress.superseded_by,
        probe=probe_reply(progress.probe),
        waits_for=waits_for,
    )


class SuspectReply(Body):
    question: str
    score: float
    times: int
    last: datetime
    interaction_ids: list[str]


def suspect_reply(suspect: Suspect) -> SuspectReply:
    return SuspectReply(
        question=suspect.question,
        score=suspect.score,
        times=suspect.times,
        last=suspect.last,
        interaction_ids=[str(interaction_id) for interaction_id in suspect.interaction_ids],
    )


# --- versions -------------------------------------------------------------------------------------------------------


class VersionReply(Body):
    version: str
    state: str
    created: datetime
    parent: str | None
    counts: dict[str, int]


def version_reply(record: VersionRecord) -> VersionReply:
    manifest = record.manifest
    return VersionReply(
        version=manifest.version_id,
        state=record.state,
        created=manifest.created,
        parent=manifest.parent,
        counts={name: getattr(manifest.counts, name) for name in manifest.counts.__slots__},
    )


class PromoteBody(Body):
    version: Name
    why: Text = "asked for"


class RollbackBody(Body):
    to: Name | None = None
    why: Text = "asked for"


class SwitchReply(Body):
    live: str
    was: str | None


def switch_reply(switch: Switch) -> SwitchReply:
    return SwitchReply(live=switch.live, was=switch.was)
