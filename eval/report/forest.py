"""A forest plot of the comparisons: one panel for targets and one for guards, each with an axis of its own.

Places are percentages of a plot's width, so that a template draws it at any width without scaling its text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from eval.comparison import ALL_GUARDS, Role
from eval.gate import Finding

_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
_TICKS = 6  # on an axis, at most: so many labels fit on a phone
_ROUNDING = 1e-9

SliceRows = tuple[str, tuple[Mapping[str, Any], ...]]
"""A slice and its comparisons, as the report's mappings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A scale of differences from `low` to `high`, both ticks of it."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def at(self, value: float) -> float:
        """Where a value stands, in percent; what lies beyond an end stands at the end."""
        inside = min(self.high, max(self.low, value))
        return round(100 * (inside - self.low) / (self.high - self.low), 2)

    def holds(self, value: float) -> bool:
        return self.low - _ROUNDING <= value <= self.high + _ROUNDING


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """The comparisons that share an axis, by slice."""

    title: str
    meaning: str
    margin: float | None  # the fall that is still accepted; None where a rise is asked for
    axis: Axis
    slices: tuple[SliceRows, ...]
    small: tuple[SliceRows, ...]  # slices with too few questions to hold on their own


def panels(comparisons: Sequence[Mapping[str, Any]], *, margin: float) -> list[Panel]:
    """The panels that have a comparison to show: what a rule asks for, and has pairs."""
    shown = [
        comparison
        for comparison in comparisons
        if comparison["finding"] != Finding.NOT_TESTED and comparison["difference"] is not None
    ]
    targets = [comparison for comparison in shown if comparison["role"] == Role.TARGET]
    others = [comparison for comparison in shown if comparison["role"] != Role.TARGET]
    guards = sorted(others, key=lambda comparison: comparison["slice"] != ALL_GUARDS)
    meaning = f"All other questions. An interval right of the dashed line rules out a fall by {margin:g}."
    made = []
    if targets:
        axis = _axis(targets, least=(0.0, 0.1))
        made.append(_panel("Should be better", "Questions that the new corrections are about.", targets, axis, None))
    if guards:
        axis = _axis(guards, least=(-1.5 * margin, margin))
        made.append(_panel("Must not be worse", meaning, guards, axis, margin))
    return made


def _panel(
    title: str, meaning: str, comparisons: Sequence[Mapping[str, Any]], axis: Axis, margin: float | None
) -> Panel:
    by_slice = groupby(comparisons, key=lambda comparison: str(comparison["slice"]))
    slices = [(slice, tuple(those)) for slice, those in by_slice]
    small = [shown for shown in slices if all(comparison["finding"] == Finding.TOO_FEW for comparison in shown[1])]
    return Panel(
        title=title,
        meaning=meaning,
        margin=margin,
        axis=axis,
        slices=tuple(part for part in slices if part not in small),
        small=tuple(small),
    )


def _axis(comparisons: Sequence[Mapping[str, Any]], *, least: tuple[float, float]) -> Axis:
    """The axis that holds `least` and each interval, but for those of too few questions: one of three would leave the
    others no room, and is cut off instead.
    """
    wide = [comparison for comparison in comparisons if comparison["finding"] != Finding.TOO_FEW]
    low = min([least[0], *(comparison["low"] for comparison in wide)])
    high = max([least[1], *(comparison["high"] for comparison in wide)])
    for step in _STEPS:
        first, last = _floor(low, step), -_floor(-high, step)
        if last - first < _TICKS:
            break
    return Axis(low=first * step, high=last * step, ticks=tuple(round(at * step, 6) for at in range(first, last + 1)))


def _floor(value: float, step: float) -> int:
    return int((value + _ROUNDING) // step)
