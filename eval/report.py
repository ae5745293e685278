"""The gate's report: one document of plain values, written as JSON, Markdown and one self-contained HTML page."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from typing import Any

import jinja2

from eval import ragas_metrics, scoring
from eval.comparison import Comparison, changes
from eval.gate import GUARDED
from eval.golden import GUARDS, Case, Slice
from eval.invariants import Breach
from eval.scoring import Scorecard
from rag_flywheel.config import Gate
from rag_flywheel.domain import Manifest, Outcome, VersionId

FILES = ("report.json", "report.md", "report.html")

SLICES = {
    Slice.CORRECTED: "The target: questions corrected since the live version was made.",
    Slice.GOLDEN: "A guard: questions of the golden set, judged by people.",
    Slice.CONFIRMED: "A guard: questions that people confirmed or corrected, without what the new corrections add.",
    Slice.KNOWN_ITEM: "A guard: questions made from headings and telling sentences of the corpus, not asked by anyone.",
}
METRICS = {
    scoring.HIT: "The first result answers the question.",
    scoring.RECIPROCAL_RANK: "1 / rank of the first result that answers, within ten.",
    scoring.NDCG: "Quality of the whole ranking of ten (nDCG).",
    scoring.REFUSAL: "It answered what can be answered, and refused what cannot.",
    ragas_metrics.ID_PRECISION: "Share of the passages shown to the generator that answer (RAGAS).",
    ragas_metrics.ID_RECALL: "Share of what answers that was shown to the generator (RAGAS).",
    ragas_metrics.TEXT_PRECISION: "Average precision of the shown passages by likeness to reference texts (RAGAS).",
    ragas_metrics.TEXT_RECALL: "Share of the reference texts that a shown passage is like (RAGAS).",
    ragas_metrics.SIMILARITY: "Cosine of the answer and the reference answer (RAGAS).",
    ragas_metrics.ROUGE_L: "Longest common word sequence of the answer and the reference answer, F1 (RAGAS).",
    ragas_metrics.FAITHFULNESS: "Share of the answer's claims that the passages support, by the judge (RAGAS).",
    ragas_metrics.RELEVANCY: "Whether the answer is to this question, by the judge (RAGAS).",
    ragas_metrics.CORRECTNESS: "Agreement of claims of the answer and the reference answer, F1, by the judge (RAGAS).",
}


def assemble(
    outcome: Outcome,
    reasons: Sequence[str],
    *,
    manifest: Manifest,
    decided: datetime,
    comparisons: Sequence[Comparison],
    breaches: Sequence[Breach],
    control: Scorecard | None,
    treatment: Scorecard,
    compared_with: VersionId | None,
    retired: Sequence[Case],
    judge: str | None,
    settings: Gate,
) -> dict[str, Any]:
    """All that the report says, as plain JSON values: the argument of `write` and `rows`.

    `control` and `treatment` are the scorecards, `compared_with` is the control's version, `judge` the judging model.
    Questions are in it as the ledger stores them, masked.
    """
    by_id = {case.case_id: case for case in treatment.cases}
    changed = [] if control is None else changes(control, treatment, scoring.HIT)
    learned = manifest.learned
    return {
        "version": manifest.version_id,
        "compared_with": compared_with,
        "decided": decided.isoformat(timespec="seconds"),
        "outcome": outcome.value,
        "reasons": list(reasons),
        "comparisons": [_plain(one) for one in comparisons],
        "slices": [_slice(slice, meaning, treatment.cases) for slice, meaning in SLICES.items()],
        "breaches": [
            {"invariant": one.invariant.value, "message": one.message, "documents": list(one.documents)}
            for one in breaches
        ],
        "changed": [{**_told(by_id[one.case_id]), "before": one.before, "after": one.after} for one in changed],
        "retired": [_told(case) for case in retired],
        "judge": judge,
        "gate": settings.model_dump(mode="json"),
        "manifest": {
            "parent": manifest.parent,
            "created": manifest.created.isoformat(timespec="seconds"),
            "feedback_cutoff": manifest.feedback_cutoff.isoformat(timespec="seconds"),
            "embedder": manifest.embedder,
            "learned": {
                "admission": None if learned.admission is None else asdict(learned.admission),
                "fusion": dict(learned.fusion),
                "reranker": learned.reranker,
            },
            "counts": asdict(manifest.counts),
            "sources": len(manifest.sources),
            "corrections": list(manifest.corrections),
            "confirmed": len(manifest.confirmed),
            "notes": list(manifest.notes),
        },
    }


def _plain(one: Comparison) -> dict[str, Any]:
    return {**asdict(one), "slice": one.slice.value, "guarded": one.slice in GUARDS and one.metric in GUARDED}


def _slice(slice: Slice, meaning: str, cases: Sequence[Case]) -> dict[str, Any]:
    members = [case for case in cases if case.slice is slice]
    return {
        "slice": slice.value,
        "meaning": meaning,
        "questions": len(members),
        "made": sum(case.made for case in members),
    }


def _told(case: Case) -> dict[str, Any]:
    return {"case_id": case.case_id, "slice": case.slice.value, "group": case.group, "question": case.question}


def rows(report: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The comparisons as texts: slice, metric, questions, failed, before, after, difference, 95% interval."""
    return [
        (
            one["slice"],
            one["metric"],
            str(one["n"]),
            str(one["failed"]),
            _number(one["before"]),
            _number(one["after"]),
            _signed(one["difference"]),
            _interval(one),
        )
        for one in report["comparisons"]
    ]


