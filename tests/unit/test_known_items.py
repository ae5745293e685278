"""Questions made from the corpus."""

from dataclasses import replace

from eval.golden import Slice, relevant
from eval.known_items import known_items
from tests.fakes.evaluation import chunk, correction_chunk
from tests.fakes.samples import confirmed_chunk

WORDS = ["amber", "birch", "cedar", "dune", "ember", "fjord"]


def text(number: int) -> str:
    """Two sentences; only the second one tells where it stands."""
    mine = " ".join(f"{word}{'abcdefghij'[number % 10]}{'klmnopqrst'[number // 10]}" for word in WORDS)
    return f"The same words stand in every text here. Only {mine} are found."


def test_a_heading_in_one_place_is_asked_for_and_all_below_it_answers() -> None:
    below = [
        chunk("d1", "First part of it.", headings=("Manual", "Pairing the remote")),
        chunk("d1", "Second part of it.", start=40, headings=("Manual", "Pairing the remote")),
    ]
    [only] = known_items(below, limit=5, seed=0)
    assert (only.question, only.slice, only.made, only.answer) == (
        "Pairing the remote",
        Slice.KNOWN_ITEM,
        True,
        None,
    )
    assert all(relevant(only, one) for one in below)


def test_a_heading_in_several_documents_is_not_asked_for_but_a_telling_sentence_is() -> None:
    chunks = [chunk(f"d{number}", text(number), title="Getting started") for number in range(4)]
    cases = known_items(chunks, limit=10, seed=0)
    assert len(cases) == 4
    for one in cases:
        assert one.question.startswith("Only amber")
        [answering] = [piece for piece in chunks if relevant(one, piece)]
        [evidence] = one.evidence
        assert answering.text[evidence.start : evidence.end].startswith(one.question[:20])


def test_a_sentence_of_several_chunks_is_answered_by_each_of_them() -> None:
    twice = [chunk("d1", text(1)), chunk("d2", text(1)), chunk("d3", text(2))]
    shared = [one for one in known_items(twice, limit=10, seed=0) if len(one.evidence) == 2]
    assert [{span.document_id for span in one.evidence} for one in shared] == [{"d1", "d2"}]


def test_boilerplate_is_never_asked_for() -> None:
    assert (
        known_items(
            [chunk(f"d{number}", "All rights are reserved by us here.") for number in range(6)], limit=9, seed=0
        )
        == []
    )


def test_corrections_are_left_out() -> None:
    assert known_items([correction_chunk("c1", text(3))], limit=5, seed=0) == []


def test_the_questions_that_lead_to_a_passage_change_nothing_that_is_asked_about_it() -> None:
    chunks = [chunk(f"d{number}", text(number), title="Getting started") for number in range(4)]
    known = [confirmed_chunk(one, f"What is in {one.document_id}?", by=f"i{at}") for at, one in enumerate(chunks)]
    assert known_items([*chunks, *known], limit=10, seed=0) == known_items(chunks, limit=10, seed=0)


def test_a_chunk_with_a_hidden_part_is_answered_by_its_whole_span() -> None:
    whole = chunk("d1", text(1) + " And this part is hidden.")
    [only] = known_items([replace(whole, text=text(1))], limit=5, seed=0)
    assert only.evidence == (whole.span,)


def test_there_are_no_more_than_the_limit_and_no_question_twice() -> None:
    chunks = [chunk(f"d{number}", text(number)) for number in range(50)]
    cases = known_items(chunks, limit=20, seed=0)
    assert len({one.case_id for one in cases}) == len({one.group for one in cases}) == 20
    assert known_items(chunks, limit=0, seed=0) == []


def test_a_small_change_of_the_corpus_leaves_nearly_all_questions_as_they_are() -> None:
    chunks = [chunk(f"d{number}", text(number)) for number in range(80)]
    before = {one.case_id for one in known_items(chunks, limit=40, seed=0)}
    after = {one.case_id for one in known_items([*chunks[2:], chunk("new", text(90))], limit=40, seed=0)}
    assert len(before & after) >= 37
    assert after != {one.case_id for one in known_items(chunks, limit=40, seed=1)}


def test_scripts_without_blanks_between_words_have_telling_sentences_too() -> None:
    [only] = known_items([chunk("d1", "遥控器需要先与电视机配对才能正常使用。好。")], limit=5, seed=0)
    assert only.question == "遥控器需要先与电视机配对才能正常使用"
