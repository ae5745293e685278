"""Other wordings of corrected questions."""

import logging

import pytest

from eval.questions.golden import Case, Slice
from eval.questions.rewordings import OtherWords, rewordings
from rag_flywheel.domain import Chunk
from tests.fakes.evaluation import case, chunk
from tests.fakes.rephraser import ScriptedRephraser

TEXTS = ["Press it if you do not see the sign, it is on the back.", "Wait for it.", "You may not do it in the dark."]
CHUNKS = [chunk(f"d{number}", text) for number, text in enumerate(TEXTS * 5)]


def corrected(question: str, name: str = "c1") -> Case:
    return case(f"correction:{name}", f"correction:{name}", question=question, slice=Slice.CORRECTED, answer="Yes.")


def made(question: str, *, chunks: list[Chunk] = CHUNKS, seed: int = 0) -> dict[str, str]:
    """The made wordings by kind."""
    found = rewordings([corrected(question)], chunks=chunks, seed=seed, rephrase=None)
    return {wording.case_id.removeprefix("paraphrase:c1:"): wording.question for wording in found}


def test_a_corrected_question_is_also_asked_by_its_keywords_with_a_slip_and_without_marks() -> None:
    wordings = made("How do I pair the TV's remote, quickly?")
    assert wordings["keywords"] == "pair TV's remote quickly"
    assert wordings["plain"] == "how do i pair the tvs remote quickly"
    assert wordings["slip"] != "How do I pair the TV's remote, quickly?"


def test_a_wording_keeps_cluster_and_judgements_and_says_that_it_is_made() -> None:
    original = corrected("How do I pair the TV's remote, quickly?")
    for rewording in rewordings([original], chunks=CHUNKS, seed=0, rephrase=None):
        assert (rewording.slice, rewording.made) == (Slice.PARAPHRASE, True)
        assert (rewording.cluster, rewording.documents, rewording.answer) == (
            original.cluster,
            original.documents,
            original.answer,
        )


def test_a_slip_swaps_two_letters_inside_the_longest_word_and_is_the_same_each_time() -> None:
    slip = made("How do I pair the remote?")["slip"]
    words = zip(["How", "do", "I", "pair", "the", "remote?"], slip.split(), strict=True)
    [(right, wrong)] = [pair for pair in words if len(set(pair)) > 1]
    assert (right, sorted(wrong), wrong[0]) == ("remote?", sorted("remote?"), "r")
    assert sum(letter != other for letter, other in zip(right, wrong, strict=True)) == 2
    assert made("How do I pair the remote?")["slip"] == slip


def test_a_negation_is_a_keyword_however_common_it_is() -> None:
    assert made("What if the signal is not found?")["keywords"] == "signal not found"


def test_in_a_corpus_of_a_few_passages_no_word_is_common() -> None:
    assert made("Where is the key of the door?", chunks=[chunk("d1", "The key is here.")])["keywords"] == "key door"


def test_names_in_capitals_are_keywords_however_short_and_common_they_are() -> None:
    chunks = [chunk(f"d{number}", "The TV is on.") for number in range(5)]
    assert made("Where is the TV and the TV's key?", chunks=chunks)["keywords"] == "TV TV's key"


def test_no_wording_is_the_question_itself_or_less_than_two_words() -> None:
    assert set(made("pair remote")) == {"slip"}
    assert made("Why?") == {}
    assert "keywords" not in made("What is a remote?")


def test_blanks_that_were_typed_twice_do_no_harm() -> None:
    assert made("How do I  pair   the remote?")["keywords"] == "pair remote"


def test_masks_of_personal_data_stay_as_they_are() -> None:
    for text in made("When does <PERSON>, the owner, call?").values():
        assert "<PERSON>" in text


def test_scripts_that_are_not_typed_letter_by_letter_have_no_slips() -> None:
    assert made("遥控器 怎么配对") == {}


def test_a_language_models_wordings_come_first_and_made_ones_fill_up() -> None:
    said = ScriptedRephraser({"How do I pair the remote?": ["Connecting a remote", "how do I pair the remote", " "]})
    found = rewordings(
        [corrected("How do I pair the remote?")], chunks=CHUNKS, seed=0, rephrase=OtherWords(rephraser=said)
    )
    assert [wording.question for wording in found[:2]] == ["Connecting a remote", "pair remote"]
    assert [wording.case_id.rpartition(":")[2] for wording in found] == ["asked-1", "keywords", "slip"]
    assert said.asked == [("How do I pair the remote?", 3)]


def test_where_the_language_model_says_enough_nothing_is_made() -> None:
    said = ScriptedRephraser({"How do I pair it?": ["First way", "Second way", "Third way"]})
    found = rewordings([corrected("How do I pair it?")], chunks=CHUNKS, seed=0, rephrase=OtherWords(rephraser=said))
    assert [wording.question for wording in found] == ["First way", "Second way", "Third way"]


def test_a_language_model_that_fails_twice_in_a_row_is_not_asked_again_and_made_wordings_stand_in(
    caplog: pytest.LogCaptureFixture,
) -> None:
    down = ScriptedRephraser({}, down=True)
    cases = [corrected(f"How do I pair remote {name}?", name) for name in ("alpha", "bravo", "charlie")]
    other_words = OtherWords(rephraser=down)
    with caplog.at_level(logging.WARNING):
        found = rewordings(cases, chunks=CHUNKS, seed=0, rephrase=other_words)
    assert found == rewordings(cases, chunks=CHUNKS, seed=0, rephrase=None)
    assert (len(down.asked), other_words.failed) == (2, 2)
    assert "remote" not in caplog.text


def test_a_language_model_that_answers_in_between_is_asked_on() -> None:
    model = ScriptedRephraser({"one": ["uno"]}, down=True)
    ask = OtherWords(rephraser=model)
    assert ask("one", 1) == []
    model.down = False
    assert ask("one", 1) == ["uno"]
    model.down = True
    assert (ask("one", 1), ask("one", 1), ask("one", 1)) == ([], [], [])
    assert len(model.asked) == 4
