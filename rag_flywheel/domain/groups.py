"""Which groups of people may read what. Pure.

A document names the groups that it is for, and whoever is in any of them reads it; one that names none is open to all
who may ask. Documents carry groups as sorted tuples, people as sets, so that the two are not taken for one another.
"""

import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from rag_flywheel.domain.ids import Json

Groups = frozenset[str] | None
"""The groups that a person is in. The empty set sees what is open to all; None sees everything, as operators do, the
gate and the command line.
"""

NOBODY = "!nobody"
"""The group of what operators alone may see. No person is in it, whatever they say."""
OPERATORS = "!operators"
"""Among `Chunk.unless`: those who see everything see another form of the chunk."""
NAMED_AT_MOST = 100  # groups of one document
LONGEST = 200  # characters of a group's name: distinguished names of directories are long


def is_group(name: str) -> bool:
    """Whether it can name a group: one line of plain text, not one of the marks above."""
    return (
        0 < len(name) <= LONGEST
        and name == name.strip()
        and name.isprintable()
        and not name.startswith(("!", "*"))
        and unicodedata.is_normalized("NFC", name)
    )


def group_names(value: object) -> tuple[str, ...]:
    """The groups that a setting or a file names, sorted: a list of names, or one name. An empty one says nothing.

    Names are put into NFC, and mean the same in that form alone. Raises ValueError, without what was found.
    """
    if value is None or value == "":
        return ()
    if isinstance(value, str) and "," in value:
        raise ValueError("several groups are a list of names, not one text with commas")
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list | tuple) or not all(isinstance(name, str) for name in listed):
        raise ValueError("groups are a list of names")
    if len(listed) > NAMED_AT_MOST:
        raise ValueError(f"at most {NAMED_AT_MOST} groups are named, got {len(listed)}")
    names = {unicodedata.normalize("NFC", name) for name in listed}
    if not all(map(is_group, names)):
        raise ValueError(
            f"a group is named by 1 to {LONGEST} characters in one line, without blanks around them and not beginning "
            "with ! or *"
        )
    return tuple(sorted(names))


def own(groups: frozenset[str]) -> frozenset[str]:
    """Those of a person's groups that can be groups, in the form that documents name them in."""
    named = (unicodedata.normalize("NFC", name) for name in groups if len(name) <= LONGEST)
    return frozenset(name for name in named if is_group(name))


def reads(groups: Groups, needed: Collection[str]) -> bool:
    """Whether somebody in `groups` may read what is for those who are in any of the `needed`."""
    return groups is None or not needed or not own(groups).isdisjoint(needed)


def shared(those: Iterable[Collection[str]]) -> tuple[str, ...]:
    """Whom something is for that is made of several things: the groups that may read each of them; none: all people.

    Where no group may, it is for NOBODY.
    """
    common: set[str] | None = None
    for needed in those:
        if needed:
            common = set(needed) if common is None else common & set(needed)
    return () if common is None else tuple(sorted(common)) or (NOBODY,)


def covers(needed: Collection[str], other: Collection[str]) -> bool:
    """Whether all who may read what is for `other` may read what is for `needed` too."""
    return not needed or (bool(other) and set(other) <= set(needed))


@dataclass(frozen=True, slots=True, kw_only=True)
class Readership:
    """How many documents are for whom. One that is for several groups counts in each."""

    open: int  # to all
    groups: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, documents: Iterable[Collection[str]]) -> "Readership":
        """By the groups that each document names."""
        opened, counts = 0, dict[str, int]()
        for needed in documents:
            opened += not needed
            for name in needed:
                counts[name] = counts.get(name, 0) + 1
        return cls(open=opened, groups=dict(sorted(counts.items())))

    def as_json(self) -> dict[str, Json]:
        return {"open": self.open, "groups": {**self.groups}}
