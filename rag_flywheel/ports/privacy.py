"""Masking of personal data, and noise on what is counted of people."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

PLACEHOLDER = re.compile(r"<[A-Z][A-Z_]{0,40}>")
"""What stands where something was masked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redacted:
    """A text with personal data masked as <KIND>, and how many of each kind were found."""

    text: str
    found: Mapping[str, int]


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
