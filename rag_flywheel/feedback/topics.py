"""Topics of gaps: what people ask again and again in whatever words, what is likely to be wrong, and how it stands.

All of it is made anew from what is recorded and what the reader may read. A topic keeps its id and what was decided on
it by its questions: a ruling belongs to the topic that holds most of those that it was about.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import sqrt

from rag_flywheel.domain import (
    CorrectionId,
    CorrectionState,
    InteractionId,
    ReviewedCorrection,
    Shown,
    VersionId,
)
from rag_flywheel.domain.equivalence import same_question
from rag_flywheel.domain.topics import AnswerState, TopicKind, TopicRuling, TopicState, Trend
from rag_flywheel.feedback.clusters import names
from rag_flywheel.feedback.gaps import REFUSED, Gap
from rag_flywheel.privacy.pseudonyms import pseudonym

WEEK = timedelta(days=7)
WEEKS = 12
_ID = 12  # hexadecimal digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """One way in which a topic was asked. Its text is masked."""

    question: str
    times: int
    last: datetime
    answered: AnswerState  # the last time
    interaction_id: InteractionId  # of the last time


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A correction that was handed in for one of a topic's questions."""

    correction_id: CorrectionId
    state: CorrectionState


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """Questions that are about much the same. Its texts are masked."""

    topic_id: str
    name: str  # its typical words
    question: str  # the most typical of them
    kind: TopicKind
    state: TopicState
    times: int
    people: int  # as far as they can be told apart: a person, else a conversation, else a question
    first: datetime
    last: datetime
    weeks: tuple[int, ...]  # questions in each of the last WEEKS weeks, the latest last
    trend: Trend
    finding: str
    recommendation: str
    wordings: tuple[Wording, ...]  # the most frequent first, then the newest
    ruling: TopicRuling | None  # the one that counts, where the reader may read all that it was about
    corrections: tuple[Answered, ...]  # the oldest first
    interaction_ids: tuple[InteractionId, ...]  # the newest first


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What was done about gaps."""

    rulings: Sequence[TopicRuling]  # oldest first
    corrections: Sequence[ReviewedCorrection]  # oldest first, that the reader may read
    held: Mapping[VersionId, AbstractSet[CorrectionId]]  # the corrections of each version
    live: VersionId | None
    salt: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Questions of one topic, the newest first."""

    gaps: tuple[Gap, ...]
    typical: str  # the question in the middle of them

    @property
    def ids(self) -> frozenset[InteractionId]:
        return frozenset(gap.asked.interaction_id for gap in self.gaps)


def clustered(gaps: Sequence[Gap], alike: Callable[[Sequence[str]], Sequence[Sequence[int]]]) -> list[Cluster]:
    """The gaps by topic. `alike` gives the numbers of the questions that belong together, the most typical one first;
    it is asked for each question once, however often and in whatever case it was typed.
    """
    wordings: dict[str, list[Gap]] = {}
    for gap in gaps:
        wordings.setdefault(same_question(gap.asked.query) or gap.asked.query, []).append(gap)
    newest = [those[0].asked.query for those in wordings.values()]
    each = list(wordings.values())
    return [
        Cluster(
            gaps=tuple(
                sorted((gap for row in rows for gap in each[row]), key=lambda gap: gap.asked.asked, reverse=True)
            ),
            typical=newest[rows[0]],
        )
        for rows in alike(newest)
    ]


def topics(found: Sequence[Cluster], standing: Standing, *, at: datetime) -> list[Topic]:
    """What waits for somebody first, then what most people asked, then the newest."""
    decided = _decided(found, standing)
    ids = _ids(found, decided, standing.salt)
    called = names([[wording.question for wording in _wordings(of.gaps)] for of in found])
    seen = frozenset(name for cluster in found for name in cluster.ids)
    made = [
        _topic(cluster, (topic_id, name or cluster.typical), before, seen=seen, standing=standing, at=at)
        for cluster, topic_id, name, before in zip(found, ids, called, decided, strict=True)
    ]
    waiting = (TopicState.OPEN, TopicState.BACK)
    return sorted(made, key=lambda of: (of.state not in waiting, -of.people, -of.times, -of.last.timestamp()))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decided:
    """What was done about one topic, oldest first."""

    rulings: tuple[TopicRuling, ...]
    corrections: tuple[ReviewedCorrection, ...]

    @property
    def ruling(self) -> TopicRuling | None:
        return self.rulings[-1] if self.rulings else None


