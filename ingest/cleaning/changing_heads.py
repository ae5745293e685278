"""Running heads that change with the chapter: proven by page numbers that count, or by the pages beside them."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ingest.cleaning.page_edges import NO_PAGE_WORD, NUMBER, Line, Page, edge

FEWEST_PAGES = 3
SHARE_OF_PAGES = 0.6
GAP = 3  # pages from one number to the next, at most: chapters may begin without a head, on the next right page
NEAR = 2  # pages to the next one of the same side
_LABEL = re.compile(r"(?:[^\W\d_]+\s+)?(?:\d+(?:\.\d+)*|[IVXLC]+|[A-Z])[.:]?\s+(?=\S)")  # `Chapter 1: `, `2.1 `
_LEADERS = re.compile(r"(?:\s*[.·…‥]){3,}\s*\w+\s*\Z")
_APART = re.compile(r"\s{2,}|\t|\s[|·•–—~-]\s")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class _Counted:
    """Pages whose outermost lines hold the numbers of pages: each is the page's place and `offset`."""

    offset: int
    first: int
    last: int


def take_changing(pages: Sequence[Page], deepest: int) -> list[str]:
    """Takes the heads and feet that are not the same on most pages out of these, and gives their texts.

    A line at a page's edge may be one where its number, apart from the words, counts the pages over at least three
    that follow each other, or where 60% of the pages have a line there that stands on a page beside them, too, or
    repeats a heading up to there. Of these go the bare numbers, and what stands at that edge again, or is a line
    elsewhere in the text, such as a chapter's title; so what goes can be read elsewhere. Rows of tables stay, and a
    heading that stands there once. At most `deepest` lines of the top and of the bottom are looked at.
    """
    taken: list[str] = []
    seen: set[str] = set()
    runs = [run for top in (True, False) for run in _runs(_lines(pages, top))]
    for top in (True, False):
        for _ in range(deepest):
            lines = _lines(pages, top)
            begun = _headings(pages)
            heads = [line for line in lines if _is_counted(line, runs)] or _beside(lines, begun, len(pages))
            if not heads or not _take(heads, pages, top, begun, seen, taken):
                break
    return taken


def _lines(pages: Sequence[Page], top: bool) -> list[Line]:
    return [line for line in edge(pages, top) if not line.text.startswith("|")]


def _take(
    heads: Sequence[Line], pages: Sequence[Page], top: bool, begun: dict[str, int], seen: set[str], taken: list[str]
) -> bool:
    """Takes those of the lines that are bare numbers or said elsewhere; whether there were any."""
    known = _known_lines(pages)
    again = Counter(part for line in heads for part in set(_parts(line.text)))
    bare = [line for line in heads if not _said(line.text)]
    worded = [line for line in heads if _said(line.text)]
    shown = [line for line in worded if _is_shown(line, known, again)]
    repeated = [line for line in shown if _is_begun(line, begun) or any(again[part] > 1 for part in _parts(line.text))]
    if 2 * len(shown) < len(worded) or 3 * len(repeated) < len(shown):
        shown = []  # no heads, but what the pages begin with, such as numbered titles
    passed = 0
    for line in bare + shown:
        page, size = pages[line.page], len("".join(line.text.split()))
        if size > page.allowance:
            continue
        place = page.first if top else page.last - 1
        parts = zip(_named(line.text), _parts(line.text), strict=True)
        if all(said in seen or _is_known(part, known) for part, said in parts):
            page.allowance -= size
            page.lines[place] = None
            taken.append(line.text[:200])
        elif line.text.startswith("#"):  # it heads nothing
            page.lines[place] = line.text.lstrip("# ")
        seen.update(_parts(line.text))
        page.first, page.last = (place + 1, page.last) if top else (page.first, place)
        passed += 1
    return passed > 0


def _is_shown(line: Line, known: set[str], again: Counter[str]) -> bool:
    """Whether each part of it stands at this edge again, or elsewhere in the text, which does not do for a heading."""
    is_heading = line.text.startswith("#")
    parts = zip(_named(line.text), _parts(line.text), strict=True)
    return all(again[said] > 1 or (not is_heading and _is_known(part, known)) for part, said in parts)


