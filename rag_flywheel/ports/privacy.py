"""Masking of personal data, and noise on what is counted of people."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

PLACEHOLDER = re.compile(r"<[A-Z][A-Z_]{0,40}(?:_[1-9]\d{0,3})?>")
"""What stands where something was masked: <KIND>, <KIND_1> in a conversation, <KIND_A> in an index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask:
    """Where a placeholder stands in a masked text, and what it stands for."""

    kind: str
    start: int
    end: int
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Redacted:
    """A text with personal data masked, and what was: in order, without placeholders that were there before."""

    text: str
    masks: tuple[Mask, ...] = ()

    @property
    def found(self) -> Mapping[str, int]:
        """How many of each kind."""
        return dict(Counter(mask.kind for mask in self.masks))


class Redactor(Protocol):
    """Masks personal data. Masking a masked text changes nothing."""

    @property
    def name(self) -> str:
        """Changes whenever the result could: it is part of cache keys."""

    def redact(self, text: str) -> Redacted: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Noised:
    """Counts with noise, and what they cost the person who costs most: (epsilon, delta)-differential privacy."""

    counts: Mapping[str, int]
    scale: float  # of the Laplace distribution that the noise is of
    epsilon: float
    delta: float


class Noise(Protocol):
    """Counts to which each person adds `per_person` at most, all cells together."""

    def on_known(self, counts: Mapping[str, int], *, per_person: int, epsilon: float) -> Noised:
        """The same cells, which may not depend on what people did, and noise on each; delta is 0."""

    def on_unknown(self, counts: Mapping[str, int], *, per_person: int, epsilon: float, delta: float) -> Noised:
        """Of cells that people made those whose count with noise is so large that it could hardly be one person's; each
        person adds 1 at most to a cell.
        """
