"""Which source passages hold the answer of a correction: what came with it, or what the search had brought."""

from dataclasses import replace

import pytest

from ingest.answer_spans import with_evidence, with_holders
from ingest.learning.pairs import Lesson
from rag_flywheel.domain import Chunk, Evidence, Interaction, ReviewedCorrection
from tests.fakes.samples import chunk, correction, correction_chunk, interaction, shown, span

SYRIA = chunk("syria", "On October 6, 1973 two armies crossed the lines by surprise, on a day of fasting.")
CANAL = chunk("canal", "The canal was closed in June and it opened again years later.")
LATER = chunk("syria", "The war of 1973 ended in the same month, as is told here.", start=200)
SOURCES = [SYRIA, CANAL, LATER]


def corrected(answer: str, *evidence: Evidence) -> ReviewedCorrection:
    return ReviewedCorrection(correction=correction("c1", answer=answer, evidence=evidence), review=None)


def asked(*ranking: Chunk) -> Interaction:
    spans = [
        shown(place.document_id, rank, start=place.start, end=place.end) for rank, place in enumerate(ranking, start=1)
    ]
    return interaction("i1", ranking=spans)


def holders(reviewed: ReviewedCorrection, before: Interaction) -> list[str]:
    """The text of each span that holds the correction's answer."""
    chunks = [*SOURCES, correction_chunk("c1", "When?", reviewed.answer)]
    made = with_holders(chunks, [reviewed], {"i1": before}.__getitem__)
    assert made[:-1] == SOURCES
    provenance = made[-1].provenance
    assert provenance is not None
    return [piece.text for span in provenance.holders for piece in SOURCES if piece.span == span]


def test_the_evidence_that_came_with_a_correction_holds_its_answer() -> None:
    assert holders(corrected("October 6, 1973", CANAL.span), asked(SYRIA)) == [CANAL.text]


@pytest.mark.parametrize(
    "answer", ["October 6, 1973", "october 6 1973", "Two armies crossed the lines on a fasting day"]
)
def test_else_it_is_the_passage_of_the_ranking_that_holds_the_answer_or_most_of_its_words(answer: str) -> None:
    assert holders(corrected(answer), asked(CANAL, LATER, SYRIA)) == [SYRIA.text]


def test_of_passages_that_hold_it_alike_the_first_ranked_one_is_taken() -> None:
    assert holders(corrected("1973"), asked(CANAL, LATER, SYRIA)) == [LATER.text]
    assert holders(corrected("1973"), asked(CANAL, SYRIA, LATER)) == [SYRIA.text]


def test_an_answer_inside_a_longer_word_is_not_held() -> None:
    assert holders(corrected("97"), asked(SYRIA, LATER)) == []


def test_no_passage_holds_what_the_sources_do_not_say() -> None:
    assert holders(corrected("Nobody knows the hour of the attack."), asked(SYRIA, CANAL, LATER)) == []


def test_a_passage_that_the_search_did_not_bring_is_not_looked_at() -> None:
    assert holders(corrected("October 6, 1973"), asked(CANAL)) == []


def test_lessons_of_corrections_without_evidence_get_it_and_others_stay() -> None:
    chunks = with_holders(
        [*SOURCES, correction_chunk("c1", "When?", "1973")], [corrected("1973")], {"i1": asked(LATER)}.__getitem__
    )
    bare = Lesson(
        question="When?", cluster="g", answer="1973", documents=frozenset({chunks[-1].document_id}), evidence=()
    )
    corrections = [replace(bare, corrected=True), replace(bare, corrected=True, evidence=(span("canal"),)), bare]
    found, told, other = with_evidence(corrections, chunks)
    assert found.evidence == (LATER.span,)
    assert (told, other) == tuple(corrections[1:])
