"""What scripts read of a cycle."""

from pathlib import Path

from ingest.build import Alike, RemovedFrom
from ingest.reading.raw import Removal, Skipped
from rag_flywheel.cycle.result import CycleDecision, CycleResult
from rag_flywheel.domain import (
    Counts,
    DocumentId,
    Fate,
    Followed,
    Guardrail,
    ItemKind,
    Readership,
    Suspicion,
    VersionId,
)
from tests.fakes.samples import span


def test_a_result_is_shown_with_the_keys_that_scripts_read() -> None:
    result = CycleResult(
        decision=CycleDecision.PROMOTED,
        version=VersionId("v1"),
        reasons=("better",),
        report=Path("reports/v1/report.html"),
        counts=Counts(documents=1, passages=2, corrections=3, superseded=4, skipped=5),
        readers=Readership(open=1, groups={"hr": 2}),
        aside=(
            Suspicion(
                kind=ItemKind.DOCUMENT,
                item="e.md",
                guardrail=Guardrail.INJECTION,
                reason="it gives orders",
                digest="0a",
                place=span("e.md", 3, 9),
                excerpt="not shown",
            ),
        ),
        skipped=(Skipped(name="a.md", reason="is empty"), Skipped(name="b", reason="same", same_as=DocumentId("c"))),
        removed=(
            RemovedFrom(
                document_id=DocumentId("d.pdf"),
                removed=(Removal(what="running heads", count=2, lines=("Pump manual",)),),
            ),
        ),
        followed=(
            Followed(
                of="correction:c1", superseded=True, was=span("a.md", 0, 9), now=(span("b.md", 7, 16),), fate=Fate.MOVED
            ),
        ),
        alike=(Alike(documents=(DocumentId("a"), DocumentId("b"))),),
        seconds=1.5,
    )
    assert result.as_json() == {
        "decision": "promoted",
        "version": "v1",
        "reasons": ["better"],
        "report": "reports/v1/report.html",
        "counts": {"documents": 1, "passages": 2, "corrections": 3, "superseded": 4, "skipped": 5},
        "readers": {"open": 1, "groups": {"hr": 2}},
        "aside": [
            {
                "id": result.aside[0].aside_id,
                "kind": "document",
                "item": "e.md",
                "place": "e.md:3:9",
                "guardrail": "injection",
                "reason": "it gives orders",
                "do": "see it with `aside show`; release it where it is harmless, else mend the document or drop it",
                "official": False,
            }
        ],
        "skipped": [{"name": "a.md", "reason": "is empty"}, {"name": "b", "reason": "same"}],
        "removed": [{"document_id": "d.pdf", "what": "running heads", "count": 2, "lines": ["Pump manual"]}],
        "alike": [["a", "b"]],
        "followed": [
            {
                "of": "correction:c1",
                "superseded": True,
                "was": "a.md:0:9",
                "now": ["b.md:7:16"],
                "fate": "moved",
            }
        ],
        "seconds": 1.5,
    }


def test_what_there_is_not_is_null() -> None:
    waiting = CycleResult(decision=CycleDecision.UNCHANGED, version=None, reasons=("nothing has changed",))
    assert waiting.as_json() == {
        "decision": "unchanged",
        "version": None,
        "reasons": ["nothing has changed"],
        "report": None,
        "counts": None,
        "readers": None,
        "aside": [],
        "skipped": [],
        "removed": [],
        "alike": [],
        "followed": [],
        "seconds": 0.0,
    }
