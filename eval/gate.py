"""The rules before traffic: passed, refused or undecided, with reasons. Only `passed` changes what users get.

The rules, in order:

1. A broken invariant refuses.
2. The first version passes: there is nothing to compare it with.
3. A guard that is shown to be worse refuses: its metric falls (one-sided, Holm-corrected over all guards and metrics),
   and the fall is not shown to be within the margin.
4. The target refuses when too few newly corrected questions have their correction (or its evidence) first, or fewer
   than before. Without new corrections there is no target.
5. Too few guard questions, too many that could not be scored, or a guard of which neither is shown, is undecided: no
   decision keeps the old version.
6. What is left passes. It is better where a target metric is shown to rise (Holm-corrected too), else not worse.

"Not worse" is non-inferiority: the lower end of the interval lies above -margin. All guards have to show it, so no
correction for many tests is needed there (intersection-union test; Berger, 1982): the risk to pass one that is worse by
the margin is about 2.5% at 95%. A night may have `ATTEMPTS` attempts, each of them a chance for a harmful version, so
the later ones are held to stricter intervals (`confidence`), and the risks of all together are 5%. With 200 guard
questions a fall of 0.05 does not pass, and one question in fifty that flips by chance does. A slice, source, language
or group of askers has to show it on its own from `minimum_slice` questions on; with fewer it counts among all guard
questions, or one flip in twenty would leave everything undecided. Where few questions are asked at all, the interval
promises less: where all of 20 are as before it says that nothing is lost, and a version that is worse by 0.05 looks so
in one case of three.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from eval.comparison import ALL_GUARDS, Comparison, Role
from eval.guardrails.checks import Check
from eval.questions.golden import Slice
from eval.scores.scorecard import HIT, METRICS, REFUSAL
from rag_flywheel.config import Gate
from rag_flywheel.domain import Outcome
from rag_flywheel.errors import ConfigError

ATTEMPTS = 8
"""Of one night, at most."""
_LEVELS = (0.95, 0.98, 0.995)  # of the first attempt, the second, each other: one-sided 2.5% + 1% + 6 x 0.25% = 5%
_ROUNDING = 1e-9


class Finding(StrEnum):
    """What a comparison shows."""

    BETTER = "better"
    NOT_WORSE = "not worse"  # a fall by the margin or more is ruled out
    WORSE = "worse"
    UNCLEAR = "unclear"  # neither is shown
    NOT_SHOWN = "not shown"  # of a target: no rise is shown
    TOO_FEW = "too few"  # it counts among all guard questions only
    NOT_TESTED = "not tested"  # no rule asks for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """A comparison with what it shows."""

    comparison: Comparison
    finding: Finding
    p: float | None  # Holm-corrected: of a rise for targets, of a fall for guards; None where nothing was tested


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """The gate's word."""

    outcome: Outcome
    reasons: tuple[str, ...]  # sentences with the numbers
    better: bool  # whether a rise on the target is shown, and not only that nothing fell
    confidence: float  # of the intervals
    target_met: bool  # whether enough newly corrected questions have their correction first; True where none is new
    tested: tuple[Tested, ...]
    checks: tuple[Check, ...]  # the invariants, also those that hold


MUST_GO = "The live version holds what must not be kept, and this one is not shown to be worse."


def check_metrics(settings: Gate) -> None:
    """Raises ConfigError where the settings name a metric that there is not: its guard would never be tested."""
    for key in ("guarded_metrics", "target_metrics"):
        unknown = [name for name in getattr(settings, key) if name not in METRICS]
        if unknown:
            raise ConfigError(f"gate.{key}: found {', '.join(unknown)}, expected some of {', '.join(METRICS)}")


def confidence(attempt: int) -> float:
    """Of the intervals of a night's attempt, which counts from 1: 0.95, 0.98, then 0.995.

    The risks of a night add up (Bonferroni), so they are dealt out: most of it to the attempt that every night has,
    then to the one that follows it when what did harm was set aside. Raises ValueError beyond `ATTEMPTS`.
    """
    if not 1 <= attempt <= ATTEMPTS:
        raise ValueError(f"a night has attempts 1 to {ATTEMPTS}, got {attempt}")
    return _LEVELS[min(attempt, len(_LEVELS)) - 1]


