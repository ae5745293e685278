"""What stands where personal data was masked: told apart by numbers in a conversation, by letters in an index. Pure."""

import re
from collections import defaultdict
from dataclasses import dataclass

_NUMBERED = re.compile(r"<([A-Z][A-Z_]{0,40})_([1-9]\d{0,3})>")
TOLD_APART = re.compile(r"<([A-Z][A-Z_]{0,40})(_(?:[1-9]\d{0,3}|[A-Z]{1,2}))>")
"""Any of both; the second group is what tells it apart from others of its kind."""
_LETTERS = 26


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn:
    """Somebody or something that a conversation names, by kind and number, as in <PERSON_1>.

    It is kept in each record whose texts it stands in, so it goes with that.
    """

    kind: str
    number: int
    words: tuple[str, ...] = ()  # keyed digests of the words that it stands for; none: it was only typed as such
    sealed: str = ""  # what it stands for, encrypted; empty: nobody can go back


def stand_ins(text: str) -> list[tuple[str, int]]:
    """The kinds and numbers that stand in a text, each once, in order."""
    return list(dict.fromkeys((kind, int(number)) for kind, number in _NUMBERED.findall(text)))


def unnumbered(text: str) -> str:
    """The text with every stand-in without its number or letter, as in <PERSON>."""
    return TOLD_APART.sub(r"<\1>", text) if "<" in text else text


def lettered(*texts: str) -> tuple[str, ...]:
    """Texts that belong together, without the numbers of the conversation that they come from.

    A stand-in that is the one of its kind loses its number, so that it reads as in texts of any conversation. Several
    have letters, in order, as in <PERSON_A>: a language model that is told a passage shall not take somebody in it for
    the <PERSON_1> of its conversation.
    """
    if not any("<" in text for text in texts):
        return texts
    found: dict[str, list[int]] = defaultdict(list)
    for kind, number in dict.fromkeys(each for text in texts for each in stand_ins(text)):
        found[kind].append(number)

    def called(match: re.Match[str]) -> str:
        kind, number = match[1], int(match[2])
        return f"<{kind}>" if len(found[kind]) == 1 else f"<{kind}_{_letters(found[kind].index(number))}>"

    return tuple(_NUMBERED.sub(called, text) for text in texts)


def _letters(place: int) -> str:
    """A to Z, then AA and on."""
    more, last = divmod(place, _LETTERS)
    return (_letters(more - 1) if more else "") + chr(ord("A") + last)
