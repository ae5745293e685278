"""What a file's pages repeat: running heads and page numbers."""

from collections import defaultdict
from collections.abc import Sequence

from ingest.cleaning.changing_heads import take_changing
from ingest.cleaning.page_edges import NO_PAGE_WORD, Line, Number, Page, edge
from ingest.reading.raw import PAGE_BREAK, Removal

SHARE_OF_PAGES = 0.6  # on which a line stands at one place before it counts as a running head
SHARE_OF_PAGE = 0.15  # of a page's characters, spaces aside, that may go
FEWEST_PAGES = 3
DEEPEST = 12  # lines of a running head
SHOWN = 20  # different lines that the report shows


def without_furniture(text: str) -> tuple[str, tuple[Removal, ...]]:
    """The text of a file with pages, without its running heads and page numbers, and what was taken out.

    A line at the top or bottom of a page goes only where the same line stands at the same place on at least 60% of the
    pages (or of the left and of the right ones, where those differ) and at least three, where its numbers, if they
    differ at all, are page numbers and count the pages, and where no more than 15% of the page goes with it. What lies
    behind such a line is then looked at in the same way, so a head may have several lines. A line that says more than a
    page number stays where it stands first: a reader of the whole file misses nothing. Heads that change with the
    chapter go by `take_changing`.
    """
    pages = [_page(page) for page in text.split(PAGE_BREAK)]
    taken = take_changing(pages, DEEPEST // 2)
    seen: set[str] = set()
    for top in (True, False):
        for _ in range(DEEPEST // 2):
            if not _peel(pages, top, taken, seen):
                break
    if not taken:
        return text, ()
    kept = ("\n".join(line for line in page.lines if line is not None) for page in pages)
    shown = tuple(dict.fromkeys(taken))[:SHOWN]
    removal = Removal(what="running heads and page numbers", count=len(taken), lines=shown)
    return f"\n{PAGE_BREAK}\n".join(kept), (removal,)


def _page(text: str) -> Page:
    lines = text.strip("\n").split("\n")
    return Page([*lines], 0, len(lines), SHARE_OF_PAGE * len("".join(text.split())))


def _peel(pages: Sequence[Page], top: bool, taken: list[str], seen: set[str]) -> int:
    """Pass the outermost line of every page where it is furniture, and take it out; how many pages have such a line."""
    passed = 0
    for line in _furniture(list(edge(pages, top)), len(pages)):
        page, size = pages[line.page], len("".join(line.text.split()))
        if size > page.allowance:
            continue
        place = page.first if top else page.last - 1
        if line.shape in seen or not NO_PAGE_WORD.search(line.shape):
            page.allowance -= size
            page.lines[place] = None
            taken.append(line.text[:200])
        seen.add(line.shape)
        page.first, page.last = (place + 1, page.last) if top else (page.first, place)
        passed += 1
    return passed


def _furniture(lines: Sequence[Line], pages: int) -> list[Line]:
    """Those of the lines, all of one place, that are running heads or page numbers."""
    everywhere = _repeated(lines, pages)
    if everywhere:
        return everywhere
    left = _repeated([line for line in lines if line.page % 2], pages // 2)
    right = _repeated([line for line in lines if not line.page % 2], (pages + 1) // 2)
    return left + right if left and right else []


def _repeated(lines: Sequence[Line], pages: int) -> list[Line]:
    shapes: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        shapes[line.shape].append(line)
    enough = max(FEWEST_PAGES, SHARE_OF_PAGES * pages)
    return [line for same in shapes.values() if len(same) >= enough and _differ_in_counters(same) for line in same]


def _differ_in_counters(lines: Sequence[Line]) -> bool:
    """Whether each of the numbers is the same in all the lines, or is a page number and counts the pages."""
    slots = zip(*(line.numbers for line in lines), strict=True)
    return all(len({number.value for number in slot}) == 1 or _count_pages(slot, lines) for slot in slots)


def _count_pages(numbers: Sequence[Number], lines: Sequence[Line]) -> bool:
    """Whether they grow with the lines' pages, beginning at one again where a part of the file begins.

    Most numbers may be on one page only: slides that are built up on several pages have one number.
    """
    pairs = list(zip(numbers, numbers[1:], lines, lines[1:], strict=False))
    if not all(number.counts for number in numbers):
        return False
    if all(_grows(before, after, there.page - here.page) for before, after, here, there in pairs):
        return True
    slides = all(0 <= after.value - before.value <= there.page - here.page for before, after, here, there in pairs)
    return slides and 2 * len({number.value for number in numbers}) >= len(numbers)


def _grows(before: Number, after: Number, pages: int) -> bool:
    return after.value == 1 or after.value - before.value == pages
