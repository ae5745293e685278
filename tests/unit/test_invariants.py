"""What refuses a candidate whatever its scores say."""

from dataclasses import replace

import pytest

from eval.invariants import Breach, Invariant, breaches, shrink
from rag_flywheel.domain import Chunk, DocumentId, ReviewedCorrection, Verdict
from tests.fakes.evaluation import chunk, correction_chunk, manifest, reviewed
from tests.fakes.redactor import FakeRedactor
from tests.fakes.samples import confirmed_chunk

CLEAN = [chunk("d1"), chunk("d2"), correction_chunk("c1")]
SECRET = "Write to ada@example.org for it."


def found(
    chunks: list[Chunk],
    control: list[Chunk] | None = None,
    *,
    corrections: list[ReviewedCorrection] | None = None,
    confirmed: tuple[str, ...] = (),
    maximum_shrink: float = 0.3,
) -> list[Breach]:
    return breaches(
        chunks,
        control,
        manifest=manifest(confirmed=confirmed),
        reviewed=[reviewed("c1")] if corrections is None else corrections,
        redactor=FakeRedactor(),
        maximum_shrink=maximum_shrink,
    )


def test_sources_of_the_manifest_and_accepted_corrections_break_nothing() -> None:
    assert found(CLEAN) == []
    assert found(CLEAN, CLEAN) == []


@pytest.mark.parametrize(
    "stray",
    [
        chunk("d9", source="unknown.md"),
        chunk("correction:c1", "A source that poses as a correction."),
        correction_chunk("never-sent"),
        replace(correction_chunk("c1"), document_id=DocumentId("correction:other")),
    ],
    ids=["unknown file", "posing source", "unknown correction", "another's name"],
)
def test_a_passage_that_traces_to_nothing_known_is_named(stray: Chunk) -> None:
    [breach] = found([*CLEAN, stray])
    assert (breach.invariant, breach.documents) == (Invariant.PROVENANCE, (stray.document_id,))
    assert stray.document_id in breach.message


def test_known_questions_of_the_manifests_confirmed_answers_break_nothing() -> None:
    known = [confirmed_chunk(chunk("d1"), "Is it?", by="i7"), confirmed_chunk(correction_chunk("c1"), "So?", by="i8")]
    assert found([*CLEAN, *known], confirmed=("i7", "i8")) == []


@pytest.mark.parametrize(
    "stray",
    [
        confirmed_chunk(chunk("d2"), "Is it?", by="i9"),
        confirmed_chunk(correction_chunk("c1"), "Is it?", by="i9"),
        replace(confirmed_chunk(chunk("d2"), "Is it?", by="i7"), confirmed=None),
        confirmed_chunk(chunk("d9", source="unknown.md"), "Is it?", by="i7"),
        confirmed_chunk(correction_chunk("never-sent"), "Is it?", by="i7"),
    ],
    ids=["not confirmed", "not confirmed of a correction", "nobody's question", "unknown file", "unknown correction"],
)
def test_a_known_question_must_trace_to_a_confirmed_answer_and_its_passage_to_a_source(stray: Chunk) -> None:
    [breach] = found([*CLEAN, stray], confirmed=("i7",))
    assert (breach.invariant, breach.documents) == (Invariant.PROVENANCE, (stray.document_id,))
    assert "Is it?" not in breach.message


@pytest.mark.parametrize(
    "review",
    [
        reviewed("c1", verdict=Verdict.REJECT),
        reviewed("c1", verdict=Verdict.QUARANTINE),
        reviewed("c1", verdict=None),
        reviewed("c1", reviewer=" "),
    ],
    ids=["rejected", "quarantined", "pending", "without a reviewer"],
)
def test_a_correction_counts_only_when_a_reviewer_accepted_it(review: ReviewedCorrection) -> None:
    assert [breach.invariant for breach in found(CLEAN, corrections=[review])] == [Invariant.PROVENANCE]


def test_personal_data_in_a_new_text_is_named_by_kind_and_document_and_never_shown() -> None:
    [breach] = found([*CLEAN, chunk("d3", SECRET)], CLEAN)
    assert (breach.invariant, breach.documents) == (Invariant.PERSONAL_DATA, (DocumentId("d3"),))
    assert "EMAIL_ADDRESS" in breach.message
    assert "d3" in breach.message
    assert "ada" not in breach.message


def test_personal_data_in_a_corrections_question_is_found_too() -> None:
    asked = replace(correction_chunk("c1"), question="Is ada@example.org right?")
    assert [breach.documents for breach in found([asked])] == [("correction:c1",)]


def test_what_the_control_holds_already_is_not_scanned_again() -> None:
    redactor = FakeRedactor()
    new = chunk("d3", "Brand new text.")
    breaches(
        [*CLEAN, new], CLEAN, manifest=manifest(), reviewed=[reviewed("c1")], redactor=redactor, maximum_shrink=0.3
    )
    assert redactor.texts == ["Brand new text."]


def test_losing_more_than_the_allowed_share_of_documents_is_a_breach() -> None:
    control = [chunk(f"d{number}") for number in range(10)]
    assert found(control[3:], control) == []
    [breach] = found(control[4:], control)
    assert breach.invariant is Invariant.SHRINK
    assert breach.message.startswith("4 of 10 documents are gone")


def test_corrections_that_go_are_no_shrinking() -> None:
    assert found([chunk("d1")], [chunk("d1"), correction_chunk("c1"), correction_chunk("c2")]) == []


def test_a_known_question_is_no_document_neither_before_nor_after() -> None:
    control = [chunk(f"d{number}") for number in range(4)]
    known = [confirmed_chunk(one, "Is it?", by="i7") for one in control]
    assert found(control[1:], [*control, *known], confirmed=("i7",)) == []
    [breach] = found([*control[2:], *known], control, confirmed=("i7",))  # nothing but questions is left of two of four
    assert (breach.invariant, breach.documents) == (Invariant.SHRINK, ("d0", "d1"))


def test_a_message_names_a_few_documents_and_counts_the_others() -> None:
    breach = shrink({DocumentId(f"d{number}") for number in range(8)}, set(), maximum=0.3)
    assert breach is not None
    assert "d0, d1, d2, d3, d4 and 3 more" in breach.message
    assert len(breach.documents) == 8


def test_every_broken_invariant_is_told() -> None:
    control = [chunk("d1"), chunk("d2")]
    told = found([chunk("d9", SECRET, source="unknown.md")], control)
    assert [breach.invariant for breach in told] == list(Invariant)
