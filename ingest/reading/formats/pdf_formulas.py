"""Formulas in a PDF on one line each: fractions, and what is raised, lowered, or stands above and below a sign."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ingest.reading.formats.layout import Rule, Word, height
from ingest.reading.formats.marks import script

SMALLER = 0.85  # times as high as its base is what may be raised or lowered
SAME_LINE = 0.1  # of a letter's height, by which lines may differ
OFF = 0.5  # of its height, by which a sign that grows may stand above or below its line
LONGEST_SCRIPT = 40  # signs of it
LONGEST_BAR = 300.0  # points of a fraction's line
CLOSE = 1.2  # letters' heights between words of one formula, at most
FARTHEST = 4.0  # of these beside a sign of a relation or a sum
FARTHEST_NUMBER = 30.0  # of these before a formula's number
AXIS, DESCENT, ASCENT = 0.25, 0.22, 0.75  # of a line's size: its minus signs, and how far its letters reach
_OPERATOR = re.compile(r"[∑∏∐∫∮⋃⋂⨆⊎⋀⋁⊕⊗⊙]|lim|lim ?(?:sup|inf)|sup|inf|max|min|arg ?(?:max|min)|det|gcd|Pr")
_BRACKETS = tuple("()[]{}⟨⟩⌊⌋⌈⌉|‖")
_OPEN = "=≠<>≤≥≪≫≈≃≅∼≡∝+−±∓×·∗/∈∉⊂⊆∪∩→↦⇒⇔:∑∏∐∫⋃⋂⨆"
_SCRIPTED = re.compile(r"[_^](?:\w|\([^()]*\))+$")
_NUMBER = re.compile(r"\((?:[A-Z]\.?)?\d+(?:[.\-]\d+)*[a-z]?\)")
_LETTER = re.compile(r"[^\W\d_]")
_NAMED = re.compile(r"[^\W\d_]{4,}")

BIG = dict(
    zip(
        range(0x80),
        "()[]⌊⌋⌈⌉{}⟨⟩|‖/\\()()[]⌊⌋⌈⌉{}⟨⟩/\\()[]⌊⌋⌈⌉{}⟨⟩/\\/\\⎛⎞⎡⎤⎣⎦⎢⎥⎧⎫⎩⎭⎨⎬⎪|⎝⎠⎜⎟⟨⟩⨆⨆∮∮⊙⊙⊕⊕⊗⊗"
        "∑∏∫⋃⋂⊎⋀⋁∑∏∫⋃⋂⊎⋀⋁∐∐^^^~~~[]⌊⌋⌈⌉{}√√√√√√√‖↑↓       ",
        strict=False,
    )
)
"""The signs of Computer Modern's extension font by their numbers, since it names them as no other font does."""


def in_lines(words: Sequence[Word], rules: Sequence[Rule]) -> list[Word]:
    """The words of a page that has formulas: what is above, below, or beside another one in these is on its line."""
    body = height(words)
    found = _with_signs_on_lines(words, body)
    bars = [rule for rule in rules if rule.top - rule.bottom < 1 and rule.right - rule.left < LONGEST_BAR]
    for bar in sorted(bars, key=lambda bar: bar.right - bar.left):
        found = _with_fraction(found, bar, body)
    return _whole_formulas(_close(_with_scripts(found)))


def _with_signs_on_lines(words: Sequence[Word], body: float) -> list[Word]:
    """The words, with signs that grow with what they stand beside on the line of the text next to them."""
    texts = sorted((word for word in words if not _is_sign(word)), key=_base)
    bases = [word.base for word in texts]
    found: list[Word] = []
    for word in words:
        if not _is_sign(word):
            found.append(word)
            continue
        size = min(word.size, body)
        near = texts[bisect_left(bases, word.base - OFF * size) : bisect_left(bases, word.base + OFF * size)]
        beside = [
            (max(other.left - word.right, word.left - other.right), other.base)
            for other in near
            if other.size >= SMALLER * size
        ]
        apart, base = min(beside, default=(0.0, word.base))
        base = base if apart < FARTHEST * size else word.base
        found.append(replace(word, size=size, base=base, bottom=base - DESCENT * size, top=base + ASCENT * size))
    return found


def _is_sign(word: Word) -> bool:
    """Whether it may be as high as what stands beside it, whatever its size."""
    return word.math and (word.text in _BRACKETS or _OPERATOR.fullmatch(word.text) is not None)


def _with_fraction(words: list[Word], bar: Rule, body: float) -> list[Word]:
    """The words with one for those above and below the line, if that is a fraction's."""
    above, below = [], []
    for word in words:
        if word.right <= bar.left or word.left >= bar.right or not word.size:
            continue
        distance = (word.base - bar.bottom) / word.size
        farther = 1.0 if word.size < SMALLER * body else 0.0
        if 0.05 < distance < 1.5 + farther:
            above.append(word)
        elif -1.6 - farther < distance < -0.4:
            below.append(word)
    both = [*above, *below]
    if not above or not below or not any(word.math for word in both):
        return words
    size = max(word.size for word in both)
    if any(word.left < bar.left - 1.5 or word.right > bar.right + 1.5 for word in both):
        return words
    widths = [max(word.right for word in part) - min(word.left for word in part) for part in (above, below)]
    if max(widths) < bar.right - bar.left - 0.6 * size or any(_NAMED.search(word.text) for word in both):
        return words
    over, under = (_text(_close(_with_scripts(part))) for part in (above, below))
    base = bar.bottom - AXIS * size
    fraction = Word(
        text=f"{_whole(over)}/{_whole(under)}",
        left=bar.left,
        right=bar.right,
        bottom=base - DESCENT * size,
        top=base + ASCENT * size,
        size=size,
        base=base,
        math=True,
    )
    gone = set(map(id, both))
    kept = [word for word in words if id(word) not in gone]
    return [*kept, fraction]


