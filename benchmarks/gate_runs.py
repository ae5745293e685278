"""Runs of the real gate on drawn questions: each draws guard questions, makes both scorecards and lets it decide.

A question's values are real ones, made once (`gate_worlds`). What a run adds is chance: which questions are asked,
which of them go the other way, which of them lose.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from eval.comparison import ALL_GUARDS, compare
from eval.gate import Finding, Ruling, confidence, decide
from eval.guardrails.checks import Check
from eval.questions.golden import Case, Slice
from eval.scores.scorecard import HIT, Scorecard
from rag_flywheel.config import Gate
from rag_flywheel.domain import Outcome

Values = Mapping[str, float | None]
Table = Mapping[str, Values]
"""Case id -> metric -> value: one version's scorecard of every question that can be drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guards:
    """The questions that are drawn from, with their values under two real rankings of one index version.

    `harmed` is the same ranking with its best passage that does not answer put first: what a question looks like that
    lost.
    """

    cases: tuple[Case, ...]
    learned: Table
    untuned: Table
    learned_harmed: Table
    untuned_harmed: Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Corrected questions with their real values before and after the correction."""

    cases: tuple[Case, ...]
    before: Table
    after: Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What is true of control and treatment; the gate has to find it out."""

    guards: int  # questions that are drawn
    flips: float  # share of the questions whose first result is right under one version alone, either way by chance
    loss: float  # by how much the treatment's hit@1 is lower, in expectation
    parts: int  # parts of the guards of one size, each of which the gate also tests by itself
    gains: int = 0  # newly corrected questions with their real gain
    target_loss: float | None = None  # of as many target questions as guards, that lose and flip as they do
    attempts: int = 1  # rankings of one night, each with this loss; the first that passes goes live. Not with flips
    apart: float = 0.0  # share of the questions that lose by each further attempt's own chance


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What the gate said in the runs of one scenario."""

    runs: int
    refused: int
    undecided: int
    passed: int
    worse: int  # rulings that call a guard worse
    better: int  # rulings that call the target better, whatever became of the version
    promoted_better: int  # of `passed`
    caught_by: Mapping[str, int]  # rule -> runs, of what did not pass; several may catch one


def play(scenario: Scenario, guards: Guards, targets: Targets | None, *, settings: Gate, runs: int, seed: int) -> Tally:
    """The gate's words in `runs` runs."""
    rulings = [_run(scenario, guards, targets, settings, Random(f"{seed} {number}")) for number in range(runs)]
    return tally(rulings, settings)


def _run(scenario: Scenario, guards: Guards, targets: Targets | None, settings: Gate, chance: Random) -> Ruling:
    drawn = draw(guards.cases, scenario.guards, chance)
    cases, before, after = list(drawn), *versions(drawn, guards, scenario.flips, scenario.loss, chance)
    if scenario.gains and targets is not None:
        corrected = draw(targets.cases, scenario.gains, chance)
        cases += corrected
        before |= {case.case_id: targets.before[case.case_id] for case in corrected}
        after |= {case.case_id: targets.after[case.case_id] for case in corrected}
    if scenario.target_loss is not None:
        left = {case.cluster for case in guards.cases} - {case.cluster for case in drawn}
        asked = draw([case for case in guards.cases if case.cluster in left], scenario.guards, chance)
        # Not "corrected": those have to find their correction, and here nobody made one.
        cases += [replace(case, slice=Slice.PARAPHRASE) for case in asked]
        one_side, other_side = versions(asked, guards, scenario.flips, scenario.target_loss, chance)
        before, after = before | one_side, after | other_side
    parts = {
        f"part {number}": frozenset(case.case_id for case in drawn[number :: scenario.parts])
        for number in range(scenario.parts)
        if scenario.parts > 1
    }
    ruling = ruled(cases, before, after, checks=(), parts=parts, settings=settings)
    for attempt in range(2, scenario.attempts + 1):
        if ruling.outcome is Outcome.PASSED:
            break
        again = after | _redrawn(drawn, guards, scenario, chance)
        ruling = ruled(cases, before, again, checks=(), parts=parts, attempt=attempt, settings=settings)
    return ruling


def draw(cases: Sequence[Case], size: int, chance: Random) -> list[Case]:
    """About `size` cases in whole clusters, never more; all where there are fewer."""
    clusters: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        clusters[case.cluster].append(case)
    drawn: list[Case] = []
    for name in chance.sample(sorted(clusters), len(clusters)):
        if len(drawn) + len(clusters[name]) <= size:
            drawn += clusters[name]
    return drawn


