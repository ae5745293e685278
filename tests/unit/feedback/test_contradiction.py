"""What a text says otherwise than the passages beside it."""

import time

import pytest

from rag_flywheel.feedback.contradiction import other_negation, other_number

RESET = "To reset the remote, hold the red and the green button for 10 seconds until the light blinks."
PRICE = "The extended warranty of the heat pump costs $120 a year and lasts five years from the purchase."
DIAL = "The dial sets the water temperature between 40 and 70 degrees."
OPENED = "The museum in Basel was opened on March 3, 1994 by the mayor."
PORT = "The admin console of the server listens on port 8443 for connections."


def number(text: str, passage: str, question: str = "How?") -> tuple[str, str] | None:
    found = other_number(text, [passage], question=question)
    return None if found is None else (found.said, found.against)


@pytest.mark.parametrize(
    ("text", "passage", "expected"),
    [
        ("Hold the red and the green button for 30 seconds.", RESET, ("30 seconds", "10 seconds")),
        ("Hold the red and the green button for 10 minutes.", RESET, ("10 minutes", "10 seconds")),
        ("Hold the red and the green button for sixty seconds.", RESET, ("sixty seconds", "10 seconds")),
        ("The extended warranty of the heat pump costs $20 a year.", PRICE, ("$20", "$120")),
        ("The warranty of the heat pump lasts two years from the purchase.", PRICE, ("two years", "five years")),
        ("The dial sets the water temperature up to 95 degrees.", DIAL, ("95 degrees", "40 - 70 degrees")),
        ("The mayor opened the museum in Basel in 1944.", OPENED, ("1944", "1994")),
        ("The museum in Basel was opened on May 3, by the mayor.", OPENED, ("may 3", "march 3")),
        ("The admin console of the server listens on port 8080.", PORT, ("port 8080", "port 8443")),
    ],
)
def test_another_number_or_unit_of_one_quantity_is_named_with_what_it_contradicts(
    text: str, passage: str, expected: tuple[str, str]
) -> None:
    found = number(text, passage)
    assert found is not None
    assert (found[0], found[1].split(" ")[-1]) == (expected[0], expected[1].split(" ")[-1])


@pytest.mark.parametrize(
    ("text", "passage"),
    [
        ("Hold the red and the green button for ten seconds.", RESET),  # in words
        ("Hold the red and the green button for 10,000 ms.", RESET),  # in another unit
        ("Wait for 3 minutes before you plug it in.", RESET),  # of something else
        ("Hold the red and the green button three times.", RESET),  # times, no seconds
        ("Set the dial of the water temperature to 55 degrees.", DIAL),  # within the range
        ("It was opened on March 3, 1994.", OPENED),
        ("Press the green button.", RESET),  # absent is no contradiction
        ("The console of the server listens on port 8443 since release 3.2.1.", PORT),  # a release is no quantity
    ],
)
def test_the_same_quantity_in_other_words_or_another_quantity_is_no_contradiction(text: str, passage: str) -> None:
    assert number(text, passage) is None


def test_an_answer_of_a_few_words_is_of_what_the_question_asks_for() -> None:
    passage = "A cup of air popped popcorn has 30 calories."
    asked = "how many calories are in a cup of air popped popcorn"
    assert number("150", passage, asked) is not None
    assert number("30", passage, asked) is None


def test_a_number_that_the_question_names_is_no_contradiction() -> None:
    passage = "The battery of the remote lasts 12 months."
    assert number("No, the battery of the remote does not last 24 months.", passage, "Does it last 24 months?") is None


@pytest.mark.parametrize(
    ("text", "passage"),
    [
        ("You can use the soundbar with the old receiver.", "You cannot use the soundbar with the old receiver."),
        ("Never switch the boiler off before draining it.", "Switch the boiler off before draining it."),
        ("The warranty doesn't cover water damage.", "The warranty covers water damage."),
    ],
)
def test_what_denies_a_passage_contradicts_it(text: str, passage: str) -> None:
    assert other_negation(text, [passage]) is not None
    assert other_negation(passage, [text]) is not None
    assert other_negation(text, [passage, text]) is None


def test_a_negation_of_another_clause_is_none() -> None:
    passage = "If the remote does not pair, hold the pairing button near the receiver."
    assert other_negation("Hold the pairing button near the receiver.", [passage]) is None


@pytest.mark.parametrize("piece", ["1 ", "hold button 3 seconds. ", "not a long word here, ", "$", "1,000", "-", "٣ "])
def test_no_text_takes_long(piece: str) -> None:
    text = (piece * 20_000)[:20_000]
    began = time.process_time()
    other_number(text, [text, RESET], question=text)
    other_negation(text, [text, RESET])
    assert time.process_time() - began < 5
