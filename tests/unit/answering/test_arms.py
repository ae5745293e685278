"""Who meets which version in a canary or a hold-out, and what is recorded of it."""

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from rag_flywheel.domain import (
    Arm,
    Canary,
    Candidate,
    Draft,
    Exposure,
    Groups,
    HoldOut,
    Interaction,
    InteractionId,
    Passage,
    Searched,
    Turn,
    VersionId,
)
from rag_flywheel.errors import (
    IndexUnavailable,
    LanguageModelUnavailable,
    LedgerUnavailable,
)
from rag_flywheel.ports import ALL_ENGLISH, Vectors, metrics
from rag_flywheel.ports.metrics import Came
from rag_flywheel.privacy.pseudonyms import pseudonym
from rag_flywheel.rollout import promotion
from rag_flywheel.rollout.promotion import act_of
from rag_flywheel.services import Services
from tests.fakes.asking import Retelling, chat, question
from tests.fakes.index import MemoryIndex
from tests.fakes.ledger import MemoryLedger
from tests.fakes.samples import NOON, canary
from tests.fakes.services import publish, services

ID = InteractionId("i1")

# --- who meets which version ----------------------------------------------------------------------------------------

PEOPLE = [f"person {number}" for number in range(60)]
CONTROL_SAYS, TREATMENT_SAYS, OLD_SAYS = "the version of today", "the version of tomorrow", "the version of yesterday"


@pytest.fixture
def trial(tmp_path: Path) -> Services:
    """A canary at a half: each version holds three pages of its own, and the generator retells what it is given."""
    made = services(tmp_path, generator=Retelling())
    for name, says in (("v0", OLD_SAYS), ("v1", CONTROL_SAYS), ("v2", TREATMENT_SAYS)):
        publish(made, name, {f"{name} page {page}": f"{says} {page}" for page in range(3)}, live=name != "v2")
    start(made)
    return made


def start(made: Services, *, shadow: bool = False, shares: Sequence[float] = (0.5,)) -> Canary:
    begun = canary(control="v1", treatment="v2", shares=shares, shadow=shadow, started=made.now())
    promotion.start_canary(begun, index=made.index, ledger=made.ledger, who="test")
    return begun


def hold_out(made: Services, version: str, share: float) -> None:
    promotion.hold_out(
        VersionId(version),
        share=share,
        index=made.index,
        ledger=made.ledger,
        act=act_of("test", "test", at=made.now()),
    )


def ask(made: Services, user: str | None, *, session: str | None = None, consent: bool = True) -> Interaction:
    """A question to a process that has just started."""
    return chat(made).answer(
        question("version", user=user, session=session, consent=consent), interaction_id=InteractionId(made.new_id())
    )


def on(made: Services, arm: Arm) -> str:
    """A person who is on the arm."""
    return next(name for name in PEOPLE if chat(made).place(question(user=name)).arm is arm)


def test_half_of_the_people_meet_the_candidate_and_the_reply_and_the_record_name_arm_and_canary(
    trial: Services,
) -> None:
    met = [ask(trial, person) for person in PEOPLE]
    treated = [answered for answered in met if answered.arm == "treatment"]
    assert 10 <= len(treated) <= 50
    assert {answered.version_id for answered in treated} == {"v2"}
    assert {(answered.arm, answered.version_id) for answered in met if answered not in treated} == {("control", "v1")}
    assert {answered.canary_id for answered in met} == {"canary1"}
    assert trial.ledger.interaction(met[0].interaction_id) == met[0]


def test_a_person_stays_on_one_arm_over_questions_sessions_and_restarts(trial: Services) -> None:
    first = {person: ask(trial, person).arm for person in PEOPLE}
    assert set(first.values()) == {"control", "treatment"}
    assert {person: ask(trial, person, session="another").arm for person in PEOPLE} == first
    assert {person: ask(trial, person).arm for person in PEOPLE} == first


def test_a_session_of_nobody_in_particular_stays_on_one_arm(trial: Services) -> None:
    first = {person: ask(trial, None, session=person).arm for person in PEOPLE}
    assert set(first.values()) == {"control", "treatment"}
    assert {person: ask(trial, None, session=person).arm for person in PEOPLE} == first


