"""Implicit signals: what people did with an answer, and how much that says. Pure.

What people do depends on what they happened to look at, so such a signal is never a label alone. It says which answers
a reviewer should look at first, and it moves the weight of a lesson that has an explicit label. Two versions may be
compared by it, where a coin has chosen who meets which: then both are looked at alike.
"""

from collections.abc import Iterable

from rag_flywheel.domain import (
    IMPLICIT,
    Citation,
    Feedback,
    FeedbackKind,
    Interaction,
    InteractionId,
    Json,
    Shown,
)

INVERSE_AT_MOST = 5.0
"""Where inverse propensities are clipped: one click far down must not outweigh everything else."""
SWING = 0.5
"""The weight of a lesson stays within this of 1."""
BAD_STARS = 2
"""Up to here stars say that an answer was bad."""


def rank_of(kind: FeedbackKind, value: Json, interaction: Interaction) -> int | None:
    """The rank of the passage that an implicit signal is about, None where the answer cites none.

    A click is about its citation's passage, any other signal about the best-ranked passage that the answer cites.
    """
    click = kind is FeedbackKind.CITATION_CLICK
    cited = [citation for citation in interaction.citations if not click or citation.number == value]
    ranks = (rank_cited(citation, interaction.ranking[: interaction.shown]) for citation in cited)
    return min((rank for rank in ranks if rank is not None), default=None)


def rank_cited(citation: Citation, shown: Iterable[Shown]) -> int | None:
    """The rank of the passage that holds most of the cited span: neighbouring passages can share a part of it."""
    held = [
        (min(place.end, citation.end) - max(place.start, citation.start), -place.rank)
        for place in shown
        if place.document_id == citation.document_id
    ]
    characters, rank = max(held, default=(0, 0))
    return -rank if characters > 0 else None


def propensity(rank: int) -> float:
    """The probability that a person looks at a passage of this rank, 0..1.

    The position-based model with eta = 1 (Joachims, Swaminathan and Schnabel, WSDM 2017, arXiv:1608.04468).
    """
    return 1.0 / rank


def strength(signal: Feedback) -> float:
    """How much a signal speaks for the answer: below 0 against it, 0 where it says nothing.

    Its size is 1 where no rank is known, else the inverse of its propensity, clipped at INVERSE_AT_MOST.
    """
    inverse = 1.0 if signal.propensity is None else min(1.0 / signal.propensity, INVERSE_AT_MOST)
    return _direction(signal) * inverse


def balances(feedback: Iterable[Feedback]) -> dict[InteractionId, float]:
    """For each interaction with implicit signals the sum of their strengths; `feedback` is oldest first.

    A person's latest word of each kind counts, and for clicks of each citation. All who gave no name count as one
    person, so repeating a signal adds nothing.
    """
    latest = {_what(signal): signal for signal in feedback if signal.kind in IMPLICIT}
    sums: dict[InteractionId, float] = {}
    for signal in latest.values():
        sums[signal.interaction_id] = sums.get(signal.interaction_id, 0.0) + strength(signal)
    return sums


def weights(feedback: Iterable[Feedback]) -> dict[InteractionId, float]:
    """How much to trust that each answer was good, within 0.5..1.5; an interaction that is not named weighs 1.

    1 + SWING * s / (1 + |s|) for the balance s of its signals. An edit is left out: it is a correction, and with that
    a label of its own, which must not count twice.
    """
    found = balances(signal for signal in feedback if signal.kind is not FeedbackKind.EDITED)
    return {name: 1.0 + SWING * balance / (1.0 + abs(balance)) for name, balance in found.items() if balance}


def is_bad(feedback: Iterable[Feedback]) -> bool:
    """Whether an answer was bad by all that was said and done about it, oldest first.

    What people say goes before what they do: it is bad where the newest word of anybody is a thumbs-down, up to 2
    stars, an issue, missing knowledge or an edit. Only where nobody said a word does the balance of the signals count.
    That no knowledge is missing takes back that it is, and says nothing else. All who gave no name are one person.
    """
    given = list(feedback)
    latest: dict[tuple[str | None, FeedbackKind], Feedback] = {}
    for signal in given:
        latest.pop((signal.user, signal.kind), None)  # so that the order is that of the newest words
        latest[signal.user, signal.kind] = signal
    words = {signal.user: word for signal in latest.values() if (word := _word(signal)) is not None}
    return any(words.values()) if words else any(balance < 0 for balance in balances(given).values())


def _word(signal: Feedback) -> bool | None:
    """Whether a person said that the answer was bad; None where this is no word on it."""
    match signal.kind:
        case FeedbackKind.THUMB:
            return signal.value == "down"
        case FeedbackKind.STARS:
            return isinstance(signal.value, int) and signal.value <= BAD_STARS
        case FeedbackKind.MISSING_KNOWLEDGE:
            return None if signal.value is False else True
        case FeedbackKind.ISSUE | FeedbackKind.EDITED:
            return True
        case _:
            return None


def _direction(signal: Feedback) -> float:
    """1 for the answer, -1 against it. That nobody gave up, or asked again, says nothing."""
    match signal.kind:
        case FeedbackKind.USED:
            return 1.0 if signal.value is True else -1.0
        case FeedbackKind.CITATION_CLICK:
            return 1.0
        case FeedbackKind.EDITED:
            return -1.0
        case FeedbackKind.ABANDONED | FeedbackKind.REGENERATED:
            return -1.0 if signal.value is True else 0.0
        case _:
            return 0.0


def _what(signal: Feedback) -> tuple[object, ...]:
    """What a later signal with the same key takes the place of."""
    citation = signal.value if signal.kind is FeedbackKind.CITATION_CLICK else None
    return signal.interaction_id, signal.user, signal.kind, citation
