"""Signals about an answer: checked, masked, and given the stage that failed, or the rank that they are about."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from rag_flywheel.domain import (
    IMPLICIT,
    CorrectionId,
    DocumentId,
    Evidence,
    Feedback,
    FeedbackId,
    FeedbackKind,
    Interaction,
    InteractionId,
    Json,
    Stage,
)
from rag_flywheel.domain.insights import judgement
from rag_flywheel.domain.readers import ANYBODY, Reader
from rag_flywheel.errors import Conflict, InvalidInput, no_interaction
from rag_flywheel.feedback import implicit
from rag_flywheel.feedback.attribution import attribute, attribute_without_evidence
from rag_flywheel.ports import Conversations, Operations, Redactor
from rag_flywheel.privacy.numbering import Masking
from rag_flywheel.privacy.pseudonyms import pseudonym

TEXT_AT_MOST = 20_000  # characters
_FLAGS = {FeedbackKind.USED, FeedbackKind.ABANDONED, FeedbackKind.REGENERATED}
_TEXTS = {FeedbackKind.COMMENT, FeedbackKind.ISSUE, FeedbackKind.EDITED}
_THUMBS: Mapping[str | int, str] = {"up": "up", "down": "down", True: "up", False: "down", -1: "down"}


class SignalLedger(Operations, Conversations, Protocol):
    """The interactions that signals are about, and the salt of pseudonyms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """What a caller says about an answer, as it comes in: neither checked nor masked."""

    interaction_id: InteractionId
    kind: str
    value: Json
    user: str | None  # as the caller names the person
    reader: Reader = ANYBODY  # who says so


def holds_text(kind: str, value: Json) -> bool:
    """Whether a signal is in a person's own words."""
    return isinstance(value, str) and kind in _TEXTS | {FeedbackKind.MISSING_KNOWLEDGE}


def prepare(
    signal: Signal,
    *,
    ledger: SignalLedger,
    masking: Masking,
    minimum_similarity: float,
    at: datetime,
    new_id: Callable[[], str],
) -> Feedback:
    """The signal, checked and masked, for the caller to record.

    A thumbs-down has the stage that most likely failed, an implicit signal the rank and the propensity of its passage.
    Raises NotFound for an interaction that is unknown or not for them, InvalidInput for an unknown kind or a value that
    does not fit it, and Conflict for a text on an interaction without consent.
    """
    interaction, kind = readable(signal.interaction_id, signal.reader, ledger), checked_kind(signal.kind)
    if holds_text(kind, signal.value) and not interaction.consent:
        raise Conflict(
            f"interaction {signal.interaction_id} was held without consent to keep texts, so {kind} cannot be kept"
        )
    talk = masking.of(interaction, ledger) if holds_text(kind, signal.value) else masking.plain
    value = _checked_value(kind, signal.value, interaction, talk)
    down = kind is FeedbackKind.THUMB and value == "down"
    rank = implicit.rank_of(kind, value, interaction) if kind in IMPLICIT else None
    return Feedback(
        feedback_id=FeedbackId(new_id()),
        interaction_id=signal.interaction_id,
        given=at,
        user=pseudonym(signal.user, ledger.salt()),
        kind=kind,
        value=value,
        stage=_stage(interaction, ledger, minimum_similarity) if down else None,
        rank=rank,
        propensity=None if rank is None else implicit.propensity(rank),
        stand_ins=talk.stand_ins(str(value)),
    )


def readable(interaction_id: InteractionId, reader: Reader, ledger: Conversations) -> Interaction:
    """Raises NotFound where there is no such interaction, and in the same words where it is not for the reader."""
    interaction = ledger.interaction(interaction_id)
    if not reader.reads_interaction(interaction):
        raise no_interaction(interaction_id)
    return interaction


def checked_kind(kind: str) -> FeedbackKind:
    """Raises InvalidInput with the kinds there are."""
    try:
        return FeedbackKind(kind)
    except ValueError:
        known = ", ".join(FeedbackKind)
        raise InvalidInput(f"feedback kind {kind[:40]!r} is not known; expected one of: {known}") from None


def confirmed(feedback: Sequence[Feedback]) -> list[InteractionId]:
    """The interactions whose answer a person said was good, and nobody said was bad; in order of their first praise."""
    good, bad = _judged(feedback)
    return [interaction for interaction in good if interaction not in bad]


def judged_bad(feedback: Sequence[Feedback]) -> bool:
    """Whether somebody said that an answer was bad."""
    return bool(_judged(feedback)[1])


def bad_answers(feedback: Sequence[Feedback]) -> set[InteractionId]:
    """The interactions whose answer somebody said was bad."""
    return _judged(feedback)[1]


def _judged(feedback: Sequence[Feedback]) -> tuple[dict[InteractionId, None], set[InteractionId]]:
    good: dict[InteractionId, None] = {}
    bad: set[InteractionId] = set()
    for signal in feedback:
        said = judgement(signal)
        if said is not None:
            (good.setdefault(signal.interaction_id) if said else bad.add(signal.interaction_id))
    return good, bad