def versions(
    drawn: Sequence[Case], guards: Guards, flips: float, loss: float, chance: Random
) -> tuple[dict[str, Values], dict[str, Values]]:
    """The values under both versions. Each question of which the rankings differ flips with one probability, each that
    is right under the treatment loses with one, so that both shares hold in expectation.
    """
    all_cases = [case.case_id for case in guards.cases]
    differing = sum(guards.learned[case][HIT] != guards.untuned[case][HIT] for case in all_cases)
    flipping = min(1.0, flips * len(all_cases) / differing) if differing else 0.0
    losing = _losing(guards, loss)
    before: dict[str, Values] = {}
    after: dict[str, Values] = {}
    for name in (case.case_id for case in drawn):
        sides = [guards.learned, guards.learned]
        harmed = guards.learned_harmed
        if guards.learned[name][HIT] != guards.untuned[name][HIT] and chance.random() < flipping:
            swapped = chance.random() < 0.5
            sides = [guards.untuned, guards.learned] if swapped else [guards.learned, guards.untuned]
            harmed = guards.learned_harmed if swapped else guards.untuned_harmed
        before[name], after[name] = sides[0][name], sides[1][name]
        if after[name][HIT] and chance.random() < losing:
            after[name] = harmed[name]
    return before, after


def harmless(after: Table, guards: Guards) -> dict[str, Values]:
    """What each question that lost would have without that."""
    pairs = ((guards.learned_harmed, guards.learned), (guards.untuned_harmed, guards.untuned))
    return {name: side[name] for name, some in after.items() for harmed, side in pairs if some is harmed[name]}


def _redrawn(drawn: Sequence[Case], guards: Guards, scenario: Scenario, chance: Random) -> dict[str, Values]:
    """The values, without flips, of the questions that lose by a further attempt's own chance."""
    losing = _losing(guards, scenario.loss)
    redrawn: dict[str, Values] = {}
    for name in (case.case_id for case in drawn):
        if guards.learned[name][HIT] and chance.random() < scenario.apart:
            redrawn[name] = (guards.learned_harmed if chance.random() < losing else guards.learned)[name]
    return redrawn


def _losing(guards: Guards, loss: float) -> float:
    """The probability to lose of a question that is right, so that hit@1 falls by `loss` in expectation."""
    right = sum(guards.learned[case.case_id][HIT] or 0.0 for case in guards.cases)
    return min(1.0, loss * len(guards.cases) / right) if right else 0.0


def ruled(
    cases: Sequence[Case],
    before: Table,
    after: Table,
    *,
    checks: Sequence[Check],
    parts: Mapping[str, frozenset[str]],
    attempt: int = 1,
    settings: Gate,
) -> Ruling:
    """What the real comparison and the real gate say of these values in a night's attempt."""
    control, treatment = (
        Scorecard(cases=tuple(cases), values={case.case_id: side[case.case_id] for case in cases})
        for side in (before, after)
    )
    level = confidence(attempt)
    found = compare(control, treatment, parts=parts, confidence=level, resamples=settings.resamples, seed=settings.seed)
    return decide(found, checks, first=False, possible=None, confidence=level, settings=settings)


def tally(rulings: Sequence[Ruling], settings: Gate) -> Tally:
    """The rulings counted."""
    outcomes = Counter(ruling.outcome for ruling in rulings)
    return Tally(
        runs=len(rulings),
        refused=outcomes[Outcome.REFUSED],
        undecided=outcomes[Outcome.UNDECIDED],
        passed=outcomes[Outcome.PASSED],
        worse=sum(any(result.finding is Finding.WORSE for result in ruling.tested) for ruling in rulings),
        better=sum(ruling.better for ruling in rulings),
        promoted_better=sum(ruling.better and ruling.outcome is Outcome.PASSED for ruling in rulings),
        caught_by=dict(Counter(rule for ruling in rulings for rule in _rules(ruling, settings))),
    )


def _rules(ruling: Ruling, settings: Gate) -> list[str]:
    """Which rules speak against the version: all that would have caught it, and not only the first."""
    if ruling.outcome is Outcome.PASSED:
        return []
    found = {result.finding for result in ruling.tested}
    rules = [f"invariant {check.invariant}" for check in ruling.checks if not check.holds]
    if ruling.outcome is Outcome.REFUSED and not rules and Finding.WORSE not in found:
        rules.append("target")
    if Finding.WORSE in found:
        rules.append("a guard is worse")
    elif Finding.UNCLEAR in found:
        rules.append("not worse is not shown")
    guards = [result.comparison for result in ruling.tested if result.comparison.slice == ALL_GUARDS]
    if any(comparison.coverage < settings.minimum_coverage for comparison in guards):
        rules.append("coverage")
    return rules or ["too few questions"]
