"""Recent real questions asked of both versions: whose answers change, and how. Nothing is judged, all is listed.

Churn (Milani Fard et al., NIPS 2016) shows what a mean hides: a version can score the same and answer half of what
people ask otherwise.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from eval.scores.scorecard import Reply
from rag_flywheel.domain import DocumentId, Interaction, InteractionId
from rag_flywheel.domain.equivalence import same_question


class Change(StrEnum):
    """How a reply differs from the one before."""

    PASSAGE = "passage"  # another passage stands first
    TEXT = "text"  # both answer, in other words
    NOW_ANSWERED = "now_answered"  # it was refused
    NOW_REFUSED = "now_refused"  # it was answered


class Kind(StrEnum):
    """How the first passage came to stand there."""

    SOURCE = "source"
    CONFIRMED = "confirmed"  # by a question whose answer a person confirmed
    CORRECTION = "correction"


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """The passage that stands first."""

    document_id: DocumentId
    start: int  # characters, inclusive
    end: int  # characters, exclusive
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A question that the two versions answer differently."""

    interaction_id: InteractionId
    question: str  # as it was searched for, masked
    changes: tuple[Change, ...]  # in the order of Change
    before: First | None  # None where nothing was found
    after: First | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Churn:
    """What changes for the people who ask."""

    asked: int  # questions that both versions replied to
    changed: tuple[Changed, ...]  # in the order in which they were given
    share: float | None  # of the asked that change at all, 0..1; None where none was asked
    shares: Mapping[Change, float]  # of the asked, by change; a question may count for two


def recent(interactions: Iterable[Interaction], *, limit: int) -> list[Interaction]:
    """The newest questions that may be learned from, newest first, each wording once, at most `limit`."""
    newest: dict[str, Interaction] = {}
    for interaction in sorted(interactions, key=lambda asked: (asked.asked, asked.interaction_id), reverse=True):
        if len(newest) >= limit:
            break
        if interaction.consent and interaction.query.strip():
            newest.setdefault(same_question(interaction.query), interaction)
    return list(newest.values())


def churn(
    interactions: Sequence[Interaction],
    before: Mapping[InteractionId, Reply],
    after: Mapping[InteractionId, Reply],
) -> Churn:
    """How the replies to the interactions' queries changed; what a version did not reply to is passed over."""
    asked = [
        interaction
        for interaction in interactions
        if interaction.interaction_id in before and interaction.interaction_id in after
    ]
    compared = [
        _compared(interaction, before[interaction.interaction_id], after[interaction.interaction_id])
        for interaction in asked
    ]
    changed = tuple(question for question in compared if question.changes)
    counts = {kind: sum(kind in question.changes for question in changed) for kind in Change}
    return Churn(
        asked=len(asked),
        changed=changed,
        share=len(changed) / len(asked) if asked else None,
        shares={kind: count / len(asked) for kind, count in counts.items()} if asked else {},
    )


def _compared(interaction: Interaction, before: Reply, after: Reply) -> Changed:
    first, second = _first(before), _first(after)
    was, now = before.draft.answered, after.draft.answered
    happened = {
        Change.PASSAGE: _place(first) != _place(second),
        Change.TEXT: was and now and before.draft.text.split() != after.draft.text.split(),
        Change.NOW_ANSWERED: now and not was,
        Change.NOW_REFUSED: was and not now,
    }
    return Changed(
        interaction_id=interaction.interaction_id,
        question=interaction.query,
        changes=tuple(change for change, did in happened.items() if did),
        before=first,
        after=second,
    )


def _place(first: First | None) -> tuple[DocumentId, int, int] | None:
    return None if first is None else (first.document_id, first.start, first.end)


def _first(reply: Reply) -> First | None:
    for passage in reply.passages[:1]:
        chunk = passage.chunk
        kind = Kind.CONFIRMED if chunk.confirmed is not None else Kind.SOURCE
        return First(
            document_id=chunk.document_id,
            start=chunk.start,
            end=chunk.end,
            kind=Kind.CORRECTION if chunk.is_correction else kind,
        )
    return None
