"""Judged questions for other tools, and the passages that answer them."""

from typing import Annotated

from fastapi import APIRouter, Query

from rag_flywheel.api.guard import GuardedRoute
from rag_flywheel.api.models import Body
from rag_flywheel.api.state import Asking, Shared, State
from rag_flywheel.domain import Chunk, Person, VersionId
from rag_flywheel.domain.equivalence import normalised
from rag_flywheel.errors import NothingLive
from rag_flywheel.golden_set import exporting
from rag_flywheel.golden_set.listing import Origin

routes = APIRouter(prefix="/golden", tags=["golden"], route_class=GuardedRoute)
PAGE = 2_000  # passages of a page


class ContextReply(Body):
    name: str  # a document's id, or `document:start:end`
    text: str | None  # its words in the live version; null: they are not there


class ExportedCase(Body):
    """A judged question. `contexts` are what it was judged to be answered by, `passages` the ids of the passages of the
    live version that hold that, `retrieved` what its answer was made of (null: not known).
    """

    id: str
    question: str
    answer: str | None
    answerable: bool
    cluster: str | None  # null: there is this wording alone
    origin: Origin
    passages: list[str]
    contexts: list[ContextReply]
    retrieved: list[str] | None


class ExportReply(Body):
    version: str
    cases: list[ExportedCase]
    left_out: dict[str, int]  # by reason


class ExportedPassage(Body):
    id: str
    title: str
    text: str
    document_id: str
    start: int
    end: int


class PassagesReply(Body):
    version: str
    passages: list[ExportedPassage]
    after: int | None  # of the next request; null: these were the last


@routes.get("/export")
def export(state: Shared, asking: Asking) -> ExportReply:
    """All judged questions in use, with the passages of the live version that answer them. What people asked is there
    where they agreed that versions are asked the same.
    """
    version, passages = _passages(state, asking)
    found = exporting.export(state.services, passages, state.reader(asking), state.sensitive())
    return ExportReply(
        version=version,
        cases=[_case(question) for question in found.questions],
        left_out={str(reason): count for reason, count in found.left_out.items()},
    )


@routes.get("/passages")
def passages(state: Shared, asking: Asking, after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0) -> PassagesReply:
    """The passages of the live version, some at a time: `after` is what the page before said."""
    version, found = _passages(state, asking)
    end = after + PAGE
    return PassagesReply(
        version=version,
        passages=[
            ExportedPassage(
                id=chunk.chunk_id,
                title=chunk.title,
                text=chunk.own,
                document_id=chunk.document_id,
                start=chunk.start,
                end=chunk.end,
            )
            for chunk in found[after:end]
        ],
        after=end if end < len(found) else None,
    )


def _passages(state: State, asking: Person) -> tuple[VersionId, list[Chunk]]:
    live = state.services.index.live()
    if live is None:
        raise NothingLive("no index version is live yet, so there are no passages: run `rag-flywheel reindex` first")
    return live, exporting.readable(state.live_passages().chunks.values(), state.reader(asking))


def _case(question: exporting.Exported) -> ExportedCase:
    case = question.judged.case
    return ExportedCase(
        id=case.case_id.removeprefix("golden:"),
        question=case.question,
        answer=case.answer,
        answerable=case.answerable,
        cluster=None if case.cluster == normalised(case.question) else case.cluster,
        origin=question.judged.origin,
        passages=list(question.passages),
        contexts=[ContextReply(name=context.name, text=context.text) for context in question.contexts],
        retrieved=None if question.retrieved is None else list(question.retrieved),
    )
