"""Where the marks of the replay's plots stand, in the units of an SVG's viewBox. Pure; the template draws them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor
from typing import Any, Literal

from eval.replay.measure import FIRST, HIT, SLICES, harmed

WIDTH, HEIGHT = 400, 320  # about a phone's pixels, so that texts are not drawn smaller than they are written
LEFT, RIGHT, TOP, BOTTOM = 50, 388, 26, 268  # the frame of both plots
LABELS = 312  # the right end of curves: the names of the methods stand beside it
LINE, LETTER, DOT = 14.0, 6.9, 5.0  # of labels: height, width of a letter; radius of a point
INTERVALS = 6  # between the least and the greatest value, at most
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)

Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A linear map of values to places, with ticks at round values. Made by `scale`."""

    low: float
    high: float
    start: float
    end: float
    step: float

    def at(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 2)

    @property
    def ticks(self) -> list[float]:
        return [
            round(self.low + number * self.step, 2) for number in range(round((self.high - self.low) / self.step) + 1)
        ]


def scale(values: Sequence[float], *, start: float, end: float) -> Scale:
    """From the round value at or below the least to the one at or above the greatest; `values` lie in -1..1."""
    low, high = min(values), max(values)
    step = next((width for width in STEPS if (high - low) / width <= INTERVALS), STEPS[-1])
    # Rounded first: 0.3 / 0.1 is a little below 3, and would be a tick too low.
    bottom = floor(round(low / step, 6)) * step
    top = max(ceil(round(high / step, 6)) * step, bottom + step)
    return Scale(low=bottom, high=top, start=start, end=end, step=step)


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A name beside a point; `led` where it stands so far off that a line should lead to it."""

    text: str
    x: float
    y: float  # of the base line
    anchor: Anchor
    led: bool


# --- help against harm ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A method, with whiskers from end to end of its two intervals."""

    method: str
    x: float
    y: float
    left: float
    right: float
    bottom: float
    top: float
    label: Label


@dataclass(frozen=True, slots=True, kw_only=True)
class Tradeoff:
    """Change on untouched questions from left to right, change on corrected ones from bottom to top."""

    across: Scale
    up: Scale
    points: tuple[Point, ...]


def tradeoff(methods: Mapping[str, Any]) -> Tradeoff | None:
    """The plot of the methods that were asked corrected and untouched questions; None without one."""
    found = {
        name: (slices[harmed(slices)][HIT], slices["corrected"][HIT])
        for name, slices in methods.items()
        if "untouched" in slices and "corrected" in slices
    }
    if not found:
        return None
    ends = ("low", "difference", "high")
    across = scale([0.0, *(untouched[end] for untouched, _ in found.values() for end in ends)], start=LEFT, end=RIGHT)
    up = scale([0.0, *(corrected[end] for _, corrected in found.values() for end in ends)], start=BOTTOM, end=TOP)
    places = {
        name: (across.at(untouched["difference"]), up.at(corrected["difference"]))
        for name, (untouched, corrected) in found.items()
    }
    labels = _beside(places)
    points = tuple(
        Point(
            method=name,
            x=places[name][0],
            y=places[name][1],
            left=across.at(untouched["low"]),
            right=across.at(untouched["high"]),
            bottom=up.at(corrected["low"]),
            top=up.at(corrected["high"]),
            label=labels[name],
        )
        for name, (untouched, corrected) in found.items()
    )
    return Tradeoff(across=across, up=up, points=points)


Box = tuple[float, float, float, float]  # left, top, right, bottom


def _beside(places: Mapping[str, tuple[float, float]]) -> dict[str, Label]:
    """A label for each point, on no other label and on no point, as near to its own as there is room."""
    taken: list[Box] = [(x - DOT, y - DOT, x + DOT, y + DOT) for x, y in places.values()]
    labels = {}
    for name, (x, y) in places.items():
        options = list(_options(name, x, y))
        label = next((option for option in options if _free(_box(option), taken)), options[0])
        taken.append(_box(label))
        labels[name] = label
    return labels


