"""GET /interactions/{id}/explain, and what it gives."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query

from rag_flywheel.access.who import asks_for, sees_others
from rag_flywheel.answering import explain as explain_case
from rag_flywheel.api.guard import GuardedRoute
from rag_flywheel.api.models import Body
from rag_flywheel.api.state import Asking, Shared, own

routes = APIRouter(tags=["chat"], route_class=GuardedRoute)


class ScoresReply(Body):
    """What each channel said; null where it did not return the passage."""

    dense: float | None
    sparse: float | None
    sentence: float | None
    tokens: float | None
    question: float | None
    words: float | None
    answer: float | None
    known: float | None
    rerank: float | None


class WeighedReply(Body):
    name: str
    value: float
    weight: float
    contribution: float


class RankedPassageReply(Body):
    rank: int
    document_id: str
    start: int
    end: int
    title: str | None
    text: str | None
    score: float
    scores: ScoresReply
    features: list[WeighedReply]
    correction_id: str | None
    confirmed: str | None
    language: str | None
    shown: bool
    cited: bool | None


class JudgedQuestionReply(Body):
    correction_id: str | None
    confirmed: str | None
    question: str | None
    fit: float | None
    cosine: float
    words: float
    answer: float | None
    passage: float | None
    lead: float | None
    threshold: float | None
    admitted: bool
    reason: str


class AdmissionReply(Body):
    threshold: float
    words: float
    passage: float
    sentence: float
    answer: float
    tokens: float


class LearnedReply(Body):
    """Empty `fusion` is reciprocal rank fusion; without `admission` no known question is used."""

    admission: AdmissionReply | None
    fusion: dict[str, float]
    reranker: str | None


class ExplanationReply(Body):
    interaction_id: str
    asked: datetime
    question: str | None
    query: str | None
    version: str
    live: bool
    learned: LearnedReply
    languages: dict[str, float]
    repeated: bool | None
    passages: list[RankedPassageReply]
    questions: list[JudgedQuestionReply]
    notes: list[str]


@routes.get("/interactions/{interaction_id}/explain")
def explain(
    interaction_id: str, state: Shared, asking: Asking, limit: Annotated[int, Query(ge=1, le=1000)] = 10
) -> ExplanationReply:
    """Why the ranking behind an answer is as it is: each passage with its scores and what they weighed, and the
    known questions near the query that were admitted or kept out, and why. At most `limit` of each.
    """
    name = own(interaction_id, asking, asks_for(asking, None), state)
    explanation = explain_case.explain(name, chat=state.chat, limit=limit, reader=state.reader(asking))
    reply = ExplanationReply.model_validate(explanation, from_attributes=True)
    return reply if sees_others(asking) else _for_askers(reply)


def _for_askers(reply: ExplanationReply) -> ExplanationReply:
    """Without what others asked, which is all that a confirmed question is: nobody has reviewed how they put it."""
    passages = [passage.model_copy(update={"confirmed": None}) for passage in reply.passages]
    questions = [
        judged if judged.confirmed is None else judged.model_copy(update={"confirmed": None, "question": None})
        for judged in reply.questions
    ]
    return reply.model_copy(update={"passages": passages, "questions": questions})
