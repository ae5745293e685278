"""The golden set over HTTP: list, add, import, retire, check."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import Field

from rag_flywheel.api.guard import GuardedRoute
from rag_flywheel.api.models import (
    PLACE_AT_MOST,
    TEXT_AT_MOST,
    Body,
    EvidenceBody,
    EvidenceReply,
    FollowedReply,
    Name,
    Text,
    spans_reply,
)
from rag_flywheel.api.state import Asking, Shared
from rag_flywheel.domain import DocumentId
from rag_flywheel.golden_set import changes, health, importing, listing
from rag_flywheel.golden_set.finding import NamedPassage

routes = APIRouter(prefix="/golden", tags=["golden"], route_class=GuardedRoute)
Documents = Annotated[tuple[Name, ...], Field(max_length=50)]
Spans = Annotated[tuple[EvidenceBody, ...], Field(max_length=50)]


class GoldenItem(Body):
    """A judged question, where it comes from, and its part in the gate."""

    case_id: str
    question: str
    origin: listing.Origin
    group: str
    role: Literal["tuning", "test", "sealed"]
    state: listing.State
    reason: str | None
    answer: str | None
    documents: list[str]
    evidence: list[EvidenceReply]
    followed: list[FollowedReply]  # spans that do not stand where they were named
    answerable: bool


class GoldenBody(Body):
    """A question to be added; `cluster` is shared by the wordings of one question."""

    question: Text
    answer: Text | None = None
    documents: Documents = ()
    evidence: Spans = ()
    answerable: bool = True
    cluster: Name | None = None


class ImportedCase(Body):
    """A question, and what answers it: documents of ours, and `passages` of the import, by their names."""

    id: Name
    question: Text
    answer: Text | None = None
    documents: Documents = ()
    passages: Annotated[tuple[Name, ...], Field(max_length=200)] = ()
    answerable: bool = True
    cluster: Name | None = None


class ImportedPassage(Body):
    """A passage of another corpus, to be found in our documents; `document_id` is ours, where that is known: without
    `start` and `end` the whole document is meant.
    """

    name: Name
    text: Annotated[str, Field(max_length=TEXT_AT_MOST)] = ""
    document_id: Name | None = None
    start: Annotated[int, Field(ge=0, le=PLACE_AT_MOST)] | None = None
    end: Annotated[int, Field(ge=1, le=PLACE_AT_MOST)] | None = None


class ImportBody(Body):
    cases: Annotated[tuple[ImportedCase, ...], Field(min_length=1, max_length=20_000)]
    passages: Annotated[tuple[ImportedPassage, ...], Field(max_length=100_000)] = ()


class TakenInReply(Body):
    """The ids that are new, those that were there already, and how many personal data were masked, by kind."""

    added: list[str]
    skipped: list[str]
    masked: dict[str, int]


class UnfoundReply(Body):
    """A passage that stands in none of our documents, or nothing tells where, and the question that it answers."""

    case_id: str
    passage: str


class ImportedReply(TakenInReply):
    unfound: list[UnfoundReply]
    left_out: list[str]  # questions of which nothing that answers them was found


class RetireBody(Body):
    case_id: Name
    why: Text


class RetiredReply(Body):
    case_id: str
    retired: datetime
    who: str
    why: str


class FindingReply(Body):
    fault: health.Fault
    cases: list[str]
    detail: str


class CheckReply(Body):
    outcome: Literal["sound", "faulty", "undecided"]
    roles: dict[str, int]
    stale_share: float
    findings: list[FindingReply]


@routes.get("")
def golden(
    state: Shared,
    asking: Asking,
    origin: Annotated[listing.Origin | None, Query()] = None,
    role: Annotated[Literal["tuning", "test", "sealed"] | None, Query()] = None,
    use: Annotated[listing.State | None, Query(alias="state")] = None,
) -> list[GoldenItem]:
    """The judged questions: the golden set, accepted corrections, confirmed answers."""
    return [
        _item(judged)
        for judged in listing.overview(state.services, state.reader(asking))
        if origin in (None, judged.origin) and role in (None, judged.role) and use in (None, judged.state)
    ]


@routes.get("/check")
def check(state: Shared, asking: Asking) -> CheckReply:
    """What is wrong with the golden set, by ids. Too few questions are told as `undecided`."""
    state.refuse_part(asking)
    found = health.check(state.services)
    return CheckReply(
        outcome=found.outcome,
        roles={str(name): count for name, count in found.roles.items()},
        stale_share=found.stale_share,
        findings=[
            FindingReply(fault=finding.fault, cases=list(finding.cases), detail=finding.detail)
            for finding in found.findings
        ],
    )


@routes.post("", status_code=201, responses={200: {"model": TakenInReply}})
def add(body: GoldenBody, state: Shared, asking: Asking, response: Response) -> TakenInReply:
    """Add a judged question. The very same one given again is skipped (200)."""
    new = changes.NewQuestion(
        question=body.question,
        answer=body.answer,
        documents=tuple(DocumentId(document) for document in body.documents),
        evidence=tuple(evidence_body.evidence() for evidence_body in body.evidence),
        answerable=body.answerable,
        cluster=body.cluster,
        reader=state.reader(asking),
    )
    return _taken_in(changes.add(new, who=asking.signed, services=state.services), response)


@routes.post("/import", status_code=201, responses={200: {"model": ImportedReply}})
def take_in(body: ImportBody, state: Shared, asking: Asking, response: Response) -> ImportedReply:
    """Import judged questions, all or none. Those that are there with the same content are skipped (200: all were).

    `passages` are looked for in our documents, at their place, else by their words; what is not found for sure is told.
    """
    services, reader = state.services, state.reader(asking)
    cases = [
        importing.ImportedQuestion(
            name=given.id,
            new=changes.NewQuestion(
                question=given.question,
                answer=given.answer,
                documents=tuple(DocumentId(name) for name in given.documents),
                answerable=given.answerable,
                cluster=given.cluster,
                reader=reader,
            ),
            passages=given.passages,
        )
        for given in body.cases
    ]
    passages = [
        NamedPassage(
            name=given.name,
            text=given.text,
            document_id=None if given.document_id is None else DocumentId(given.document_id),
            start=given.start,
            end=given.end,
        )
        for given in body.passages
    ]
    placed = importing.placed(cases, passages, reader=reader, services=services)
    added = changes.import_cases(placed.cases, who=asking.signed, services=services)
    taken = _taken_in(added, response)
    return ImportedReply(
        added=taken.added,
        skipped=[*taken.skipped, *placed.skipped],
        masked=taken.masked,
        unfound=[UnfoundReply(case_id=of, passage=name) for of, name in placed.unfound],
        left_out=list(placed.left_out),
    )


@routes.post("/retire")
def retire(body: RetireBody, state: Shared, asking: Asking) -> RetiredReply:
    """Take a case of any origin out of use, for good: neither tuning nor the gate uses it any more."""
    done = changes.retire(
        body.case_id, why=body.why, who=asking.signed, services=state.services, reader=state.reader(asking)
    )
    return RetiredReply(case_id=done.case_id, retired=done.retired, who=done.who, why=done.why)


def _item(listed: listing.JudgedQuestion) -> GoldenItem:
    case = listed.case
    return GoldenItem(
        case_id=case.case_id,
        question=case.question,
        origin=listed.origin,
        group=case.cluster,
        role=listed.role,
        state=listed.state,
        reason=listed.reason,
        answer=case.answer,
        documents=sorted(case.documents),
        evidence=spans_reply(case.evidence),
        followed=[FollowedReply.model_validate(followed.as_json()) for followed in listed.followed],
        answerable=case.answerable,
    )


def _taken_in(taken: changes.Additions, response: Response) -> TakenInReply:
    if not taken.added:
        response.status_code = 200
    return TakenInReply(added=list(taken.added), skipped=list(taken.skipped), masked=dict(taken.masked))
