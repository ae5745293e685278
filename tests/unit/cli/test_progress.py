"""Progress of long work."""

import io

from rich.console import Console

from rag_flywheel.cli.progress import shown


def test_without_a_terminal_a_line_every_ten_seconds_gives_rate_and_time_left() -> None:
    out, now = io.StringIO(), 0.0
    with shown(Console(file=out, width=200), clock=lambda: now) as steps:
        for second in range(26):
            now = float(second)
            steps("reading files (kB)", second * 100, 10_000)
        now = 30.0
        steps("reading files (kB)", 10_000, 10_000)
        steps("embedding passages", 0, 50)
    assert out.getvalue().splitlines() == [
        "reading files (kB) (10000)",
        "reading files (kB): 1000 of 10000, 100 a second, 0:01:30 left",
        "reading files (kB): 2000 of 10000, 100 a second, 0:01:20 left",
        "embedding passages (50)",
    ]


def test_work_that_stands_still_says_so_without_a_rate() -> None:
    out, now = io.StringIO(), 0.0
    with shown(Console(file=out, width=200), clock=lambda: now) as steps:
        for now in (0.0, 11.0):  # noqa: B007 - the clock reads it
            steps("tuning", 0, 3)
    assert out.getvalue().splitlines() == ["tuning (3)", "tuning: 0 of 3"]


def test_a_terminal_gets_a_bar_with_rate_and_time_left() -> None:
    out = io.StringIO()
    with shown(Console(file=out, width=120, force_terminal=True, color_system=None)) as steps:
        for done in range(0, 101, 50):
            steps("reading files (kB)", done, 100)
    assert "reading files (kB)" in out.getvalue()
    assert "100/100" in out.getvalue()
    assert "/s" in out.getvalue()
