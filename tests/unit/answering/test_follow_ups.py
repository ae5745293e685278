import pytest

from rag_flywheel.answering.follow_ups import standalone
from rag_flywheel.domain import Turn

ASKED = "How do I start a canary release?"


def conversation(*texts: str) -> list[Turn]:
    """User and assistant in turn, the user first."""
    return [Turn(role="assistant" if number % 2 else "user", text=text) for number, text in enumerate(texts)]


@pytest.mark.parametrize(
    "question",
    [
        "How long does it run?",
        "And for a Qdrant server?",
        "What about rollbacks?",
        "Why?",
        "Which is safer?",
        "Are they logged anywhere?",
        "the traffic share",
        "Does that need PostgreSQL?",
        "Who decides this?",
        "WHY IS IT SLOW?",
        "ok, so what happens to its users?",
    ],
)
def test_a_question_that_leans_is_joined_with_the_one_before(question: str) -> None:
    assert standalone(question, conversation(ASKED, "Set the share.")) == f"{ASKED} {question}"


@pytest.mark.parametrize(
    "question",
    [
        "How do I configure the Qdrant server?",
        "Is it possible to keep the ledger in PostgreSQL?",
        "Is there a limit on uploaded documents?",
        "Does the service keep its ledger in PostgreSQL?",
        "When a canary fails, is it rolled back?",
        "How much does the US version cost?",
        "Does the manual say that corrections expire?",
        "Default port of the API server",
    ],
)
def test_a_question_that_stands_alone_is_left_as_it_is(question: str) -> None:
    assert standalone(question, conversation(ASKED, "Set the share.")) == question


@pytest.mark.parametrize("question", ["How long does it run?", "Why?", ASKED])
def test_without_history_nothing_is_joined(question: str) -> None:
    assert standalone(question, []) == question


def test_turns_that_name_no_matter_are_passed_over() -> None:
    history = conversation(ASKED, "Set the share.", "Why?", "To be safe.", "ok thanks", "You're welcome.")
    assert standalone("How long does it run?", history) == f"{ASKED} How long does it run?"


def test_the_latest_matter_wins() -> None:
    history = conversation("Where are the logs kept?", "On standard error.", ASKED, "Set the share.")
    assert standalone("How long does it run?", history) == f"{ASKED} How long does it run?"


def test_what_the_assistant_said_is_not_joined() -> None:
    history = [Turn(role="assistant", text="Welcome to the documentation assistant.")]
    assert standalone("How long does it run?", history) == "How long does it run?"


def test_the_same_question_again_is_not_doubled() -> None:
    question = "Does it log the answers of users?"
    assert standalone(question, conversation(question, "No.")) == question


def test_a_standalone_query_stands_alone_in_the_same_conversation() -> None:
    history = conversation(ASKED, "Set the share.")
    query = standalone("How long does it run?", history)
    assert standalone(query, history) == query


def test_of_a_pasted_page_only_the_beginning_is_joined() -> None:
    page = "My log says: " + "error " * 1000
    query = standalone("Why does it?", conversation(page))
    assert query.startswith("My log says: error")
    assert query.endswith("error Why does it?")
    assert len(query.split()) == 53
