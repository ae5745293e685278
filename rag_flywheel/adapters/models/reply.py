"""What is shown of a language model's reply: its words, without what a text that it read may have made it say.

A model that obeys an order in a passage can carry what it knows to the order's author in one way that needs no
consent: an image, or a link that the reader's client opens for a preview, with the data in its address. So images are
never shown as such, and a link only with an address that stands, letter by letter, in a passage that the reply cites.
What else clients load or turn into a link is opened by a space, which costs a reader next to nothing.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rag_flywheel.domain import Citation, Passage
from rag_flywheel.domain.markers import NUMBERS, marked

REMOVED = "[link removed]"
"""What stands in the place of an address that no cited passage holds."""

_LEFT_OUT = "…"
_REPEATED = 8  # words in a row that stand so in the instructions: no coincidence

_GRAPHIC = "".join(map(chr, range(ord("!"), ord("~") + 1)))
_MARKER_BEGUN = re.compile(r"\[[\d,\s]{0,40}\Z")
_WORD = re.compile(rf"\s*(?:\[{NUMBERS}\]|\S)+\s*|\s+")

_SCHEME = r"(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]*://|(?<![A-Za-z0-9_:/])//(?=[\w-]+\.\w)|(?<![A-Za-z0-9_.])www\."
_HOST = r"(?<![A-Za-z0-9_./\\@-])(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}"
_RUN = r"[^\s<]{0,2000}"  # longer addresses than browsers take are no addresses
_ADDRESS = rf"(?:{_SCHEME}|{_HOST}(?=(?::\d+)?[/?#]\S)){_RUN}"
_ADDRESS_BEGUN = re.compile(_ADDRESS)
_HELD = re.compile(rf"(?:{_SCHEME}|{_HOST}(?!\w)){_RUN}")  # of a passage: also a host alone
_WEB = re.compile(r"^(?:https?:)?//", re.IGNORECASE)
_ENCLOSING = re.compile(r"[()\[\]{}>\"'`|*]")  # where an address may end although no space follows
_PUNCTUATION = ".,;:!?\"'`*_~|)]}>"

_SIGN = re.compile(
    rf"(?P<before>\]\(\s*<?|<?)(?P<address>{_ADDRESS})"
    rf"|(?P<marker>\[(?P<numbers>{NUMBERS})\])"
    r"|(?P<open>!(?=\[)|\](?=[(:])|<(?=[A-Za-z][A-Za-z0-9-]*(?:[\s:]|/(?!>)|\Z)))"  # image, link, definition, tag
)


@dataclass(frozen=True, slots=True)
class _Link:
    """An address, which is shown once a passage that holds it is cited."""

    before: str  # what makes it a link or encloses it, such as "](" or "<"
    address: str
    holders: frozenset[int]

    def waits(self, cited: set[int]) -> bool:
        return bool(self.holders) and self.holders.isdisjoint(cited)

    def text(self, cited: set[int]) -> str:
        if self.holders.isdisjoint(cited):
            return self.before.replace("](", "] (") + REMOVED
        return self.before + self.address


def shown(pieces: Iterator[str], passages: Sequence[str], *, instructions: str, mark: str) -> Iterator[str]:
    """The reply piece by piece, as it may be shown: without the mark, and without stretches of the instructions.

    `passages` are what was told, numbered from 1. It waits for the ends of words, and from a link on for the marker of
    a passage that holds its address.
    """
    holders: dict[str, frozenset[int]] = {}
    for number, text in enumerate(passages, start=1):
        for address in _addresses(text):
            holders[address] = holders.get(address, frozenset()) | {number}
    cited: set[int] = set()
    waiting: list[str | _Link] = []
    for words in _unrepeated(_whole_words(pieces, mark), instructions):
        for part in _parts(words, holders, len(passages)):
            cited.update(marked(part) if isinstance(part, str) else ())
            waiting.append(part)
        ready = next(
            (at for at, part in enumerate(waiting) if isinstance(part, _Link) and part.waits(cited)), len(waiting)
        )
        yield _joined(waiting[:ready], cited)
        del waiting[:ready]
    yield _joined(waiting, cited)


def citations(text: str, passages: Sequence[Passage]) -> tuple[Citation, ...]:
    """The passages that the markers name, in order of first mention; a marker that names none is passed over. An
    answer without markers cites nothing: which passages it rests on is not known, and a guess would be a lie."""
    return tuple(
        citation(number, passages[number - 1]) for number in dict.fromkeys(marked(text)) if 1 <= number <= len(passages)
    )


def citation(number: int, passage: Passage) -> Citation:
    """Of the whole passage, under the number of its marker."""
    return Citation(
        number=number,
        document_id=passage.chunk.document_id,
        title=passage.chunk.title,
        text=passage.chunk.text,
        start=passage.chunk.start,
        end=passage.chunk.end,
        score=passage.score,
        also=tuple(twin.span for twin in passage.also),
    )


def _joined(parts: Sequence[str | _Link], cited: set[int]) -> str:
    return "".join(part if isinstance(part, str) else part.text(cited) for part in parts)


# --- the stream -----------------------------------------------------------------------------------------------------


def _whole_words(pieces: Iterator[str], mark: str) -> Iterator[str]:
    """The same text without the mark, cut where it cuts no address, marker or sign of markup in two."""
    rest = ""
    for piece in pieces:
        rest = re.sub(mark, _LEFT_OUT, rest + piece, flags=re.IGNORECASE)
        word = _start_of_word(rest, len(rest))
        if _ADDRESS_BEGUN.search(rest, word) is None:
            # Only these can become one, so a text without spaces, such as Chinese, need not wait for its end.
            word = max(word, len(rest.rstrip(_GRAPHIC)))
        marker = _MARKER_BEGUN.search(rest, max(0, word - 42), word)
        word = word if marker is None else _start_of_word(rest, marker.start())
        if word:
            yield rest[:word]
            rest = rest[word:]
    if rest:
        yield rest


def _start_of_word(text: str, at: int) -> int:
    return max(text.rfind(" ", 0, at), text.rfind("\n", 0, at)) + 1


def _unrepeated(texts: Iterator[str], instructions: str) -> Iterator[str]:
    """The same text, word by word, without stretches of eight words and more that stand so in the instructions."""
    told = f" {' '.join(filter(None, map(_folded, instructions.split())))} "
    run: list[str] = []
    for text in texts:
        for word in _WORD.findall(text):
            while run and not _stands([*run, word], told):
                if len(run) < _REPEATED:
                    yield run.pop(0)
                else:
                    yield f"{_LEFT_OUT} "
                    run.clear()
            run.append(word)
            if not _stands(run, told):
                yield run.pop()
    yield from run if len(run) < _REPEATED else [_LEFT_OUT]


def _stands(words: Sequence[str], told: str) -> bool:
    return f" {' '.join(filter(None, map(_folded, words)))} " in told


def _folded(word: str) -> str:
    return re.sub(r"\W+", "", word).casefold()


# --- signs of markup ------------------------------------------------------------------------------------------------


def _parts(text: str, holders: Mapping[str, frozenset[int]], count: int) -> Iterator[str | _Link]:
    """The text with its links apart. `count`: of the passages; a marker of none of them is left out."""
    at = 0
    while (sign := _SIGN.search(text, at)) is not None:
        yield text[at : sign.start()]
        at = sign.end()
        if sign["open"]:
            yield f"{sign['open']} "
            continue
        if sign["address"]:
            address = _known(sign["address"], holders)
            yield _Link(sign["before"], address, holders.get(_key(address), frozenset()))
            at = sign.start("address") + len(address)
            closing = len(text[at:]) - len(text[at:].lstrip(_PUNCTUATION))
            yield text[at : at + closing]
            at += closing
            if text[at : at + 1].strip():  # some clients would read on
                yield " "
        else:
            before = text[max(0, sign.start() - 1) : sign.start()]
            yield _marker(sign["marker"], count, glued=before.isascii() and before.isalnum())
            if text[at : at + 1] in ("(", ":"):
                yield " "
    yield text[at:]


def _marker(marker: str, count: int, *, glued: bool) -> str:
    named = marked(marker)
    known = [number for number in named if 1 <= number <= count]
    if glued or len(known) == len(named):  # such as an index into a list
        return marker
    return f"[{', '.join(map(str, known))}]" if known else ""


def _addresses(text: str) -> Iterator[str]:
    for found in _HELD.finditer(text):
        yield from map(_key, _endings(found.group()))


def _known(run: str, holders: Mapping[str, frozenset[int]]) -> str:
    """The longest address that the run begins with and a passage holds; else the shortest that it may be."""
    endings = _endings(run)
    return next((address for address in endings if _key(address) in holders), endings[-1])


def _endings(run: str) -> list[str]:
    """What may be the address that a run of signs begins with, longest first."""
    ends = [len(run), *(found.start() for found in _ENCLOSING.finditer(run))]
    return [run[:end].rstrip(_PUNCTUATION) for end in sorted(ends, reverse=True)]


def _key(address: str) -> str:
    """Equal for addresses of one page, with their scheme or without."""
    return _WEB.sub("", address).rstrip("/")
