"""Questions made from the corpus."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from eval.questions.golden import Case, Slice, relevant
from eval.questions.known_items import Nearby, known_items, neighbours
from rag_flywheel.domain import Chunk, Evidence
from tests.fakes.evaluation import chunk
from tests.fakes.samples import confirmed_chunk, correction_chunk

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
    assert all(relevant(only, piece) for piece in below)


def test_a_heading_in_several_documents_is_not_asked_for_but_a_telling_sentence_is() -> None:
    chunks = [chunk(f"d{number}", text(number), title="Getting started") for number in range(4)]
    cases = known_items(chunks, limit=10, seed=0)
    assert len(cases) == 4
    for case in cases:
        assert case.question.startswith("Only amber")
        [answering] = [piece for piece in chunks if relevant(case, piece)]
        [evidence] = case.evidence
        assert answering.text[evidence.start : evidence.end].startswith(case.question[:20])


def test_a_sentence_of_several_chunks_is_answered_by_each_of_them() -> None:
    twice = [chunk("d1", text(1)), chunk("d2", text(1)), chunk("d3", text(2))]
    shared = [item for item in known_items(twice, limit=10, seed=0) if len(item.evidence) == 2]
    assert [{span.document_id for span in case.evidence} for case in shared] == [{"d1", "d2"}]


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
    known = [confirmed_chunk(piece, f"What is in {piece.document_id}?", by=f"i{at}") for at, piece in enumerate(chunks)]
    assert known_items([*chunks, *known], limit=10, seed=0) == known_items(chunks, limit=10, seed=0)


def test_a_chunk_with_a_hidden_part_is_answered_by_its_whole_span() -> None:
    whole = chunk("d1", text(1) + " And this part is hidden.")
    [only] = known_items([replace(whole, text=text(1))], limit=5, seed=0)
    assert only.evidence == (whole.span,)


def test_there_are_no_more_than_the_limit_and_no_question_twice() -> None:
    chunks = [chunk(f"d{number}", text(number)) for number in range(50)]
    cases = known_items(chunks, limit=20, seed=0)
    assert len({case.case_id for case in cases}) == len({case.cluster for case in cases}) == 20
    assert known_items(chunks, limit=0, seed=0) == []


def test_a_small_change_of_the_corpus_leaves_nearly_all_questions_as_they_are() -> None:
    chunks = [chunk(f"d{number}", text(number)) for number in range(80)]
    before = {item.case_id for item in known_items(chunks, limit=40, seed=0)}
    after = {item.case_id for item in known_items([*chunks[2:], chunk("new", text(90))], limit=40, seed=0)}
    assert len(before & after) >= 37
    assert after != {item.case_id for item in known_items(chunks, limit=40, seed=1)}


def test_scripts_without_blanks_between_words_have_telling_sentences_too() -> None:
    [only] = known_items([chunk("d1", "遥控器需要先与电视机配对才能正常使用。好。")], limit=5, seed=0)
    assert only.question == "遥控器需要先与电视机配对才能正常使用"


@pytest.mark.parametrize(
    "poor",
    [
        "Set index.url to http://localhost:6333 and begin anew.",
        "| amber | birch | cedar | dune | ember |",
        "Run it with --force and look at the log.",
        "```bash\nask what the amber remote does now",
        "Press Menu Picture Mode Expert Settings Picture Mode.",
        "amber, birch, cedar, dune, ember and so on) are trees.",
        "Write to <EMAIL_ADDRESS> if your remote is lost.",
    ],
)
def test_code_tables_labels_fragments_and_masked_data_are_never_asked_for(poor: str) -> None:
    assert known_items([chunk("d1", poor)], limit=5, seed=0) == []


def test_a_sentence_goes_on_over_a_wrapped_line_and_a_decimal_point() -> None:
    wrapped = chunk("d1", "Version 3.5 of the amber client\nneeds a birch server. Yes.")
    [only] = known_items([wrapped], limit=5, seed=0)
    assert only.question == "Version 3.5 of the amber client needs a birch server"
    assert relevant(only, wrapped)


def test_a_long_sentence_is_cut_at_its_comma_and_before_an_open_bracket() -> None:
    comma = "When the amber lamp has blinked, wait until the birch is cold, and then begin again with the cedar."
    bracket = "To find a cedar in the forest look for its dune-like needles (which are green, long) and smell them."
    asked = {item.question for item in known_items([chunk("d1", comma), chunk("d2", bracket)], limit=5, seed=0)}
    assert asked == {
        "When the amber lamp has blinked, wait until the birch is cold",
        "To find a cedar in the forest look for its dune-like needles",
    }


def test_a_rephraser_words_the_question_and_leaves_cluster_and_evidence() -> None:
    chunks = [chunk("d1", text(1)), chunk("d2", text(2))]
    plain = known_items(chunks, limit=5, seed=0)
    other = known_items(chunks, limit=5, seed=0, rephrase=lambda asked, count: [f"Who said: {asked}?"][:count])
    assert [case.question for case in other] == [f"Who said: {case.question}?" for case in plain]
    assert [(case.cluster, case.evidence) for case in other] == [(case.cluster, case.evidence) for case in plain]
    assert not {case.case_id for case in other} & {case.case_id for case in plain}
    assert known_items(chunks, limit=5, seed=0, rephrase=lambda asked, count: []) == plain


def test_two_questions_in_the_same_other_words_stay_two() -> None:
    both = known_items(
        [chunk("d1", text(1)), chunk("d2", text(2))], limit=5, seed=0, rephrase=lambda asked, count: ["Where is it?"]
    )
    assert len({case.case_id for case in both}) == 2


def test_a_sentence_of_long_words_is_cut_between_two_of_them() -> None:
    long = [letter * 30 for letter in "abcdefgh"]
    [only] = known_items([chunk("d1", " ".join(long))], limit=5, seed=0)
    assert only.question == " ".join(long[:3])


# --- neighbours -----------------------------------------------------------------------------------------------------

CHUNKS = [chunk(f"d{number}", text(number)) for number in range(12)]


def near(
    *chunks: Chunk, question: str = "What is it?", answer: str = "Nothing.", about: Sequence[Evidence] = ()
) -> Nearby:
    return Nearby(
        question=question, answer=answer, spans=tuple(about), chunks=tuple(piece.chunk_id for piece in chunks)
    )


def places(cases: Sequence[Case]) -> list[str]:
    return [span.document_id for case in cases for span in case.evidence]


def test_neighbours_are_made_from_the_nearest_passages_first() -> None:
    found = neighbours(CHUNKS, [near(CHUNKS[7], CHUNKS[3], CHUNKS[5])], known=[], limit=2, seed=0)
    assert places(found) == ["d7", "d3"]
    assert {(case.slice, case.made) for case in found} == {(Slice.NEIGHBOUR, True)}


def test_corrections_take_turns_and_no_passage_is_used_twice() -> None:
    both = [near(*CHUNKS[:4], question="First?"), near(CHUNKS[0], *CHUNKS[6:9], question="Second?")]
    found = places(neighbours(CHUNKS, both, known=[], limit=20, seed=0))
    assert len(found) == len(set(found)) == 7
    assert {found[0], *found[1:3]} >= {"d0"}
    assert {*found[:3]} == {"d0", "d1", "d6"}


def test_what_a_correction_is_about_is_no_neighbour() -> None:
    about = [CHUNKS[0].span]
    found = neighbours(CHUNKS, [near(CHUNKS[0], CHUNKS[1], about=about)], known=[], limit=9, seed=0)
    assert places(found) == ["d1"]


def test_a_section_that_a_correction_is_about_in_part_is_not_asked_for_by_its_heading() -> None:
    parts = [
        chunk("d1", text(1), headings=("Pairing the remote",)),
        chunk("d1", text(2), start=900, headings=("Pairing the remote",)),
    ]
    [only] = neighbours([*parts, *CHUNKS[3:]], [near(*parts, about=[parts[0].span])], known=[], limit=9, seed=0)
    assert only.question.startswith("Only amber")
    assert [relevant(only, part) for part in parts] == [False, True]


def test_a_known_item_is_not_asked_again_as_a_neighbour() -> None:
    headed = [chunk(f"d{at}", text(at), title=f"Amber {at} and birch {at}") for at in range(6)]
    known = known_items(headed, limit=9, seed=0)
    found = neighbours(headed, [near(*headed)], known=known, limit=9, seed=0)
    assert len(found) == 6
    assert not {case.cluster for case in found} & {case.cluster for case in known}


def test_a_question_that_the_correction_may_answer_is_no_neighbour() -> None:
    titled = [chunk("d1", text(1), title="Paired remotes"), chunk("d2", text(2), title="Wall mounting")]
    correction = near(*titled, question="How do I pair a remote?", answer="Hold the button.")
    found = neighbours([*titled, *CHUNKS[3:]], [correction], known=[], limit=9, seed=0)
    assert [case.question for case in found][1:] == ["Wall mounting"]
    assert found[0].question.startswith("Only amber")


def test_passages_that_are_not_among_the_given_ones_and_corrections_are_passed_over() -> None:
    gone, right = chunk("gone", text(30)), correction_chunk("c1", text(31))
    found = neighbours([*CHUNKS[:3], right], [near(gone, right, CHUNKS[1])], known=[], limit=9, seed=0)
    assert places(found) == ["d1"]


def test_without_new_corrections_there_are_no_neighbours() -> None:
    assert neighbours(CHUNKS, [], known=[], limit=9, seed=0) == []


def test_the_next_piece_of_a_long_section_is_another_passage() -> None:
    first = chunk("long", text(1) + " They share this.")
    second = chunk("long", "They share this. " + text(2), start=first.end - len("They share this."))
    assert first.span.overlaps(second.span)
    assert len(neighbours([first, second, *CHUNKS[3:]], [near(first, second)], known=[], limit=9, seed=0)) == 2
