"""The work of reviewers: the queue, verdicts, who has what in hand, second reviews, and how far they are."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AwareDatetime

from eval.scores.second_reviews import agreement as agreement_of
from rag_flywheel.api.guard import GuardedRoute
from rag_flywheel.api.models import Name
from rag_flywheel.api.review_items import blind_item, detail, items, one
from rag_flywheel.api.review_models import ReviewBody, ReviewDetail, ReviewItem
from rag_flywheel.api.review_work_models import (
    AgreementReply,
    AssignBody,
    BulkBody,
    BulkReply,
    NextReply,
    ReviewCountsReply,
    SecondBody,
    SecondItem,
    SecondReply,
    TouchedReply,
    agreement_reply,
    as_csv,
    counts_reply,
    touched_reply,
)
from rag_flywheel.api.state import Asking, Shared, State
from rag_flywheel.domain import CorrectionId, Person, ReviewedCorrection, Stage, Verdict
from rag_flywheel.domain.readers import Reader
from rag_flywheel.errors import FlywheelError
from rag_flywheel.feedback import assigning, review, review_counts, review_queue, second_reviews, touching
from rag_flywheel.feedback.reviewers import is_for, same_person
from rag_flywheel.feedback.second_look import ConcernKind
from rag_flywheel.ports import Ledger
from rag_flywheel.privacy.numbering import masking

routes = APIRouter(route_class=GuardedRoute, tags=["review"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which corrections of the queue; what is not said does not matter."""

    status: Annotated[Literal["pending", "held", "accepted", "rejected", "quarantined"] | None, Query()] = None
    conflicts: Annotated[bool, Query()] = False
    stage: Annotated[Stage | None, Query()] = None
    concern: Annotated[ConcernKind | None, Query()] = None
    document: Annotated[Name | None, Query()] = None
    reviewer: Annotated[Name | None, Query()] = None
    in_hand: Annotated[Literal["me", "others", "nobody"] | None, Query()] = None
    since: Annotated[AwareDatetime | None, Query()] = None
    until: Annotated[AwareDatetime | None, Query()] = None
    order: Annotated[review_queue.Order, Query()] = review_queue.Order.WORTH
    limit: Annotated[int, Query(ge=1, le=1000)] = 100


Filtered = Annotated[Filters, Depends()]


def chosen(filters: Filters, asking: Person, state: State) -> list[review_queue.Progress]:
    """The corrections of a queue that are for whoever asks."""
    services, reader = state.services, state.reader(asking)
    now = services.now()
    held = assigning.in_hand(services.ledger, now)
    look = state.look(reader) if filters.concern is not None else None

    def wanted(entry: ReviewedCorrection) -> bool:
        correction, last = entry.correction, entry.review
        spans = (*correction.evidence, *correction.supersedes)
        holder = held.get(correction.correction_id)
        whose = "nobody" if holder is None else "me" if same_person(holder.reviewer, asking.signed) else "others"
        return (
            filters.status in (None, entry.verdict_state)  # without one they are those that wait, or in conflict
            and filters.stage in (None, correction.stage)
            and (filters.document is None or any(span.document_id == filters.document for span in spans))
            and (filters.reviewer is None or (last is not None and same_person(last.reviewer, filters.reviewer)))
            and filters.in_hand in (None, whose)
            and (filters.since is None or correction.submitted >= filters.since)
            and (filters.until is None or correction.submitted <= filters.until)
            and (look is None or _has(filters.concern, entry, look, reader, services.ledger))
        )

    return review_queue.queue(
        review_queue.Selection(
            wanted=wanted,
            waiting=filters.status is None and not filters.conflicts,
            conflicting=filters.conflicts,
            order=filters.order,
            limit=filters.limit,
        ),
        known=state.known(reader),
        ledger=services.ledger,
        people=state.people(asking),
        now=now,
        reader=reader,
    )


@routes.get("/review")
def queue(filters: Filtered, state: Shared, asking: Asking) -> list[ReviewItem]:
    """The corrections in a state by their latest verdict. If none is named, those that wait for a decision (pending,
    held for a second reviewer, or sent back by a guardrail), and with `conflicts` those in any state that another one
    contradicts. What a verdict is worth most comes first.
    """
    return items(chosen(filters, asking, state), asking, state)


