"""Progress of long work, on standard error, for people."""

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

Steps = Callable[[str, int, int], None]
"""Gets (what is being done, steps done, steps in all)."""


@contextlib.contextmanager
def shown(console: Console) -> Iterator[Steps]:
    """Bars on a terminal; one line for each kind of work elsewhere, as in cron's mail."""
    if not console.is_terminal:
        seen: set[str] = set()

        def line(what: str, done: int, total: int) -> None:
            if what not in seen:
                seen.add(what)
                console.print(f"{what} ({total})", markup=False)

        yield line
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bars: dict[str, TaskID] = {}

        def bar(what: str, done: int, total: int) -> None:
            if what not in bars:
                bars[what] = progress.add_task(what, total=total)
            progress.update(bars[what], completed=done, total=total)

        yield bar


def silent(what: str, done: int, total: int) -> None:
    """For callers that show no progress."""
