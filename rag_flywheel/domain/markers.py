"""The markers by which an answer names its citations: [1], or [2, 3]. Pure."""

import re

NUMBERS = r"\d{1,9}(?:\s*,\s*\d{1,9})*"
"""What stands in a marker, as a regular expression."""

_MARKERS = re.compile(rf"\[({NUMBERS})\]")


def marked(text: str) -> list[int]:
    """The numbers that the markers of a text name, in order."""
    return [int(number) for marker in _MARKERS.findall(text) for number in marker.split(",")]