@routes.get("/review.csv", response_class=Response, responses={200: {"content": {"text/csv": {}}}})
def table(filters: Filtered, state: Shared, asking: Asking) -> Response:
    """The same as a table (RFC 4180), in which no text is a formula."""
    return Response(
        as_csv(items(chosen(filters, asking, state), asking, state)),
        media_type="text/csv",
        headers={"Content-Disposition": 'attachment; filename="review.csv"'},
    )


@routes.post("/review")
def decide_many(body: BulkBody, state: Shared, asking: Asking) -> list[BulkReply]:
    """Decide on several, each by itself: what is refused is told, and the others are decided on."""
    return [_one_of_many(name, body, state, asking) for name in body.ids]


@routes.post("/review/next")
def take_next(filters: Filtered, state: Shared, asking: Asking) -> NextReply:
    """Take the first of the queue that you can decide on: what you have in hand, or else what nobody has."""
    services = state.services
    taken = assigning.take_next(
        [progress.reviewed for progress in chosen(filters, asking, state)],
        own=services.config.access.own_reviews,
        reviewer=asking.signed,
        reader=state.reader(asking),
        ledger=services.ledger,
        at=services.now(),
        lasting=_minutes(state),
    )
    return NextReply(item=None if taken is None else one(taken.correction_id, asking, state))


@routes.get("/review/progress")
def progress(state: Shared, asking: Asking, days: Annotated[int, Query(ge=1, le=3650)] = 7) -> ReviewCountsReply:
    """What waits in each queue, and what each reviewer decided in the last days."""
    now, reader = state.services.now(), state.reader(asking)
    known = state.known(reader).reviewed.values()
    found = review_counts.counts(
        known, ledger=state.services.ledger, reader=reader, since=now - timedelta(days=days), now=now
    )
    return counts_reply(found, days=days)


@routes.get("/review/agreement")
def agreement(state: Shared, asking: Asking) -> AgreementReply:
    """How far second reviewers agree with first ones, and where they do not."""
    ledger, reader = state.services.ledger, state.reader(asking)
    seconds = [
        each for each in ledger.second_reviews() if is_for(ledger.correction(each.correction_id), reader, ledger)
    ]
    return agreement_reply(agreement_of([(each.first_verdict, each.verdict) for each in seconds]), seconds)


@routes.get("/review/second")
def second(state: Shared, asking: Asking, limit: Annotated[int, Query(ge=1, le=100)] = 1) -> list[SecondItem]:
    """What was decided and was drawn to be decided once more, without what was decided. The oldest first."""
    services, reader = state.services, state.reader(asking)
    found = second_reviews.waiting(
        state.known(reader).reviewed.values(),
        reviewer=asking.signed,
        reader=reader,
        ledger=services.ledger,
        share=services.config.review.second_share,
    )
    return [blind_item(entry, asking, state) for entry, _ in zip(found, range(limit), strict=False)]


@routes.post("/review/second/{correction_id}")
def decide_second(correction_id: str, body: SecondBody, state: Shared, asking: Asking) -> SecondReply:
    """Say how you would have decided. It changes nothing but what is known of how far reviewers agree."""
    services = state.services
    given = second_reviews.give(
        CorrectionId(correction_id),
        second_reviews.Opinion(
            verdict=Verdict(body.verdict), reviewer=asking.signed, note=body.note, reader=state.reader(asking)
        ),
        ledger=services.ledger,
        redactor=services.redactor,
        share=services.config.review.second_share,
        at=services.now(),
        new_id=services.new_id,
    )
    return SecondReply(
        id=given.correction_id, verdict=given.verdict, first_verdict=given.first_verdict, agrees=given.agrees
    )


@routes.get("/review/{correction_id}")
def item(correction_id: str, state: Shared, asking: Asking) -> ReviewDetail:
    """One correction as a reviewer sees it, with what was found for its question."""
    return detail(CorrectionId(correction_id), asking, state)


@routes.get("/review/{correction_id}/touches")
def touches(correction_id: str, state: Shared, asking: Asking) -> TouchedReply:
    """What it would touch if it went live: where it would stand for its own question, and for which of the nearest
    questions another passage would stand first in the live version. Nothing is changed.
    """
    found = one(CorrectionId(correction_id), asking, state)
    reviewed = state.services.ledger.correction(CorrectionId(found.id))
    searcher = state.chat.readers.searcher(state.chat.searcher(), asking.groups)
    asked = state.asked(asking)
    return touched_reply(touching.touched(reviewed, asked, searcher=searcher, vectors=state.vectors))


