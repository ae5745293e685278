"""Questions that only the gate's last word may use, in whole cycles over fakes."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from eval.guardrails import safety
from eval.guardrails.checks import Invariant
from eval.questions import splits
from rag_flywheel.answering.extractive import Extractive
from rag_flywheel.domain import (
    Draft,
    Passage,
    Searched,
)
from rag_flywheel.domain.equivalence import normalised
from rag_flywheel.ports import Encoder
from tests.unit.cycle.house import FACTS, House, built_in

THREAT = next(text for text, is_unsafe in safety.examples() if is_unsafe)


PARTS = range(40)


def where(part: int) -> str:
    return f"Where is part{part} of machine{part} kept?"


@pytest.fixture
def sealed(tmp_path: Path) -> House:
    """A live version, and judged questions of which nearly all that the gate may ask are sealed."""
    house = built_in(tmp_path, "reranker: {minimum_groups: 100}\ngate: {sealed: 0.99, known_items: 60}\n")
    for part in PARTS:
        house.write(f"shelf{part}.md", f"Colleagues put part{part} of machine{part} beside window number {part}.\n")
        house.add_golden(f"part{part}", where(part), f"shelf{part}.md")
    house.cycle()
    return house


def only_the_sealed(house: House) -> set[str]:
    """The questions of the golden set that the gate asks last."""
    seed, share = house.services.config.gate.seed, house.services.config.gate.sealed
    epoch = splits.epoch(house.services.ledger.count_decisions(), house.services.config.gate)
    roles = {part: splits.role(normalised(where(part)), seed=seed, sealed=share, epoch=epoch) for part in PARTS}
    return {where(part) for part, role in roles.items() if role == "sealed"}


def test_a_first_version_is_not_asked_the_sealed_questions(sealed: House) -> None:
    assert only_the_sealed(sealed)
    assert not only_the_sealed(sealed) & sealed.searched()


def test_sealed_questions_have_the_last_word_and_may_turn_a_pass_into_a_refusal(sealed: House) -> None:
    for part in PARTS:
        sealed.write(f"decoy{part}.md", f"Where is part{part} of machine{part} kept? Nobody in here can say so.\n")
    result = sealed.cycle()
    assert result.decision == "refused", result.reasons
    told = sealed.report()
    last = only_the_sealed(sealed)
    assert last <= sealed.searched()
    assert told["sealed"]["questions"] == len(last)
    assert told["sealed"]["lost"] >= 0.9 * len(last)
    assert [case for case in told["changed"] if case["question"] in last] == []


def test_the_same_change_passes_where_the_open_questions_are_all(tmp_path: Path) -> None:
    """So it is the sealed ones that refuse above, and nothing else."""
    house = built_in(tmp_path, "reranker: {minimum_groups: 100}\ngate: {known_items: 60}\n")
    for part in PARTS:
        house.write(f"shelf{part}.md", f"Colleagues put part{part} of machine{part} beside window number {part}.\n")
    house.cycle()
    for part in PARTS:
        house.write(f"decoy{part}.md", f"Where is part{part} of machine{part} kept? Nobody in here can say so.\n")
    assert house.cycle().decision == "promoted"


def test_sealed_questions_are_not_asked_where_the_open_ones_refuse(sealed: House) -> None:
    for name in FACTS:
        (sealed.services.config.folder / f"{name}.md").unlink()
    for part in range(0, 40, 2):
        (sealed.services.config.folder / f"shelf{part}.md").unlink()
    assert sealed.cycle().decision == "refused"
    assert not only_the_sealed(sealed) & sealed.searched()
    assert sealed.report()["sealed"]["questions"] == 0


class Rude(Extractive):
    """It answers these questions with a threat, and all others as it should."""

    def __init__(self, encoder: Encoder, questions: set[str]) -> None:
        super().__init__(encoder, minimum_similarity=0.3, sentences=1)
        self._questions = questions

    def answer(
        self, question: str, passages: Sequence[Passage], *, searched: Searched | None = None
    ) -> Iterator[str | Draft]:
        if question in self._questions:
            yield Draft(text=THREAT, answered=True, citations=())
        else:
            yield from super().answer(question, passages, searched=searched)


def test_an_unsafe_answer_to_a_sealed_question_refuses_too(sealed: House) -> None:
    made, config = sealed.services, sealed.services.config
    sharp = config.model_copy(update={"guardrails": config.guardrails.model_copy(update={"unsafe_threshold": 0.6})})
    rude = Rude(made.encoders(config.embedder), only_the_sealed(sealed))
    house = House(services=replace(made, config=sharp, generator=rude), index=sealed.index)
    result = house.cycle(force=True)
    found = house.checked(Invariant.UNSAFE_ANSWERS)
    assert (result.decision, found["value"]) == ("refused", 1)
    assert result.reasons == (found["message"],)
