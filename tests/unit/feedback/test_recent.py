"""The questions that gaps are looked for in, remembered between two looks."""

from dataclasses import replace
from datetime import timedelta

import pytest

from rag_flywheel.domain import Confidence, CorrectionId, Interaction, Scores, Suggestion
from rag_flywheel.domain.erasures import Scope
from rag_flywheel.feedback import recent
from rag_flywheel.feedback.attribution import is_off_topic
from rag_flywheel.feedback.recent import RecentQuestions, brief
from tests.fakes.ledger import MemoryLedger
from tests.fakes.samples import NOON, interaction, shown


class Counting(MemoryLedger):
    """Counts the interactions that are read."""

    read = 0

    def interaction(self, interaction_id: str) -> Interaction:  # type: ignore[override]
        self.read += 1
        return super().interaction(interaction_id)  # type: ignore[arg-type]


def ask(ledger: MemoryLedger, name: str, *, user: str = "ann", minute: int = 0) -> None:
    asked = interaction(name, question=name, answered=False, user=user, asked=NOON + timedelta(minutes=minute))
    ledger.add_interaction(asked)


def test_each_question_is_read_once_and_a_new_one_is_seen_at_once() -> None:
    ledger, questions = Counting(), RecentQuestions()
    ask(ledger, "i1")
    ledger.add_interaction(interaction("sure"))
    ledger.add_interaction(replace(interaction("doubtful"), confidence=Confidence.LOW))
    assert questions.unsure(ledger).keys() == {"i1", "doubtful"}
    assert questions.unsure(ledger).keys() == {"i1", "doubtful"}
    assert ledger.read == 3
    ask(ledger, "i2", minute=1)
    assert questions.unsure(ledger).keys() == {"i1", "i2", "doubtful"}
    assert ledger.read == 4


def test_many_new_questions_are_read_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "FEW", 1)
    ledger, questions = Counting(), RecentQuestions()
    for number in range(3):
        ask(ledger, f"i{number}", minute=number)
    assert questions.unsure(ledger).keys() == {"i0", "i1", "i2"}
    assert ledger.read == 0


def test_who_is_forgotten_is_gone_with_the_next_look() -> None:
    ledger, questions = MemoryLedger(), RecentQuestions()
    ask(ledger, "anns")
    ask(ledger, "bobs", user="bob")
    questions.unsure(ledger)
    ledger.erase(Scope(user="ann"))
    assert questions.unsure(ledger).keys() == {"bobs"}
    assert "anns" not in repr(vars(questions))


def test_nothing_else_that_was_written_is_remembered_and_a_question_is_as_near_to_its_passages_as_it_was() -> None:
    ranking = [shown(f"d{rank}", rank, scores=Scores(dense=0.9 if rank == 5 else 0.1)) for rank in range(1, 9)]
    offered = Suggestion(correction_id=CorrectionId("c1"), question="a secret of others")
    asked = replace(interaction(answer="a secret", ranking=ranking), suggestions=(offered,))
    kept = brief(asked)
    assert "secret" not in repr(kept)
    assert (kept.question, [of.rank for of in kept.ranking]) == (asked.question, [1, 2, 5])
    assert not is_off_topic(kept.ranking, near=0.5)
    assert [citation.document_id for citation in kept.citations] == ["guide"]
