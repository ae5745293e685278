"""Progress of long work, on standard error, for people."""

import contextlib
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

Steps = Callable[[str, int, int], None]
"""Gets (what is being done, steps done, steps in all)."""
QUIET = 10.0
"""Seconds between two lines about the same work, where there is no terminal."""


@contextlib.contextmanager
def shown(console: Console, clock: Callable[[], float] = time.monotonic) -> Iterator[Steps]:
    """Bars with a rate and the time left on a terminal; elsewhere, as in cron's mail, lines that say the same: one for
    each kind of work, and one every QUIET seconds while it goes on.
    """
    if not console.is_terminal:
        yield _lines(console, clock)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, speed_estimate_period=60) as progress:
        bars: dict[str, TaskID] = {}

        def bar(what: str, done: int, total: int) -> None:
            if what not in bars:
                bars[what] = progress.add_task(what, total=total)
            progress.update(bars[what], completed=done, total=total)

        yield bar


def _lines(console: Console, clock: Callable[[], float]) -> Steps:
    started: dict[str, tuple[float, int]] = {}
    last = -QUIET

    def line(what: str, done: int, total: int) -> None:
        nonlocal last
        now = clock()
        if what not in started:
            started[what], last = (now, done), now
            console.print(f"{what} ({total})", markup=False)
        elif now >= last + QUIET and done < total:
            last = now
            console.print(f"{what}: {done} of {total}{_pace(*started[what], now, done, total)}", markup=False)

    return line


def _pace(began: float, at: int, now: float, done: int, total: int) -> str:
    """How fast it goes and how long it will take, once something is done."""
    if done <= at or now <= began:
        return ""
    rate = (done - at) / (now - began)
    left = round((total - done) / rate)
    return f", {rate:.3g} a second, {left // 3600}:{left // 60 % 60:02}:{left % 60:02} left"


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.3g}/s")


def silent(what: str, done: int, total: int) -> None:
    """For callers that show no progress."""
