"""Requests to be forgotten: whose records, how far that is, and what became of them on each surface."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from rag_flywheel.domain.checks import aware
from rag_flywheel.domain.ids import Json, VersionId

ERASED = "<ERASED>"
"""What stands where something named or quoted an erased record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Whose records, and which of them. Moments are included."""

    user: str  # pseudonym
    session: str | None = None  # pseudonym of the one conversation that is meant
    since: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        for name in ("since", "until"):
            moment = getattr(self, name)
            if moment is not None:
                aware(name, moment)
        if self.since is not None and self.until is not None and self.until < self.since:
            raise ValueError("a span of time ends after it begins")

    def holds(self, at: datetime) -> bool:
        """Whether a moment is in it."""
        return (self.since is None or at >= self.since) and (self.until is None or at <= self.until)


class ErasureState(StrEnum):
    ASKED = "asked"  # recorded: versions with their data are barred
    SWEPT = "swept"  # their records are gone, but for versions that are to go
    DONE = "done"


class Proof(StrEnum):
    """What a look at a surface found in the end."""

    ERASED = "erased"
    RESIDUAL = "residual"  # something is left
    NO_BASELINE = "no_baseline"  # nothing of theirs was found there before either, so nothing is proved


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureEntry:
    """An erasure at one instant. Once it is done nothing in it leads to the person or to what they wrote."""

    erasure_id: str
    at: datetime
    state: ErasureState
    subject: str  # keyed digest of the pseudonym, by which a restored ledger's rows are known again
    asked_by: str
    checked: str  # how it was made sure that they may ask
    received: datetime
    due: datetime
    scope: Scope | None = None  # None once it is done
    names: frozenset[str] = frozenset()  # ids of what is theirs
    digests: frozenset[str] = frozenset()  # keyed, of what they wrote; the key is destroyed in the end
    clean: frozenset[VersionId] = frozenset()  # versions of before that hold nothing of theirs
    swept: datetime | None = None  # when their records were gone, and no snapshot with them was on its way any more
    barred: tuple[VersionId, ...] = ()  # those that were to go
    before: Mapping[str, int] = field(default_factory=dict)  # records by surface, when it was asked for
    done: Mapping[str, int] = field(default_factory=dict)  # of these, deleted or made unreadable so far

    def __post_init__(self) -> None:
        for name in ("at", "received", "due"):
            aware(name, getattr(self, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Theirs:
    """What tells that a text is about erased records: it `names` one of them, or quotes what the person `wrote`."""

    names: Callable[[str], bool]
    wrote: Callable[[str], bool]

    def is_in(self, text: str) -> bool:
        return self.names(text) or self.wrote(text)


def strings(value: Json) -> Iterator[str]:
    """All texts of a JSON value, names of fields too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from strings(item)


def without(value: Json, theirs: Theirs, *, keep: frozenset[str] = frozenset()) -> Json:
    """The value with ERASED in the place of such texts; from a list they are left out. Its fields in `keep` stay."""
    if isinstance(value, str):
        return ERASED if theirs.is_in(value) else value
    if isinstance(value, list):
        kept = [item for item in value if not (isinstance(item, str) and theirs.is_in(item))]
        return [without(item, theirs) for item in kept]
    if isinstance(value, dict):
        return {
            ERASED if theirs.is_in(name) else name: item if name in keep else without(item, theirs)
            for name, item in value.items()
        }
    return value
