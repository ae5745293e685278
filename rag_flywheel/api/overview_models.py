"""What the routes of the overview give, and its tables as CSV."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from rag_flywheel.api.deployment import GainReply, gain_reply
from rag_flywheel.api.models import Body
from rag_flywheel.api.review_work_models import harmless
from rag_flywheel.domain import Stage
from rag_flywheel.domain.anchors import Fate
from rag_flywheel.rollout.overview import Every, Overview

FIRST, LAST = date(1970, 1, 1), date(2999, 12, 31)
Day = Annotated[date, Field(ge=FIRST, le=LAST)]
"""One that may be asked for: far enough from where dates end, so that weeks and months around it are dates too."""


class _Read(Body):
    model_config = ConfigDict(extra="forbid", frozen=True, from_attributes=True)


class RateReply(_Read):
    """A share in 0..1 with its 95% interval (Wilson); null where nothing was counted."""

    value: float | None
    n: int  # what it is a share of
    low: float | None
    high: float | None


class LineReply(_Read):
    """Answers of one version, or of a stretch of time."""

    name: str  # the version, or the first day
    answers: int
    answered: RateReply
    doubtful: RateReply
    refused: RateReply
    good: RateReply  # of those that somebody judged


class StageReply(_Read):
    stage: Stage
    answers: int  # with a thumbs-down
    corrections: int


class CorrectionsReply(_Read):
    """How corrections get to the people; lags in hours from acceptance to live."""

    handed_in: int
    accepted: int
    went_live: int
    lag_p50: float | None
    lag_p95: float | None
    found: RateReply  # of what the newest versions were asked
    used: RateReply  # of those found
    answers: RateReply  # of the answers, those that cite a correction


class DocumentReply(_Read):
    document_id: str
    answers: int  # that cite it
    good: RateReply


class StaleReply(_Read):
    """A document that says what accepted corrections replaced."""

    document_id: str
    corrections: list[str]
    answers: int


class ChangedReply(_Read):
    """A span that a correction rests on or replaces, whose words have changed."""

    correction_id: str
    document_id: str
    fate: Fate
    replaced: bool


class OverviewReply(Body):
    """How the flywheel is doing, in numbers; what is sensitive is in none of them."""

    first: date
    last: date
    every: Every
    group: str | None
    groups: list[str]
    total: LineReply
    versions: list[LineReply]
    times: list[LineReply]
    stages: list[StageReply]
    corrections: CorrectionsReply
    useful: list[DocumentReply]
    useless: list[DocumentReply]
    stale: list[StaleReply]
    changed: list[ChangedReply]
    holdout: GainReply | None


class DigestBody(Body):
    since: Day | None = None  # the first of its seven days; null: the Monday of the last week that is over


class DigestReply(Body):
    """Whether it was left for the webhooks now, or before; and how many receivers took what was due."""

    state: Literal["sent", "known"]
    since: date
    delivered: int


Table = Literal["versions", "times", "stages", "corrections", "useful", "useless", "stale", "changed"]


def overview_reply(found: Overview) -> OverviewReply:
    wanted = found.wanted
    return OverviewReply(
        first=wanted.first,
        last=wanted.last,
        every=wanted.every,
        group=wanted.group,
        groups=list(found.groups),
        total=LineReply.model_validate(found.total),
        versions=[LineReply.model_validate(line) for line in found.versions],
        times=[LineReply.model_validate(line) for line in found.times],
        stages=[StageReply.model_validate(line) for line in found.stages],
        corrections=CorrectionsReply.model_validate(found.corrections),
        useful=[DocumentReply.model_validate(line) for line in found.useful],
        useless=[DocumentReply.model_validate(line) for line in found.useless],
        stale=[StaleReply.model_validate(line) for line in found.stale],
        changed=[ChangedReply.model_validate(line) for line in found.changed],
        holdout=None if found.gain is None else gain_reply(found.gain),
    )


def rows(told: OverviewReply, table: Table) -> list[dict[str, object]]:
    """A table's rows, flat: a share has its columns beside it."""
    found = getattr(told, table)
    return [dict(_flat(each.model_dump(mode="json"))) for each in (found if isinstance(found, list) else [found])]


def _flat(row: Mapping[str, object]) -> Sequence[tuple[str, object]]:
    cells: list[tuple[str, object]] = []
    for name, value in row.items():
        if isinstance(value, dict):
            cells += [(name if part == "value" else f"{name}_{part}", held) for part, held in value.items()]
        else:
            cells.append((name, " ".join(value) if isinstance(value, list) else value))
    return cells


class Format(StrEnum):
    CSV = "csv"
    JSON = "json"


_COLUMNS: Mapping[str, type[Body]] = {
    "versions": LineReply,
    "times": LineReply,
    "stages": StageReply,
    "corrections": CorrectionsReply,
    "useful": DocumentReply,
    "useless": DocumentReply,
    "stale": StaleReply,
    "changed": ChangedReply,
}


def columns(table: Table) -> list[str]:
    """Of a table, whether it has rows or not."""
    shares = [(name, field.annotation is RateReply) for name, field in _COLUMNS[table].model_fields.items()]
    return [
        column
        for name, share in shares
        for column in ([name, f"{name}_n", f"{name}_low", f"{name}_high"] if share else [name])
    ]


def as_csv(told: OverviewReply, table: Table) -> str:
    """RFC 4180; an apostrophe stands before what would be a formula."""
    written, names = io.StringIO(), columns(table)
    out = csv.writer(written)
    out.writerow(names)
    for row in rows(told, table):
        out.writerow("" if row[name] is None else harmless(str(row[name])) for name in names)
    return written.getvalue()