def meant(feedback: Sequence[Feedback]) -> dict[InteractionId, CorrectionId]:
    """The correction whose question a person said they meant, the latest word of each interaction."""
    return {
        signal.interaction_id: CorrectionId(signal.value)
        for signal in sorted(feedback, key=lambda signal: signal.given)
        if signal.kind is FeedbackKind.MEANT and isinstance(signal.value, str)
    }


def _stage(interaction: Interaction, ledger: Conversations, minimum_similarity: float) -> Stage:
    spans = [
        span
        for signal in ledger.feedback(interaction_id=interaction.interaction_id)
        if signal.kind is FeedbackKind.PASSAGE_RELEVANCE and (span := _relevant_span(signal.value)) is not None
    ]
    if spans:
        return attribute(interaction.ranking, spans, shown=interaction.shown)
    return attribute_without_evidence(
        interaction.ranking, answered=interaction.answered, minimum_similarity=minimum_similarity
    )


def _relevant_span(value: Json) -> Evidence | None:
    if not isinstance(value, dict) or value.get("relevant") is not True:
        return None
    start, end = value.get("start", 0), value.get("end", 2**31)
    assert isinstance(start, int)
    assert isinstance(end, int)
    return Evidence(document_id=DocumentId(str(value["document_id"])), start=start, end=end)


def _checked_value(kind: FeedbackKind, value: Json, interaction: Interaction, redactor: Redactor) -> Json:
    if kind is FeedbackKind.THUMB and isinstance(value, str | int) and value in _THUMBS:
        return _THUMBS[value]
    if kind is FeedbackKind.STARS and isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 5:
        return value
    if kind in _FLAGS and isinstance(value, bool):
        return value
    if kind is FeedbackKind.MISSING_KNOWLEDGE and isinstance(value, bool):
        return value
    if kind in _TEXTS | {FeedbackKind.MISSING_KNOWLEDGE} and isinstance(value, str) and value.strip():
        return redactor.redact(checked_text(value, str(kind))).text
    if kind is FeedbackKind.CITATION_CLICK and isinstance(value, int) and not isinstance(value, bool):
        numbers = [citation.number for citation in interaction.citations]
        if value in numbers or (value >= 1 and not interaction.consent):
            return value
        raise InvalidInput(f"citation_click {value} is none of the answer's citations, which are {numbers}")
    if kind is FeedbackKind.MEANT and isinstance(value, str):
        if value in (offered := [suggestion.correction_id for suggestion in interaction.suggestions]):
            return value
        raise InvalidInput(f"meant names none of the answer's suggestions, which are {offered}")
    if kind is FeedbackKind.PASSAGE_RELEVANCE and isinstance(value, dict):
        return _checked_relevance(value, redactor)
    raise InvalidInput(
        f"feedback of kind {kind} got a {type(value).__name__} that does not fit; expected {_EXPECTED[kind]}"
    )


_EXPECTED = {
    FeedbackKind.THUMB: '"up" or "down"',
    FeedbackKind.STARS: "a whole number from 1 to 5",
    FeedbackKind.COMMENT: "a text",
    FeedbackKind.ISSUE: "a text",
    FeedbackKind.PASSAGE_RELEVANCE: '{"document_id": text, "relevant": true or false, "start"?, "end"?: numbers}',
    FeedbackKind.MISSING_KNOWLEDGE: "a text, true or false",
    FeedbackKind.MEANT: "the correction_id of one of the answer's suggestions",
    FeedbackKind.USED: "true or false",
    FeedbackKind.EDITED: "the final text",
    FeedbackKind.ABANDONED: "true or false",
    FeedbackKind.REGENERATED: "true or false",
    FeedbackKind.CITATION_CLICK: "the citation's number",
}


def checked_text(text: str, what: str) -> str:
    """Raises InvalidInput when the text is empty or too long."""
    if not text.strip():
        raise InvalidInput(f"{what} is empty; expected a text")
    if len(text) > TEXT_AT_MOST:
        raise InvalidInput(f"{what} has {len(text)} characters; at most {TEXT_AT_MOST} are taken")
    return text.strip()


def _checked_relevance(value: dict[str, Json], redactor: Redactor) -> Json:
    document, relevant = value.get("document_id"), value.get("relevant")
    start, end = value.get("start", 0), value.get("end", 2**31)
    extra = set(value) - {"document_id", "relevant", "start", "end"}
    whole = isinstance(start, int) and isinstance(end, int) and 0 <= start < end
    if not (isinstance(document, str) and document and isinstance(relevant, bool) and whole) or extra:
        raise InvalidInput(f"passage_relevance does not fit; expected {_EXPECTED[FeedbackKind.PASSAGE_RELEVANCE]}")
    return {**value, "document_id": redactor.redact(document).text}  # a client may send any text as an id
