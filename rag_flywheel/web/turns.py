"""A question with its answer as a page shows it, and what this person has said of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from markupsafe import Markup

from rag_flywheel.api.state import State
from rag_flywheel.domain import (
    Citation,
    Confidence,
    Feedback,
    FeedbackKind,
    Interaction,
    InteractionId,
    Suggestion,
)
from rag_flywheel.privacy.pseudonyms import pseudonym
from rag_flywheel.web.markdown import rendered


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A cited passage; `relevant` is what this person said of it."""

    number: int
    title: str
    text: str
    url: str
    relevant: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One question with its answer."""

    id: InteractionId
    question: str
    answer: Markup
    answered: bool
    doubtful: bool
    fallback: bool  # whether sentences of the documents stand in for a language model's answer
    kept: bool  # whether it can be rated and corrected
    sources: tuple[Source, ...]
    suggestions: tuple[Suggestion, ...]
    thumb: str | None  # "up", "down", None
    stars: int | None
    said: bool  # whether they wrote something about it


def shown(interaction: Interaction, state: State, *, user: str | None, question: str | None = None) -> Shown:
    """`question` as it was typed, where that is known; else as it was kept."""
    given = _given(interaction, state, user) if interaction.consent else []
    urls = {citation.number: document_url(interaction, citation) for citation in interaction.citations}
    stars = _latest(given, FeedbackKind.STARS)
    thumb = _latest(given, FeedbackKind.THUMB)
    return Shown(
        id=interaction.interaction_id,
        question=interaction.question if question is None else question,
        answer=rendered(interaction.answer, urls),
        answered=interaction.answered,
        doubtful=interaction.confidence is Confidence.LOW,
        fallback=interaction.fallback,
        kept=interaction.consent,
        sources=tuple(
            Source(
                number=citation.number,
                title=citation.title or citation.document_id,
                text=citation.text,
                url=urls[citation.number],
                relevant=_relevant(given, citation),
            )
            for citation in interaction.citations
        ),
        suggestions=interaction.suggestions,
        thumb=thumb if isinstance(thumb, str) else None,
        stars=stars if isinstance(stars, int) else None,
        said=any(signal.kind in (FeedbackKind.COMMENT, FeedbackKind.ISSUE) for signal in given),
    )


def document_url(interaction: Interaction, citation: Citation) -> str:
    """The page of the document, with the passage marked."""
    place = {
        "span": f"{citation.start}-{citation.end}",
        "answer": interaction.interaction_id,
        "number": citation.number,
    }
    return f"/documents/{quote(citation.document_id)}?{urlencode(place)}#marked"


def _given(interaction: Interaction, state: State, user: str | None) -> list[Feedback]:
    ledger = state.services.ledger
    who = pseudonym(user, ledger.salt())
    every = ledger.feedback(interaction_id=interaction.interaction_id)
    return [signal for signal in every if who is not None and signal.user == who]


def _latest(given: Sequence[Feedback], kind: FeedbackKind) -> object:
    return next((signal.value for signal in reversed(given) if signal.kind is kind), None)


def _relevant(given: Sequence[Feedback], citation: Citation) -> bool | None:
    for signal in reversed(given):
        value = signal.value
        if signal.kind is FeedbackKind.PASSAGE_RELEVANCE and isinstance(value, dict):
            place = (value.get("document_id"), value.get("start"), value.get("end"))
            if place == (citation.document_id, citation.start, citation.end):
                return value.get("relevant") is True
    return None