def _decided(found: Sequence[Cluster], standing: Standing) -> list[_Decided]:
    """A ruling belongs to the topic with most of the questions that it was about, and to none where none is found."""
    place = {name: number for number, cluster in enumerate(found) for name in cluster.ids}
    rulings: list[list[TopicRuling]] = [[] for _ in found]
    for ruling in standing.rulings:
        held = Counter(place[name] for name in ruling.members if name in place)
        if held:
            rulings[held.most_common(1)[0][0]].append(ruling)
    corrections: list[list[ReviewedCorrection]] = [[] for _ in found]
    for entry in standing.corrections:
        if entry.correction.interaction_id in place:
            corrections[place[entry.correction.interaction_id]].append(entry)
    return [
        _Decided(rulings=tuple(those), corrections=tuple(handed_in))
        for those, handed_in in zip(rulings, corrections, strict=True)
    ]


def _ids(found: Sequence[Cluster], decided: Sequence[_Decided], salt: bytes) -> list[str]:
    """That of the latest ruling; else, and where another topic has that, one that its oldest question gives."""
    ids: dict[int, str] = {}
    taken = set[str]()
    latest = [(before.ruling.at, number) for number, before in enumerate(decided) if before.ruling is not None]
    for _, number in sorted(latest, reverse=True):
        ruling = decided[number].ruling
        if ruling is not None and ruling.topic_id not in taken:
            ids[number] = ruling.topic_id
            taken.add(ruling.topic_id)
    for number, cluster in enumerate(found):
        if number not in ids:
            ids[number] = next(name for name in _names(cluster, salt) if name not in taken)
            taken.add(ids[number])
    return [ids[number] for number in range(len(found))]


def _names(cluster: Cluster, salt: bytes) -> Iterator[str]:
    """By its questions, the oldest first; then as many more as anybody wants."""
    oldest = [gap.asked.interaction_id for gap in reversed(cluster.gaps)]
    for name in itertools.chain(oldest, (f"{oldest[0]}:{number}" for number in itertools.count())):
        made = pseudonym(name, salt, of="topic")
        if made is not None:
            yield made[:_ID]


def _topic(
    cluster: Cluster,
    called: tuple[str, str],
    before: _Decided,
    *,
    seen: AbstractSet[InteractionId],
    standing: Standing,
    at: datetime,
) -> Topic:
    gaps, ruling = cluster.gaps, before.ruling
    kind = _kind(gaps, ruling)
    state = _state(gaps, before, standing)
    live = standing.held.get(standing.live, frozenset()) if standing.live is not None else frozenset()
    corrections = tuple(
        Answered(
            correction_id=entry.correction.correction_id,
            state=CorrectionState.LIVE if entry.correction.correction_id in live else entry.verdict_state,
        )
        for entry in before.corrections
    )
    weeks = Counter(int((at - gap.asked.asked) / WEEK) for gap in gaps)
    return Topic(
        topic_id=called[0],
        name=called[1],
        question=cluster.typical,
        kind=kind,
        state=state,
        times=len(gaps),
        people=len({gap.asked.user or gap.asked.session or gap.asked.interaction_id for gap in gaps}),
        first=gaps[-1].asked.asked,
        last=gaps[0].asked.asked,
        weeks=tuple(weeks[week] for week in reversed(range(WEEKS))),
        trend=_trend(weeks[0], weeks[1], len(gaps)),
        finding=finding(kind, gaps, ruling),
        recommendation=recommendation(kind, state, corrections),
        wordings=tuple(_wordings(gaps)),
        ruling=ruling if ruling is not None and seen >= set(ruling.members) else None,
        corrections=corrections,
        interaction_ids=tuple(gap.asked.interaction_id for gap in gaps),
    )


def _wordings(gaps: Sequence[Gap]) -> list[Wording]:
    """The most frequent first, then the newest."""
    alike: dict[str, list[Gap]] = {}
    for gap in gaps:
        alike.setdefault(same_question(gap.asked.query) or gap.asked.query, []).append(gap)
    made = [
        Wording(
            question=those[0].asked.query,
            times=len(those),
            last=those[0].asked.asked,
            answered=those[0].answered,
            interaction_id=those[0].asked.interaction_id,
        )
        for those in alike.values()
    ]
    return sorted(made, key=lambda wording: -wording.times)


