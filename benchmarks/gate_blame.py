"""Nights in which corrections take guard questions, and what took them is found and left out before the third attempt.

The second, in a more cautious ranking, is taken to lose the same questions.

What is left out is chosen by questions that the gate then asks again. `How` are ways to make up for that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from gate_runs import Guards, Table, draw, harmless, ruled, versions

from eval.lone_losses import stay_lost
from rag_flywheel.config import Gate
from rag_flywheel.domain import Outcome

HARMFUL = 0.05  # by how much hit@1 is lower
AFTER_BLAME = 3  # the attempt


class How(StrEnum):
    """Which lost questions are looked at, and what the attempt after that has to show."""

    ALL = "all"  # all are looked at, and what was brought back counts as never lost
    HALF = "half"  # one half, and the other half has to hold by itself
    LONE = "lone"  # all, and a question whose cause took no other stays lost: what the cycle does


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """What is true of the candidate."""

    guards: int  # questions that are drawn
    flips: float  # share of the questions whose first result is right under one version alone, either way by chance
    loss: float  # by how much hit@1 is lower, in expectation
    culprits: int  # corrections that take these questions, each as many in expectation
    how: How


@dataclass(frozen=True, slots=True, kw_only=True)
class BlameTally:
    """What became of the nights."""

    runs: int
    passed: int
    harmful: int  # that passed though what is still in takes `HARMFUL` or more
    left_out: float  # share of the culprits, mean


def play(night: Night, guards: Guards, *, settings: Gate, runs: int, seed: int) -> BlameTally:
    """The outcomes of `runs` nights."""
    found = [_run(night, guards, settings, Random(f"{seed} {number}")) for number in range(runs)]
    left = [night.loss * (1.0 - out) for _, out in found]
    return BlameTally(
        runs=runs,
        passed=sum(passed for passed, _ in found),
        harmful=sum(passed and loss >= HARMFUL - 1e-9 for (passed, _), loss in zip(found, left, strict=True)),
        left_out=round(sum(out for _, out in found) / runs, 4),
    )


def _run(night: Night, guards: Guards, settings: Gate, chance: Random) -> tuple[bool, float]:
    """Whether the night ends with a new version, and the share of the culprits that were left out of it."""
    drawn = draw(guards.cases, night.guards, chance)
    before, after = versions(drawn, guards, night.flips, night.loss, chance)
    back = harmless(after, guards)
    took = {name: chance.randrange(night.culprits) for name in back}
    halves = {case.cluster: chance.random() < 0.5 for case in drawn}

    def passes(treatment: Table, parts: Mapping[str, frozenset[str]], attempt: int, settings: Gate) -> bool:
        ruling = ruled(drawn, before, treatment, checks=(), parts=parts, attempt=attempt, settings=settings)
        return ruling.outcome is Outcome.PASSED

    if passes(after, {}, 1, settings):
        return True, 0.0
    unseen: frozenset[str] = frozenset()
    if night.how is How.HALF:
        unseen = frozenset(case.case_id for case in drawn if halves[case.cluster])
        if not took.keys() - unseen:
            unseen = frozenset(case.case_id for case in drawn) - unseen
    out = {took[name] for name in took.keys() - unseen}
    if not out:
        return False, 0.0
    again = after | {name: back[name] for name in took if took[name] in out}
    if night.how is How.LONE:
        lone = stay_lost({name: (culprit,) for name, culprit in took.items()}, drawn, minimum=settings.minimum_slice)
        again |= {name: after[name] for name in lone}
    parts = {"unseen": unseen} if unseen else {}
    alone = settings.model_copy(update={"minimum_slice": 2}) if unseen else settings
    return passes(again, parts, AFTER_BLAME, alone), len(out) / night.culprits
