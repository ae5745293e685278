"""Masking of personal data."""

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
