"""Feedback and corrections to other tools, and from them."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, Field

from rag_flywheel.access.who import hands_in
from rag_flywheel.answering import importing
from rag_flywheel.api.consent import Agreement
from rag_flywheel.api.guard import GuardedRoute
from rag_flywheel.api.models import TEXT_AT_MOST, Body, Name, Text
from rag_flywheel.api.state import Asking, Shared, State
from rag_flywheel.cycle.forgotten import erased
from rag_flywheel.domain import Person
from rag_flywheel.domain.consent import Means, Purpose
from rag_flywheel.errors import Conflict
from rag_flywheel.feedback import exporting
from rag_flywheel.privacy.consent import Said, agreements
from rag_flywheel.privacy.erasure import under_way

routes = APIRouter(prefix="/feedback", tags=["feedback"], route_class=GuardedRoute)
LINES: dict[int | str, dict[str, Any]] = {200: {"content": {"application/x-ndjson": {"schema": {"type": "string"}}}}}
TRACES = 500  # of one request, at most
MARKS = 100  # of one question, at most
Moment = Annotated[AwareDatetime | None, Query()]


class ImportedMark(Body):
    id: Name
    given: AwareDatetime
    user_id: Name | None = None  # who said it; null: not known


class ImportedSignal(ImportedMark):
    kind: Literal["thumb", "stars", "comment", "issue", "missing_knowledge"]
    value: Annotated[str, Field(max_length=TEXT_AT_MOST)] | int


class ImportedCorrection(ImportedMark):
    answer: Text


class ImportedTrace(Body):
    """A question that another service answered, and what was said of the answer. Ids are those of the other tool."""

    id: Name
    asked: AwareDatetime
    question: Text
    answer: Annotated[str, Field(max_length=TEXT_AT_MOST)] = ""
    user_id: Name | None = None
    session_id: Name | None = None
    signals: Annotated[tuple[ImportedSignal, ...], Field(max_length=MARKS)] = ()
    corrections: Annotated[tuple[ImportedCorrection, ...], Field(max_length=MARKS)] = ()


class FeedbackImportBody(Body):
    """`agreed` is what those people agreed to there; null: what the settings assume, and what they said here."""

    source: importing.Source
    agreed: Agreement = None
    traces: Annotated[tuple[ImportedTrace, ...], Field(min_length=1, max_length=TRACES)]


class RefusedReply(Body):
    id: str
    reason: str


class FeedbackImportReply(Body):
    """What was added, what was there already, what was left out by reason, and what was refused."""

    interactions: int
    feedback: int
    corrections: int
    skipped: int
    left_out: dict[str, int]
    refused: list[RefusedReply]
    masked: dict[str, int]


@routes.post("/import")
def take_in(body: FeedbackImportBody, state: Shared, asking: Asking) -> FeedbackImportReply:
    """Take in what people said of another service's answers. Corrections wait for their review, and none goes live
    without it. What is there already is skipped.
    """
    if not state.chat.readers.all_open(frozenset()):
        raise Conflict(
            "some documents here are for groups, and nothing tells for whom imported answers are: import them into a "
            "deployment or a tenant without groups"
        )
    terms = importing.Terms(
        source=body.source,
        said=None if body.agreed is None else Said(purposes=body.agreed, how=Means.COMMAND),
        reader=state.chat.readers.reader(frozenset()),
        sender=hands_in(asking, None),
        erased=erased(state.services),
        find=lambda text: state.find(text, frozenset()),
        quoted=state.quoted,
    )
    traces = [_trace(given) for given in body.traces]
    taken = importing.take_in(traces, terms, who=asking.signed, chat=state.chat, services=state.services)
    return FeedbackImportReply(
        interactions=taken.added["interactions"],
        feedback=taken.added["feedback"],
        corrections=taken.added["corrections"],
        skipped=taken.skipped,
        left_out=dict(taken.left_out),
        refused=[RefusedReply(id=name, reason=reason) for name, reason in taken.refused],
        masked=dict(taken.masked),
    )


@routes.get("/export", response_class=StreamingResponse, responses=LINES)
def export(
    state: Shared,
    asking: Asking,
    use: Annotated[Literal["learn", "evaluate"], Query(description="What it is for: people agree to each.")] = "learn",
    since: Moment = None,
    until: Moment = None,
) -> StreamingResponse:
    """Questions with what was said of their answers, one JSON object a line: masked, by pseudonyms, of people who
    agreed. The last line says how much was left out, by reason.
    """
    leave = _leave(Purpose(use), state, asking)
    return StreamingResponse(
        _lines(leave, state, since=since, until=until),
        media_type="application/x-ndjson",
        headers={"Content-Disposition": 'attachment; filename="feedback.jsonl"'},
    )


def _leave(use: Purpose, state: State, asking: Person) -> exporting.Leave:
    services = state.services
    pending = (entry.scope for entry in under_way(services.ledger))
    return exporting.Leave(
        use=use,
        consents=agreements(services.ledger.consents(), policy=services.config.privacy.consent),
        reader=state.reader(asking),
        sensitive=state.sensitive(),
        leaving=frozenset(scope.user for scope in pending if scope is not None),
        left_out=Counter(),
    )


def _lines(leave: exporting.Leave, state: State, *, since: datetime | None, until: datetime | None) -> Iterator[str]:
    for judged in exporting.judged(state.services.ledger, leave, since=since, until=until):
        yield f"{json.dumps(_line(judged), ensure_ascii=False)}\n"
    yield f"{json.dumps({'left_out': dict(+leave.left_out)})}\n"


def _line(judged: exporting.Judged) -> dict[str, Any]:
    asked = judged.asked
    return {
        "id": asked.interaction_id,
        "asked": asked.asked.isoformat(),
        "user": asked.user,
        "session": asked.session,
        "question": asked.question,
        "query": asked.query,
        "answer": asked.answer,
        "answered": asked.answered,
        "version": asked.version_id,
        "generator": asked.generator,
        "citations": [
            {"document_id": cited.document_id, "start": cited.start, "end": cited.end} for cited in asked.citations
        ],
        "feedback": [
            {
                "id": signal.feedback_id,
                "given": signal.given.isoformat(),
                "user": signal.user,
                "kind": signal.kind.value,
                "value": signal.value,
                "stage": None if signal.stage is None else signal.stage.value,
            }
            for signal in judged.feedback
        ],
        "corrections": [
            {
                "id": entry.correction.correction_id,
                "submitted": entry.correction.submitted.isoformat(),
                "user": entry.correction.user,
                "answer": entry.answer,
                "status": entry.verdict_state.value,
                "evidence": [
                    {"document_id": span.document_id, "start": span.start, "end": span.end}
                    for span in entry.correction.evidence
                ],
            }
            for entry in judged.corrections
        ],
    }


def _trace(given: ImportedTrace) -> importing.Trace:
    marks = [
        importing.Mark(name=signal.id, kind=signal.kind, value=signal.value, given=signal.given, user=signal.user_id)
        for signal in given.signals
    ]
    marks += [
        importing.Mark(name=better.id, kind=None, value=better.answer, given=better.given, user=better.user_id)
        for better in given.corrections
    ]
    return importing.Trace(
        name=given.id,
        asked=given.asked,
        question=given.question,
        answer=given.answer,
        user=given.user_id,
        session=given.session_id,
        marks=tuple(marks),
    )
