"""What the benchmark of endurance counts as growth."""

import importlib
import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.slow.test_benchmarks import SCRIPTS

HOUR = range(0, 3600, 10)  # seconds


@pytest.fixture(scope="module")
def endurance() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPTS))
        yield importlib.import_module("endurance")


@pytest.mark.parametrize(
    ("an_hour", "flat"),
    [(0.0, True), (10.0, True), (100.0, False), (-100.0, True)],  # of 1,000
)
def test_what_grows_by_more_than_a_twentieth_of_its_level_in_an_hour_is_not_flat(
    endurance: Any, an_hour: float, flat: bool
) -> None:
    chance = random.Random(0)
    points = [(float(at), 1000 + an_hour * at / 3600 + chance.gauss(0, 5)) for at in HOUR]
    found = endurance.growth(points)
    assert found["flat"] is flat
    assert found["low"] - 2 <= an_hour <= found["high"] + 2


def test_what_swings_and_comes_back_is_flat(endurance: Any) -> None:
    assert endurance.growth([(float(at), 1000.0 + at % 180) for at in HOUR])["flat"]


@pytest.mark.parametrize(("failures", "cycles", "held"), [({}, {}, True), ({"ask 503": 1}, {}, False)])
def test_one_request_that_fails_is_told_and_counts(
    endurance: Any, failures: dict[str, int], cycles: dict[str, int], held: bool
) -> None:
    seen = endurance.Seen()
    seen.failures.update(failures)
    seen.cycles.update(cycles)
    samples = [{"seconds": float(at), "memory_mb": 900.0, "files": 50, "threads": 9, "p50": 0.02} for at in HOUR]
    assert endurance.verdict(samples, seen)["held"] is held
