"""The gate's report: one document of plain values, written as JSON, Markdown and one self-contained HTML page."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from eval.comparison import ALL_GUARDS, Role, changes
from eval.comparison import Change as Move
from eval.gate import Finding, Ruling, Tested
from eval.guardrails.checks import Check
from eval.questions.golden import Case, Retired, Slice
from eval.report.biggest_changes import swings
from eval.report.churn import Churn, Kind
from eval.report.forest import panels
from eval.report.legend import CHANGES, METRICS, RATES, SLICES
from eval.report.lineage import Lineage, origin, reading, since
from eval.report.night import Night, probe_rows, told_of
from eval.report.rendering import environment, number, signed
from eval.scores import scorecard
from eval.scores.agreement import Agreement
from eval.scores.scorecard import Reply, Scorecard
from rag_flywheel.config import Gate
from rag_flywheel.domain import Outcome

FILES = ("report.json", "report.md", "report.html")
_OPTIONAL = (
    *("aside", "attempts", "corrections", "small_strata", "swings", "churn", "sealed", "reading", "since_parent"),
    *("agreement", "costs"),
)

Replies = tuple[Mapping[str, Reply], Mapping[str, Reply]]
"""The control's and the treatment's, by case id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What both versions made of the gate's questions."""

    control: Scorecard | None  # None for the first version
    treatment: Scorecard
    retired: Sequence[Retired]  # questions that were not asked any more
    replies: Replies | None = None  # the questions most won and lost show their rankings
    churn: Churn | None = None  # what changes for recent real questions


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """Who scored what no rule can, and how far that is to be believed."""

    model: str
    agreement: Agreement | None = None  # of the judge with people
    costs: Mapping[str, float | str | None] | None = None  # as of `judge.Costs`; what is None is absent


def assemble(
    ruling: Ruling,
    lineage: Lineage,
    scored: Scored,
    *,
    decided: datetime,
    settings: Gate,
    judging: Judging | None = None,
    night: Night | None = None,
) -> dict[str, Any]:
    """All that the report says, as plain JSON values: the argument of `write` and `rows`.

    Questions are in it as the ledger stores them, masked, but for sealed ones, of which it has totals only. What is not
    given or has nothing to tell is absent: the judge, what changes for recent questions, what the night did besides.
    """
    manifest, cases, churn = lineage.manifest, scored.treatment.cases, scored.churn
    open_cases = {case.case_id: case for case in cases if not case.sealed}
    changed = [] if scored.control is None else changes(scored.control, scored.treatment, scorecard.HIT)
    comparisons, small = _kept(ruling.tested)
    told = {
        "version": manifest.version_id,
        "compared_with": manifest.parent,
        "decided": decided.isoformat(timespec="seconds"),
        "outcome": ruling.outcome.value,
        "better": ruling.better,
        "confidence": ruling.confidence,
        "verdict": _verdict(ruling, first=manifest.parent is None),
        "reasons": list(ruling.reasons),
        "comparisons": [_plain(tested) for tested in comparisons],
        "slices": [_slice(slice, meaning, cases) for slice, meaning in SLICES.items()],
        "checks": [_checked(check) for check in ruling.checks],
        "changed": [
            {**_told(open_cases[change.case_id]), "before": change.before, "after": change.after}
            for change in changed
            if change.case_id in open_cases
        ],
        "retired": [{**_told(out.case), "reason": out.reason} for out in scored.retired if not out.case.sealed],
        "judge": judging and judging.model,
        "gate": settings.model_dump(mode="json"),
        "manifest": origin(manifest, lineage.reviewed),
    }
    optional = {
        "small_strata": small,
        "swings": _swings(scored),
        "churn": _churn(churn) if churn and churn.asked else None,
        "sealed": _sealed(cases, [out.case for out in scored.retired], changed),
        "reading": reading(lineage.sources),
        "since_parent": lineage.parent and since(lineage.parent, manifest),
        **({} if judging is None else _judging(judging)),
        **({} if night is None else told_of(night)),
    }
    return told | {name: value for name, value in optional.items() if value}


