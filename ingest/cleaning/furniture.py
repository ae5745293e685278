"""What a file's pages repeat: running heads and page numbers."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ingest.reading.raw import PAGE_BREAK, Removal

SHARE_OF_PAGES = 0.6  # on which a line stands at one place before it counts as a running head
SHARE_OF_PAGE = 0.15  # of a page's characters, spaces aside, that may go
FEWEST_PAGES = 3
DEEPEST = 12  # lines of a running head
SHOWN = 20  # different lines that the report shows

_NUMBER = re.compile(r"\d+|\b(?=[ivxl]+\b)(?:xl|l?x{0,3})(?:ix|iv|v?i{0,3})(?<=[ivxl])\b", re.IGNORECASE)
_ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50}
_PAGE = (
    r"(?:pages?|pg|pp?|seite|s|blatt|página|pagina|pág|pag|sida|sidan|side|sivu|strona|strana|stránka|str|oldal|sayfa"
    r"|страница|стр|сторінка|σελίδα|halaman|trang|หน้า|صفحة|עמוד|페이지|ページ|第)[.:]?"
)
_OF = r"(?:of|von|de|sur|di|van|av|af|z|ze|из|з|από|dari|จาก|من|מתוך|页|頁|ページ|쪽|共)"
_NO_PAGE_WORD = re.compile(rf"(?<![^\W\d_])(?!(?:{_PAGE}|{_OF})(?![^\W\d_]))[^\W\d_]", re.IGNORECASE)
_APART_BEFORE = re.compile(rf"(?:\A|\s[|·•–—~-]\s|\s\s|\t|(?<!\w){_PAGE})\s*\Z", re.IGNORECASE)
_APART_AFTER = re.compile(rf"(?:\s*(?:/|{_OF})\s*\d+)?\s*(?:\Z|\s[|·•–—~-]\s|\s\s|\t|页|頁)")


@dataclass(frozen=True, slots=True)
class _Number:
    value: int
    counts: bool  # whether it stands where a page number does: apart from words other than "page"


@dataclass(frozen=True, slots=True)
class _Line:
    """The outermost line of a page. Lines of one shape differ at most in their numbers."""

    page: int
    text: str
    shape: str
    numbers: tuple[_Number, ...]


@dataclass(slots=True)
class _Page:
    """What is still looked at of a page: lines `first` to before `last`, and how many characters may yet go."""

    lines: list[str | None]  # None: taken out
    first: int
    last: int
    allowance: float


def without_furniture(text: str) -> tuple[str, tuple[Removal, ...]]:
    """The text of a file with pages, without its running heads and page numbers, and what was taken out.

    A line at the top or bottom of a page goes only where the same line stands at the same place on at least 60% of the
    pages (or of the left and of the right ones, where those differ) and at least three, where its numbers, if they
    differ at all, are page numbers and count the pages, and where no more than 15% of the page goes with it. What lies
    behind such a line is then looked at in the same way, so a head may have several lines. A line that says more than a
    page number stays where it stands first: a reader of the whole file misses nothing.
    """
    pages = [_page(page) for page in text.split(PAGE_BREAK)]
    taken: list[str] = []
    seen: set[str] = set()
    for top in (True, False):
        for _ in range(DEEPEST):
            if not _peel(pages, top, taken, seen):
                break
    if not taken:
        return text, ()
    kept = ("\n".join(line for line in page.lines if line is not None) for page in pages)
    shown = tuple(dict.fromkeys(taken))[:SHOWN]
    removal = Removal(what="running heads and page numbers", count=len(taken), lines=shown)
    return f"\n{PAGE_BREAK}\n".join(kept), (removal,)


def _page(text: str) -> _Page:
    lines = text.strip("\n").split("\n")
    return _Page([*lines], 0, len(lines), SHARE_OF_PAGE * len("".join(text.split())))


def _peel(pages: Sequence[_Page], top: bool, taken: list[str], seen: set[str]) -> int:
    """Pass the outermost line of every page where it is furniture, and take it out; how many pages have such a line."""
    passed = 0
    for line in _furniture(list(_edge(pages, top)), len(pages)):
        page, size = pages[line.page], len("".join(line.text.split()))
        if size > page.allowance:
            continue
        place = page.first if top else page.last - 1
        if line.shape in seen or not _NO_PAGE_WORD.search(line.shape):
            page.allowance -= size
            page.lines[place] = None
            taken.append(line.text[:200])
        seen.add(line.shape)
        page.first, page.last = (place + 1, page.last) if top else (page.first, place)
        passed += 1
    return passed


def _edge(pages: Sequence[_Page], top: bool) -> Iterator[_Line]:
    for number, page in enumerate(pages):
        places = range(page.first, page.last) if top else range(page.last - 1, page.first - 1, -1)
        place = next((place for place in places if (page.lines[place] or "").strip()), None)
        if place is not None:
            page.first, page.last = (place, page.last) if top else (page.first, place + 1)
            yield _line(number, (page.lines[place] or "").strip())


def _line(page: int, text: str) -> _Line:
    shape = _NUMBER.sub("0", " ".join(text.split())).casefold()
    alone = not _NO_PAGE_WORD.search(shape)
    numbers = (
        _Number(_value(found[0]), alone or _stands_apart(text[: found.start()], text[found.end() :]))
        for found in _NUMBER.finditer(text[:400])
    )
    return _Line(page, text, shape, tuple(numbers))


def _stands_apart(before: str, after: str) -> bool:
    return bool(_APART_BEFORE.search(before[-40:]) and _APART_AFTER.match(after[:40]))


def _value(number: str) -> int:
    if number[0].isdigit():
        return int(number[-9:])  # longer ones count no pages
    letters = [_ROMAN[letter] for letter in number.lower()]
    following = [*letters[1:], 0]
    return sum(-value if value < after else value for value, after in zip(letters, following, strict=True))


def _furniture(lines: Sequence[_Line], pages: int) -> list[_Line]:
    """Those of the lines, all of one place, that are running heads or page numbers."""
    everywhere = _repeated(lines, pages)
    if everywhere:
        return everywhere
    left = _repeated([line for line in lines if line.page % 2], pages // 2)
    right = _repeated([line for line in lines if not line.page % 2], (pages + 1) // 2)
    return left + right if left and right else []


def _repeated(lines: Sequence[_Line], pages: int) -> list[_Line]:
    shapes: dict[str, list[_Line]] = defaultdict(list)
    for line in lines:
        shapes[line.shape].append(line)
    enough = max(FEWEST_PAGES, SHARE_OF_PAGES * pages)
    return [line for same in shapes.values() if len(same) >= enough and _differ_in_counters(same) for line in same]


def _differ_in_counters(lines: Sequence[_Line]) -> bool:
    """Whether each of the numbers is the same in all the lines, or is a page number and counts the pages."""
    slots = zip(*(line.numbers for line in lines), strict=True)
    return all(len({number.value for number in slot}) == 1 or _count_pages(slot, lines) for slot in slots)


def _count_pages(numbers: Sequence[_Number], lines: Sequence[_Line]) -> bool:
    """Whether they grow with the lines' pages, beginning at one again where a part of the file begins."""
    return all(number.counts for number in numbers) and all(
        after.value == 1 or after.value - before.value == there.page - here.page
        for before, after, here, there in zip(numbers, numbers[1:], lines, lines[1:], strict=False)
    )
