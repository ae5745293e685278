"""What became of the spans that people named, in a version's documents."""

from dataclasses import dataclass
from enum import StrEnum

from rag_flywheel.domain.documents import Evidence
from rag_flywheel.domain.ids import Json


class Fate(StrEnum):
    """How a span was found again, or that it was not."""

    SAME = "same"  # the same words at the same place
    MOVED = "moved"  # the same words at another place, or in another document
    EDITED = "edited"  # nearly the same words
    FULFILLED = "fulfilled"  # of a superseded span: its document does not say it any more, so nothing is left to hide
    STALE = "stale"  # not found, or found in several places of which none is proven


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """A span that is not where it was named, or not with the same words."""

    of: str  # the correction, the golden case or the confirmed answer: the id of its case
    superseded: bool  # true: what a correction replaces; false: what answers the question
    was: Evidence  # as it was named, without its quote
    now: tuple[Evidence, ...]  # where it is hidden or counted now; of superseded spans the equal copies too
    fate: Fate

    def as_json(self) -> dict[str, Json]:
        """As commands, API and report show it: spans as `document:start:end`."""
        now: list[Json] = [str(span) for span in self.now]
        return {
            "of": self.of,
            "superseded": self.superseded,
            "was": str(self.was),
            "now": now,
            "fate": str(self.fate),
        }
