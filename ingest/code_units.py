"""Which stretches of a program belong together: a function with its body, a class with its methods, a quoted text."""

import re
from collections.abc import Sequence

_QUOTES = re.compile(r'"""|\'\'\'')


def inside_quotes(code: str, starts: Sequence[int]) -> list[bool]:
    """Whether each place lies within a text of several lines in triple quotes."""
    found = [False] * len(starts)
    opened, opening, place = "", 0, 0
    for mark in _QUOTES.finditer(code):
        if not opened:
            opened, opening = mark[0], mark.start()
        elif opened == mark[0]:
            while place < len(starts) and starts[place] <= opening:
                place += 1
            while place < len(starts) and starts[place] < mark.start():
                found[place], place = True, place + 1
            opened = ""
    return found


def units(levels: Sequence[int]) -> list[tuple[int, int]]:
    """One stretch or more in groups: each that is indented least, with those behind it that are indented more."""
    least = min(levels)
    begins = [place for place, level in enumerate(levels) if not place or level <= least]
    return list(zip(begins, [*begins[1:], len(levels)], strict=True))
