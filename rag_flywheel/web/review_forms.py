"""What pages of reviewers are asked for, and what their forms send."""

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time
from typing import Annotated, Literal
from urllib.parse import parse_qsl, urlencode

from fastapi import Query
from pydantic import Field, TypeAdapter, ValidationError

from rag_flywheel.api.models import Name, Text
from rag_flywheel.api.review import Filters
from rag_flywheel.domain import Stage
from rag_flywheel.errors import InvalidInput
from rag_flywheel.feedback.review_queue import Order
from rag_flywheel.feedback.second_look import ConcernKind
from rag_flywheel.web.page import Form

Short = Annotated[str, Query(max_length=200)]
Day = Annotated[str, Query(pattern=r"^(\d{4}-\d{2}-\d{2})?$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which corrections of the queue, as a page's address says it; empty is as if it were not said."""

    status: Annotated[Literal["", "pending", "held", "accepted", "rejected", "quarantined"], Query()] = ""
    conflicts: Annotated[Literal["", "true"], Query()] = ""
    stage: Annotated[Stage | Literal[""], Query()] = ""
    concern: Annotated[ConcernKind | Literal[""], Query()] = ""
    document: Short = ""
    reviewer: Short = ""
    in_hand: Annotated[Literal["", "me", "others", "nobody"], Query()] = ""
    since: Day = ""
    until: Day = ""
    order: Annotated[Order | Literal[""], Query()] = ""

    @property
    def address(self) -> str:
        """What stands behind the question mark, to be shared."""
        return urlencode({name: str(value) for name, value in asdict(self).items() if value})

    def filters(self, *, limit: int) -> Filters:
        """Raises InvalidInput for a day that there is not."""
        return Filters(
            status=self.status or None,
            conflicts=bool(self.conflicts),
            stage=self.stage or None,
            concern=self.concern or None,
            document=self.document.strip() or None,
            reviewer=self.reviewer.strip() or None,
            in_hand=self.in_hand or None,
            since=_moment(self.since, time.min),
            until=_moment(self.until, time.max),
            order=self.order or Order.WORTH,
            limit=limit,
        )


_CHOSEN = TypeAdapter(Chosen)


def chosen_of(address: str) -> Chosen:
    """What `Chosen.address` gave. Raises InvalidInput for anything else."""
    try:
        return _CHOSEN.validate_python(dict(parse_qsl(address)))
    except ValidationError:
        raise InvalidInput("the form names no queue; open the queue again") from None


def _moment(day: str, at: time) -> datetime | None:
    try:
        return datetime.combine(date.fromisoformat(day), at, tzinfo=UTC) if day else None
    except ValueError:
        raise InvalidInput("one of the two days is none that there is, such as 2026-05-01") from None


class QueueForm(Form):
    """`queue` is the address of the queue that one works on."""

    queue: Annotated[str, Field(max_length=2_000)] = ""


class DecideForm(QueueForm):
    verdict: Literal["accept", "reject", "quarantine"]
    answer: Text | None = None
    note: Text | None = None
    seen: Name | None = None


class BulkForm(QueueForm):
    ids: Annotated[tuple[Name, ...], Field(max_length=100)] = ()
    verdict: Literal["accept", "reject", "quarantine"]
    note: Text | None = None


class AssignForm(QueueForm):
    reviewer: Name


class SecondForm(Form):
    verdict: Literal["accept", "reject", "quarantine"]
    note: Text | None = None