def test_nobody_goes_back_to_the_control_at_the_next_step(trial: Services) -> None:
    begun = start(trial, shares=(0.2, 0.6))
    first = {person for person in PEOPLE if ask(trial, person).arm == "treatment"}
    promotion.advance(begun, ledger=trial.ledger, act=act_of("canary", "", at=trial.now()))
    second = {person for person in PEOPLE if ask(trial, person).arm == "treatment"}
    assert first < second
    steps = {exposure.step for exposure in trial.ledger.exposures(canary_id=begun.canary_id)}
    assert steps == {0, 1}


@pytest.mark.parametrize(("named", "consent"), [(False, True), (True, False), (False, False)])
def test_who_has_no_name_or_did_not_consent_is_on_the_live_version_and_takes_no_part(
    trial: Services, named: bool, consent: bool
) -> None:
    for person in PEOPLE[:20]:
        answered = ask(trial, person if named else None, consent=consent)
        assert (answered.arm, answered.version_id, answered.canary_id) == ("control", "v1", None)
    assert trial.ledger.exposures() == []


@pytest.mark.parametrize("arm", [Arm.CONTROL, Arm.TREATMENT])
def test_an_answer_is_made_of_the_passages_of_one_version_only(trial: Services, arm: Arm) -> None:
    answered = ask(trial, on(trial, arm))
    version, says, others = {
        Arm.CONTROL: ("v1", CONTROL_SAYS, TREATMENT_SAYS),
        Arm.TREATMENT: ("v2", TREATMENT_SAYS, CONTROL_SAYS),
    }[arm]
    assert {passage.document_id for passage in answered.ranking} == {f"{version} page {page}" for page in range(3)}
    assert says in answered.answer
    assert others not in answered.answer


def test_what_a_person_met_is_recorded_once_for_each_answer_under_their_stand_in(trial: Services) -> None:
    user = on(trial, Arm.TREATMENT)
    answered = ask(trial, user, session="s1")
    assert trial.ledger.exposures() == [
        Exposure(
            at=NOON,
            unit=pseudonym(user, trial.ledger.salt()) or "",
            arm=Arm.TREATMENT,
            canary_id=answered.canary_id,
            step=0,
            interaction_id=answered.interaction_id,
            answered=True,
            failed=False,
            seconds=answered.seconds,
        )
    ]


def test_no_text_and_no_name_is_in_what_people_met(trial: Services) -> None:
    ask(trial, "yvonne@example.org", session="my private session")  # no digit of a hash is a y or a p
    ask(trial, None, session="my private session")
    recorded = repr(trial.ledger.exposures())
    for told in ("yvonne", "private", "version of", "page"):
        assert told not in recorded


def test_where_no_canary_runs_people_are_recorded_on_the_live_version(tmp_path: Path) -> None:
    made = services(tmp_path)
    publish(made, "v1")
    ask(made, "ada")
    [met] = made.ledger.exposures()
    assert (met.arm, met.canary_id, met.step) == (Arm.CONTROL, None, 0)


def test_in_a_shadow_everybody_is_on_the_live_version_and_recorded_for_the_canary(trial: Services) -> None:
    begun = start(trial, shadow=True)
    for person in PEOPLE[:20]:
        assert ask(trial, person).version_id == "v1"
    met = trial.ledger.exposures(canary_id=begun.canary_id)
    assert {(exposure.arm, exposure.step) for exposure in met} == {(Arm.CONTROL, 0)}
    assert len(met) == 20


def test_a_canary_that_ended_puts_everybody_on_the_live_version_at_once(trial: Services) -> None:
    user = on(trial, Arm.TREATMENT)
    asking = chat(trial)
    first = asking.answer(question("version", user=user), interaction_id=InteractionId("first"))
    act = act_of("ada", "complaints", at=trial.now())
    promotion.roll_back(VersionId("v1"), index=trial.index, ledger=trial.ledger, act=act)
    second = asking.answer(question("version", user=user), interaction_id=InteractionId("second"))
    assert (first.version_id, first.arm) == ("v2", "treatment")
    assert (second.version_id, second.arm, second.canary_id) == ("v1", "control", None)


