"""Stand-ins in texts: numbers of a conversation, letters of an index."""

import pytest

from rag_flywheel.domain.equivalence import normalised, same_question
from rag_flywheel.domain.stand_ins import lettered, stand_ins, unnumbered


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["Is <PERSON_3> in?"], ["Is <PERSON> in?"]),
        (["Is <PERSON_3> in, or <PERSON_12>?"], ["Is <PERSON_A> in, or <PERSON_B>?"]),
        (["Is <PERSON_3> in?", "No, <PERSON_1>, <PERSON_3>."], ["Is <PERSON_A> in?", "No, <PERSON_B>, <PERSON_A>."]),
        (["<PERSON_2> has <EMAIL_ADDRESS_7>"], ["<PERSON> has <EMAIL_ADDRESS>"]),
        (["<PERSON> and <US_SSN> have none"], ["<PERSON> and <US_SSN> have none"]),
        (["a < b, <b>, <H_1x>"], ["a < b, <b>, <H_1x>"]),
    ],
)  # fmt: skip
def test_texts_that_leave_a_conversation_have_letters_where_there_are_several_of_a_kind(
    texts: list[str], expected: list[str]
) -> None:
    assert [*lettered(*texts)] == expected
    assert lettered(*expected) == tuple(expected)


def test_letters_do_not_end_at_z() -> None:
    [text] = lettered(" ".join(f"<PERSON_{number}>" for number in range(1, 29)))
    assert text.split()[25:] == ["<PERSON_Z>", "<PERSON_AA>", "<PERSON_AB>"]
    assert set(unnumbered(text).split()) == {"<PERSON>"}


def test_each_stand_in_of_a_text_is_told_once_and_in_order() -> None:
    text = "<PERSON_2> and <PERSON_1> know <PERSON_2>, <PERSON> and <PERSON_0>"
    assert stand_ins(text) == [("PERSON", 2), ("PERSON", 1)]


def test_questions_that_differ_in_numbers_of_masks_are_one_question() -> None:
    asked = ["May <PERSON_1> pay?", "may <PERSON_4> pay", "May <PERSON> pay?", "May <PERSON_A> pay?"]
    assert len({same_question(text) for text in asked}) == len({normalised(text) for text in asked}) == 1
