"""Signals about an answer, recorded; and the questions that they show to a person: gaps in knowledge, and suspects."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from rag_flywheel.domain import (
    IMPLICIT,
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
from rag_flywheel.errors import Conflict, InvalidInput
from rag_flywheel.feedback import implicit
from rag_flywheel.feedback.attribution import attribute, attribute_without_evidence
from rag_flywheel.ports import Ledger, Redactor
from rag_flywheel.privacy.pseudonyms import pseudonym

TEXT_AT_MOST = 20_000  # characters
GOOD_STARS = 4  # from here on stars confirm an answer
RECENT = 10_000  # interactions, the newest ones, that gaps and suspects are looked for in
_FLAGS = {FeedbackKind.USED, FeedbackKind.ABANDONED, FeedbackKind.REGENERATED}
_TEXTS = {FeedbackKind.COMMENT, FeedbackKind.ISSUE, FeedbackKind.EDITED}
_JUDGEMENTS = set(FeedbackKind) - IMPLICIT - {FeedbackKind.COMMENT}
_THUMBS: Mapping[str | int, str] = {"up": "up", "down": "down", True: "up", False: "down", -1: "down"}


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


def prepare(
    interaction_id: InteractionId,
    kind: str,
    value: Json,
    *,
    user: str | None,
    ledger: Ledger,
    redactor: Redactor,
    minimum_similarity: float,
    at: datetime,
    new_id: Callable[[], str],
) -> Feedback:
    """One signal, checked and masked, for the caller to record.

    A thumbs-down has the stage that most likely failed, an implicit signal the rank and the propensity of its passage.
    Raises NotFound for an unknown interaction, InvalidInput for an unknown kind or a value that does not fit it,
    and Conflict for a text on an interaction without consent.
    """
    interaction = ledger.interaction(interaction_id)
    known = checked_kind(kind)
    if isinstance(value, str) and known in _TEXTS | {FeedbackKind.MISSING_KNOWLEDGE} and not interaction.consent:
        raise Conflict(
            f"interaction {interaction_id} was held without consent to keep texts, so {known} cannot be kept"
        )
    fitting = _checked_value(known, value, interaction, redactor)
    down = known is FeedbackKind.THUMB and fitting == "down"
    rank = implicit.rank_of(known, fitting, interaction) if known in IMPLICIT else None
    return Feedback(
        feedback_id=FeedbackId(new_id()),
        interaction_id=interaction_id,
        given=at,
        user=pseudonym(user, ledger.salt()),
        kind=known,
        value=fitting,
        stage=_stage(interaction, ledger, minimum_similarity) if down else None,
        rank=rank,
        propensity=None if rank is None else implicit.propensity(rank),
    )


def checked_kind(kind: str) -> FeedbackKind:
    """Raises InvalidInput with the kinds there are."""
    try:
        return FeedbackKind(kind)
    except ValueError:
        known = ", ".join(FeedbackKind)
        raise InvalidInput(f"feedback kind {kind[:40]!r} is not known; expected one of: {known}") from None


def confirmed(feedback: Sequence[Feedback]) -> list[InteractionId]:
    """The interactions whose answer a person said was good, and nobody said was bad; in order of their first praise."""
    good: dict[InteractionId, None] = {}
    bad: set[InteractionId] = set()
    for signal in feedback:
        if signal.kind is FeedbackKind.THUMB:
            (good.setdefault(signal.interaction_id) if signal.value == "up" else bad.add(signal.interaction_id))
        elif signal.kind is FeedbackKind.STARS and isinstance(signal.value, int):
            (good.setdefault(signal.interaction_id) if signal.value >= GOOD_STARS else bad.add(signal.interaction_id))
        elif signal.kind is FeedbackKind.EDITED:
            bad.add(signal.interaction_id)
    return [interaction for interaction in good if interaction not in bad]


def gaps(*, ledger: Ledger, limit: int) -> list[Gap]:
    """Questions without an answer, most frequent first: refused ones, and those reported as missing knowledge."""
    found = {
        interaction.interaction_id: interaction for interaction in ledger.interactions(answered=False, limit=RECENT)
    }
    for signal in ledger.feedback():
        if signal.kind is FeedbackKind.MISSING_KNOWLEDGE and signal.value is not False:
            found.setdefault(signal.interaction_id, ledger.interaction(signal.interaction_id))
    made = [_gap(group) for group in _by_query(found.values())]
    return sorted(made, key=lambda gap: (-gap.times, gap.question))[:limit]


def triage(*, ledger: Ledger, limit: int) -> list[Suspect]:
    """Questions whose answers nobody judged or corrected and people turned away from, the most suspicious first.

    The score of a question is the sum over its answers of `implicit.balances`, turned round: abandoned, regenerated,
    edited and unused answers count up, used ones and clicks on a citation down. It takes in the RECENT newest answers.
    """
    given = ledger.feedback()
    judged = {signal.interaction_id for signal in given if signal.kind in _JUDGEMENTS}
    judged |= {reviewed.correction.interaction_id for reviewed in ledger.corrections()}
    found = implicit.balances(signal for signal in given if signal.interaction_id not in judged)
    scores = {name: -balance for name, balance in found.items()}
    answered = [
        interaction
        for interaction in ledger.interactions(answered=True, limit=RECENT)
        if interaction.interaction_id in scores
    ]
    made = [_suspect(group, scores) for group in _by_query(answered) if _score(group, scores) > 0]
    return sorted(made, key=lambda suspect: (-suspect.score, suspect.question))[:limit]


def _by_query(interactions: Iterable[Interaction]) -> list[list[Interaction]]:
    """Interactions of one query in one group; those without consent are left out, for they have no text."""
    groups: dict[str, list[Interaction]] = {}
    for interaction in interactions:
        if interaction.question:
            groups.setdefault(" ".join(interaction.query.casefold().split()), []).append(interaction)
    return list(groups.values())


def _gap(group: Sequence[Interaction]) -> Gap:
    newest = max(group, key=lambda interaction: interaction.asked)
    return Gap(
        question=newest.query,
        times=len(group),
        last=newest.asked,
        interaction_ids=tuple(interaction.interaction_id for interaction in group),
    )


def _score(group: Sequence[Interaction], scores: Mapping[InteractionId, float]) -> float:
    return sum(scores[interaction.interaction_id] for interaction in group)


def _suspect(group: Sequence[Interaction], scores: Mapping[InteractionId, float]) -> Suspect:
    against = sorted(
        (interaction for interaction in group if scores[interaction.interaction_id] > 0),
        key=lambda interaction: -scores[interaction.interaction_id],
    )
    newest = max(against, key=lambda interaction: interaction.asked)
    return Suspect(
        question=newest.query,
        score=_score(group, scores),
        times=len(against),
        last=newest.asked,
        interaction_ids=tuple(interaction.interaction_id for interaction in against),
    )


def _stage(interaction: Interaction, ledger: Ledger, minimum_similarity: float) -> Stage:
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
