"""What is said about answers goes from the command to the ledger."""

import json

import pytest

from rag_flywheel.services import Services
from tests.unit.cli.conftest import Run

QUESTION = "How do I put the previous version back?"


def test_an_answer_that_was_abandoned_without_a_word_is_listed_for_triage(run: Run, url: str) -> None:
    name = json.loads(run("--url", url, "ask", "How is a backup of the ledger made?", "--json")[1])["interaction_id"]
    assert "nothing to look at" in run("--url", url, "triage")[1]
    assert run("--url", url, "feedback", name, "abandoned")[0] == 0
    [suspect] = json.loads(run("--url", url, "triage", "--json")[1])
    assert (suspect["interaction_ids"], suspect["score"], suspect["times"]) == ([name], 1.0, 1)
    assert name in run("--url", url, "triage", "--limit", "1")[1]


@pytest.mark.parametrize(
    ("kind", "typed", "kept"),
    [
        ("thumb", "down", "down"),
        ("stars", "4", 4),
        ("used", "true", True),
        ("comment", "42", "42"),
        ("issue", "true", "true"),
        ("missing_knowledge", "NaN", "NaN"),
        ("passage_relevance", '{"document_id": "d", "relevant": true}', {"document_id": "d", "relevant": True}),
    ],
)
def test_feedback_is_typed_as_its_kind_wants_it(
    run: Run, url: str, made: Services, kind: str, typed: str, kept: object
) -> None:
    name = json.loads(run("--url", url, "ask", QUESTION, "--json")[1])["interaction_id"]
    assert run("--url", url, "feedback", name, kind, typed)[0] == 0
    assert made.ledger.feedback()[-1].value == kept


def test_a_repeated_key_records_once(run: Run, url: str, made: Services) -> None:
    name = json.loads(run("--url", url, "ask", QUESTION, "--json")[1])["interaction_id"]
    before = len(made.ledger.feedback())
    said = [run("--url", url, "--json", "feedback", name, "thumb", "up", "--key", "k")[1] for _ in range(2)]
    assert said[0] == said[1]
    assert len(made.ledger.feedback()) == before + 1