def _whole(text: str) -> str:
    return text if re.fullmatch(r"[\w.]+", text) else f"({text})"


def _text(words: Sequence[Word]) -> str:
    return " ".join(word.text for word in sorted(words, key=lambda word: word.left))


def _with_scripts(words: Sequence[Word]) -> list[Word]:
    """The words with those that are raised or lowered behind their base, the smallest first."""
    found = list(words)
    for size in sorted({round(word.size) for word in words if word.size})[:-1]:
        small = [word for word in found if round(word.size) == size]
        others = sorted((word for word in found if round(word.size) > size), key=_base)
        hosts = list(others)
        bases = [host.base for host in others]
        edges = {place: host.right for place, host in enumerate(others)}
        gone: set[int] = set()
        for run in _runs(small):
            place = _host(run, others, hosts, bases, edges)
            if place is None:
                continue
            host = hosts[place]
            text = script(_text(run), is_raised=run[0].base > host.base)
            hosts[place] = replace(
                host,
                text=host.text + text,
                right=max(host.right, run[-1].right),
                math=True,
            )
            gone |= set(map(id, run))
        found = [word for word in found if round(word.size) <= size and id(word) not in gone] + hosts
    return found


def _by_line(words: Sequence[Word]) -> Iterator[Word]:
    """The words of each line from left to right."""
    line: list[Word] = []
    for word in sorted(words, key=_base):
        if line and word.base - line[0].base > SAME_LINE * word.size:
            yield from sorted(line, key=lambda word: word.left)
            line = []
        line.append(word)
    yield from sorted(line, key=lambda word: word.left)


def _base(word: Word) -> float:
    return word.base


def _runs(words: Sequence[Word]) -> Iterator[list[Word]]:
    """Words of one line of one size that stand close together, unless these are too long for a script."""
    run: list[Word] = []
    for word in _by_line(words):
        if run and not (abs(word.base - run[-1].base) < 0.15 * word.size and _is_near(run[-1], word, 0.7)):
            if _is_script(run):
                yield run
            run = []
        run.append(word)
    if run and _is_script(run):
        yield run


def _is_script(run: Sequence[Word]) -> bool:
    return sum(len(word.text) for word in run) <= LONGEST_SCRIPT


def _is_near(before: Word, word: Word, most: float) -> bool:
    return -0.5 * word.size < word.left - before.right < most * word.size


def _host(
    run: Sequence[Word],
    words: Sequence[Word],
    now: Sequence[Word],
    bases: Sequence[float],
    edges: dict[int, float],
) -> int | None:
    """Which word the run belongs to: the one before it, or the sign below or above it."""
    first = run[0]
    middle = (first.left + run[-1].right) / 2
    text = _text(run)
    is_math = any(word.math for word in run) or (text == text.lower() and not _NAMED.search(text))
    for place in range(bisect_left(bases, first.base - 3 * first.size), len(words)):
        host = words[place]
        if host.base > first.base + 3 * first.size:
            return None
        if SMALLER * host.size < first.size:
            continue
        shift = (first.base - host.base) / host.size
        centred = abs(middle - (host.left + edges[place]) / 2) < 0.5 * host.size
        if centred and 0.4 < abs(shift) < 2.2 and _OPERATOR.fullmatch(host.text):
            return place
        highest = 2.0 if host.text in _BRACKETS else 0.95
        if not (0.12 < shift < highest or -0.65 < shift < -0.05) or not (is_math or host.math):
            continue
        if _NAMED.search(host.text) and (shift < 0 or _LETTER.search(text)):
            continue  # a word has the numbers of notes, and no indices
        if any(-0.35 * host.size < first.left - edge < 0.35 * host.size for edge in (edges[place], now[place].right)):
            return place
    return None


def _close(words: Sequence[Word]) -> list[Word]:
    """The words, in one where those of a formula stand without a blank between them."""
    found: list[Word] = []
    for word in _by_line(words):
        before = found[-1] if found else None
        if (
            before is not None
            and before.math
            and before.size
            and abs(before.base - word.base) < SAME_LINE * before.size
            and abs(word.left - before.right) < 0.12 * before.size
            and not _NAMED.search(word.text)
        ):
            between = " " if _SCRIPTED.search(before.text) and word.text[0].isalnum() else ""
            found[-1] = replace(before, text=before.text + between + word.text, right=max(before.right, word.right))
        else:
            found.append(word)
    return found


def _whole_formulas(words: Sequence[Word]) -> list[Word]:
    """The words, in one where they are parts of one formula: close, or beside a sign that needs something there."""
    found: list[Word] = []
    for word in _by_line(words):
        before = found[-1] if found else None
        if before is not None and before.size and (before.math or word.math) and _goes_on(before, word):
            found[-1] = replace(
                before, text=f"{before.text} {word.text}", right=max(before.right, word.right), math=True
            )
        else:
            found.append(word)
    return found


def _goes_on(before: Word, word: Word) -> bool:
    gap = (word.left - before.right) / before.size
    if gap < -0.3 or abs(before.base - word.base) > SAME_LINE * before.size:
        return False
    if _NUMBER.fullmatch(word.text):
        return gap < FARTHEST_NUMBER
    if _NAMED.search(before.text.split(" ")[-1]) or _NAMED.search(word.text):
        return False
    open_ = before.text[-1] in _OPEN or word.text[0] in _OPEN
    return gap < (FARTHEST if open_ else CLOSE)
