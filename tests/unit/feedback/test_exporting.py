"""What goes out to other tools, and what is counted of what does not."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from rag_flywheel.domain import DocumentId, Feedback, FeedbackId, FeedbackKind, InteractionId, Json
from rag_flywheel.domain.consent import Purpose
from rag_flywheel.domain.readers import EVERYTHING, Reader
from rag_flywheel.feedback.exporting import Judged, Leave, judged
from rag_flywheel.privacy.consent import agreements
from rag_flywheel.privacy.sensitive import Sensitive
from tests.fakes.ledger import MemoryLedger
from tests.fakes.samples import NOON, correction, interaction, shown, span

WARD = Sensitive(
    anything=True,
    by_source=True,
    groups=frozenset(),
    file_is=lambda name: name == "ward.md",
    files={DocumentId("ward"): "ward.md", DocumentId("manual"): "manual.md"},
)
STAFF = Reader(groups=frozenset(), documents={DocumentId("ward"): ("nurses",), DocumentId("manual"): ()})
EYES = [(EVERYTHING, WARD), (STAFF, replace(WARD, anything=False, by_source=False, files={}))]
"""Somebody from whom all of the ward is kept: it is sensitive, or for others."""


@pytest.fixture
def ledger() -> MemoryLedger:
    made = MemoryLedger()
    for document in ("manual", "ward"):
        asked = interaction(document, user="ann", ranking=[shown(document, 1)], citations=0)
        made.add_interaction(asked)
        say(made, document, FeedbackKind.THUMB, "up")
    return made


def say(ledger: MemoryLedger, of: str, kind: FeedbackKind, value: Json, user: str = "ann") -> None:
    name = f"{of}-{kind}-{len(ledger.feedback())}"
    at = NOON + timedelta(minutes=5)
    ledger.add_feedback(
        Feedback(
            feedback_id=FeedbackId(name), interaction_id=InteractionId(of), given=at, user=user, kind=kind, value=value
        )
    )


def told(
    ledger: MemoryLedger, reader: Reader, sensitive: Sensitive, leaving: frozenset[str] = frozenset()
) -> tuple[list[Judged], Counter[str]]:
    consents = agreements((), policy="assumed")
    leave = Leave(use=Purpose.LEARN, consents=consents, reader=reader, sensitive=sensitive, leaving=leaving)
    return list(judged(ledger, leave, since=None, until=None)), +leave.left_out


@pytest.mark.parametrize(("reader", "sensitive"), EYES)
def test_nothing_is_counted_of_what_somebody_may_not_read(
    ledger: MemoryLedger, reader: Reader, sensitive: Sensitive
) -> None:
    found, left_out = told(ledger, reader, sensitive)
    assert ([each.asked.interaction_id for each in found], left_out) == (["manual"], {})
    assert told(ledger, reader, sensitive, frozenset({"ann"})) == ([], {"no consent": 1})


@pytest.mark.parametrize(("reader", "sensitive"), EYES)
def test_a_correction_and_a_judged_passage_of_a_document_that_is_kept_from_them_stay(
    ledger: MemoryLedger, reader: Reader, sensitive: Sensitive
) -> None:
    for document in ("manual", "ward"):
        say(ledger, "manual", FeedbackKind.PASSAGE_RELEVANCE, {"document_id": document, "relevant": True})
        ledger.add_correction(correction(f"c-{document}", of="manual", evidence=[span(document)]))
    [found], left_out = told(ledger, reader, sensitive)
    assert [entry.correction.correction_id for entry in found.corrections] == ["c-manual"]
    assert [str(signal.value) for signal in found.feedback if "ward" in str(signal.value)] == []
    assert (len(found.feedback), left_out) == (2, {})