def test_an_answer_that_has_begun_on_the_candidate_stays_there_when_the_canary_ends(trial: Services) -> None:
    user = on(trial, Arm.TREATMENT)
    stream = chat(trial).stream(question("version", user=user), interaction_id=ID)
    first = next(stream)
    promotion.promote(
        VersionId("v2"), expected=VersionId("v1"), index=trial.index, ledger=trial.ledger, act=act_of("", "", at=NOON)
    )
    *pieces, last = stream
    assert isinstance(last, Interaction)
    assert (last.version_id, last.arm) == ("v2", "treatment")
    assert CONTROL_SAYS not in "".join([str(first), *map(str, pieces)])


# --- the hold-out ---------------------------------------------------------------------------------------------------


def test_people_who_are_held_out_stay_on_the_old_version_and_in_no_canary(trial: Services) -> None:
    hold_out(trial, "v0", 0.3)
    met = {person: ask(trial, person) for person in PEOPLE}
    held = {person: answered for person, answered in met.items() if answered.arm == "holdout"}
    assert 3 <= len(held) <= 40
    assert {(answered.version_id, answered.canary_id) for answered in held.values()} == {("v0", None)}
    assert {answered.arm for person, answered in met.items() if person not in held} == {"control", "treatment"}
    theirs = {pseudonym(person, trial.ledger.salt()) for person in held}
    recorded = [exposure for exposure in trial.ledger.exposures() if exposure.unit in theirs]
    assert {(exposure.arm, exposure.canary_id, exposure.step) for exposure in recorded} == {(Arm.HOLDOUT, None, 0)}
    promotion.roll_back(None, index=trial.index, ledger=trial.ledger, act=act_of("", "", at=trial.now()))
    assert {person for person in PEOPLE if ask(trial, person).arm == "holdout"} == set(held)


def test_the_hold_out_ends_for_everybody(trial: Services) -> None:
    hold_out(trial, "v0", 0.3)
    act = act_of("test", "test", at=trial.now())
    promotion.hold_out(None, share=0.3, index=trial.index, ledger=trial.ledger, act=act)
    assert {ask(trial, person).arm for person in PEOPLE} == {"control", "treatment"}


# --- what fails -----------------------------------------------------------------------------------------------------


class LosingIndex(MemoryIndex):
    """It cannot search some of its versions."""

    def __init__(self, *lost: str) -> None:
        super().__init__()
        self.lost = set(lost)

    def search(
        self,
        version: VersionId,
        *,
        text: str,
        vector: Vectors,
        limit: int,
        groups: Groups,
        languages: Mapping[str, float] = ALL_ENGLISH,
        tokens: Vectors | None = None,
    ) -> list[Candidate]:
        if version in self.lost:
            raise IndexUnavailable(f"{version} does not answer")
        return super().search(
            version, text=text, vector=vector, limit=limit, groups=groups, languages=languages, tokens=tokens
        )


def losing(tmp_path: Path, *lost: str) -> Services:
    made = replace(services(tmp_path), index=LosingIndex(*lost))
    publish(made, "v1")
    publish(made, "v2", live=False)
    start(made)
    return made


def test_where_the_candidate_cannot_search_the_live_version_answers_and_the_candidate_failed(tmp_path: Path) -> None:
    made = losing(tmp_path, "v2")
    answered = ask(made, on(made, Arm.TREATMENT))
    assert (answered.version_id, answered.arm, answered.canary_id) == ("v1", "control", None)
    [met] = made.ledger.exposures()
    assert (met.arm, met.canary_id, met.failed, met.answered) == (Arm.TREATMENT, "canary1", True, False)
    assert met.interaction_id is None


def test_where_the_candidate_is_gone_the_live_version_answers_and_the_candidate_failed(trial: Services) -> None:
    user = on(trial, Arm.TREATMENT)
    trial.index.delete(VersionId("v2"))
    assert ask(trial, user).version_id == "v1"
    assert [(exposure.arm, exposure.failed) for exposure in trial.ledger.exposures()] == [(Arm.TREATMENT, True)]


