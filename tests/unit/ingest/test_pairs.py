"""Lessons, and the training pairs that they give."""

from collections.abc import Callable, Sequence

import pytest

from ingest.learning.pairs import Lesson, pairs
from rag_flywheel.domain import Chunk, DocumentId, Evidence, Passage
from tests.fakes.samples import chunk, confirmed_chunk, correction_chunk, passage, span


def lesson(
    question: str = "q",
    *,
    cluster: str | None = None,
    answer: str | None = None,
    documents: Sequence[str] = (),
    evidence: Sequence[Evidence] = (),
    rejected: Sequence[Evidence] = (),
    corrected: bool = False,
) -> Lesson:
    return Lesson(
        question=question,
        cluster=cluster or question,
        answer=answer,
        documents=frozenset(DocumentId(document) for document in documents),
        evidence=tuple(evidence),
        rejected=tuple(rejected),
        corrected=corrected,
    )


def ranks(*found: Chunk) -> Callable[[str], list[Passage]]:
    return lambda question: [passage(piece, rank) for rank, piece in enumerate(found, start=1)]


A, B, C, D = (chunk(name, f"text of {name}") for name in "abcd")


def test_a_lesson_is_answered_by_its_documents_and_by_what_overlaps_its_evidence() -> None:
    learned = lesson(documents=["a"], evidence=[span("b", 5, 8)])
    assert learned.answered_by(A)
    assert learned.answered_by(chunk("b", "x" * 6))
    assert not learned.answered_by(chunk("b", "x" * 5))
    assert not learned.answered_by(C)


def test_answering_passages_are_positives_and_the_best_others_hard_negatives() -> None:
    made = pairs([lesson("q", documents=["b"])], ranks(A, B, C, D), negatives=2)
    assert [(pair.text, pair.relevant) for pair in made] == [(B.text, True), (A.text, False), (C.text, False)]
    assert {(pair.query, pair.cluster) for pair in made} == {("q", "q")}


def test_rejected_passages_come_before_other_near_misses() -> None:
    made = pairs([lesson(documents=["b"], rejected=[span("d", 0, 5)])], ranks(A, B, C, D), negatives=2)
    assert [pair.text for pair in made if not pair.relevant] == [D.text, A.text]


def test_a_passage_that_a_known_question_led_to_is_no_candidate() -> None:
    known = confirmed_chunk(A, "Why?")
    made = pairs([lesson(documents=["b"])], ranks(known, B, C), negatives=2)
    assert [(pair.text, pair.relevant) for pair in made] == [(B.text, True), (C.text, False)]
    assert pairs([lesson(documents=["a"])], ranks(known, B, C), negatives=2) == []


def test_a_correction_is_a_positive_by_its_answer_and_is_no_candidate_itself() -> None:
    shown = correction_chunk("c1", "q", "The correct answer.")
    made = pairs([lesson("q", answer="The correct answer.", corrected=True)], ranks(shown, A), negatives=4)
    assert [(pair.text, pair.relevant) for pair in made] == [("The correct answer.", True), (A.text, False)]


def test_a_confirmed_answer_is_no_passage_and_so_no_positive() -> None:
    assert pairs([lesson("q", answer="Said by the system.")], ranks(A, B), negatives=4) == []


@pytest.mark.parametrize("found", [(), (A,), (C, D)], ids=["nothing", "only answers", "no answer"])
def test_a_lesson_gives_no_pairs_when_nothing_can_be_told_apart(found: Sequence[Chunk]) -> None:
    assert pairs([lesson(documents=["a"])], ranks(*found), negatives=4) == []
