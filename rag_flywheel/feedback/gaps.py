"""The questions that signals show to a person: gaps in knowledge, and suspicious answers."""

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from rag_flywheel.domain import (
    IMPLICIT,
    CorrectionState,
    Feedback,
    FeedbackKind,
    Interaction,
    InteractionId,
    ReviewedCorrection,
    Stage,
)
from rag_flywheel.domain.insights import answer_state
from rag_flywheel.domain.readers import ANYBODY, Reader
from rag_flywheel.domain.topics import AnswerState, TopicKind
from rag_flywheel.errors import NotFound
from rag_flywheel.feedback import implicit
from rag_flywheel.feedback.attribution import is_off_topic
from rag_flywheel.feedback.intake import bad_answers, meant
from rag_flywheel.feedback.recent import RECENT, RecentQuestions, is_unsure
from rag_flywheel.ports import Conversations, Corrections

REFUSED = (CorrectionState.REJECTED, CorrectionState.QUARANTINED)
"""What became of corrections that answer nothing."""
_JUDGEMENTS = set(FeedbackKind) - IMPLICIT - {FeedbackKind.COMMENT}


class TriageLedger(Conversations, Corrections, Protocol):
    """What was said and done about answers, and which of them were corrected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A question that was not surely or not well answered, and what is likely to be wrong."""

    asked: Interaction
    kind: TopicKind
    answered: AnswerState
    reported: bool  # whether somebody said that the knowledge is missing
    bad: bool  # whether somebody said that the answer is bad


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
    ledger: TriageLedger,
    near: float,
    reader: Reader = ANYBODY,
    but: Callable[[Interaction], bool] = lambda asked: False,
    also: AbstractSet[InteractionId] = frozenset(),
    recent: RecentQuestions | None = None,
) -> list[Gap]:
    """Questions that the documents do not surely answer, the newest first: refused ones, those whose answer was
    doubtful, those reported as missing knowledge; and those whose answer was called bad. Where somebody found what they
    meant among the suggestions, nothing is missing.

    Those that no passage is about, by a cosine of `near`, are no gaps in these documents, unless somebody reported
    them: their kind is `OFF_TOPIC`. Only what the reader may read is listed, nothing that is
    sensitive (`but`): `insights` tells that with noise; and nothing of which the text was not kept. It takes in the
    RECENT newest questions, and those `also` named. What `recent` remembers is not read again.
    """
    feedback = ledger.feedback()
    reported, bad, after_all = _reported(feedback), bad_answers(feedback), meant(feedback)
    unsure = (recent or RecentQuestions()).unsure(ledger)
    found = {name: asked for name, asked in unsure.items() if name not in after_all}
    for name in (reported | bad | also) - found.keys():
        with contextlib.suppress(NotFound):  # it was deleted just now
            found[name] = ledger.interaction(name)
    stages = _stages(feedback, ledger.corrections())
    made = (
        Gap(
            asked=asked,
            kind=TopicKind.OFF_TOPIC if _is_foreign(asked, name in reported, near) else _kind(asked, stages.get(name)),
            answered=answer_state(answered=asked.answered, confidence=asked.confidence),
            reported=name in reported,
            bad=name in bad,
        )
        for name, asked in found.items()
        if asked.question and reader.reads_interaction(asked) and not but(asked)
    )
    return sorted(made, key=lambda gap: (gap.asked.asked, gap.asked.interaction_id), reverse=True)


def is_gap(asked: Interaction, said: Sequence[Feedback], *, near: float) -> bool:
    """Whether the documents do not surely answer a question, by what was `said` about this one answer."""
    if _reported(said):
        return True
    return is_unsure(asked) and not meant(said) and not _is_foreign(asked, False, near)


def _is_foreign(asked: Interaction, reported: bool, near: float) -> bool:
    return not reported and bool(asked.ranking) and is_off_topic(asked.ranking, near=near)


def _stages(feedback: Iterable[Feedback], corrections: Iterable[ReviewedCorrection]) -> dict[InteractionId, Stage]:
    """What is known to have failed: by what a correction rests on, else as a bad answer was attributed."""
    stages = {signal.interaction_id: signal.stage for signal in feedback if signal.stage is not None}
    stands = (entry.correction for entry in corrections if entry.verdict_state not in REFUSED)
    return stages | {correction.interaction_id: correction.stage for correction in stands}


def _kind(asked: Interaction, stage: Stage | None) -> TopicKind:
    if stage in (Stage.NOT_RETRIEVED, Stage.MIS_RANKED):
        return TopicKind.NOT_FOUND
    if stage is Stage.MIS_GENERATED or (stage is None and not is_unsure(asked)):
        return TopicKind.BAD_ANSWER
    return TopicKind.MISSING


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
