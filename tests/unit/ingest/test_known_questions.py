"""Confirmed answers to known questions: which of them a version knows, and where each leads."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ingest.chunking import chunk as cut
from ingest.known_questions import known_questions
from rag_flywheel.config import Ingest
from rag_flywheel.domain import Chunk, Citation, Document, DocumentId, Interaction
from rag_flywheel.ports import Entry
from tests.fakes.encoder import HashingEncoder
from tests.fakes.samples import NOON, chunk, confirmed_chunk, correction_chunk, interaction

TEXTS = {
    "boiler": "Turn the tap to the left and hold the button until the flame is lit.",
    "filter": "Rinse the filter under cold water every month.",
}
CHUNKS = [chunk(name, text) for name, text in TEXTS.items()]
BOILER, FILTER = CHUNKS
FIXED = correction_chunk("c1", "How do I bleed the radiator?", "Open the valve a quarter turn.")


def confirmed(name: str, question: str, *cited: Chunk, minute: int = 0, text: str | None = None) -> Interaction:
    """A confirmed answer that cites these chunks in this order, or `text` of them."""
    citations = tuple(
        Citation(
            number=number,
            document_id=passage.document_id,
            title=passage.title,
            text=passage.text if text is None else text,
            start=passage.start,
            end=passage.end,
            score=0.5,
        )
        for number, passage in enumerate(cited, start=1)
    )
    asked = NOON + timedelta(minutes=minute)
    return replace(interaction(name, question=question, asked=asked), citations=citations)


def test_a_confirmed_question_finds_the_passage_that_its_answer_cited_first() -> None:
    asked = "Why is the shower cold?"
    [known] = known_questions([confirmed("i7", asked, FILTER, BOILER)], CHUNKS)
    assert known == replace(FILTER, chunk_id=known.chunk_id, question=asked, confirmed="i7")
    assert known.by_question
    assert not known.is_correction


def test_a_question_in_a_conversation_is_known_as_it_was_searched_for() -> None:
    asked = replace(confirmed("i7", "And then?", BOILER), query="How do I light the boiler?")
    assert [question.question for question in known_questions([asked], CHUNKS)] == ["How do I light the boiler?"]


def test_the_ids_of_a_passage_and_of_the_questions_that_lead_to_it_differ() -> None:
    known = known_questions([confirmed("i1", "One?", BOILER), confirmed("i2", "Two?", BOILER)], CHUNKS)
    assert len({piece.chunk_id for piece in [*CHUNKS, *known]}) == 4


@pytest.mark.parametrize("backwards", [False, True])
def test_of_several_confirmations_of_the_same_question_the_newest_counts(backwards: bool) -> None:
    given = [
        confirmed("old", "Why is it cold?", BOILER, minute=1),
        confirmed("new", "why is it  COLD", FILTER, minute=2),
    ]
    [known] = known_questions(given[::-1] if backwards else given, CHUNKS)
    assert (known.confirmed, known.document_id, known.question) == ("new", "filter", "why is it  COLD")


def test_a_question_that_a_correction_answers_is_left_to_the_correction() -> None:
    again, other = (confirmed(name, asked, BOILER) for name, asked in (("i1", f" {FIXED.question}?"), ("i2", "Else?")))
    assert [question.confirmed for question in known_questions([again, other], [*CHUNKS, FIXED])] == ["i2"]
    assert [question.confirmed for question in known_questions([again, other], CHUNKS)] == ["i1", "i2"]


def test_a_confirmed_answer_that_cites_a_correction_is_a_further_wording_of_it() -> None:
    asked = "Why does the radiator gurgle?"
    [known] = known_questions([confirmed("i7", asked, FIXED)], [*CHUNKS, FIXED])
    assert (known.question, known.confirmed, known.text) == (asked, "i7", FIXED.text)
    assert (known.provenance, known.document_id, known.title) == (FIXED.provenance, FIXED.document_id, FIXED.title)
    assert known.chunk_id != FIXED.chunk_id


@pytest.mark.parametrize(
    ("cited", "text"),
    [(chunk("leaflet", TEXTS["boiler"]), None), (BOILER, "Turn the tap to the right."), (FIXED, None)],
    ids=["the document is gone", "the text was changed", "the correction was withdrawn"],
)
def test_a_confirmation_goes_where_what_it_cited_is_not_there_any_more(cited: Chunk, text: str | None) -> None:
    assert known_questions([confirmed("i7", "Why?", cited, text=text)], CHUNKS) == []


def test_an_older_confirmation_does_not_return_when_what_the_newest_one_cited_is_gone() -> None:
    given = [confirmed("old", "Why?", BOILER, minute=1), confirmed("new", "Why?", chunk("gone", "Gone."), minute=2)]
    assert known_questions(given, CHUNKS) == []


def test_an_answer_that_cites_nothing_leads_nowhere() -> None:
    assert known_questions([confirmed("i7", "Why?")], CHUNKS) == []


def test_a_confirmation_follows_its_text_to_another_chunk_when_documents_are_cut_otherwise() -> None:
    pages = [f"Part {number} of the manual says what to do with the valve number {number}." for number in range(12)]
    document = Document(document_id=DocumentId("manual"), title="Manual", text="\n\n".join(pages), source="manual.md")
    settings = Ingest(chunk_overlap_tokens=0)
    whole = cut(document, settings, HashingEncoder())
    small = cut(document, settings.model_copy(update={"chunk_tokens": 32}), HashingEncoder())
    assert len(whole) == 1 < len(small)
    given = confirmed("i7", "Which valve?", whole[0], text=pages[9])
    [before], [after] = known_questions([given], whole), known_questions([given], small)
    assert (before.start, before.end) == (whole[0].start, whole[0].end)
    assert pages[9] in after.text
    assert (after.start, after.end) in {(piece.start, piece.end) for piece in small}


def test_where_a_text_stands_twice_the_nearest_place_to_where_it_stood_counts() -> None:
    twice = [chunk("manual", "Press the button.", start=start) for start in (0, 100, 500)]
    given = confirmed("i7", "What now?", replace(twice[0], start=120, end=137))
    assert [question.start for question in known_questions([given], twice)] == [100]


# --- chunks and entries ---------------------------------------------------------------------------------------------


def test_a_confirmation_needs_the_question_and_the_question_its_vector() -> None:
    with pytest.raises(ValueError, match="needs the question"):
        replace(BOILER, confirmed=confirmed_chunk(BOILER, "Why?").confirmed)
    vector = HashingEncoder().encode_documents([BOILER.text])[0]
    with pytest.raises(ValueError, match="go together"):
        Entry(chunk=confirmed_chunk(BOILER, "Why?"), vector=vector)
    with pytest.raises(ValueError, match="go together"):
        Entry(chunk=BOILER, vector=vector, question_vector=vector)
