"""The questions that signals show to a person: gaps in knowledge, and suspicious answers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from rag_flywheel.domain import IMPLICIT, Confidence, Feedback, FeedbackKind, Interaction, InteractionId
from rag_flywheel.domain.readers import ANYBODY, Reader
from rag_flywheel.feedback import implicit
from rag_flywheel.feedback.attribution import is_off_topic
from rag_flywheel.feedback.intake import meant
from rag_flywheel.ports import Conversations, Corrections

RECENT = 10_000  # interactions, the newest ones, that gaps and suspects are looked for in
_JUDGEMENTS = set(FeedbackKind) - IMPLICIT - {FeedbackKind.COMMENT}


class TriageLedger(Conversations, Corrections, Protocol):
    """What was said and done about answers, and which of them were corrected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A question that the corpus could not answer, with how often it came up. Its text is masked."""

    question: str
    times: int
    last: datetime
    interaction_ids: tuple[InteractionId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A question whose answers people turned away from, going by what they did. Its text is masked.

    It is for a person to look at: nothing is learned from it.
    """

    question: str
    score: float  # how much the implicit signals about its answers speak against them, above 0
    times: int  # answers whose signals speak against them
    last: datetime  # the latest of these answers
    interaction_ids: tuple[InteractionId, ...]  # of these answers, the most suspicious first


def gaps(
    *,
    ledger: Conversations,
    near: float,
    off_topic: bool = False,
    limit: int,
    reader: Reader = ANYBODY,
    but: Callable[[Interaction], bool] = lambda asked: False,
) -> list[Gap]:
    """Questions that the documents do not surely answer, most frequent first: refused ones, those whose answer was
    doubtful, and those reported as missing knowledge. Where somebody found what they meant among the suggestions,
    nothing is missing.

    Those that no passage is about, by a cosine of `near`, are no gaps in these documents, unless somebody reported
    them; they alone are listed where `off_topic` is true. Only what the reader may read is listed and counted, and
    nothing that is sensitive (`but`): `insights` tells that with noise.
    """
    feedback = ledger.feedback()
    answered_after_all = meant(feedback)
    found = {
        interaction.interaction_id: interaction
        for answered in (False, True)
        for interaction in ledger.interactions(answered=answered, limit=RECENT)
        if (not answered or interaction.confidence is Confidence.LOW)
        and interaction.interaction_id not in answered_after_all
    }
    reported = _reported(feedback)
    for name in reported - found.keys():
        found[name] = ledger.interaction(name)
    foreign = {
        name
        for name, interaction in found.items()
        if name not in reported and interaction.ranking and is_off_topic(interaction.ranking, near=near)
    }
    wanted = (each for name, each in found.items() if (name in foreign) is off_topic and not but(each))
    made = [_gap(alike) for alike in _by_query(filter(reader.reads_interaction, wanted))]
    return sorted(made, key=lambda gap: (-gap.times, gap.question))[:limit]


def is_gap(asked: Interaction, said: Sequence[Feedback], *, near: float) -> bool:
    """Whether the documents do not surely answer a question, by what was `said` about this one answer."""
    if _reported(said):
        return True
    unsure = not asked.answered or asked.confidence is Confidence.LOW
    return unsure and not meant(said) and not (asked.ranking and is_off_topic(asked.ranking, near=near))


def _reported(feedback: Iterable[Feedback]) -> set[InteractionId]:
    return {
        signal.interaction_id
        for signal in feedback
        if signal.kind is FeedbackKind.MISSING_KNOWLEDGE and signal.value is not False
    }


def triage(
    *,
    ledger: TriageLedger,
    limit: int,
    reader: Reader = ANYBODY,
    but: Callable[[Interaction], bool] = lambda asked: False,
) -> list[Suspect]:
    """Questions whose answers nobody judged or corrected and people turned away from, the most suspicious first.

    The score of a question is the sum over its answers of `implicit.balances`, turned round: abandoned, regenerated,
    edited and unused answers count up, used ones and clicks on a citation down. It takes in the RECENT newest answers,
    of those that the reader may read and that are not sensitive (`but`).
    """
    given = ledger.feedback()
    judged = {signal.interaction_id for signal in given if signal.kind in _JUDGEMENTS}
    judged |= {reviewed.correction.interaction_id for reviewed in ledger.corrections()}
    found = implicit.balances(signal for signal in given if signal.interaction_id not in judged)
    scores = {name: -balance for name, balance in found.items()}
    answered = [
        interaction
        for interaction in ledger.interactions(answered=True, limit=RECENT)
        if interaction.interaction_id in scores and reader.reads_interaction(interaction) and not but(interaction)
    ]
    made = [_suspect(alike, scores) for alike in _by_query(answered) if _score(alike, scores) > 0]
    return sorted(made, key=lambda suspect: (-suspect.score, suspect.question))[:limit]


def _by_query(interactions: Iterable[Interaction]) -> list[list[Interaction]]:
    """The interactions of each query; those without consent are left out, for they have no text."""
    by_query: dict[str, list[Interaction]] = {}
    for interaction in interactions:
        if interaction.question:
            by_query.setdefault(" ".join(interaction.query.casefold().split()), []).append(interaction)
    return list(by_query.values())


def _gap(alike: Sequence[Interaction]) -> Gap:
    newest = max(alike, key=lambda interaction: interaction.asked)
    return Gap(
        question=newest.query,
        times=len(alike),
        last=newest.asked,
        interaction_ids=tuple(interaction.interaction_id for interaction in alike),
    )


def _score(alike: Sequence[Interaction], scores: Mapping[InteractionId, float]) -> float:
    return sum(scores[interaction.interaction_id] for interaction in alike)


def _suspect(alike: Sequence[Interaction], scores: Mapping[InteractionId, float]) -> Suspect:
    against = sorted(
        (interaction for interaction in alike if scores[interaction.interaction_id] > 0),
        key=lambda interaction: -scores[interaction.interaction_id],
    )
    newest = max(against, key=lambda interaction: interaction.asked)
    return Suspect(
        question=newest.query,
        score=_score(alike, scores),
        times=len(against),
        last=newest.asked,
        interaction_ids=tuple(interaction.interaction_id for interaction in against),
    )
