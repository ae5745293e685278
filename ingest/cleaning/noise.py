"""Texts that say nothing to anybody: without a letter or digit, or of broken characters."""

import unicodedata
from collections import Counter

_SAYS_SOMETHING = ("L", "M", "N", "So", "Sc")  # letters, digits, pictures such as emoji, currencies
_BROKEN = ("Co", "Cn")  # private use and unassigned: what a font that does not name its letters leaves


def noise(text: str) -> str:
    """Why nobody would miss the text, or nothing.

    How short it is proves nothing, nor how many signs it has: `Opening hours: 9–17` is an answer, and so is a table.
    """
    kinds: Counter[str] = Counter()
    for character, count in Counter(text).items():
        kinds["broken" if character == "\ufffd" else unicodedata.category(character)] += count
    broken = sum(kinds[kind] for kind in ("broken", *_BROKEN))
    if broken > 0.5 * sum(count for kind, count in kinds.items() if kind[0] not in "ZC" or kind in _BROKEN):
        return "holds mostly broken characters; its encoding or its fonts could not be read"
    return "" if any(kind.startswith(_SAYS_SOMETHING) for kind in kinds) else "holds no word and no number"
