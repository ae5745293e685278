"""A candidate holds what was built, all of it comes from where it may, and nothing that was replaced is shown."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from eval.guardrails import invariants
from eval.guardrails.invariants import Invariant, Superseded
from eval.guardrails.origin import by_own_vector
from rag_flywheel.domain import Chunk, CorrectionId, DocumentId, ReviewedCorrection, Verdict, VersionId
from rag_flywheel.ports import Entry
from tests.fakes.encoder import HashingEncoder
from tests.fakes.evaluation import chunk
from tests.fakes.index import MemoryIndex
from tests.fakes.invariants import CLEAN, NOTHING_HIDDEN, broken, checks, ledger_with, version
from tests.fakes.samples import confirmed_chunk, correction_chunk, reviewed, span

# --- whether it is there --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "held",
    [CLEAN[1:], [*CLEAN, chunk("d1", "The lid opens.", start=100)], [replace(CLEAN[0], text="The lid."), *CLEAN[1:]]],
    ids=["missing", "one more", "another text"],
)
def test_an_index_that_does_not_hold_what_was_built_is_refused(held: Sequence[Chunk]) -> None:
    assert broken(checks(version(CLEAN, stored=held))) == [(Invariant.STORED, ("d1",))]


def test_an_index_that_finds_passages_by_other_vectors_than_their_own_is_refused() -> None:
    encoder, index = HashingEncoder(64), MemoryIndex()
    pages = [chunk(f"d{number}", f"Part {number} turns page {number * 7}.") for number in range(40)]
    for name, order in (("right", pages), ("shuffled", [*pages[1:], pages[0]])):
        vectors = encoder.encode_documents([page.text for page in order])
        held = [Entry(chunk=page, vector=vector) for page, vector in zip(pages, vectors, strict=True)]
        index.build(VersionId(name), dimension=64, batches=[held])
    right, shuffled = (by_own_vector(index, VersionId(name), encoder, titles=False) for name in ("right", "shuffled"))
    assert broken(checks(version(pages, find=right))) == []
    [(invariant, documents)] = broken(checks(version(pages, find=shuffled)))
    assert invariant is Invariant.FINDABLE
    assert len(documents) > len(pages) / 2


# --- where it comes from --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stray",
    [
        chunk("d9", source="unknown.md"),
        chunk("correction:c1", "A source that poses as a correction."),
        replace(correction_chunk("c1"), document_id=DocumentId("correction:other")),
        confirmed_chunk(chunk("d2"), "Is it?", by="i9"),
        replace(confirmed_chunk(chunk("d2"), "Is it?", by="i7"), confirmed=None),
        confirmed_chunk(chunk("d9", source="unknown.md"), "Is it?", by="i7"),
    ],
    ids=["unknown file", "posing source", "another's name", "not confirmed", "nobody's question", "and unknown file"],
)
def test_a_passage_that_traces_to_nothing_known_is_named(stray: Chunk) -> None:
    those = checks(
        version([*CLEAN, stray], confirmed=("i7",)), held=ledger_with(reviewed("c1"), interactions=("i7", "i9"))
    )
    assert broken(those) == [(Invariant.PROVENANCE, (stray.document_id,))]
    [breach] = invariants.broken(those)
    assert stray.document_id in breach.message
    assert "Is it?" not in breach.message


def test_known_questions_of_the_manifests_confirmed_answers_break_nothing() -> None:
    known = [confirmed_chunk(chunk("d1"), "Is it?", by="i7"), confirmed_chunk(correction_chunk("c1"), "So?", by="i8")]
    assert broken(checks(version([*CLEAN, *known], confirmed=("i7", "i8")))) == []


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
    assert broken(checks(CLEAN, held=ledger_with(review))) == [(Invariant.PROVENANCE, ("correction:c1",))]


def test_an_erased_correction_that_is_still_indexed_is_a_breach() -> None:
    assert (Invariant.ERASED, ("correction:c1",)) in broken(checks(CLEAN, held=ledger_with()))


def test_an_erased_persons_confirmed_question_is_a_breach() -> None:
    known = confirmed_chunk(chunk("d1"), "Is it?", by="i7")
    candidate = version([*CLEAN, known], confirmed=("i7",))
    assert broken(checks(candidate, held=ledger_with(reviewed("c1")))) == [(Invariant.ERASED, ("d1",))]


# --- superseded -----------------------------------------------------------------------------------------------------

WHOLE = "The lid opens to the left. The tank holds two litres. Clean it weekly."
HIDDEN = Superseded(hidden=(span("d1", 27, 53),), originals={DocumentId("d1"): WHOLE}, replaced=())


def cut(text: str) -> Chunk:
    """The one chunk of the document, as it is shown."""
    return replace(chunk("d1", WHOLE), text=text)


def test_a_passage_without_its_superseded_span_is_right() -> None:
    assert broken(checks([cut("The lid opens to the left. Clean it weekly.")], superseded=HIDDEN)) == []


@pytest.mark.parametrize(
    "shown",
    [WHOLE, "The tank holds two litres. Clean it weekly.", "The lid opens to the left. The tank holds two"],
    ids=["nothing is cut", "something else is cut", "too little is cut"],
)
def test_a_passage_that_shows_superseded_text_is_a_breach(shown: str) -> None:
    assert broken(checks([cut(shown)], superseded=HIDDEN)) == [(Invariant.SUPERSEDED, ("d1",))]


def test_without_the_document_a_passage_must_be_as_much_shorter_as_is_hidden() -> None:
    blind = replace(HIDDEN, originals={})
    assert broken(checks([cut(WHOLE)], superseded=blind)) == [(Invariant.SUPERSEDED, ("d1",))]
    assert broken(checks([cut("The lid opens to the left. Clean it weekly.")], superseded=blind)) == []


def test_a_correction_that_a_newer_one_replaced_is_a_breach() -> None:
    replaced = replace(NOTHING_HIDDEN, replaced=(CorrectionId("c1"),))
    assert broken(checks(CLEAN, superseded=replaced)) == [(Invariant.SUPERSEDED, ("correction:c1",))]