def write(report: Mapping[str, Any], folder: Path) -> None:
    """Write report.json, report.md and report.html into the folder, which is made where it is missing."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=jinja2.select_autoescape(enabled_extensions=("html.jinja",)),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": _number, "signed": _signed, "interval": _interval}
    environment.filters |= {"cell": _cell, "words": _words, "moment": _moment}
    folder.mkdir(parents=True, exist_ok=True)
    shown = {**report, "by_slice": _by_slice(report), "metrics": _metrics(report)}
    texts = {
        "report.json": json.dumps(report, ensure_ascii=False, indent=2) + "\n",
        "report.md": environment.get_template("report.md.jinja").render(shown),
        "report.html": environment.get_template("report.html.jinja").render(shown),
    }
    for name in FILES:
        (folder / name).write_text(texts[name], encoding="utf-8")


def _by_slice(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The slices that have questions, each with its comparisons and how far the axis of its plots goes."""
    parts = []
    for slice in report["slices"]:
        comparisons = [one for one in report["comparisons"] if one["slice"] == slice["slice"]]
        if comparisons:
            parts.append({**slice, "comparisons": comparisons, "reach": _reach(comparisons)})
    return parts


def _metrics(report: Mapping[str, Any]) -> dict[str, str]:
    """What the metrics that occur mean."""
    present = {one["metric"] for one in report["comparisons"]}
    return {name: meaning for name, meaning in METRICS.items() if name in present}


def _reach(comparisons: Sequence[Mapping[str, Any]]) -> float:
    """The smallest tenth, at most 1, that no end of an interval lies beyond."""
    ends = [abs(one[side]) for one in comparisons for side in ("low", "high") if one[side] is not None]
    return min(10, max(1, ceil(round(max(ends, default=0.0) * 10, 6)))) / 10


# --- texts ----------------------------------------------------------------------------------------------------------


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _signed(value: float | None) -> str:
    if value is None:
        return "–"
    rounded = round(value, 3) + 0.0  # no -0.000
    return f"{rounded:+.3f}" if rounded else "0.000"


def _interval(one: Mapping[str, Any]) -> str:
    text = _number if one["before"] is None else _signed
    return "–" if one["low"] is None else f"{text(one['low'])} to {text(one['high'])}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _moment(instant: str) -> str:
    return f"{datetime.fromisoformat(instant).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _cell(text: str) -> str:
    """A text in a cell of a Markdown table, as it is: no mark-up, no line end."""
    flat = " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|")
    return flat.replace("<", "&lt;").replace("`", "\\`").replace("*", "\\*").replace("[", "\\[")
