"""Code that goes on over the end of a page."""

import re
from bisect import bisect_left

from ingest.reading.raw import PAGE_BREAK, Removal

_FENCE = re.compile(r"^```$", re.MULTILINE)
_REMARK = r"\([^()\n]{1,80}\)"  # such as (continues on next page)
_OVER = re.compile(rf"\n```\n+(?:({_REMARK})\n+)?{PAGE_BREAK}\n+(?:({_REMARK})\n+)?```(?=\n)")


def with_whole_code(text: str) -> tuple[str, tuple[Removal, ...]]:
    """The text of a file with pages, with one block where one ends a page and another begins the next, and what was
    taken out: remarks in brackets which say that the code goes on, below the first and above the second."""
    fences = [fence.start() for fence in _FENCE.finditer(text)]
    taken: list[str] = []

    def joined(match: re.Match[str]) -> str:
        closes = bisect_left(fences, match.start() + 1) % 2 == 1
        if not closes or bool(match[1]) != bool(match[2]):
            return match[0]
        taken.extend(filter(None, match.groups()))
        return f"\n{PAGE_BREAK}"

    whole = _OVER.sub(joined, text)
    remarks = Removal(what="remarks that code goes on", count=len(taken), lines=tuple(dict.fromkeys(taken)))
    return whole, (remarks,) if taken else ()
