"""Probes as reports keep them."""

import json

from rag_flywheel.domain import CorrectionId, Json
from rag_flywheel.domain.probes import Found, Probe, Reworded, latest

USED = Probe(correction_id=CorrectionId("c1"), own=Found.AND_USED)
LOST = Probe(
    correction_id=CorrectionId("c1"),
    own=Found.NOT_FOUND,
    rewordings=(Reworded(found=Found.NOT_USED, made=True), Reworded(found=Found.AND_USED, made=False)),
)
OTHER = Probe(correction_id=CorrectionId("c2"), own=Found.NOT_USED)


def report(*probes: Probe) -> dict[str, Json]:
    kept = {"corrections": {"probes": [probe.as_json() for probe in probes], "rates": None}}
    return dict(json.loads(json.dumps(kept)))


def test_a_probe_is_read_from_a_report_as_it_was_written() -> None:
    assert latest([report(LOST, OTHER)]) == {"c1": LOST, "c2": OTHER}


def test_the_last_report_that_probed_a_correction_counts() -> None:
    assert latest([report(LOST, OTHER), report(USED)]) == {"c1": USED, "c2": OTHER}


def test_a_report_that_did_not_probe_has_no_probes() -> None:
    assert latest([{}, {"corrections": None}, {"corrections": {"rates": None}}, {"corrections": [1]}]) == {}


def test_all_that_was_asked_begins_with_the_own_question() -> None:
    assert LOST.all == (Found.NOT_FOUND, Found.NOT_USED, Found.AND_USED)
