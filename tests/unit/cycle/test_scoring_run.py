"""Versions are asked: what many questions need is done at once, and the same question once."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rag_flywheel.cycle.scoring_run import AHEAD, ScoringRun
from rag_flywheel.domain import Draft, Passage, Searched, VersionId
from rag_flywheel.services import Services
from tests.fakes.services import publish, services


class Noting:
    """A generator that notes for how many questions it could prepare, and what it was asked."""

    name = "noting"

    def __init__(self) -> None:
        self.prepared: list[int] = []
        self.asked: list[str] = []

    def rewrite(self, question: str, history: Sequence[object]) -> str:
        return question

    def prepare(self, found: Sequence[Sequence[Passage]]) -> None:
        self.prepared.append(len(found))

    def answer(
        self, question: str, passages: Sequence[Passage], *, searched: Searched | None = None
    ) -> Iterator[str | Draft]:
        self.asked.append(question)
        yield Draft(text=passages[0].chunk.text, answered=True, citations=())


def begin(folder: Path) -> tuple[Noting, Services, ScoringRun]:
    generator = Noting()
    made = services(folder, generator=generator)
    publish(made, "v1", {"volume": "Press the plus key for more volume.", "screen": "Clean the screen with a cloth."})
    return generator, made, ScoringRun(services=made, references={}, judge=None, steps=lambda what, done, total: None)


def test_coming_questions_are_prepared_together_and_answered_one_by_one(tmp_path: Path) -> None:
    generator, made, run = begin(tmp_path)
    questions = [f"How is the volume set to {number}?" for number in range(2 * AHEAD + 3)]
    ask = run.asker(made.ledger.version(VersionId("v1")).manifest, [*questions, questions[0]], as_new=False)
    assert generator.prepared == []  # nothing before the first is asked
    first = ask(questions[0])
    assert (generator.prepared, generator.asked) == ([AHEAD], questions[:1])
    assert [ask(question) for question in [*questions, questions[0]]][-1] == first
    assert (generator.prepared, generator.asked) == ([AHEAD, AHEAD, 3], questions)
    assert first.draft.text == "Press the plus key for more volume."


def test_what_was_answered_before_is_neither_prepared_nor_asked_again(tmp_path: Path) -> None:
    generator, made, run = begin(tmp_path)
    version = made.ledger.version(VersionId("v1")).manifest
    run.asker(version, ["How is the volume set?"], as_new=False)("How is the volume set?")
    again = run.asker(version, ["How is the volume set?", "How is the screen cleaned?"], as_new=True)
    again("How is the volume set?")
    assert (generator.prepared, generator.asked) == ([1, 1], ["How is the volume set?"])
    again("How is the screen cleaned?")
    assert generator.asked == ["How is the volume set?", "How is the screen cleaned?"]


def test_a_question_that_was_not_announced_is_looked_up_alone(tmp_path: Path) -> None:
    generator, made, run = begin(tmp_path)
    ask = run.asker(made.ledger.version(VersionId("v1")).manifest, as_new=False)
    assert ask("How is the screen cleaned?").draft.text == "Clean the screen with a cloth."
    assert generator.prepared == [1]
