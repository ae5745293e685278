"""A shadow: what the candidate would have answered, recorded and never shown."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from rag_flywheel.api.state import make_state
from rag_flywheel.domain import (
    Arm,
    Canary,
    CanaryState,
    Draft,
    Exposure,
    InteractionId,
    LearnedRanking,
    Passage,
    Question,
    Searched,
    Turn,
    VersionId,
)
from rag_flywheel.domain.erasures import Scope
from rag_flywheel.errors import LanguageModelUnavailable, LedgerUnavailable
from rag_flywheel.ports import Redactor
from rag_flywheel.privacy.pseudonyms import pseudonym
from rag_flywheel.rollout.shadow import AT_A_LOOK, shadow
from rag_flywheel.search.fusion import RERANK
from tests.fakes.ledger import MemoryLedger
from tests.fakes.services import publish
from tests.fakes.trial import Trial

SHADOW = "canary: {strategy: shadow, minimum_hours: 1, maximum_hours: 24, minimum_people: 20}\n"


class Retelling:
    """A generator that tells the first passage, or what it is told to say instead."""

    name = "retelling"

    def __init__(self) -> None:
        self.says: str | None = None
        self.queries: list[str] = []
        self.down_after: int | None = None  # questions

    def masked_by(self, redactor: Redactor) -> "Retelling":
        return self

    def rewrite(self, question: str, history: Sequence[Turn]) -> str:
        return question

    def prepare(self, found: Sequence[Sequence[Passage]]) -> None:
        """Nothing can be done before."""

    def answer(
        self, question: str, passages: Sequence[Passage], *, searched: Searched | None = None
    ) -> Iterator[str | Draft]:
        if self.down_after is not None and len(self.queries) >= self.down_after:
            raise LanguageModelUnavailable("the model is down")
        self.queries.append(question)
        text = passages[0].chunk.text if self.says is None else self.says
        yield text
        yield Draft(text=text, answered=self.says != "", citations=())


class World(Trial):
    """A shadow of v2, which alone knows of tomorrow, beside v1."""

    def __init__(self, folder: Path, *, ledger: MemoryLedger | None = None, learned: LearnedRanking | None = None):
        super().__init__(folder, text=SHADOW, ledger=ledger)
        self.generator = Retelling()
        self.made = replace(self.made, generator=self.generator)
        publish(self.made, "v3", {"tomorrow": "the weather of tomorrow"}, live=False, learned=learned)
        assert self.deploy("v3").outcome == "shadow"

    def ask(self, text: str = "How do I put the previous version back?", *, user: str = "ada") -> str:
        asked = Question(text=text, asked=self.clock(), user=user)
        name = InteractionId(self.made.new_id())
        answered = make_state(self.made).chat.answer(asked, interaction_id=name)
        assert (answered.version_id, answered.arm) == ("v1", "control")
        return name

    def met(self, arm: Arm) -> list[Exposure]:
        return [
            exposure for exposure in self.made.ledger.exposures(canary_id=self.canary.canary_id) if exposure.arm is arm
        ]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_the_candidate_is_asked_what_people_asked_and_nobody_is_told(world: World) -> None:
    name = world.ask()
    [repeat] = shadow(world.canary, world.made)
    assert repeat.draft is not None
    assert repeat.draft.text == "the weather of tomorrow"
    assert "rollback" in world.made.ledger.interaction(InteractionId(name)).answer
    assert len(world.made.ledger.interactions(limit=9)) == 1
    [asked] = world.met(Arm.CONTROL)
    expected = replace(asked, arm=Arm.TREATMENT, seconds=repeat.exposure.seconds)
    assert repeat.exposure == expected
    assert repeat.exposure.unit == pseudonym("ada", world.made.ledger.salt())


def test_a_look_records_what_the_candidate_met_and_asks_nothing_twice(world: World) -> None:
    names = {world.ask(), world.ask("And on Linux?", user="bob")}
    world.look()
    assert {exposure.interaction_id for exposure in world.met(Arm.TREATMENT)} == names
    asked = len(world.generator.queries)
    world.look()
    assert len(world.generator.queries) == asked
    names.add(world.ask(user="carl"))
    world.look()
    assert {exposure.interaction_id for exposure in world.met(Arm.TREATMENT)} == names


def test_a_look_asks_only_so_many_questions_the_oldest_first(world: World) -> None:
    names = [world.ask(user=f"person {number}") for number in range(AT_A_LOOK + 5)]
    world.look()
    assert [exposure.interaction_id for exposure in world.met(Arm.TREATMENT)] == names[:AT_A_LOOK]
    world.look()
    assert [exposure.interaction_id for exposure in world.met(Arm.TREATMENT)] == names


def test_what_was_erased_meanwhile_is_passed_over(world: World) -> None:
    world.ask(user="ada")
    kept = world.ask(user="bob")
    world.made.ledger.erase(Scope(user=pseudonym("ada", world.made.ledger.salt()) or ""))
    assert [repeat.exposure.interaction_id for repeat in shadow(world.canary, world.made)] == [kept]


def test_a_service_that_is_down_is_no_fault_of_the_candidate_and_the_rest_waits(world: World) -> None:
    names = [world.ask(user=f"person {number}") for number in range(3)]
    world.generator.down_after = len(world.generator.queries) + 1
    world.look()
    assert [(exposure.interaction_id, exposure.failed) for exposure in world.met(Arm.TREATMENT)] == [(names[0], False)]
    world.generator.down_after = None
    world.look()
    assert [(exposure.interaction_id, exposure.failed) for exposure in world.met(Arm.TREATMENT)] == [
        (name, False) for name in names
    ]


def test_a_shadow_whose_model_stays_down_ends_when_its_time_is_over(world: World) -> None:
    world.ask()
    world.generator.down_after = 0
    world.clock.wait(25)
    assert world.look().action == "roll_back"


def test_a_candidate_that_cannot_be_opened_failed_and_its_shadow_ends(tmp_path: Path) -> None:
    world = World(tmp_path, learned=LearnedRanking(fusion={RERANK: 1.0}, reranker="gone"))
    for number in range(30):
        world.ask(user=f"person {number}")
    looked = world.look()
    assert {exposure.failed for exposure in world.met(Arm.TREATMENT)} == {True}
    assert looked.action == "roll_back"
    assert "failed" in looked.reasons[0]


def test_a_candidate_that_refuses_what_the_live_version_answers_is_rolled_back(world: World) -> None:
    for number in range(30):
        world.ask(user=f"person {number}")
    world.generator.says = ""
    looked = world.look()
    assert looked.action == "roll_back"
    assert "refused" in looked.reasons[0]


def test_a_shadow_that_nothing_speaks_against_is_promoted_after_its_hours(world: World) -> None:
    for number in range(25):
        world.ask(user=f"person {number}")
    assert world.look().action == "hold"
    world.clock.wait(1)
    assert world.look().action == "promote"
    assert world.live == "v3"


def test_personal_data_that_the_candidate_would_have_told_ends_its_shadow(world: World) -> None:
    world.ask()
    world.generator.says = "Write to ada@example.org about it."
    looked = world.look()
    assert looked.action == "roll_back"
    assert "personal data" in looked.reasons[0]
    assert world.live == "v1"


class Stubborn(MemoryLedger):
    """A canary that runs cannot be ended while it is stubborn."""

    stubborn = False

    def add_canary(self, canary: Canary) -> None:
        if self.stubborn:
            raise LedgerUnavailable("the disk is full")
        super().add_canary(canary)


def test_what_the_candidate_would_have_told_is_found_again_where_it_could_not_be_acted_on(tmp_path: Path) -> None:
    ledger = Stubborn()
    world = World(tmp_path, ledger=ledger)
    world.ask()
    world.generator.says = "Write to ada@example.org about it."
    ledger.stubborn = True
    with pytest.raises(LedgerUnavailable):
        world.look()
    ledger.stubborn = False
    assert world.met(Arm.TREATMENT) == []
    assert world.look().action == "roll_back"
    assert world.canary.state is CanaryState.ROLLED_BACK


def test_questions_without_consent_or_a_name_are_not_asked_again(world: World) -> None:
    chat = make_state(world.made).chat
    for number, (user, consent) in enumerate([(None, True), ("ada", False)]):
        asked = Question(text="What now?", asked=world.clock(), user=user, consent=consent)
        chat.answer(asked, interaction_id=InteractionId(f"i{number}"))
    assert shadow(world.canary, world.made) == []
    assert world.made.index.live() == VersionId("v1")