def _swings(scored: Scored) -> dict[str, Any] | None:
    if scored.control is None or scored.replies is None:
        return None
    return swings(scored.control, scored.treatment, scored.replies)


def _judging(judging: Judging) -> dict[str, Any]:
    costs = judging.costs or {}
    return {
        "agreement": judging.agreement and _agreed(judging.agreement),
        "costs": {name: amount for name, amount in costs.items() if amount is not None},
    }


def _verdict(ruling: Ruling, *, first: bool) -> str:
    if ruling.outcome is Outcome.REFUSED:
        return "Refused"
    if ruling.outcome is Outcome.UNDECIDED:
        return "Undecided"
    if first:
        return "Passed as the first version"
    return "Passed as better" if ruling.better else "Passed as not worse"


def _kept(tested: Sequence[Tested]) -> tuple[list[Tested], list[dict[str, Any]]]:
    """(comparisons, parts of too few questions): what no rule asks of a part would make the report long and say
    nothing, as there may be as many parts as sources.
    """
    kept, small = [], []
    for (slice, role), members in groupby(tested, key=lambda result: (result.comparison.slice, result.comparison.role)):
        those = list(members)
        if role is Role.PART and all(result.finding in (Finding.TOO_FEW, Finding.NOT_TESTED) for result in those):
            small.append({"slice": slice, "questions": max(result.comparison.n for result in those)})
        else:
            kept += those
    return kept, small


def _plain(tested: Tested) -> dict[str, Any]:
    guarded = tested.comparison.role is not Role.TARGET and tested.finding is not Finding.NOT_TESTED
    renamed = {"clusters": "groups"}  # as readers of report.json know it
    return {
        **{renamed.get(name, name): value for name, value in asdict(tested.comparison).items()},
        "slice": str(tested.comparison.slice),
        "role": tested.comparison.role.value,
        "finding": tested.finding.value,
        "p": tested.p,
        "guarded": guarded,
    }


def _slice(slice: Slice, meaning: str, cases: Sequence[Case]) -> dict[str, Any]:
    members = [case for case in cases if case.slice is slice]
    return {
        "slice": slice.value,
        "meaning": meaning,
        "questions": len(members),
        "made": sum(case.made for case in members),
        "sealed": sum(case.sealed for case in members),
    }


def _checked(check: Check) -> dict[str, Any]:
    return {**asdict(check), "invariant": check.invariant.value, "documents": list(check.documents)}


def _churn(churn: Churn) -> dict[str, Any]:
    return {
        "asked": churn.asked,
        "share": churn.share,
        "shares": {change.value: share for change, share in churn.shares.items()},
        "changed": [
            {
                "interaction_id": changed.interaction_id,
                "question": changed.question,
                "changes": [change.value for change in changed.changes],
                "before": changed.before and {**asdict(changed.before), "kind": changed.before.kind.value},
                "after": changed.after and {**asdict(changed.after), "kind": changed.after.kind.value},
            }
            for changed in churn.changed
        ],
    }


def _agreed(agreement: Agreement) -> dict[str, Any]:
    kappa = agreement.kappa_interval
    return {
        **asdict(agreement),
        "raw_interval": list(agreement.raw_interval),
        "kappa_interval": None if kappa is None else list(kappa),
    }


def _told(case: Case) -> dict[str, Any]:
    return {"case_id": case.case_id, "slice": case.slice.value, "group": case.cluster, "question": case.question}


def _sealed(cases: Sequence[Case], retired: Sequence[Case], changed: Sequence[Move]) -> dict[str, int] | None:
    """Totals of the sealed questions; None where there are none."""
    ids = {case.case_id for case in cases if case.sealed}
    gone = sum(case.sealed for case in retired)
    if not ids and not gone:
        return None
    moves = [change.after - change.before for change in changed if change.case_id in ids]
    return {
        "questions": len(ids),
        "won": sum(move > 0 for move in moves),
        "lost": sum(move < 0 for move in moves),
        "retired": gone,
    }


