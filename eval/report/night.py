"""What a night did besides asking: what it set aside, what it tried, and what became of each correction."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from eval.report.correction_rates import Rates
from rag_flywheel.domain.probes import Found, Probe, latest


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """An item that a guardrail suspects, as the report names it: without a word of its text."""

    kind: Literal["document", "correction", "question"]
    item: str  # its id
    place: str | None  # document:start:end of what is left out, None where that is all of it
    guardrail: str
    reason: str
    do: str  # what a person can do about it
    official: bool = False  # of a source that is trusted: it is only reported, and stays in the version


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One time that the gate was asked."""

    number: int  # from 1
    tried: str
    confidence: float  # with which a fall had to be ruled out, 0..1
    outcome: str
    why: tuple[str, ...]
    left_out: tuple[str, ...] = ()  # ids of what the attempt before it had and this one has not


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """What the report tells of the night. What is empty is absent from it."""

    aside: Sequence[SetAside] = ()
    attempts: Sequence[Attempt] = ()  # in their order
    probes: Sequence[Probe] = ()  # of those, too, that went back to review for what was found
    rates: Rates | None = None


def told_of(night: Night) -> dict[str, Any]:
    """The parts of report.json, as plain values: `aside`, `attempts` and `corrections`."""
    corrections = {
        "probes": [probe.as_json() for probe in night.probes],
        "rates": None if night.rates is None else asdict(night.rates),
    }
    return {
        "aside": [asdict(item) for item in night.aside],
        "attempts": [
            {**asdict(attempt), "why": list(attempt.why), "left_out": list(attempt.left_out)}
            for attempt in night.attempts
        ],
        "corrections": corrections if any(corrections.values()) else None,
    }


def probe_rows(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The probes of a report as rows of a table, those first whose correction was not found, then not used."""
    order = (Found.NOT_FOUND, Found.NOT_USED, Found.AND_USED)
    probes = sorted(
        latest([report]).values(),
        key=lambda probe: (order.index(probe.own), min(order.index(found) for found in probe.all)),
    )
    return [
        {
            "correction_id": probe.correction_id,
            "own": probe.own.value,
            "asked": len(probe.rewordings),
            "by_people": sum(not reworded.made for reworded in probe.rewordings),
            "found": sum(reworded.found is not Found.NOT_FOUND for reworded in probe.rewordings),
            "used": sum(reworded.found is Found.AND_USED for reworded in probe.rewordings),
        }
        for probe in probes
    ]
