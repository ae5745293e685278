"""How the flywheel is doing, in numbers: what pages, the API, the command line and the weekly digest tell alike.

All of it is counted by the ledger, of the answers that somebody may read. What is sensitive is in none of it: that is
released with noise alone (`feedback.insights`).
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache

from eval.report.correction_rates import Rate, share
from rag_flywheel.domain import (
    CORRECTION_PREFIX,
    CorrectionId,
    CorrectionState,
    DocumentId,
    Manifest,
    Stage,
    VersionId,
)
from rag_flywheel.domain.anchors import Fate
from rag_flywheel.domain.insights import Answers, Chosen, Cited, Judged
from rag_flywheel.domain.probes import Found
from rag_flywheel.domain.readers import Reader
from rag_flywheel.domain.topics import AnswerState
from rag_flywheel.feedback.review_queue import Known
from rag_flywheel.ports import Insights, Versions
from rag_flywheel.privacy.sensitive import Sensitive
from rag_flywheel.rollout.deployment import Gain

LISTED = 20  # documents of a list
FILLED = 366  # stretches without answers that are told of in a row
_share = lru_cache(maxsize=10_000)(share)


class Every(StrEnum):
    """How long a line of the table by time is."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be told."""

    first: date  # days in UTC, both included
    last: date
    every: Every = Every.DAY
    group: str | None = None  # of askers