@routes.post("/review/{correction_id}")
def decide(correction_id: str, body: ReviewBody, state: Shared, asking: Asking) -> ReviewItem:
    """Accept (in other words, if need be), reject or quarantine. The latest verdict counts.

    What gives reason to look twice is `held` until a second reviewer accepts it. With `seen`, the `review` of the item
    that was looked at, a verdict is refused where somebody else decided meanwhile.
    """
    _decide(CorrectionId(correction_id), body, state, asking)
    return one(CorrectionId(correction_id), asking, state)


@routes.post("/review/{correction_id}/undo")
def undo(correction_id: str, state: Shared, asking: Asking) -> ReviewItem:
    """Take your latest verdict back, as long as no version was built with it."""
    services = state.services
    review.undo(
        CorrectionId(correction_id),
        reviewer=asking.signed,
        reader=state.reader(asking),
        ledger=services.ledger,
        at=services.now(),
        new_id=services.new_id,
    )
    return one(CorrectionId(correction_id), asking, state)


@routes.post("/review/{correction_id}/take")
def take(correction_id: str, state: Shared, asking: Asking) -> ReviewItem:
    """Have it in hand for a while: nobody else decides on it meanwhile."""
    services = state.services
    assigning.take(
        CorrectionId(correction_id),
        reviewer=asking.signed,
        reader=state.reader(asking),
        ledger=services.ledger,
        at=services.now(),
        lasting=_minutes(state),
    )
    return one(CorrectionId(correction_id), asking, state)


@routes.post("/review/{correction_id}/leave")
def leave(correction_id: str, state: Shared, asking: Asking) -> ReviewItem:
    """Put it back, for others to decide on."""
    return _put_back(CorrectionId(correction_id), state, asking, skipped=False)


@routes.post("/review/{correction_id}/skip")
def skip(correction_id: str, state: Shared, asking: Asking) -> ReviewItem:
    """Put it back, and do not be given it again soon."""
    return _put_back(CorrectionId(correction_id), state, asking, skipped=True)


@routes.post("/review/{correction_id}/assign")
def assign(correction_id: str, body: AssignBody, state: Shared, asking: Asking) -> ReviewItem:
    """Give it to a reviewer, who has it in hand for so many hours as `review.assigned_hours` says."""
    services = state.services
    assigning.assign(
        CorrectionId(correction_id),
        to=body.reviewer,
        by=asking.signed,
        reader=state.reader(asking),
        ledger=services.ledger,
        at=services.now(),
        lasting=timedelta(hours=services.config.review.assigned_hours),
    )
    return one(CorrectionId(correction_id), asking, state)


def _has(
    kind: ConcernKind | None, entry: ReviewedCorrection, look: review.Look, reader: Reader, ledger: Ledger
) -> bool:
    return is_for(entry, reader, ledger) and any(found.kind is kind for found in look(entry, entry.answer))


def _decide(correction_id: CorrectionId, body: ReviewBody, state: State, asking: Person) -> None:
    services, look = state.services, state.look()
    review.decide(
        correction_id,
        review.Ruling(
            verdict=Verdict(body.verdict),
            reviewer=asking.signed,
            answer=body.answer,
            note=body.note,
            seen=body.seen,
            own=services.config.access.own_reviews,
            reader=state.reader(asking),
        ),
        ledger=services.ledger,
        masking=masking(services),
        look=look if services.config.review.second_reviewer else None,
        at=services.now(),
        new_id=services.new_id,
    )


def _one_of_many(name: str, body: BulkBody, state: State, asking: Person) -> BulkReply:
    wanted = ReviewBody(verdict=body.verdict, note=body.note, seen=body.seen.get(name))
    try:
        _decide(CorrectionId(name), wanted, state, asking)
    except FlywheelError as error:
        if error.http_status >= 500:
            raise
        return BulkReply(id=name, status=None, error=type(error).__name__, detail=str(error))
    return BulkReply(
        id=name, status=state.services.ledger.correction(CorrectionId(name)).verdict_state, error=None, detail=None
    )


def _put_back(correction_id: CorrectionId, state: State, asking: Person, *, skipped: bool) -> ReviewItem:
    services = state.services
    assigning.put_back(
        correction_id,
        skipped=skipped,
        reviewer=asking.signed,
        reader=state.reader(asking),
        ledger=services.ledger,
        at=services.now(),
    )
    return one(correction_id, asking, state)


def _minutes(state: State) -> timedelta:
    return timedelta(minutes=state.services.config.review.in_hand_minutes)