def rows(report: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The comparisons as texts: slice, metric, questions, failed, before, after, difference, interval."""
    return [
        (
            comparison["slice"],
            comparison["metric"],
            str(comparison["n"]),
            str(comparison["failed"]),
            number(comparison["before"]),
            number(comparison["after"]),
            signed(comparison["difference"]),
            _interval(comparison),
        )
        for comparison in report["comparisons"]
    ]


def write(report: Mapping[str, Any], folder: Path) -> None:
    """Write report.json, report.md and report.html into the folder, which is made where it is missing."""
    templates = environment()
    templates.filters |= {"interval": _interval, "cell": _cell, "moment": _moment, "count": _count, "amount": _amount}
    templates.filters |= {"percent": _percent, "place": _place, "rate": _rate, "duration": _duration}
    folder.mkdir(parents=True, exist_ok=True)
    shown = {**dict.fromkeys(_OPTIONAL), **report}
    shown |= {
        "level": f"{100 * report['confidence']:g}%",
        "panels": panels(report["comparisons"], margin=report["gate"]["margin"]),
        "by_slice": _by_slice(report),
        "metrics": _metrics(report),
        "changes": {change.value: told for change, told in CHANGES.items()},
        "rate_meanings": RATES,
        "probed": probe_rows(report),
    }
    texts = {
        "report.json": json.dumps(report, ensure_ascii=False, indent=1) + "\n",
        "report.md": templates.get_template("report.md.jinja").render(shown),
        "report.html": templates.get_template("report.html.jinja").render(shown),
    }
    for name in FILES:
        (folder / name).write_text(texts[name], encoding="utf-8")


def _by_slice(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What was compared, by slice, with what the slice is."""
    known = {slice["slice"]: slice["meaning"] for slice in report["slices"]}
    known[ALL_GUARDS] = "Every guard question together."
    return [
        {"slice": slice, "meaning": known.get(slice, "The guard questions of this part."), "comparisons": list(members)}
        for slice, members in groupby(report["comparisons"], key=lambda comparison: comparison["slice"])
    ]


def _metrics(report: Mapping[str, Any]) -> dict[str, str]:
    """What the metrics that occur mean."""
    present = {comparison["metric"] for comparison in report["comparisons"]}
    return {name: meaning for name, meaning in METRICS.items() if name in present}


# --- texts ----------------------------------------------------------------------------------------------------------


def _interval(comparison: Mapping[str, Any]) -> str:
    text = number if comparison["before"] is None else signed
    return "–" if comparison["low"] is None else f"{text(comparison['low'])} to {text(comparison['high'])}"


def _moment(instant: str) -> str:
    return f"{datetime.fromisoformat(instant).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _count(value: float | str) -> str:
    """A number as people write it: 12,345 or 3.2. A text is one already."""
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


def _amount(value: float | None) -> str:
    """What a guardrail measured, or its limit: a count or a share."""
    return "–" if value is None else f"{value:.4g}"


def _rate(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}%"


def _duration(seconds: float | None) -> str:
    """In the largest unit of which there is at least one: 0.5 s, 42 min, 3.2 h, 12.0 d."""
    if seconds is None:
        return "–"
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.1f} s"


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%"


def _place(first: Mapping[str, Any] | None) -> str:
    """Where the passage that stands first is, and how it came there where that was not by its own text."""
    if first is None:
        return "nothing"
    by = {Kind.SOURCE: "", Kind.CONFIRMED: ", confirmed", Kind.CORRECTION: ", a correction"}[Kind(first["kind"])]
    return f"{first['document_id']} {first['start']}–{first['end']}{by}"


def _cell(text: str) -> str:
    """A text in a cell of a Markdown table, as it is: no mark-up, no line end."""
    flat = " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|")
    return flat.replace("<", "&lt;").replace("`", "\\`").replace("*", "\\*").replace("[", "\\[")
