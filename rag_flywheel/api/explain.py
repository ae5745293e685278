"""Why passages rank as they do: behind an answer, and of a search that nobody asked for an answer."""

from datetime import datetime
from typing import Annotated, TypeVar

from fastapi import APIRouter, Query
from pydantic import Field

from rag_flywheel.access.who import asks_for, asks_in, sees_others
from rag_flywheel.answering import explain as explain_case
from rag_flywheel.api.guard import GuardedRoute
from rag_flywheel.api.models import Body, Name, Readable, Text
from rag_flywheel.api.state import Asking, Shared, own
from rag_flywheel.domain import VersionId
from rag_flywheel.errors import NotAllowed

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


class SearchBody(Body):
    """What to search for. `groups` is as in /chat; `version` is the live one unless another is named."""

    question: Text
    version: Name | None = None
    groups: Readable = None
    limit: Annotated[int, Field(ge=1, le=50)] = 10


class SearchReply(Body):
    """What a version finds, with nothing recorded."""

    version: str
    live: bool
    learned: LearnedReply
    languages: dict[str, float]
    passages: list[RankedPassageReply]
    questions: list[JudgedQuestionReply]


@routes.post("/search")
def search(body: SearchBody, state: Shared, asking: Asking) -> SearchReply:
    """The passages that the live version finds for a question, or for reviewers and operators another kept version,
    with their scores and what they weighed; and the known questions near it, and why they were admitted or kept out.

    No answer is made, and nothing is recorded.
    """
    version = None if body.version is None else VersionId(body.version)
    if version not in (None, state.services.index.live()) and not sees_others(asking):
        raise NotAllowed("a version that is not live is for reviewers and operators: leave `version` out")
    found = explain_case.find(
        body.question, chat=state.chat, version=version, limit=body.limit, groups=asks_in(asking, body.groups)
    )
    reply = SearchReply.model_validate(found, from_attributes=True)
    return reply if sees_others(asking) else _for_askers(reply)


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


Explained = TypeVar("Explained", ExplanationReply, SearchReply)


def _for_askers(reply: Explained) -> Explained:
    """Without what others asked, which is all that a confirmed question is: nobody has reviewed how they put it."""
    passages = [passage.model_copy(update={"confirmed": None}) for passage in reply.passages]
    questions = [
        judged if judged.confirmed is None else judged.model_copy(update={"confirmed": None, "question": None})
        for judged in reply.questions
    ]
    return reply.model_copy(update={"passages": passages, "questions": questions})