def decide(
    comparisons: Sequence[Comparison],
    checks: Sequence[Check],
    *,
    first: bool,
    possible: int | None,
    confidence: float,
    settings: Gate,
    must_go: bool = False,
) -> Ruling:
    """The outcome and its reasons. `confidence` is that of the comparisons' intervals.

    `first`: there is no control. `must_go`: the control holds what must not be kept, so doubts do not keep it.
    `possible`: how many guard questions there are where no more could be made from the corpus (then they are enough
    however few they are), else None.
    """
    tested = tuple(_tested(comparisons, settings))
    better = any(result.finding is Finding.BETTER for result in tested)
    missed = [] if first else _missed_target(comparisons, settings.target)

    def ruling(outcome: Outcome, reasons: Sequence[str]) -> Ruling:
        return Ruling(
            outcome=outcome,
            reasons=tuple(reasons),
            better=better,
            confidence=confidence,
            target_met=not missed,
            tested=tested,
            checks=tuple(checks),
        )

    breaches = [check.message for check in checks if not check.holds]
    if breaches:
        return ruling(Outcome.REFUSED, breaches)
    if first:
        return ruling(Outcome.PASSED, ["This is the first version: there is no live one to compare it with."])
    harm = [f"{_told(result, confidence)}." for result in tested if result.finding is Finding.WORSE]
    refusals = [*harm, *missed]
    if refusals:
        return ruling(Outcome.REFUSED, refusals)
    unclear = [
        f"{_told(result, confidence)}: a fall of gate.margin ({settings.margin:g}) is not ruled out."
        for result in tested
        if result.finding is Finding.UNCLEAR
    ]
    doubts = [*_too_few(comparisons, settings.minimum_cases, possible), *_unscored(comparisons, settings), *unclear]
    if doubts and must_go:
        return ruling(
            Outcome.PASSED,
            [*doubts, "The live version holds what must not be kept, and this one is not shown to be worse."],
        )
    if doubts:
        return ruling(Outcome.UNDECIDED, [*doubts, "No decision keeps the live version."])
    return ruling(Outcome.PASSED, _merits(comparisons, tested, better))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values corrected for their number, in the given order (Holm, 1979)."""
    order = sorted(range(len(p_values)), key=lambda at: p_values[at])
    corrected, highest = [0.0] * len(p_values), 0.0
    for rank, at in enumerate(order):
        highest = max(highest, min(1.0, p_values[at] * (len(p_values) - rank)))
        corrected[at] = highest
    return corrected


def _tested(comparisons: Sequence[Comparison], settings: Gate) -> list[Tested]:
    """Each comparison with what it shows, in the given order."""
    targets = [comparison for comparison in comparisons if _is_target(comparison, settings)]
    guards = [
        comparison
        for comparison in comparisons
        if _is_guarded(comparison, settings) and _is_enough(comparison, settings)
    ]
    rises = dict(zip(map(_key, targets), _corrected(targets, lambda comparison: comparison.p_better), strict=True))
    falls = dict(zip(map(_key, guards), _corrected(guards, lambda comparison: comparison.p_worse), strict=True))
    tested = []
    for comparison in comparisons:
        rise, fall = rises.get(_key(comparison)), falls.get(_key(comparison))
        finding = Finding.TOO_FEW if _is_guarded(comparison, settings) else Finding.NOT_TESTED
        if rise is not None:
            finding = Finding.BETTER if rise <= settings.significance else Finding.NOT_SHOWN
        elif fall is not None:
            finding = _guard_finding(comparison, fall, settings)
        tested.append(Tested(comparison=comparison, finding=finding, p=fall if rise is None else rise))
    return tested


def _key(comparison: Comparison) -> tuple[str, str]:
    return comparison.slice, comparison.metric


def _corrected(some: Sequence[Comparison], p: Callable[[Comparison], float | None]) -> list[float]:
    values = [p(comparison) for comparison in some]
    return holm([1.0 if value is None else value for value in values])


def _is_target(comparison: Comparison, settings: Gate) -> bool:
    return (
        comparison.role is Role.TARGET
        and comparison.metric in settings.target_metrics
        and comparison.difference is not None
    )


def _is_guarded(comparison: Comparison, settings: Gate) -> bool:
    return (
        comparison.role is not Role.TARGET
        and comparison.metric in settings.guarded_metrics
        and comparison.difference is not None
    )


def _is_enough(comparison: Comparison, settings: Gate) -> bool:
    return comparison.slice == ALL_GUARDS or comparison.clusters >= settings.minimum_slice


def _guard_finding(comparison: Comparison, p: float, settings: Gate) -> Finding:
    if comparison.worst is not None and comparison.worst > -settings.margin:
        return Finding.NOT_WORSE
    return Finding.WORSE if p <= settings.significance else Finding.UNCLEAR


def _told(tested: Tested, confidence: float) -> str:
    fall = tested.comparison
    slice = fall.slice.replace("_", " ")
    moved = "fell" if (fall.difference or 0.0) < 0 else "went"
    return (
        f"{fall.metric} of the {slice} questions {moved} from {fall.before:.3f} to {fall.after:.3f} ({fall.n} "
        f"questions: {fall.worse} worse, {fall.better} better; {100 * confidence:g}% interval of the change "
        f"{fall.low:+.3f} to {fall.high:+.3f})"
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
    return [
        f"{comparison.metric} failed for {comparison.failed} of {comparison.n + comparison.failed} guard questions; "
        f"gate.minimum_coverage asks for a share of {settings.minimum_coverage:g} scored."
        for comparison in comparisons
        if comparison.slice == ALL_GUARDS and comparison.coverage < settings.minimum_coverage
    ]


def _merits(comparisons: Sequence[Comparison], tested: Sequence[Tested], better: bool) -> list[str]:
    hits = _of(comparisons, Slice.CORRECTED, HIT)
    if hits is None or hits.before is None or hits.after is None:
        target = "There are no newly corrected questions to test."
    else:
        shown = ": shown to be better" if better else ""
        if not better and hits.after > hits.before:
            shown = ", too few to show that it is better; it passes since nothing else is worse than is allowed"
        target = (
            f"{_first(hits.after, hits.n)} of {hits.n} newly corrected questions have their correction or its evidence "
            f"first; before it were {_first(hits.before, hits.n)}{shown}."
        )
    held = sum(result.finding is Finding.NOT_WORSE for result in tested)
    guards = _of(comparisons, ALL_GUARDS, HIT)
    moved = "" if guards is None else f"{guards.worse} got worse and {guards.better} better by what stands first: "
    others = f"Of {_guard_questions(comparisons)} other questions {moved}none of {held} comparisons"
    return [target, f"{others} is worse than is allowed."]


def _guard_questions(comparisons: Sequence[Comparison]) -> int:
    """Whether a refusal was right is scored for every question, so its count is that of the questions."""
    return sum(
        comparison.n for comparison in comparisons if comparison.slice == ALL_GUARDS and comparison.metric == REFUSAL
    )


def _of(comparisons: Sequence[Comparison], slice: str, metric: str) -> Comparison | None:
    return next(
        (comparison for comparison in comparisons if comparison.slice == slice and comparison.metric == metric), None
    )


def _first(share: float, n: int) -> int:
    return round(share * n)
