"""What releases with noise are worth, and whether they keep what they promise: accuracy against epsilon, and an attack
that tries to tell whether one person was there.

The attack knows everything but that: the exact counts with and without the person, who does all they can to be seen. It
guesses "there" from a noisy count on. For every epsilon it takes RELEASES releases of either world, through the same
functions as the service. What OpenDP draws cannot be seeded, so what is shown are exact intervals (Clopper and Pearson,
1934), and a bound counts as broken only where it is outside of them at a risk of 1 in a million.

    python benchmarks/published_aggregates.py
"""

import argparse
import math
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scipy.stats import beta

from rag_flywheel.adapters.privacy.noise import OpenDpNoise
from rag_flywheel.domain import InteractionId
from rag_flywheel.ports import Noise
from rag_flywheel.privacy.releases import Contribution, counts

RELEASES = 10_000
RISK = 1e-6
TARGET = "target"
CELL = "bad"
Count = Callable[[Sequence[Contribution]], int]
"""One release of the contributions: the count of CELL; 0 where it is not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """How often the attack said "there", with the person and without."""

    releases: int  # of either world
    there: int  # of those with the person
    not_there: int  # of those without

    @property
    def advantage(self) -> float:
        return (self.there - self.not_there) / self.releases

    @property
    def interval(self) -> tuple[float, float]:
        """Of the advantage, at RISK at most."""
        (low, high), (other_low, other_high) = (
            _interval(self.there, self.releases),
            _interval(self.not_there, self.releases),
        )
        return low - other_high, high - other_low

    def breaks(self, epsilon: float, delta: float) -> bool:
        """Whether it is shown that the worlds are further apart than (epsilon, delta) allows, in either direction."""
        pairs = [(self.there, self.not_there), (self.releases - self.not_there, self.releases - self.there)]
        return any(
            _interval(more, self.releases)[0] > math.exp(epsilon) * _interval(less, self.releases)[1] + delta
            for more, less in pairs
        )


def allowed(epsilon: float, delta: float) -> float:
    """The largest advantage under (epsilon, delta)-differential privacy (Kairouz, Oh and Viswanath, 2015)."""
    return (math.exp(epsilon) - 1 + 2 * delta) / (math.exp(epsilon) + 1)


def attack(
    count: Count, *, people: Sequence[Contribution], person: Sequence[Contribution], seen: int, releases: int
) -> Attack:
    """Guess "there" from halfway between the exact counts on, where `seen` of the person's records count: no guess is
    better against Laplace noise.
    """
    exact = sum(each.cell == CELL for each in people)
    from_here = exact + seen // 2 + 1
    there = sum(count([*people, *person]) >= from_here for _ in range(releases))
    return Attack(releases=releases, there=there, not_there=sum(count(people) >= from_here for _ in range(releases)))


def bounded(noise: Noise, *, per_person: int, epsilon: float) -> Count:
    """As the service counts what is known."""

    def count(found: Sequence[Contribution]) -> int:
        exact = counts(found, per_person=per_person, key=b"benchmark", once=False)
        told = {"good": exact.get("good", 0), CELL: exact.get(CELL, 0)}
        return noise.on_known(told, per_person=per_person, epsilon=epsilon).counts[CELL]

    return count


def bounded_topics(noise: Noise, *, per_person: int, epsilon: float, delta: float) -> Count:
    """As the service counts what people name."""

    def count(found: Sequence[Contribution]) -> int:
        exact = counts(found, per_person=per_person, key=b"benchmark", once=True)
        told = noise.on_unknown(exact, per_person=per_person, epsilon=epsilon, delta=delta)
        return told.counts.get(CELL, 0)

    return count


def unbounded(noise: Noise, *, per_person: int, epsilon: float) -> Count:
    """The same noise, and no bound on what a person adds: what the attack has to find."""

    def count(found: Sequence[Contribution]) -> int:
        exact = {cell: sum(each.cell == cell for each in found) for cell in ("good", CELL)}
        return noise.on_known(exact, per_person=per_person, epsilon=epsilon).counts[CELL]

    return count


def crowd(size: int, *, seed: int) -> list[Contribution]:
    """One answer each, judged by chance, a third of them bad."""
    chance = random.Random(seed)
    return [_judged(f"p{number}", 0, chance.choices(("good", CELL), (2, 1))[0]) for number in range(size)]


def loud(records: int) -> list[Contribution]:
    """All that the person does."""
    return [_judged(TARGET, number, CELL) for number in range(records)]


def _judged(person: str, number: int, cell: str) -> Contribution:
    return Contribution(person=person, of=InteractionId(f"{person}-{number}"), cell=cell)


def _interval(hits: int, of: int) -> tuple[float, float]:
    """Each end is passed with a probability of RISK / 4: two rates with two ends make RISK."""
    tail = RISK / 4
    low = 0.0 if hits == 0 else float(beta.ppf(tail, hits, of - hits + 1))
    return low, 1.0 if hits == of else float(beta.ppf(1 - tail, hits + 1, of - hits))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--releases", type=int, default=RELEASES)
    options.add_argument("--per-person", type=int, default=2)
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args()
    noise, most = OpenDpNoise(), given.per_person
    _accuracy(noise, most, given.seed)
    few, person = crowd(60, seed=given.seed), loud(50)
    print(f"\nthe attack, {given.releases} releases of either world, {most} records of a person at most")
    print("| mechanism | epsilon | delta | advantage | interval | allowed | bound broken | seconds |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for epsilon in (0.1, 0.5, 1.0, 2.0):
        topics = bounded_topics(noise, per_person=most, epsilon=epsilon, delta=1e-6)
        lots = [_judged(f"t{number}", 0, CELL) for number in range(_threshold(noise, most, epsilon))]
        for name, count, people, delta in (
            ("known cells", bounded(noise, per_person=most, epsilon=epsilon), few, 0.0),
            ("topics", topics, lots, 1e-6),
            ("no bound on a person", unbounded(noise, per_person=most, epsilon=epsilon), few, 0.0),
        ):
            began = time.perf_counter()
            seen = {"known cells": most, "topics": 1}.get(name, len(person))
            found = attack(count, people=people, person=person, seen=seen, releases=given.releases)
            low, high = found.interval
            print(
                f"| {name} | {epsilon:g} | {delta:g} | {found.advantage:.3f} | {low:.3f} to {high:.3f} | "
                f"{allowed(epsilon, delta):.3f} | {'YES' if found.breaks(epsilon, delta) else 'no'} | "
                f"{time.perf_counter() - began:.1f} |"
            )


def _threshold(noise: Noise, per_person: int, epsilon: float) -> int:
    """Supporters with which a topic is told about every other time."""
    names = {f"{number:05d}": number for number in range(1, 3000)}
    told = noise.on_unknown(names, per_person=per_person, epsilon=epsilon, delta=1e-6).counts
    return 2999 - len(told)


def _accuracy(noise: Noise, most: int, seed: int) -> None:
    print(f"accuracy: satisfaction of people with one judged answer each, {most} records of a person at most")
    print("| epsilon | 95 of 100 counts off by | share of bad answers off by: 50 people | 500 | 5000 | topic from |")
    print("| --- | --- | --- | --- | --- | --- |")
    for epsilon in (0.1, 0.25, 0.5, 1.0, 2.0, 4.0):
        errors = []
        for size in (50, 500, 5000):
            exact = counts(crowd(size, seed=seed), per_person=most, key=b"benchmark", once=False)
            share, off = exact[CELL] / size, []
            for _ in range(500):
                told = noise.on_known(exact, per_person=most, epsilon=epsilon).counts
                good, bad = max(0, told["good"]), max(0, told[CELL])
                off.append(abs(bad / max(1, good + bad) - share))
            errors.append(statistics.mean(off))
        scale = noise.on_known(exact, per_person=most, epsilon=epsilon).scale
        columns = " | ".join(f"{error:.3f}" for error in errors)
        print(
            f"| {epsilon:g} | {math.ceil(scale * math.log(20))} | {columns} | "
            f"{_threshold(noise, most, epsilon)} people |"
        )


if __name__ == "__main__":
    main()
