import time

import numpy as np
import pytest

from rag_flywheel.adapters.models.encoder import BUNDLED, SentenceEncoder
from rag_flywheel.answering.follow_ups import Rewrite, examples, fit, rewriter, shipped
from rag_flywheel.domain import Turn
from tests.fakes.encoder import HashingEncoder

ENCODER = SentenceEncoder(BUNDLED, batch=32, query_prefix="", document_prefix="")
ASKED = "How do I start a canary release?"


def conversation(*texts: str) -> list[Turn]:
    """User and assistant in turn, the user first."""
    return [Turn(role="assistant" if number % 2 else "user", text=text) for number, text in enumerate(texts)]


@pytest.fixture(scope="module")
def standalone() -> Rewrite:
    return rewriter(ENCODER)


def test_what_comes_with_the_project_is_what_the_examples_teach() -> None:
    """Else run `python benchmarks/conversations.py --write`."""
    learned, stored = fit(ENCODER), shipped()
    assert np.allclose(learned.coefficients, stored.coefficients, atol=0.02)
    assert learned.intercept == pytest.approx(stored.intercept, abs=0.02)


@pytest.mark.parametrize("other", [HashingEncoder(64), HashingEncoder(384)])
def test_another_encoder_learns_its_own(other: HashingEncoder) -> None:
    rewrite = rewriter(other)
    said = {True: [0, 0], False: [0, 0]}
    for example in examples():
        said[example.leans][rewrite(example.text, conversation(example.before)) != example.text] += 1
    assert said[True][1] > 2 * said[True][0]
    assert said[False][0] > 5 * said[False][1]


@pytest.mark.parametrize(
    ("before", "question"),
    [
        (ASKED, "How long does it run?"),
        (ASKED, "Why?"),
        (ASKED, "Which is safer?"),
        (ASKED, "ok, so what happens to its users?"),
        ("When is the swimming hall open?", "And on weekends?"),
        ("How do I paint a wooden fence?", "How many coats does it need?"),
        ("What is a kidney stone?", "Does it hurt?"),
        ("Who built the Great Wall?", "How long is it?"),
        ("How do I borrow a bicycle from the station?", "Is there a discount for pupils?"),
    ],
)
def test_a_question_that_leans_is_joined_with_what_it_is_about(standalone: Rewrite, before: str, question: str) -> None:
    query = standalone(question, conversation(before, "It depends."))
    assert query.startswith(f"{question} (")
    assert before.split()[-1].strip("?") in query


@pytest.mark.parametrize(
    ("before", "question"),
    [
        ("How do I reset the router?", "So how long does the warranty of the toaster last?"),
        ("How do I reset the router?", "And who painted the ceiling of the Sistine Chapel?"),
        ("When is the swimming hall open?", "If my card is stolen, how do I block it?"),
        ("When is the swimming hall open?", "OK, where do salmon go to lay their eggs?"),
        ("What is a kidney stone?", "Do whales sleep, and how do they breathe then?"),
        (ASKED, "How do I configure the Qdrant server?"),
        (ASKED, "Does the service keep its ledger in PostgreSQL?"),
        (ASKED, "Does the manual say that corrections expire?"),
    ],
)
def test_a_new_question_is_left_as_it_is(standalone: Rewrite, before: str, question: str) -> None:
    assert standalone(question, conversation(before, "It depends.")) == question


@pytest.mark.parametrize("history", [[], [Turn(role="assistant", text="Welcome to the documentation assistant.")]])
def test_where_nobody_asked_before_nothing_is_joined_and_nothing_encoded(history: list[Turn]) -> None:
    counting = HashingEncoder()
    assert rewriter(counting)("Why?", history) == "Why?"
    assert counting.encoded == 0


def test_turns_that_name_no_matter_or_lean_themselves_are_passed_over(standalone: Rewrite) -> None:
    history = conversation(ASKED, "Set the share.", "Why?", "To be safe.", "Does it hurt?", "No.", "ok thanks", "Fine.")
    assert standalone("How long does it run?", history) == "How long does it run? (start canary release)"


def test_the_latest_question_that_stands_alone_is_what_it_is_about(standalone: Rewrite) -> None:
    history = conversation("Where are the audit logs of the database kept?", "On disk.", ASKED, "Set the share.")
    assert standalone("How long does it run?", history) == "How long does it run? (start canary release)"


def test_words_that_the_question_has_are_not_said_twice(standalone: Rewrite) -> None:
    query = standalone("And a canary, how long does it run?", conversation(ASKED, "Set the share."))
    assert query.count("canary") == 1


def test_the_same_question_again_is_not_doubled(standalone: Rewrite) -> None:
    question = "Does it log?"
    assert standalone(question, conversation(question, "No.")) == question


def test_of_a_pasted_page_few_words_are_joined(standalone: Rewrite) -> None:
    page = "My log says: " + " ".join(f"error{number}" for number in range(1000))
    query = standalone("Why does it?", conversation(page))
    assert query.startswith("Why does it? (log says error0 ")
    assert len(query.split()) == 3 + 25


def test_long_questions_and_long_conversations_cost_no_more() -> None:
    counting = HashingEncoder()
    rewrite = rewriter(counting)
    rewrite("Why?", conversation("What is rain?"))
    known = counting.encoded
    started = time.perf_counter()
    rewrite("why " * 100_000, conversation(*["What is rain? " * 10_000] * 101))
    assert counting.encoded == known
    rewrite("Why?", conversation(*["What is rain? " * 10_000] * 101))
    assert counting.encoded - known == 5
    assert time.perf_counter() - started < 2
