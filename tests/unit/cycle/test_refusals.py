"""How readily a version refuses is told from judged questions."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from eval.questions.golden import Case, Slice
from rag_flywheel.cycle.refusals import AT_LEAST, refusal
from rag_flywheel.domain import DocumentId, Draft, Passage, Searched, VersionId
from rag_flywheel.ports import Redactor
from rag_flywheel.services import Services
from tests.fakes.services import publish, services


class Weighing:
    """A generator for which every question is answered by the same odds."""

    name = "weighing"

    def __init__(self, log_odds: float) -> None:
        self.asked: list[str] = []
        self._log_odds = log_odds

    def masked_by(self, redactor: Redactor) -> "Weighing":
        return self

    def rewrite(self, question: str, history: Sequence[object]) -> str:
        return question

    def prepare(self, found: Sequence[Sequence[Passage]]) -> None:
        """Nothing can be done before."""

    def answer(
        self, question: str, passages: Sequence[Passage], *, searched: Searched | None = None
    ) -> Iterator[str | Draft]:
        self.asked.append(question)
        assert searched is not None
        yield Draft(text="Yes.", answered=True, citations=(), log_odds=self._log_odds)


def judged(count: int) -> list[Case]:
    return [
        Case(
            case_id=f"golden:{number}",
            question=f"How is screen {number} cleaned?",
            cluster=f"screen {number}",
            slice=Slice.GOLDEN,
            answer=None,
            documents=frozenset({DocumentId("screen")}),
            evidence=(),
            answerable=True,
            made=False,
        )
        for number in range(count)
    ]


def learn(cases: Sequence[Case], folder: Path, *, log_odds: float = 9.0, kind: str = "") -> tuple[float, str, Weighing]:
    generator = Weighing(log_odds)
    made: Services = services(folder, text=kind, generator=generator)
    publish(made, "v1", {"volume": "Press the plus key for more volume.", "screen": "Clean the screen with a cloth."})
    searcher = made.open(made.ledger.version(VersionId("v1")).manifest)
    return *refusal(cases, searcher=searcher, services=made), generator


@pytest.mark.parametrize(("log_odds", "sign"), [(9.0, 1), (-9.0, -1)])
def test_a_corpus_whose_questions_find_much_refuses_more_readily_and_one_whose_find_little_less(
    tmp_path: Path, log_odds: float, sign: int
) -> None:
    moved, note, _ = learn(judged(60), tmp_path, log_odds=log_odds)
    assert moved * sign > 1
    assert "judged questions say" in note


def test_the_questions_that_the_gate_tests_teach_nothing(tmp_path: Path) -> None:
    _, _, generator = learn(judged(60), tmp_path)
    assert 0 < len(generator.asked) < 60


def test_few_judged_questions_leave_refusals_as_they_are_elsewhere(tmp_path: Path) -> None:
    moved, note, generator = learn(judged(AT_LEAST // 2), tmp_path)
    assert (moved, generator.asked) == (0.0, [])
    assert str(AT_LEAST) in note


def test_confirmed_answers_do_not_count_as_only_what_was_answered_can_be_confirmed(tmp_path: Path) -> None:
    confirmed = [replace(case, slice=Slice.CONFIRMED) for case in judged(60)]
    assert learn(confirmed, tmp_path)[0] == 0.0


def test_a_language_model_is_not_asked(tmp_path: Path) -> None:
    moved, _, generator = learn(judged(60), tmp_path, kind="generator: {kind: openai_like}")
    assert (moved, generator.asked) == (0.0, [])
