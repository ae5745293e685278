"""The outermost lines of a file's pages, and which of their numbers may count the pages."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

NUMBER = re.compile(r"\d+|\b(?=[ivxl]+\b)(?:xl|l?x{0,3})(?:ix|iv|v?i{0,3})(?<=[ivxl])\b", re.IGNORECASE)
_ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50}
_PAGE = (
    r"(?:pages?|pg|pp?|seite|s|blatt|página|pagina|pág|pag|sida|sidan|side|sivu|strona|strana|stránka|str|oldal|sayfa"
    r"|страница|стр|сторінка|σελίδα|halaman|trang|หน้า|صفحة|עמוד|페이지|ページ|第)[.:]?"
)
_OF = r"(?:of|von|de|sur|di|van|av|af|z|ze|из|з|από|dari|จาก|من|מתוך|页|頁|ページ|쪽|共)"
NO_PAGE_WORD = re.compile(rf"(?<![^\W\d_])(?!(?:{_PAGE}|{_OF})(?![^\W\d_]))[^\W\d_]", re.IGNORECASE)
_APART_BEFORE = re.compile(rf"(?:\A|\s[|·•–—~-]\s|\s\s|\t|(?<!\w){_PAGE})\s*\Z", re.IGNORECASE)
_APART_AFTER = re.compile(rf"(?:\s*(?:/|{_OF})\s*\d+)?\s*(?:\Z|\s[|·•–—~-]\s|\s\s|\t|页|頁)")
_FENCE = "```"  # around code, which no running head is


@dataclass(frozen=True, slots=True)
class Number:
    value: int
    counts: bool  # whether it stands where a page number does: apart from words other than "page"


@dataclass(frozen=True, slots=True)
class Line:
    """The outermost line of a page. Lines of one shape differ at most in their numbers."""

    page: int
    text: str
    shape: str
    numbers: tuple[Number, ...]


@dataclass(slots=True)
class Page:
    """What is still looked at of a page: lines `first` to before `last`, and how many characters may yet go."""

    lines: list[str | None]  # None: taken out
    first: int
    last: int
    allowance: float


def edge(pages: Sequence[Page], top: bool) -> Iterator[Line]:
    for number, page in enumerate(pages):
        places = range(page.first, page.last) if top else range(page.last - 1, page.first - 1, -1)
        place = next((place for place in places if (page.lines[place] or "").strip()), None)
        if place is not None and not (page.lines[place] or "").startswith(_FENCE):
            page.first, page.last = (place, page.last) if top else (page.first, place + 1)
            yield _line(number, (page.lines[place] or "").strip())


def _line(page: int, text: str) -> Line:
    shape = NUMBER.sub("0", " ".join(text.split())).casefold()
    alone = not NO_PAGE_WORD.search(shape)
    numbers = (
        Number(_value(found[0]), alone or _stands_apart(text[: found.start()], text[found.end() :]))
        for found in NUMBER.finditer(text[:400])
    )
    return Line(page, text, shape, tuple(numbers))


def _stands_apart(before: str, after: str) -> bool:
    return bool(_APART_BEFORE.search(before[-40:]) and _APART_AFTER.match(after[:40]))


def _value(number: str) -> int:
    if number[0].isdigit():
        return int(number[-9:])  # longer ones count no pages
    letters = [_ROMAN[letter] for letter in number.lower()]
    following = [*letters[1:], 0]
    return sum(-value if value < after else value for value, after in zip(letters, following, strict=True))