@dataclass(frozen=True, slots=True, kw_only=True)
class Eyes:
    """Who looks: what they may read, and what nobody is told without noise."""

    reader: Reader
    sensitive: Sensitive

    @property
    def see_everything(self) -> bool:
        return self.reader.groups is None and not self.sensitive.anything

    def chosen(self, counts: Insights) -> Chosen:
        """The answers that count, of all days and groups."""
        found = frozenset() if self.see_everything else counts.traits()
        return Chosen(
            without=frozenset(
                trait for trait in found if not (self.reader.counts(trait) and self.sensitive.counts(trait))
            ),
            without_groups=self.sensitive.groups,
        )

    def documents(self, names: Iterable[DocumentId]) -> list[DocumentId]:
        """Those that may be named."""
        hides = self.sensitive.anything
        return [name for name in names if self.reader.reads(name) and not (hides and self.sensitive.document(name))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Answers of one version, or of one stretch of time."""

    name: str
    answers: int
    answered: Rate  # of all: not refused
    doubtful: Rate  # of all
    refused: Rate  # of all
    good: Rate  # of those that somebody judged: nobody called them bad


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedStage:
    stage: Stage
    answers: int  # with a thumbs-down that was attributed to it
    corrections: int  # that were not refused


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionFacts:
    """How corrections get to the people."""

    handed_in: int  # in the time
    accepted: int  # in the time
    went_live: int  # in the time, for the first time
    lag_p50: float | None  # hours from acceptance to live, of those that went live in the time
    lag_p95: float | None
    found: Rate  # of the questions that the newest versions were asked, those that found their correction
    used: Rate  # of those found, the ones whose answer cites it
    answers: Rate  # of the answers in the time, those that cite a correction


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentLine:
    """A document by the answers that cite it."""

    document_id: DocumentId
    answers: int
    good: Rate  # of those that somebody judged


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleDocument:
    """One that says what accepted corrections replaced: it should be edited where it comes from."""

    document_id: DocumentId
    corrections: tuple[CorrectionId, ...]
    answers: int  # that cite it, in the time


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedEvidence:
    """A span that a correction rests on, or replaces, and that the live version's documents do not hold as it was."""

    correction_id: CorrectionId
    document_id: DocumentId
    fate: Fate
    replaced: bool  # whether it is what the correction replaces


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Everything, each table by its name."""

    wanted: Wanted
    groups: tuple[str, ...]  # of askers, that can be chosen
    total: Line
    versions: tuple[Line, ...]  # the one that answered last comes first
    times: tuple[Line, ...]  # oldest first, also those between them without answers
    stages: tuple[FailedStage, ...]
    corrections: CorrectionFacts
    useful: tuple[DocumentLine, ...]
    useless: tuple[DocumentLine, ...]
    stale: tuple[StaleDocument, ...]
    changed: tuple[ChangedEvidence, ...]
    gain: Gain | None  # of a hold-out, since it began; it is of everybody, so only who may count everything sees it


def overview(
    wanted: Wanted,
    eyes: Eyes,
    *,
    counts: Insights,
    versions: Versions,
    known: Known,
    live: VersionId | None,
    gain: Gain | None,
) -> Overview:
    """`known` is what the ledger says of the corrections that the reader may read."""
    whole = eyes.chosen(counts)
    every = replace(whole, group=wanted.group)
    chosen = replace(every, first=wanted.first, last=wanted.last)
    answers, judged, cited = counts.answers(chosen), counts.judged(chosen), counts.cited(chosen)
    ours = _ours(known, counts.corrected(every), eyes)
    manifest = None if live is None else versions.version(live).manifest
    [total] = _lines(answers, judged, lambda entry: "all") or [_line("all", Counter(), Counter())]
    useful, useless = _by_use(cited, eyes)
    return Overview(
        wanted=wanted,
        groups=tuple(counts.asker_groups(whole)),
        total=total,
        versions=tuple(reversed(_lines(answers, judged, lambda entry: entry.version_id))),
        times=tuple(
            _filled(_lines(answers, judged, lambda entry: begin(entry.day, wanted.every).isoformat()), wanted.every)
        ),
        stages=_stages(counts.failed_stages(chosen), ours, known, wanted),
        corrections=_corrections(ours, known, wanted, counts.answers_by_corrections(chosen), total.answers),
        useful=useful,
        useless=useless,
        stale=_stale(manifest, ours, known, eyes, {each.document_id: each.answers for each in cited}),
        changed=_changed(manifest, ours, eyes),
        gain=gain if eyes.see_everything else None,
    )


def begin(day: date, every: Every) -> date:
    """The first day of the stretch that a day is in; weeks begin on Monday (ISO 8601)."""
    if every is Every.WEEK:
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if every is Every.MONTH else day


def _ours(known: Known, corrected: frozenset[CorrectionId], eyes: Eyes) -> frozenset[CorrectionId]:
    """Corrections of answers that count, about nothing that is sensitive."""
    return frozenset(
        name
        for name in corrected & known.reviewed.keys()
        if not eyes.sensitive.anything
        or not any(
            eyes.sensitive.document(span.document_id)
            for of in (known.reviewed[name].correction,)
            for span in (*of.evidence, *of.supersedes)
            if not span.document_id.startswith(CORRECTION_PREFIX)
        )
    )


def _lines(answers: Sequence[Answers], judged: Sequence[Judged], of: Callable[[Answers | Judged], str]) -> list[Line]:
    """One for each name, in the order in which they come."""
    states: dict[str, Counter[AnswerState]] = {}
    words: dict[str, Counter[bool]] = {}
    for entry in answers:
        name = of(entry)
        counts = states.pop(name, None) or Counter()  # the one that comes last stands last
        counts[entry.state] += entry.count
        states[name] = counts
    for said in judged:
        judgements = words.setdefault(of(said), Counter())
        judgements[True] += said.good
        judgements[False] += said.bad
    return [_line(name, counts, words.get(name, Counter())) for name, counts in states.items()]


def _filled(lines: Sequence[Line], every: Every) -> Iterator[Line]:
    """With the stretches between them in which nobody asked."""
    last: date | None = None
    for line in lines:
        day = date.fromisoformat(line.name)
        for _ in range(FILLED):
            last = day if last is None else _following(last, every)
            if last >= day:
                break
            yield _line(last.isoformat(), Counter(), Counter())
        last = day
        yield line


def _following(day: date, every: Every) -> date:
    """The first day of the stretch after the one that begins with `day`."""
    return begin(day + timedelta(days={Every.DAY: 1, Every.WEEK: 7, Every.MONTH: 31}[every]), every)


def _line(name: str, states: Counter[AnswerState], words: Counter[bool]) -> Line:
    n, refused, doubtful = states.total(), states[AnswerState.REFUSED], states[AnswerState.DOUBTFUL]
    return Line(
        name=name,
        answers=n,
        answered=_share(n - refused, n),
        doubtful=_share(doubtful, n),
        refused=_share(refused, n),
        good=_share(words[True], words.total()),
    )


def _stages(
    down: Mapping[Stage, int], ours: frozenset[CorrectionId], known: Known, wanted: Wanted
) -> tuple[FailedStage, ...]:
    refused = (CorrectionState.REJECTED, CorrectionState.QUARANTINED)
    entries = (known.reviewed[name] for name in ours)
    corrected = Counter(
        entry.correction.stage
        for entry in entries
        if entry.verdict_state not in refused and _is_in(entry.correction.submitted, wanted)
    )
    return tuple(FailedStage(stage=stage, answers=down.get(stage, 0), corrections=corrected[stage]) for stage in Stage)


def _is_in(at: datetime | None, wanted: Wanted) -> bool:
    return at is not None and wanted.first <= at.astimezone(UTC).date() <= wanted.last


def _corrections(
    ours: frozenset[CorrectionId], known: Known, wanted: Wanted, citing: int, answers: int
) -> CorrectionFacts:
    entries = [known.reviewed[name] for name in ours]
    accepted = {
        entry.correction.correction_id: entry.review.reviewed
        for entry in entries
        if entry.review is not None and entry.verdict_state is CorrectionState.ACCEPTED
    }
    live = {name: known.first[name].went_live for name in ours if name in known.first}
    lags = sorted(
        (at - accepted[name]) / timedelta(hours=1)
        for name, at in live.items()
        # What was accepted again since says nothing of how long the first time took.
        if at is not None and _is_in(at, wanted) and name in accepted and accepted[name] <= at
    )
    asked = [found for name, probe in known.probes.items() if name in ours for found in probe.all]
    found = [each for each in asked if each is not Found.NOT_FOUND]
    return CorrectionFacts(
        handed_in=sum(_is_in(entry.correction.submitted, wanted) for entry in entries),
        accepted=sum(_is_in(at, wanted) for at in accepted.values()),
        went_live=sum(_is_in(at, wanted) for at in live.values()),
        lag_p50=_quantile(lags, 0.5),
        lag_p95=_quantile(lags, 0.95),
        found=share(len(found), len(asked)),
        used=share(found.count(Found.AND_USED), len(found)),
        answers=share(citing, answers),
    )


def _quantile(ordered: Sequence[float], part: float) -> float | None:
    """The smallest value that at least this part of them do not exceed."""
    return ordered[math.ceil(part * len(ordered)) - 1] if ordered else None


def _by_use(cited: Sequence[Cited], eyes: Eyes) -> tuple[tuple[DocumentLine, ...], tuple[DocumentLine, ...]]:
    """Documents whose answers are surest to be good, and to be bad: by the near end of the interval, so that one word
    of one person says little.
    """
    plain = [each for each in cited if not each.document_id.startswith(CORRECTION_PREFIX)]
    named = set(eyes.documents(each.document_id for each in plain))
    lines = [
        DocumentLine(document_id=each.document_id, answers=each.answers, good=_share(each.good, each.good + each.bad))
        for each in plain
        if each.document_id in named
    ]
    useful = sorted(lines, key=lambda line: (-(line.good.low or 0.0), -line.answers, line.document_id))
    bad = [line for line in lines if line.good.value is not None and line.good.value < 1]
    useless = sorted(bad, key=lambda line: (line.good.high or 0.0, -line.answers, line.document_id))
    return tuple(useful[:LISTED]), tuple(useless[:LISTED])


def _stale(
    manifest: Manifest | None,
    ours: frozenset[CorrectionId],
    known: Known,
    eyes: Eyes,
    cited: Mapping[DocumentId, int],
) -> tuple[StaleDocument, ...]:
    if manifest is None:
        return ()
    done = {(each.of, each.was.document_id) for each in manifest.followed if each.fate is Fate.FULFILLED}
    found: dict[DocumentId, dict[CorrectionId, None]] = {}
    for name in manifest.corrections:
        if name in ours:
            for span in known.reviewed[name].correction.supersedes:
                document = span.document_id
                if not document.startswith(CORRECTION_PREFIX) and (name, document) not in done:
                    found.setdefault(document, {})[name] = None
    lines = [
        StaleDocument(document_id=name, corrections=tuple(found[name]), answers=cited.get(name, 0))
        for name in eyes.documents(found)
    ]
    return tuple(sorted(lines, key=lambda line: (-len(line.corrections), -line.answers, line.document_id)))


def _changed(manifest: Manifest | None, ours: frozenset[CorrectionId], eyes: Eyes) -> tuple[ChangedEvidence, ...]:
    if manifest is None:
        return ()
    named = {each.was.document_id for each in manifest.followed}
    readable = set(eyes.documents(named))
    return tuple(
        ChangedEvidence(
            correction_id=CorrectionId(of), document_id=each.was.document_id, fate=each.fate, replaced=each.superseded
        )
        for each in manifest.followed
        if (of := each.of.removeprefix(CORRECTION_PREFIX)) in ours
        and each.was.document_id in readable
        and each.fate in (Fate.EDITED, Fate.STALE)
    )
