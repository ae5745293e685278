"""How the rivals of a replay use what people said."""

from dataclasses import replace
from pathlib import Path

import pytest

from eval.replay.rivals import APPENDED, RIVALS, Base, Reply, Signal
from rag_flywheel.domain import ChunkId, DocumentId
from tests.fakes.services import HANDBOOK, publish, services

ASKED = "How can I put the previous version back?"
REWORDED = "How do I put the previous version back?"
ELSEWHERE = "Where does the database file go?"


@pytest.fixture
def base(tmp_path: Path) -> Base:
    made = services(tmp_path)
    publish(made, "v1")
    manifest = made.ledger.versions()[0].manifest
    searcher = made.open(manifest)
    return Base(searcher=searcher, titles=False)


CORRECTION = Signal(
    question=ASKED,
    answer="Ask the operator, who keeps the key.",
    document_id=DocumentId("correction:c1"),
    cited=ChunkId("rollback#0"),
    corrected=True,
)
CONFIRMED = replace(CORRECTION, answer=HANDBOOK["rollback"], document_id=DocumentId("rollback"), corrected=False)


def asked(base: Base, rival: str, question: str, *signals: Signal) -> Reply:
    return RIVALS[rival](base, signals)(question, base.searcher.encoder.encode_queries([question])[0])


def found(reply: Reply) -> list[str]:
    return [str(passage.chunk.document_id) for passage in reply.passages]


@pytest.mark.parametrize("rival", RIVALS)
def test_every_rival_without_signals_finds_the_passages_and_leaves_the_answer_to_the_generator(
    base: Base, rival: str
) -> None:
    reply = asked(base, rival, REWORDED)
    assert found(reply)[0] == "rollback"
    assert sorted(found(reply)) == sorted(HANDBOOK)
    assert [passage.rank for passage in reply.passages] == [1, 2, 3]
    assert reply.answer is None


@pytest.mark.parametrize("rival", ["static", "dense"])
def test_static_and_dense_do_not_learn(base: Base, rival: str) -> None:
    assert asked(base, rival, REWORDED, CORRECTION, CONFIRMED) == asked(base, rival, REWORDED)


def test_dense_orders_by_cosine_alone(base: Base) -> None:
    cosines = [passage.score for passage in asked(base, "dense", ELSEWHERE).passages]
    assert (
        cosines
        == sorted(cosines, reverse=True)
        == [passage.scores.dense for passage in asked(base, "dense", ELSEWHERE).passages]
    )


def test_append_finds_the_correction_by_the_words_of_its_question_and_shows_its_answer(base: Base) -> None:
    reply = asked(base, "append", REWORDED, CORRECTION)
    assert found(reply)[0] == "correction:c1"
    assert reply.passages[0].chunk.text == CORRECTION.answer
    assert not reply.passages[0].chunk.is_correction
    assert sorted(found(reply)) == sorted(["correction:c1", *HANDBOOK])


def test_append_leaves_the_base_version_as_it_is_and_replaces_its_own(base: Base) -> None:
    asked(base, "append", REWORDED, CORRECTION)
    again = asked(base, "append", REWORDED, replace(CORRECTION, document_id=DocumentId("correction:c2")))
    assert "correction:c1" not in found(again)
    assert found(asked(base, "static", REWORDED)) == found(asked(base, "append", REWORDED))
    assert sorted(base.searcher.index.versions()) == sorted([APPENDED, base.searcher.version])


def test_override_replies_with_the_stored_answer_to_nearly_the_same_question(base: Base) -> None:
    reply = asked(base, "override", f"{ASKED} Now", CORRECTION)
    assert found(reply) == ["correction:c1", *found(asked(base, "static", f"{ASKED} Now"))]
    assert [passage.rank for passage in reply.passages] == [1, 2, 3, 4]
    assert reply.answer == CORRECTION.answer


def test_override_keeps_the_stored_answer_from_other_questions_and_ignores_confirmed_answers(base: Base) -> None:
    assert asked(base, "override", ELSEWHERE, CORRECTION) == asked(base, "static", ELSEWHERE)
    assert asked(base, "override", ASKED, CONFIRMED) == asked(base, "static", ASKED)


def test_weights_lift_a_passage_for_every_question_once_it_was_confirmed(base: Base) -> None:
    assert found(asked(base, "weights", ELSEWHERE))[0] == "backup"
    assert found(asked(base, "weights", ELSEWHERE, *[CONFIRMED] * 5))[0] == "rollback"


def test_a_vote_against_a_passage_takes_back_one_for_it_and_no_weight_is_below_zero(base: Base) -> None:
    untouched = asked(base, "weights", ELSEWHERE)
    assert asked(base, "weights", ELSEWHERE, CORRECTION) == untouched
    assert asked(base, "weights", ELSEWHERE, CONFIRMED, CORRECTION) == untouched
    uncited = replace(CONFIRMED, cited=None)
    assert asked(base, "weights", ELSEWHERE, uncited) == untouched


def test_memory_puts_a_stored_answer_first_where_question_and_context_are_alike(base: Base) -> None:
    reply = asked(base, "memory", REWORDED, CORRECTION)
    assert found(reply)[0] == "correction:c1"
    assert reply.answer == CORRECTION.answer
    assert asked(base, "memory", "red fish", CORRECTION) == asked(base, "static", "red fish")


def test_memory_holds_confirmed_answers_as_what_they_rest_on(base: Base) -> None:
    reply = asked(base, "memory", ASKED, CONFIRMED)
    assert found(reply)[:2] == ["rollback", "rollback"]
    assert reply.answer == HANDBOOK["rollback"]
