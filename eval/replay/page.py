"""A replay's result for people: rows for a terminal, and one HTML page that needs no network."""

from collections.abc import Mapping
from typing import Any

from eval.replay import plots
from eval.replay.measure import ANSWERABLE, FIRST, HIT, METRICS, SLICES, STRICT, harmed
from eval.report.rendering import environment, number, signed, words
from eval.scores import ragas_metrics

COLUMNS = ("method", "slice", "before", "after", "difference", "95% interval", "spread", "probes")
OURS = "flywheel"

MODES = {
    "full": "All documents were there.",
    "gap": "The documents that answer the corrected questions were taken out, so that only the corrections know.",
}
PARTS = {
    "corrected": "Other wordings of the questions that were corrected.",
    "untouched": "Questions that nobody corrected.",
    "adversarial": "Other wordings of questions whose accepted correction is wrong or poisoned.",
    ANSWERABLE: "The untouched questions that the documents still answer: only these can be harmed.",
    FIRST: "The corrected questions whose correction came in the first turn: is it kept?",
}
METHODS = {
    OURS: "this project: corrections and ranking as learned, tested and promoted by its own cycle",
    "static": "hybrid search, which learns nothing",
    "dense": "dense search alone, which learns nothing",
    "append": "every correction becomes a passage, as in MaxKB",
    "override": "a stored answer replies to questions above a likeness of 0.9, as in Dify",
    "weights": "votes move a weight that each passage has for all questions, as in RAGFlow",
    "memory": "the most alike question, answer and context goes before the passages, as in PatchRAG",
}
MEANINGS = {
    HIT: "The first document answers the question.",
    STRICT: "The same, where a correction of another question does not count, though its answer agrees.",
    "hit@5": "One of the first five documents answers.",
    "MRR@10": "1 / rank of the first document that answers, within ten.",
    "nDCG@10": "Quality of the whole ranking of ten.",
    "recall@10": "Share of what answers that is among the first ten.",
    "recall@75": "Share of what answers that is among the first 75.",
    "precision@8": "Share of the first eight places that answers.",
    ragas_metrics.SIMILARITY: "Cosine of the answer and the gold answer.",
    ragas_metrics.ROUGE_L: "Longest common word sequence of the answer and the gold answer, F1.",
}


def table(result: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """hit@1 by method and slice, as texts in the order of COLUMNS."""
    return [
        (
            method,
            slice,
            number(shift["before"]),
            number(shift["after"]),
            signed(shift["difference"]),
            _interval(shift),
            number(shift["spread"]),
            str(shift["n"]),
        )
        for method, slices in result["methods"].items()
        for slice in SLICES
        if slice in slices
        for shift in [slices[slice][HIT]]
    ]


def render(result: Mapping[str, Any]) -> str:
    """The page, from what `rag_flywheel.replay.replay` returns."""
    templates = environment()
    templates.filters |= {"interval": _interval, "opposite": _opposite}
    templates.filters |= {"label": _label, "percent": _percent, "tone": _tone}
    methods = result["methods"]
    shown = {
        **result,
        "ours": OURS,
        "slices": [part for part in (*SLICES, ANSWERABLE) if any(part in method for method in methods.values())],
        "harmed": next((harmed(method) for method in methods.values()), "untouched"),
        "metrics": METRICS,
        "parts": PARTS,
        "meanings": MEANINGS,
        "described": {name: METHODS[name] for name in methods if name in METHODS},
        "mode_means": MODES[result["mode"]],
        "tradeoff": plots.tradeoff(methods),
        "charts": plots.charts(methods, result["turns"]),
        "colours": {name: place % 8 for place, name in enumerate(methods)},
        "frame": {
            "width": plots.WIDTH,
            "height": plots.HEIGHT,
            "left": plots.LEFT,
            "right": plots.RIGHT,
            "labels": plots.LABELS,
            "top": plots.TOP,
            "bottom": plots.BOTTOM,
        },
    }
    return templates.get_template("replay.html.jinja").render(shown)


# --- texts ----------------------------------------------------------------------------------------------------------


def _interval(shift: Mapping[str, float]) -> str:
    return f"{signed(shift['low'])} to {signed(shift['high'])}"


def _opposite(shift: Mapping[str, float]) -> dict[str, float]:
    """A difference, seen as a fall."""
    return {"difference": 0.0 - shift["difference"], "low": 0.0 - shift["high"], "high": 0.0 - shift["low"]}


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{signed(100 * value, 1)}%"


def _tone(shift: Mapping[str, float]) -> str:
    """Whether the interval lies above zero, below, or around it."""
    return "up" if shift["low"] > 0 else "down" if shift["high"] < 0 else "level"


def _label(metric: str) -> str:
    return {ragas_metrics.ROUGE_L: "ROUGE-L"}.get(metric, words(metric))