def _options(text: str, x: float, y: float) -> Iterator[Label]:
    """Right, left, above and below of the point, then the same further and further off."""
    for far in range(10):
        shift = far * LINE
        for dy in (0.0,) if far == 0 else (-shift, shift):
            yield Label(text=text, x=x + 10, y=y + dy + 4, anchor="start", led=far > 0)
            yield Label(text=text, x=x - 10, y=y + dy + 4, anchor="end", led=far > 0)
            yield Label(text=text, x=x, y=y + dy - 10, anchor="middle", led=far > 1)
            yield Label(text=text, x=x, y=y + dy + 20, anchor="middle", led=far > 1)


def _box(label: Label) -> Box:
    width = len(label.text) * LETTER
    left = label.x - {"start": 0.0, "middle": width / 2, "end": width}[label.anchor]
    return left, label.y - LINE + 3, left + width, label.y + 3


def _free(box: Box, taken: Sequence[Box]) -> bool:
    left, top, right, bottom = box
    inside = left >= LEFT and right <= RIGHT and top >= TOP and bottom <= BOTTOM
    return inside and not any(
        left < other[2] and other[0] < right and top < other[3] and other[1] < bottom for other in taken
    )


# --- curves over turns ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A method's hit@1, turn by turn."""

    method: str
    values: tuple[float | None, ...]  # before, then after each turn; None where there is none
    path: str  # the points of a polyline
    end: tuple[float, float]
    label: Label


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """The curves of one part of the probes: a slice, or the questions that were corrected first."""

    part: str
    across: tuple[float, ...]  # the place of each turn, 0 for before
    shown: tuple[int, ...]  # the turns that are written at the axis
    up: Scale
    curves: tuple[Curve, ...]


def charts(methods: Mapping[str, Any], turns: Mapping[str, Sequence[Mapping[str, float]]]) -> list[Chart]:
    """A chart for each part that was asked, where there are several turns."""
    several = {name: after for name, after in turns.items() if len(after) > 1}
    parts = [part for part in (*SLICES, FIRST) if any(part in after[0] for after in several.values())]
    return [
        _chart(part, {name: _values(part, methods[name], after) for name, after in several.items() if part in after[0]})
        for part in parts
    ]


def _values(part: str, slices: Mapping[str, Any], after: Sequence[Mapping[str, float]]) -> tuple[float | None, ...]:
    before = slices[part][HIT]["before"] if part in slices else None
    return (before, *(turn[part] for turn in after))


def _chart(part: str, values: Mapping[str, Sequence[float | None]]) -> Chart:
    last = max(len(curve) for curve in values.values()) - 1
    across = tuple(round(LEFT + 8 + (LABELS - LEFT - 16) * turn / last, 2) for turn in range(last + 1))
    up = scale([value for curve in values.values() for value in curve if value is not None], start=BOTTOM, end=TOP)
    ends = {name: up.at(value) for name, curve in values.items() if (value := curve[-1]) is not None}
    heights = _apart(ends)
    return Chart(
        part=part,
        across=across,
        shown=tuple(range(0, last + 1, ceil(last / 10))),
        up=up,
        curves=tuple(
            Curve(
                method=name,
                values=tuple(curve),
                path=" ".join(f"{x},{up.at(y)}" for x, y in zip(across, curve, strict=True) if y is not None),
                end=(across[-1], ends[name]),
                label=Label(text=name, x=LABELS + 12, y=heights[name] + 4, anchor="start", led=True),
            )
            for name, curve in values.items()
        ),
    )


def _apart(heights: Mapping[str, float]) -> dict[str, float]:
    """The heights moved as little as keeps a line's distance between any two, and all above the frame's bottom."""
    names = sorted(heights, key=lambda name: heights[name])
    moved = {name: heights[name] for name in names}
    for above, below in pairwise(names):
        moved[below] = max(moved[below], moved[above] + LINE)
    floor_at = float(BOTTOM)
    for name in reversed(names):
        moved[name] = min(moved[name], floor_at)
        floor_at = moved[name] - LINE
    return moved
