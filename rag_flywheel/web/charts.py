"""Where the pieces of small plots stand, for templates that draw them as inline SVG with the numbers beside them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 600, 160  # of a curve, in units of its own
SMALLEST = 1e-6  # p that a curve tells apart


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """An interval on an axis that has 0 in its middle, in percent of the width."""

    low: float
    high: float
    middle: float


def bars(intervals: Iterable[tuple[float, float, float]]) -> list[Bar]:
    """(difference, low, high) of each, on one axis that holds them all."""
    given = list(intervals)
    reach = max((abs(value) for interval in given for value in interval), default=0.0) or 1.0
    return [
        Bar(middle=_place(middle, reach), low=_place(low, reach), high=_place(high, reach))
        for middle, low, high in given
    ]


def _place(value: float, reach: float) -> float:
    return round(50.0 + 48.0 * value / reach, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A p over the looks at a canary, on a logarithmic axis; below its boundary something is shown."""

    name: str
    label: str
    points: str  # of an SVG polyline
    boundary: float  # height
    allowed: float  # the p there
    last: float  # the p now


def curve(name: str, label: str, values: Sequence[float], *, allowed: float) -> Curve:
    step = WIDTH / max(len(values) - 1, 1)
    return Curve(
        name=name,
        label=label,
        points=" ".join(f"{place * step:.1f},{_height(value):.1f}" for place, value in enumerate(values)),
        boundary=_height(allowed),
        allowed=allowed,
        last=values[-1],
    )


def _height(p: float) -> float:
    return round(HEIGHT * math.log10(min(max(p, SMALLEST), 1.0)) / math.log10(SMALLEST), 1)


def ticks() -> Mapping[str, float]:
    """Heights of p = 1, 0.1, and so on, by what is written there."""
    return {f"{10.0**-power:g}": _height(10.0**-power) for power in range(0, 7, 2)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Shares over time, each in 0..1; where one is not known, the line is broken."""

    name: str
    lines: tuple[str, ...]  # of SVG polylines
    dots: tuple[tuple[float, float], ...]


def series(name: str, shares: Sequence[float | None]) -> Series:
    step = WIDTH / max(len(shares) - 1, 1)
    lines: list[list[tuple[float, float]]] = [[]]
    for place, share in enumerate(shares):
        if share is None:
            lines.append([])
        else:
            lines[-1].append((round(place * step, 1), round(HEIGHT * (1 - share), 1)))
    return Series(
        name=name,
        lines=tuple(" ".join(f"{x},{y}" for x, y in line) for line in lines if len(line) > 1),
        dots=tuple(dot for line in lines for dot in line),
    )
