"""The rules before traffic: passed, refused or undecided, with reasons. Only `passed` changes what users get.

The rules, in order:

1. A broken invariant refuses.
2. The first version passes: there is nothing to compare it with.
3. Harm refuses. On a guard slice a metric of GUARDED has fallen by more than `margin`, at least two more questions got
   worse than better, and

   - the 95% interval of the paired difference lies below 0, or
   - the fall is more than twice the margin.

   One question in twenty that flips by chance is a fall of 0.05, above the default margin of 0.03. It must not refuse
   for ever, and does not: one is not two. A true harm of 10% is always caught from 20 questions on: it is two questions
   net and a fall of more than 0.06, whatever the interval says of so few. Where there are many, the interval finds
   smaller harm too: 4 of 100.
4. The target refuses when too few newly corrected questions have their correction (or its evidence) first, or fewer
   than before. Without new corrections there is no target.
5. Too few guard questions, or too many that could not be scored, is undecided: no decision keeps the old version.
6. What is left passes; a fall that is too small to tell from chance is named.
"""

from collections.abc import Sequence

from eval.comparison import Comparison
from eval.golden import GUARDS, Slice
from eval.invariants import Breach
from eval.ragas_metrics import ID_PRECISION, ID_RECALL
from eval.scoring import HIT, REFUSAL
from rag_flywheel.config import Gate
from rag_flywheel.domain import Outcome

GUARDED = (HIT, REFUSAL, ID_RECALL, ID_PRECISION)
"""The metrics that may not fall on a guard slice."""

_ROUNDING = 1e-9


def decide(
    comparisons: Sequence[Comparison],
    breaches: Sequence[Breach],
    *,
    first: bool,
    possible: int | None,
    settings: Gate,
) -> tuple[Outcome, tuple[str, ...]]:
    """The outcome and its reasons, as sentences with the numbers.

    `first`: there is no control. `possible`: how many guard questions there are where no more could be made from the
    corpus (then they are enough however few they are), else None.
    """
    if breaches:
        return Outcome.REFUSED, tuple(breach.message for breach in breaches)
    if first:
        return Outcome.PASSED, ("This is the first version: there is no live one to compare it with.",)
    falls = _falls(comparisons, settings.margin)
    harm = [f"{_told(one)}; gate.margin allows {settings.margin:g}." for one in falls if _is_harm(one, settings.margin)]
    refusals = [*harm, *_missed_target(comparisons, settings.target)]
    if refusals:
        return Outcome.REFUSED, tuple(refusals)
    doubts = [*_too_few(comparisons, settings.minimum_cases, possible), *_unscored(comparisons, settings)]
    if doubts:
        return Outcome.UNDECIDED, (*doubts, "No decision keeps the live version.")
    chance = [f"{_told(one)}: too little to tell from chance." for one in falls]
    return Outcome.PASSED, (*_merits(comparisons), *chance)


def _falls(comparisons: Sequence[Comparison], margin: float) -> list[Comparison]:
    """The guarded metrics that fell by more than the margin, harm or chance."""
    guarded = [one for one in comparisons if one.slice in GUARDS and one.metric in GUARDED]
    return [one for one in guarded if one.difference is not None and -one.difference > margin + _ROUNDING]


def _is_harm(fall: Comparison, margin: float) -> bool:
    assert fall.difference is not None
    assert fall.high is not None
    clear = fall.high < 0 or -fall.difference > 2 * margin + _ROUNDING
    return clear and fall.worse - fall.better >= 2


def _told(fall: Comparison) -> str:
    slice = fall.slice.replace("_", " ")
    return (
        f"{fall.metric} of the {slice} questions fell from {fall.before:.3f} to {fall.after:.3f} "
        f"({fall.n} questions: {fall.worse} worse, {fall.better} better; 95% interval of the change {fall.low:+.3f} to "
        f"{fall.high:+.3f})"
    )


def _missed_target(comparisons: Sequence[Comparison], target: float) -> list[str]:
    hits = _of(comparisons, Slice.CORRECTED, HIT)
    if hits is None or hits.before is None or hits.after is None:
        return []
    missed = []
    if hits.after < target - _ROUNDING:
        missed.append(
            f"{_first(hits.after, hits.n)} of {hits.n} newly corrected questions have their correction or its evidence "
            f"first, a share of {hits.after:.2f}; gate.target asks for {target:g}."
        )
    if hits.after < hits.before - _ROUNDING:
        missed.append(
            f"{_first(hits.after, hits.n)} of {hits.n} newly corrected questions have an answering passage first, "
            f"fewer than the {_first(hits.before, hits.n)} before."
        )
    return missed


def _too_few(comparisons: Sequence[Comparison], minimum: int, possible: int | None) -> list[str]:
    there = _guard_questions(comparisons)
    needed = minimum if possible is None else min(minimum, possible)
    if there >= needed:
        return []
    return [f"{there} guard questions were scored on both versions, and a decision needs {needed}."]


def _unscored(comparisons: Sequence[Comparison], settings: Gate) -> list[str]:
    doubts = []
    for metric in dict.fromkeys(one.metric for one in comparisons):
        those = [one for one in comparisons if one.metric == metric and one.slice in GUARDS]
        scored, failed = sum(one.n for one in those), sum(one.failed for one in those)
        if failed and scored / (scored + failed) < settings.minimum_coverage:
            doubts.append(
                f"{metric} failed for {failed} of {scored + failed} guard questions; gate.minimum_coverage asks for a "
                f"share of {settings.minimum_coverage:g} scored."
            )
    return doubts


def _merits(comparisons: Sequence[Comparison]) -> list[str]:
    hits = _of(comparisons, Slice.CORRECTED, HIT)
    if hits is None or hits.before is None or hits.after is None:
        target = "There are no newly corrected questions to test."
    else:
        target = (
            f"{_first(hits.after, hits.n)} of {hits.n} newly corrected questions have their correction or its evidence "
            f"first; before it were {_first(hits.before, hits.n)}."
        )
    return [target, f"No harm was found on {_guard_questions(comparisons)} guard questions."]


def _guard_questions(comparisons: Sequence[Comparison]) -> int:
    """Whether a refusal was right is scored for every question, so its count is that of the questions."""
    return sum(one.n for one in comparisons if one.slice in GUARDS and one.metric == REFUSAL)


def _of(comparisons: Sequence[Comparison], slice: Slice, metric: str) -> Comparison | None:
    return next((one for one in comparisons if one.slice is slice and one.metric == metric), None)


def _first(share: float, n: int) -> int:
    return round(share * n)
