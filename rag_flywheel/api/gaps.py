"""Gaps: topics of questions that were not surely or not well answered, what is decided on them, and did they close."""

import csv
import io
from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import Field

from rag_flywheel.access.who import asks_for
from rag_flywheel.answering.asked_again import Replayed, ask_again
from rag_flywheel.api import counted
from rag_flywheel.api.corrections import corrected, refuse_unkept
from rag_flywheel.api.guard import GuardedRoute
from rag_flywheel.api.models import Body, CorrectionBody, CorrectionReceipt, EvidenceBody, Instant, Name, Text
from rag_flywheel.api.review_work_models import harmless
from rag_flywheel.api.state import Asking, Shared, State
from rag_flywheel.api.topics import topics
from rag_flywheel.domain import CorrectionState, DocumentId, InteractionId, Person
from rag_flywheel.domain.topics import AnswerState, TopicKind, TopicState, Trend
from rag_flywheel.errors import InvalidInput, no_topic
from rag_flywheel.feedback import topic_rulings
from rag_flywheel.feedback.quoting import unknown_document
from rag_flywheel.feedback.topics import Topic

routes = APIRouter(prefix="/gaps", tags=["gaps"], route_class=GuardedRoute)
NAMED_AT_MOST = 1000  # interactions of a topic
WORDINGS = 100  # of one topic, at most

Ruled = Literal["open", "addressed", "dismissed"]
Wanted = Annotated[TopicState | None, Query(alias="state")]
Limit = Annotated[int, Query(ge=1, le=1000)]


class RulingReply(Body):
    """What somebody decided, the latest one."""

    state: TopicState
    who: str
    why: str
    at: Instant
    document_id: str | None


class AnsweredReply(Body):
    """A correction that was handed in for one of the questions."""

    id: str
    status: CorrectionState


class TopicReply(Body):
    """Questions about much the same that were not surely or not well answered."""

    id: str
    name: str  # its typical words
    question: str  # the most typical one
    kind: TopicKind
    state: TopicState
    times: int
    people: int
    first: Instant
    last: Instant
    trend: Trend
    weeks: list[int]  # questions in each of the last twelve weeks, the latest last
    finding: str
    recommendation: str
    ruling: RulingReply | None
    corrections: list[AnsweredReply]
    interaction_ids: list[str]  # the newest first, at most 1000


class WordingReply(Body):
    question: str
    times: int
    last: Instant
    answered: AnswerState  # the last time
    interaction_id: str


class WholeTopicReply(TopicReply):
    wordings: list[WordingReply]  # the most frequent first, at most 100


class RulingBody(Body):
    state: Ruled
    why: Text
    document_id: Name | None = None


class AnswerBody(Body):
    answer: Text
    interaction_id: Name | None = None  # which of its questions is answered; the most typical one
    evidence: Annotated[tuple[EvidenceBody, ...], Field(max_length=50)] = ()
    supersedes: Annotated[tuple[EvidenceBody, ...], Field(max_length=50)] = ()


class AskedAgainReply(Body):
    question: str
    before: AnswerState
    now: AnswerState
    cited: list[str]
    closed: bool


class CheckReply(Body):
    """What the live version makes of a topic's questions, of the most frequent ones."""

    version: str
    closed: int  # questions that are answered surely now, and were not, or by other documents
    asked: int
    questions: list[AskedAgainReply]


@routes.get("")
def gaps(
    state: Shared, asking: Asking, wanted: Wanted = None, off_topic: bool = False, limit: Limit = 100
) -> list[TopicReply]:
    """Topics of questions that the documents do not surely answer, or whose answers were called bad; those that most
    people asked first. Those that are open or back again, or in the state that is named; or those about something else.
    """
    return [_reply(topic) for topic in _wanted(state, asking, wanted, off_topic=off_topic)[:limit]]


@routes.get("/export", response_class=Response, responses={200: {"content": {"text/csv": {}}}})
def export(state: Shared, asking: Asking, wanted: Wanted = None, off_topic: bool = False) -> Response:
    """The same, all of them, as a table (CSV, RFC 4180)."""
    table = _table(_wanted(state, asking, wanted, off_topic=off_topic))
    named = {"Content-Disposition": 'attachment; filename="gaps.csv"'}
    return Response(table, media_type="text/csv; charset=utf-8", headers=named)


@routes.get("/{topic}")
def show(topic: str, state: Shared, asking: Asking) -> WholeTopicReply:
    """One of them, with its questions."""
    return _whole(find(topic, state, asking))