def test_where_no_version_can_search_each_arm_failed_once_a_question(tmp_path: Path) -> None:
    made = losing(tmp_path, "v1", "v2")
    for arm in (Arm.CONTROL, Arm.TREATMENT):
        with pytest.raises(IndexUnavailable):
            ask(made, on(made, arm))
    assert [(exposure.arm, exposure.failed) for exposure in made.ledger.exposures()] == [
        (Arm.CONTROL, True),
        (Arm.TREATMENT, True),
    ]
    assert made.ledger.interactions(limit=9) == []


def failures() -> Counter[str]:
    """Questions that were counted as failed, by arm."""
    told = metrics.REGISTRY.get_sample_value
    return Counter(
        {arm: int(told("rag_flywheel_answers_total", {"outcome": Came.FAILED, "arm": arm}) or 0) for arm in Arm}
    )


def test_a_question_is_counted_as_failed_where_it_ends_in_an_error_and_not_where_another_version_answers(
    tmp_path: Path,
) -> None:
    for lost, counted in (("v2",), {}), (("v1", "v2"), {Arm.TREATMENT: 1}):
        before, folder = failures(), tmp_path / "".join(lost)
        folder.mkdir()
        made = losing(folder, *lost)
        with contextlib.suppress(IndexUnavailable):
            ask(made, on(made, Arm.TREATMENT))
        assert failures() - before == counted


def test_a_question_that_fails_before_anything_is_searched_is_counted_and_recorded_as_failed(trial: Services) -> None:
    class Speechless(Retelling):
        def rewrite(self, question: str, history: Sequence[Turn]) -> str:
            raise LanguageModelUnavailable("the model is away")

    before, made = failures(), replace(trial, generator=Speechless())
    with pytest.raises(LanguageModelUnavailable):
        ask(made, on(made, Arm.TREATMENT))
    assert failures() - before == {Arm.TREATMENT: 1}
    assert [(met.arm, met.failed) for met in made.ledger.exposures()] == [(Arm.TREATMENT, True)]


def test_a_question_whose_arm_cannot_be_read_is_counted_as_failed(trial: Services) -> None:
    class Away(MemoryLedger):
        def holdout(self) -> HoldOut | None:
            raise LedgerUnavailable("the database does not answer")

    before = failures()
    with pytest.raises(LedgerUnavailable):
        ask(replace(trial, ledger=Away()), "ada")
    assert failures() - before == {Arm.CONTROL: 1}


class Breaking(Retelling):
    """It tells a piece and then breaks off."""

    def answer(
        self, question: str, passages: Sequence[Passage], *, searched: Searched | None = None
    ) -> Iterator[str | Draft]:
        yield passages[0].chunk.text
        raise LanguageModelUnavailable("the model went away")


@pytest.mark.parametrize("arm", [Arm.CONTROL, Arm.TREATMENT])
def test_a_generator_that_breaks_off_is_a_failure_of_the_persons_arm_and_the_caller_hears_of_it(
    trial: Services, arm: Arm
) -> None:
    made = replace(trial, generator=Breaking())
    stream = chat(made).stream(question("version", user=on(made, arm)), interaction_id=ID)
    said = next(stream)
    assert "version of" in str(said)
    with pytest.raises(LanguageModelUnavailable):
        next(stream)
    assert [(exposure.arm, exposure.failed, exposure.interaction_id) for exposure in made.ledger.exposures()] == [
        (arm, True, None)
    ]
    assert [kept.answer for kept in made.ledger.interactions(limit=9)] == [said]


def test_an_answer_and_what_its_person_met_are_recorded_together_or_not_at_all(trial: Services) -> None:
    class Forgetful(MemoryLedger):
        def add_exposure(self, exposure: Exposure) -> None:
            raise LedgerUnavailable("the disk is full")

    ledger = Forgetful()
    for record in trial.ledger.versions():
        ledger.add_version(record.manifest)
    made = replace(trial, ledger=ledger)
    with pytest.raises(LedgerUnavailable):
        ask(made, "ada")
    assert ledger.interactions(limit=9) == []