def _trend(lately: int, before: int, times: int) -> Trend:
    """Two counts differ by more than chance makes likely where it is more than the root of their sum, which is one
    standard deviation of the difference of two Poisson counts.
    """
    if lately == times:
        return Trend.NEW
    if abs(lately - before) <= sqrt(lately + before):
        return Trend.STEADY
    return Trend.RISING if lately > before else Trend.FALLING


def _kind(gaps: Sequence[Gap], ruling: TopicRuling | None) -> TopicKind:
    """What is wrong with most of them; where somebody said which document holds the answer, by whether it was found."""
    document = None if ruling is None else ruling.document_id
    if document is not None:
        found = sum(any(shown.document_id == document for shown in _shown(gap)) for gap in gaps)
        return TopicKind.BAD_ANSWER if 2 * found > len(gaps) else TopicKind.NOT_FOUND
    return Counter(gap.kind for gap in gaps).most_common(1)[0][0]


def _state(gaps: Sequence[Gap], before: _Decided, standing: Standing) -> TopicState:
    """By what was done last. What was asked since brings a topic back: since a ruling anything, since a correction what
    a version answered that holds it.
    """
    ruling = before.ruling
    standing_by = [
        entry.correction
        for entry in before.corrections
        if entry.verdict_state not in REFUSED and (ruling is None or entry.correction.submitted > ruling.at)
    ]
    if standing_by:
        names_ = {correction.correction_id for correction in standing_by}
        again = any(names_ & standing.held.get(gap.asked.version_id, frozenset()) for gap in gaps)
        return TopicState.BACK if again else TopicState.ADDRESSED
    if ruling is None or ruling.state is TopicState.OPEN:
        return TopicState.OPEN
    return TopicState.BACK if gaps[0].asked.asked > ruling.at else ruling.state


def _shown(gap: Gap) -> Sequence[Shown]:
    return gap.asked.ranking[: gap.asked.shown]


# --- in words -------------------------------------------------------------------------------------------------------


def finding(kind: TopicKind, gaps: Sequence[Gap], ruling: TopicRuling | None) -> str:
    """What is known to be wrong, with the counts that say so."""
    answers, number = Counter(gap.answered for gap in gaps), len(gaps)
    counts = [
        f"{answers[AnswerState.REFUSED]} of {number} were refused",
        f"{answers[AnswerState.DOUBTFUL]} answered with doubt",
        f"{sum(gap.reported for gap in gaps)} reported as missing",
        f"{sum(gap.bad for gap in gaps)} called bad",
    ]
    told = ", ".join([counts[0], *(count for count in counts[1:] if not count.startswith("0 "))])
    document = None if ruling is None else ruling.document_id
    if kind is TopicKind.OFF_TOPIC:
        return f"No passage is about it: {told}."
    if kind is TopicKind.MISSING:
        return f"No document is known to hold the answer: {told}."
    if kind is TopicKind.NOT_FOUND:
        return f"{document or 'A document'} holds the answer, and the search did not bring it: {told}."
    return f"The search brought passages about it, and the answers made of them are not good: {told}."


_TO_DO = {
    TopicKind.MISSING: "Answer it here, or add a document that does and reindex.",
    TopicKind.NOT_FOUND: "Answer it here and name the document as evidence, so that questions like these find it.",
    TopicKind.BAD_ANSWER: "Correct one of the answers; `rag-flywheel explain` shows what it was made of.",
    TopicKind.OFF_TOPIC: "Dismiss it, unless these documents are to cover it.",
}


def recommendation(kind: TopicKind, state: TopicState, corrections: Sequence[Answered]) -> str:
    """What to do next."""
    states = {answered.state for answered in corrections}
    if states & {CorrectionState.PENDING, CorrectionState.HELD}:
        return "An answer waits for review: decide on it."
    if CorrectionState.ACCEPTED in states:
        return "An answer was accepted: the next reindex takes it in."
    if CorrectionState.LIVE in states:
        found = "questions are still not answered surely" if state is TopicState.BACK else "see whether it closed this"
        return f"An answer is live: {found}; check asks them again."
    if state in (TopicState.ADDRESSED, TopicState.DISMISSED):
        return "Nothing, until it is asked again."
    return _TO_DO[kind]