def _runs(lines: Sequence[Line]) -> Iterator[_Counted]:
    """Stretches of pages over which numbers at the lines' edge count the pages."""
    by_offset: dict[int, list[int]] = defaultdict(list)
    for line in lines:
        for offset in {number.value - line.page for number in line.numbers if number.counts}:
            by_offset[offset].append(line.page)
    for offset, places in by_offset.items():
        ends = [place for place, (before, after) in enumerate(pairwise(places), 1) if after - before > GAP]
        for start, end in pairwise([0, *ends, len(places)]):
            first, last = places[start], places[end - 1]
            if end - start >= max(FEWEST_PAGES, SHARE_OF_PAGES * (last - first + 1)):
                yield _Counted(offset, first, last)


def _is_counted(line: Line, runs: Sequence[_Counted]) -> bool:
    """Whether one of its numbers, apart from its words, is that of the page; without words it has no other one."""
    values = {number.value - line.page for number in line.numbers if number.counts}
    if len(line.numbers) > 1 and not _said(line.text):
        return False
    return any(run.offset in values and run.first - GAP <= line.page <= run.last + GAP for run in runs)


def _beside(lines: Sequence[Line], begun: dict[str, int], pages: int) -> list[Line]:
    """The lines, if most pages have one that repeats a heading, or of which a part stands there on a page beside it."""
    parts = {line.page: set(_parts(line.text)) for line in lines}
    near = [place for place in range(-NEAR, NEAR + 1) if place]
    found = [
        line
        for line in lines
        if _is_begun(line, begun)
        or any(not parts[line.page].isdisjoint(parts.get(line.page + place, ())) for place in near)
    ]
    return found if len(found) >= max(FEWEST_PAGES, SHARE_OF_PAGES * pages) else []


def _named(text: str) -> list[str]:
    """The parts of a line that stand apart, without those that are no more than a page's number."""
    return [part for part in _APART.split(text) if NO_PAGE_WORD.search(NUMBER.sub("0", part))]


def _parts(text: str) -> list[str]:
    """The words of each of them; a heading is something else than a line of the same words."""
    return [("# " if text.startswith("#") else "") + _words(part) for part in _named(text)]


def _words(text: str) -> str:
    return " ".join(_WORD.findall(text.casefold()))


def _said(text: str) -> str:
    return " ".join(_parts(text))


def _known_lines(pages: Sequence[Page]) -> set[str]:
    """The words of each line of the text, with and without a number before them and one after them.

    Of the lines at the pages' edges those that are headings, and stand there once.
    """
    known: set[str] = set()
    titles: list[str] = []
    for page in pages:
        for place, line in enumerate(page.lines):
            if line and page.first < place < page.last - 1:
                known.update(_forms(line))
            elif line and line.startswith("#"):
                titles.append(line)
    often = Counter(map(_said, titles))
    for title in titles:
        if often[_said(title)] == 1:
            known.update(_forms(title))
    return known


def _headings(pages: Sequence[Page]) -> dict[str, int]:
    """The page on which each heading stands first, by its words, with and without a number before them."""
    first: dict[str, int] = {}
    for number, page in enumerate(pages):
        for line in page.lines:
            if line and line.startswith("#"):
                for form in _forms(line):
                    first.setdefault(form, number)
    return first


def _is_begun(line: Line, begun: dict[str, int]) -> bool:
    """Whether it is a heading once more, without being one: each of its parts is that of the page, or of one before."""
    parts = [] if line.text.startswith("#") else _named(line.text)
    pages = [min((begun[form] for form in _forms(part) if form in begun), default=None) for part in parts]
    return bool(parts) and all(page is not None and page <= line.page for page in pages)


def _is_known(part: str, known: set[str]) -> bool:
    return not known.isdisjoint(_forms(part))


def _forms(line: str) -> Iterator[str]:
    text = _LEADERS.sub("", line.strip(" \t#*|"))
    for form in (text, _LABEL.sub("", text, count=1)):
        if words := _words(form):
            yield words
