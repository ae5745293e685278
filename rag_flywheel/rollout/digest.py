"""A week in a page of Markdown, for a file or for the webhooks: each week is told of once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol

from eval.report.correction_rates import Rate
from rag_flywheel.domain import AuditEntry, Json, Notice
from rag_flywheel.errors import Conflict
from rag_flywheel.ports import Operations, Outbox
from rag_flywheel.rollout.overview import DocumentLine, Overview
from rag_flywheel.rollout.promotion import Act

WEEK = timedelta(days=7)
KIND = "digest"
LISTED = 5  # documents of a list


class DigestLedger(Operations, Outbox, Protocol):
    """Where the notice goes, and who asked for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """The week that begins with `since`."""

    since: date
    markdown: str
    numbers: dict[str, Json]


def last_week(today: date) -> date:
    """The Monday of the last week that is over (ISO 8601)."""
    return today - timedelta(days=today.weekday()) - WEEK


def digest(week: Overview, before: Overview) -> Digest:
    """What happened in a week, beside the week before."""
    return Digest(since=week.wanted.first, markdown="\n".join(_lines(week, before)) + "\n", numbers=_numbers(week))


def send(made: Digest, *, ledger: DigestLedger, act: Act) -> bool:
    """Leave it for the webhooks; False where that week was left before."""
    day = made.since.isoformat()
    data: dict[str, Json] = {
        "subject": day,
        "who": act.who,
        "why": act.why,
        "markdown": made.markdown,
        "numbers": {**made.numbers},
    }
    try:
        with ledger.transaction():
            ledger.add_notice(Notice(notice_id=f"{KIND}:{day}", at=act.at, kind=KIND, data=data))
            ledger.add_audit(AuditEntry(at=act.at, who=act.who, action=KIND, subject=day, detail={"why": act.why}))
    except Conflict:
        return False
    return True


def _numbers(week: Overview) -> dict[str, Json]:
    total, corrections = week.total, week.corrections
    return {
        "answers": total.answers,
        **{name: getattr(total, name).value for name in ("answered", "doubtful", "refused", "good")},
        "judged": total.good.n,
        **{name: getattr(corrections, name) for name in ("handed_in", "accepted", "went_live", "lag_p50", "lag_p95")},
        "stale_documents": len(week.stale),
        "changed_evidence": len(week.changed),
    }


def _lines(week: Overview, before: Overview) -> Iterator[str]:
    wanted, total, was, corrections = week.wanted, week.total, before.total, week.corrections
    yield f"# Week of {wanted.first} to {wanted.last}"
    yield ""
    yield "| | this week | 95% interval | the week before |"
    yield "| --- | --- | --- | --- |"
    yield f"| questions | {total.answers} | | {was.answers} |"
    for name in ("answered", "doubtful", "refused"):
        now, then = getattr(total, name), getattr(was, name)
        yield f"| {name} | {percent(now)} | {interval(now)} | {percent(then)} |"
    good = total.good
    yield f"| called good, of {good.n} judged | {percent(good)} | {interval(good)} | {percent(was.good)} |"
    yield ""
    yield (
        f"Corrections: {corrections.handed_in} handed in, {corrections.accepted} accepted, "
        f"{corrections.went_live} went live."
    )
    if corrections.lag_p50 is not None and corrections.lag_p95 is not None:
        p50, p95 = f"{corrections.lag_p50:.1f} hours", f"{corrections.lag_p95:.1f} hours"
        yield f"From acceptance to live it took {p50} at most for half of them, {p95} for 95 of 100."
    yield from _listed("Most useful documents", [_document(line) for line in week.useful[:LISTED]])
    yield from _listed("Least useful documents", [_document(line) for line in week.useless[:LISTED]])
    stale = [f"`{line.document_id}`: {len(line.corrections)} corrections replace what it says" for line in week.stale]
    yield from _listed("To be edited where they come from", stale[:LISTED])
    if week.changed:
        yield ""
        yield f"Of {len(week.changed)} spans that corrections rest on or replace the words have changed."


def _listed(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield from ("", f"## {title}", "", *(f"- {line}" for line in lines))


def _document(line: DocumentLine) -> str:
    return f"`{line.document_id}`: cited by {line.answers} answers, {percent(line.good)} of {line.good.n} judged good"


def percent(rate: Rate) -> str:
    return "–" if rate.value is None else f"{rate.value:.1%}"


def interval(rate: Rate) -> str:
    return "–" if rate.low is None or rate.high is None else f"{rate.low:.1%} to {rate.high:.1%}"