@routes.post("/{topic}/ruling")
def rule(topic: str, body: RulingBody, state: Shared, asking: Asking) -> WholeTopicReply:
    """Say that it is addressed, and by which document; that nothing is to be done; or that it is open after all."""
    found, services = find(topic, state, asking), state.services
    document = None if body.document_id is None else DocumentId(body.document_id)
    if document is not None and not state.holds(document, asking):
        raise unknown_document(document)
    word = topic_rulings.Word(state=TopicState(body.state), who=asking.signed, why=body.why, document_id=document)
    topic_rulings.rule(
        found,
        word,
        ledger=services.ledger,
        redactor=services.redactor,
        at=services.now(),
        new_id=services.new_id,
    )
    return _whole(find(topic, state, asking))


@routes.post("/{topic}/answer", status_code=202)
def answer(topic: str, body: AnswerBody, state: Shared, asking: Asking) -> CorrectionReceipt:
    """Hand in an answer to one of its questions: a correction, which is reviewed as all are."""
    found, user = find(topic, state, asking), asks_for(asking, None)
    name = body.interaction_id or _most_typical(found)
    if name not in found.interaction_ids:
        raise InvalidInput("interaction_id names no question of this topic; leave it out, or take one that is listed")
    refuse_unkept(user, state)
    of = CorrectionBody(interaction_id=name, answer=body.answer, evidence=body.evidence, supersedes=body.supersedes)
    correction = corrected(of, user, asking, state, None)
    state.services.ledger.add_correction(correction)
    counted.correction(correction)
    return CorrectionReceipt(id=correction.correction_id, status=CorrectionState.PENDING)


@routes.post("/{topic}/check")
def check(topic: str, state: Shared, asking: Asking) -> CheckReply:
    """Ask its questions again, each once, the most frequent ones first, at most 20. Nothing of it is recorded."""
    found = find(topic, state, asking)
    asked = [state.services.ledger.interaction(wording.interaction_id) for wording in found.wordings]
    return _checked(ask_again(asked, chat=state.chat, groups=asking.groups))


def find(topic: str, state: State, asking: Person) -> Topic:
    """The topic, of what who asks may read. Raises NotFound."""
    found = next((each for each in topics(state, asking) if each.topic_id == topic), None)
    if found is None:
        raise no_topic(topic)
    return found


def _wanted(state: State, asking: Person, wanted: TopicState | None, *, off_topic: bool) -> list[Topic]:
    states = (TopicState.OPEN, TopicState.BACK) if wanted is None else (wanted,)
    return [
        topic
        for topic in topics(state, asking)
        if topic.state in states and (topic.kind is TopicKind.OFF_TOPIC) is off_topic
    ]


def _most_typical(topic: Topic) -> InteractionId:
    return next(wording.interaction_id for wording in topic.wordings if wording.question == topic.question)


# --- replies --------------------------------------------------------------------------------------------------------


def _fields(topic: Topic) -> dict[str, object]:
    ruling = topic.ruling
    return {
        "id": topic.topic_id,
        **{
            name: getattr(topic, name)
            for name in ("name", "question", "kind", "state", "times", "people", "first", "last", "trend")
        },
        "weeks": list(topic.weeks),
        "finding": topic.finding,
        "recommendation": topic.recommendation,
        "ruling": None
        if ruling is None
        else RulingReply(
            state=ruling.state, who=ruling.who, why=ruling.why, at=ruling.at, document_id=ruling.document_id
        ),
        "corrections": [AnsweredReply(id=each.correction_id, status=each.state) for each in topic.corrections],
        "interaction_ids": list(topic.interaction_ids[:NAMED_AT_MOST]),
    }


def _reply(topic: Topic) -> TopicReply:
    return TopicReply.model_validate(_fields(topic))


def _whole(topic: Topic) -> WholeTopicReply:
    wordings = [WordingReply.model_validate(wording, from_attributes=True) for wording in topic.wordings[:WORDINGS]]
    return WholeTopicReply.model_validate({**_fields(topic), "wordings": wordings})


def _checked(replayed: Replayed) -> CheckReply:
    return CheckReply(
        version=replayed.version,
        closed=sum(question.closed for question in replayed.questions),
        asked=len(replayed.questions),
        questions=[
            AskedAgainReply(
                question=question.question,
                before=question.before,
                now=question.now,
                cited=list(question.cited),
                closed=question.closed,
            )
            for question in replayed.questions
        ],
    )


def _table(found: Sequence[Topic]) -> str:
    columns = ("id", "state", "kind", "questions", "people", "first", "last", "trend", "name", "question")
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow((*columns, "finding", "recommendation", "decided_by", "why", "document"))
    for topic in found:
        ruling = topic.ruling
        decided = ("", "", "") if ruling is None else (ruling.who, ruling.why, ruling.document_id or "")
        writer.writerow(
            harmless(str(cell))
            for cell in (
                *(topic.topic_id, topic.state, topic.kind, topic.times, topic.people),
                *(topic.first.isoformat(), topic.last.isoformat(), topic.trend, topic.name, topic.question),
                *(topic.finding, topic.recommendation, *decided),
            )
        )
    return out.getvalue()
