"""Whether a version finds a correction that is asked for, as the reports of the gate keep it. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from rag_flywheel.domain.ids import CorrectionId, Json


class Found(StrEnum):
    """What a version made of a correction when it was asked what that answers."""

    AND_USED = "found and used"  # it was shown to the generator, and the answer cites it
    NOT_USED = "found, not used"  # it was shown, and the answer rests on something else
    NOT_FOUND = "not found"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reworded:
    """What became of another wording of the correction's question."""

    found: Found
    made: bool  # false: somebody asked so


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One correction, asked for in its own words and in others."""

    correction_id: CorrectionId
    own: Found
    rewordings: tuple[Reworded, ...] = ()

    @property
    def all(self) -> tuple[Found, ...]:
        """Of every question that was asked, the correction's own first."""
        return (self.own, *(reworded.found for reworded in self.rewordings))

    def as_json(self) -> dict[str, Json]:
        """As a report keeps it, and `latest` reads it."""
        return {
            "correction_id": self.correction_id,
            "own": self.own.value,
            "rewordings": [{"found": reworded.found.value, "made": reworded.made} for reworded in self.rewordings],
        }


def latest(reports: Iterable[Mapping[str, Json]]) -> dict[CorrectionId, Probe]:
    """The last probe of each correction in reports of the gate, which come oldest first.

    A report of a release that did not probe has none.
    """
    found = (_probe(row) for report in reports for row in _rows(report))
    return {probe.correction_id: probe for probe in found}


def _rows(report: Mapping[str, Json]) -> list[dict[str, Json]]:
    match report.get("corrections"):
        case {"probes": list(rows)}:
            return [row for row in rows if isinstance(row, dict)]
    return []


def _probe(row: Mapping[str, Json]) -> Probe:
    rewordings = row["rewordings"]
    assert isinstance(rewordings, list)
    return Probe(
        correction_id=CorrectionId(str(row["correction_id"])),
        own=Found(str(row["own"])),
        rewordings=tuple(
            Reworded(found=Found(str(reworded["found"])), made=bool(reworded["made"]))
            for reworded in rewordings
            if isinstance(reworded, dict)
        ),
    )
