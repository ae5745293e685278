"""How a version that passed the gate goes its way, and what a look at its canary does."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from rag_flywheel.domain import (
    Arm,
    AuditEntry,
    CanaryState,
    Exposure,
    InteractionId,
    Notice,
    Outcome,
    ReviewedCorrection,
    VersionId,
)
from rag_flywheel.errors import AliasMoved, Conflict, Frozen, LedgerUnavailable
from rag_flywheel.rollout import deployment, promotion
from tests.fakes.ledger import MemoryLedger
from tests.fakes.samples import correction, decision, interaction
from tests.fakes.services import publish, services
from tests.fakes.trial import QUICK, Trial

AUTO = "canary: {strategy: auto, shares: [0.25, 0.5], minimum_people: 20}\n"


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    """A canary in its first step, of a version that the gate did not show to be better."""
    made = Trial(tmp_path)
    assert made.deploy()[0] == "canary"
    return made


# --- which way ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["direct", "shadow", "canary"])
def test_the_strategy_is_the_configured_one_and_says_so(tmp_path: Path, strategy: str) -> None:
    way = deployment.choose(Trial(tmp_path, text=f"canary: {{strategy: {strategy}}}").made)
    assert (way.strategy, way.why) == (strategy, f"canary.strategy is {strategy}")


def traffic(trial: Trial, *, people: int, asked: int, bad: int, days: float = 6, shadow: bool = False) -> None:
    """Before now, evenly: everybody asks so many questions, and the first `bad` people got no answer to the first."""
    ledger = trial.made.ledger
    ledger.add_interaction(interaction("i1"))
    for number in range(people * asked):
        person, first = number % people, number < people
        fails = first and person < bad
        met = Exposure(
            at=trial.clock.at - timedelta(days=days) * (1 - number / (people * asked)),
            unit=f"person {person}",
            arm=Arm.CONTROL,
            canary_id=trial.canary.canary_id if shadow else None,
            step=0,
            interaction_id=None if fails else InteractionId("i1"),
            answered=not fails,
            failed=fails,
            seconds=0.1,
        )
        ledger.add_exposure(met)
        if shadow:
            ledger.add_exposure(replace(met, arm=Arm.TREATMENT))


def test_auto_goes_directly_where_nobody_asked_who_can_be_kept_on_an_arm(tmp_path: Path) -> None:
    way = deployment.choose(Trial(tmp_path, text=AUTO).made)
    assert way.strategy == "direct"
    assert way.why.startswith("0 people who named themselves or their session asked in the last 7 days")


def test_auto_goes_directly_where_too_few_people_ask_for_one_step(tmp_path: Path) -> None:
    trial = Trial(tmp_path, text=AUTO)
    traffic(trial, people=40, asked=20, bad=10)
    way = deployment.choose(trial.made)
    assert way.strategy == "direct"
    assert "10 of them would be on the candidate in the first step, and canary.minimum_people is 20" in way.why


def test_auto_goes_directly_where_too_few_questions_are_asked_for_a_verdict(tmp_path: Path) -> None:
    trial = Trial(tmp_path, text=AUTO)
    traffic(trial, people=100, asked=1, bad=30)
    way = deployment.choose(trial.made)
    assert (way.strategy, way.expected) == ("direct", 0.3)
    assert "30.0% bad outcomes lately" in way.why
    assert "more than the 168 of canary.maximum_hours" in way.why


def test_auto_goes_directly_where_no_answer_was_bad(tmp_path: Path) -> None:
    trial = Trial(tmp_path, text=AUTO)
    traffic(trial, people=100, asked=1, bad=0)
    way = deployment.choose(trial.made)
    assert (way.strategy, way.why) == ("direct", "no answer was bad lately, so no rise could be shown")


def test_auto_takes_a_canary_where_the_traffic_can_decide_it_in_time(tmp_path: Path) -> None:
    trial = Trial(tmp_path, text=AUTO)
    traffic(trial, people=3000, asked=1, bad=900)
    way = deployment.choose(trial.made)
    assert (way.strategy, way.expected) == ("canary", 0.3)
    assert "within the 168 of canary.maximum_hours" in way.why
    assert trial.deploy() == ("canary", way.why)
    assert trial.canary.expected == 0.3


def test_old_traffic_says_nothing(tmp_path: Path) -> None:
    trial = Trial(tmp_path, text=AUTO)
    traffic(trial, people=3000, asked=1, bad=900)
    trial.clock.wait(24 * 8)
    assert deployment.choose(trial.made).strategy == "direct"


def test_what_a_shadow_would_have_told_people_is_no_traffic(tmp_path: Path) -> None:
    trial = Trial(tmp_path, text=AUTO.replace("auto", "shadow"))
    trial.deploy()
    traffic(trial, people=100, asked=1, bad=30, shadow=True)
    way = deployment.choose(replace(trial.made, config=Trial(tmp_path, text=AUTO).made.config))
    assert way.why.startswith("0.6 questions an hour")


# --- deploy ---------------------------------------------------------------------------------------------------------


def test_the_first_version_has_nothing_to_be_compared_with_and_goes_live(tmp_path: Path) -> None:
    made = services(tmp_path, text=QUICK)
    publish(made, "v1", live=False)
    first = made.ledger.version(VersionId("v1")).manifest
    assert deployment.deploy(first, decision("v1"), made) == ("promoted", "passed the gate")
    assert made.index.live() == "v1"
    assert made.ledger.canary() is None


def test_a_direct_version_goes_live_at_once_and_says_why(tmp_path: Path) -> None:
    trial = Trial(tmp_path, text="canary: {strategy: direct}")
    assert trial.deploy() == ("promoted", "passed the gate; canary.strategy is direct")
    assert trial.live == "v2"
    entry = trial.made.ledger.audit(limit=1)[0]
    assert (entry.who, entry.action) == ("reindex", "promote")


@pytest.mark.parametrize("better", [True, False])
def test_a_canary_begins_with_the_configured_steps_and_what_the_gate_showed(tmp_path: Path, better: bool) -> None:
    trial = Trial(tmp_path)
    assert trial.deploy(better=better)[0] == "canary"
    one = trial.canary
    assert (one.control, one.treatment, one.shadow) == ("v1", "v2", False)
    assert (one.shares, one.step, one.superior) == ((0.25, 0.5), 0, better)
    assert one.started == one.stepped
    assert trial.live == "v1"


def test_a_shadow_begins_beside_the_live_version(tmp_path: Path) -> None:
    trial = Trial(tmp_path, text="canary: {strategy: shadow}")
    assert trial.deploy()[0] == "shadow"
    assert (trial.canary.shadow, trial.live) == (True, "v1")


@pytest.mark.parametrize("strategy", ["canary", "direct"])
def test_a_newer_version_takes_the_place_of_the_canary_that_runs(trial: Trial, strategy: str) -> None:
    settings = trial.made.config.canary.model_copy(update={"strategy": strategy})
    trial.made = replace(trial.made, config=trial.made.config.model_copy(update={"canary": settings}))
    publish(trial.made, "v3", live=False)
    trial.deploy("v3")
    assert trial.made.ledger.canaries()[0].state is CanaryState.ROLLED_BACK
    assert trial.made.ledger.version(VersionId("v2")).state == "rolled_back"
    if strategy == "canary":
        assert (trial.canary.treatment, trial.canary.state) == ("v3", CanaryState.RUNNING)
    else:
        assert trial.live == "v3"


def test_a_newer_version_that_may_not_go_on_under_a_freeze_leaves_the_canary_that_runs(trial: Trial) -> None:
    publish(trial.made, "v3", live=False)
    freeze(trial)
    with pytest.raises(Frozen):
        trial.deploy("v3")
    assert (trial.canary.treatment, trial.canary.state) == ("v2", CanaryState.RUNNING)


def test_a_version_that_was_compared_with_what_is_no_longer_live_does_not_go_live(tmp_path: Path) -> None:
    trial = Trial(tmp_path, text="canary: {strategy: direct}")
    promotion.roll_back(None, index=trial.made.index, ledger=trial.made.ledger, who="", why="", at=trial.clock())
    with pytest.raises(AliasMoved):
        trial.deploy()
    assert trial.live == "v0"


# --- a look ---------------------------------------------------------------------------------------------------------


def freeze(trial: Trial) -> None:
    promotion.freeze(True, ledger=trial.made.ledger, who="grace", why="launch", at=trial.clock())


def last_step(trial: Trial) -> None:
    trial.clock.wait(2)
    assert promotion.advance(trial.canary, reasons=[], evidence={}, ledger=trial.made.ledger, at=trial.clock())


def test_where_no_canary_runs_a_look_finds_nothing(tmp_path: Path) -> None:
    looked = Trial(tmp_path).look()
    assert (looked.canary, looked.action) == (None, "none")


def test_a_canary_that_has_met_too_few_people_is_held(trial: Trial) -> None:
    trial.meet(Arm.TREATMENT, 5)
    trial.meet(Arm.CONTROL, 15)
    trial.clock.wait(2)
    looked = trial.look()
    assert looked.action == "hold"
    assert looked.canary == trial.canary
    assert "5 people on the candidate and 15 on the live version" in looked.reasons[0]
    assert trial.canary.step == 0


def test_a_step_that_nothing_speaks_against_leads_to_the_next(trial: Trial) -> None:
    trial.meet(Arm.TREATMENT, 50, bad=5)
    trial.meet(Arm.CONTROL, 150, bad=15)
    assert trial.look().action == "hold", "the step lasts an hour at least"
    trial.clock.wait(1)
    looked = trial.look()
    assert looked.action == "advance"
    assert (trial.canary.step, trial.canary.share, trial.canary.reasons) == (1, 0.5, looked.reasons)
    assert trial.look().action == "hold", "the people of the step before do not count for this one"
    entry = trial.made.ledger.audit(limit=1)[0]
    assert (entry.who, entry.action) == ("canary", "advance canary")
    assert entry.detail["evidence"] == looked.evidence


def test_a_candidate_that_is_shown_to_be_not_worse_in_the_last_step_is_promoted(trial: Trial) -> None:
    last_step(trial)
    trial.meet(Arm.TREATMENT, 300, bad=15)
    trial.meet(Arm.CONTROL, 300, bad=90)
    trial.clock.wait(1)
    looked = trial.look()
    assert looked.action == "promote"
    assert trial.live == "v2"
    assert trial.canary.state is CanaryState.PROMOTED
    entry = trial.made.ledger.audit(limit=1)[0]
    assert (entry.who, entry.action, entry.detail["why"]) == ("canary", "promote", "; ".join(looked.reasons))
    assert trial.look().canary is None


def test_a_candidate_that_is_shown_to_be_worse_is_rolled_back_in_any_step_and_before_its_hour(trial: Trial) -> None:
    trial.meet(Arm.TREATMENT, 100, bad=60)
    trial.meet(Arm.CONTROL, 300, bad=30)
    looked = trial.look()
    assert looked.action == "roll_back"
    assert "the candidate is worse" in looked.reasons[0]
    assert trial.live == "v1"
    assert trial.canary.state is CanaryState.ROLLED_BACK
    assert trial.made.ledger.version(VersionId("v2")).state == "rolled_back"


def test_an_answer_that_was_corrected_was_bad(trial: Trial) -> None:
    trial.meet(Arm.CONTROL, 300)
    for number, name in enumerate(trial.meet(Arm.TREATMENT, 100)[:60]):
        given = correction(f"c{number}", of=name, submitted=trial.clock())
        trial.made.ledger.add_correction(given)
    assert trial.look().action == "roll_back"


def test_a_candidate_that_fails_is_rolled_back(trial: Trial) -> None:
    trial.meet(Arm.TREATMENT, 15, failed=15)
    trial.meet(Arm.CONTROL, 45)
    looked = trial.look()
    assert looked.action == "roll_back"
    assert "failed" in looked.reasons[0]


def test_a_split_that_is_broken_stops_the_canary(trial: Trial) -> None:
    trial.meet(Arm.TREATMENT, 10)
    trial.meet(Arm.CONTROL, 190)
    looked = trial.look()
    assert looked.action == "roll_back"
    assert "the split is broken: 10 of 200" in looked.reasons[0]


@pytest.mark.parametrize(
    ("on_timeout", "better", "live"),
    [
        ("superior", True, "v2"),
        ("superior", False, "v1"),
        ("keep", True, "v1"),
        ("promote", False, "v2"),
    ],
)
def test_when_the_time_is_over_the_configured_rule_decides(
    tmp_path: Path, on_timeout: str, better: bool, live: str
) -> None:
    trial = Trial(tmp_path, text=QUICK.replace("}", f", on_timeout: {on_timeout}}}"))
    trial.deploy(better=better)
    trial.clock.wait(23.9)
    assert trial.look().action == "hold"
    trial.clock.wait(0.2)
    looked = trial.look()
    assert looked.action == ("promote" if live == "v2" else "roll_back")
    assert "nothing was shown in 24 hours" in looked.reasons[0]
    assert trial.live == live


def test_under_a_freeze_nothing_is_promoted_until_it_ends(trial: Trial) -> None:
    last_step(trial)
    trial.meet(Arm.TREATMENT, 300, bad=15)
    trial.meet(Arm.CONTROL, 300, bad=90)
    trial.clock.wait(1)
    freeze(trial)
    looked = trial.look()
    assert looked.action == "none"
    assert looked.reasons
    assert (trial.live, trial.canary.state) == ("v1", CanaryState.RUNNING)
    promotion.freeze(False, ledger=trial.made.ledger, who="grace", why="launched", at=trial.clock())
    assert trial.look().action == "promote"


def test_under_a_freeze_a_worse_candidate_is_rolled_back(trial: Trial) -> None:
    freeze(trial)
    trial.meet(Arm.TREATMENT, 100, bad=60)
    trial.meet(Arm.CONTROL, 300, bad=30)
    assert trial.look().action == "roll_back"


def test_a_look_settles_what_a_dead_process_left_and_judges_nothing(trial: Trial) -> None:
    trial.meet(Arm.TREATMENT, 100, bad=60)
    trial.meet(Arm.CONTROL, 300, bad=30)
    trial.made.index.move_live(VersionId("v2"), expected=VersionId("v1"))  # and here the process died
    looked = trial.look()
    assert looked.action == "none"
    assert looked.reasons == ("ended the canary of v2: its move of the alias was not recorded",)
    assert (trial.canary.state, trial.live) == (CanaryState.PROMOTED, "v2")


def test_what_would_be_done_is_shown_without_doing_it(trial: Trial) -> None:
    trial.meet(Arm.TREATMENT, 100, bad=60)
    trial.meet(Arm.CONTROL, 300, bad=30)
    shown = deployment.judged(trial.canary, trial.made)
    assert shown["next"] is not None
    assert json.loads(json.dumps(shown["next"]))["action"] == "roll_back"
    assert shown["treatment"] == {"people": 100, "asked": 100, "bad": 60}
    assert trial.canary.state is CanaryState.RUNNING
    trial.look()
    assert deployment.judged(trial.canary, trial.made)["next"] is None


# --- guardrails -----------------------------------------------------------------------------------------------------

PRIVATE = "Write to ada@example.org about it."


def test_personal_data_in_an_answer_of_the_candidate_ends_the_canary_and_is_not_repeated(trial: Trial) -> None:
    trial.meet(Arm.CONTROL, 30)
    trial.meet(Arm.TREATMENT, 9)
    trial.meet(Arm.TREATMENT, 1, answer=PRIVATE)
    looked = trial.look()
    assert looked.action == "roll_back"
    assert looked.reasons == ("1 of 10 answers of the candidate hold personal data that was not in what they cite",)
    assert "ada@" not in repr(trial.made.ledger.audit(limit=99)) + repr(trial.canary)


def test_personal_data_in_an_answer_of_the_live_version_is_no_fault_of_the_candidate(trial: Trial) -> None:
    trial.meet(Arm.CONTROL, 1, answer=PRIVATE)
    trial.meet(Arm.TREATMENT, 1)
    assert trial.look().action == "hold"


def test_a_planted_string_in_an_answer_of_the_candidate_ends_the_canary(tmp_path: Path) -> None:
    (tmp_path / "planted.txt").write_text("violet-otter-4711-quartz\n", encoding="utf-8")
    trial = Trial(tmp_path, text=QUICK + "guardrails: {canaries: planted.txt}\n")
    trial.deploy()
    trial.meet(Arm.TREATMENT, 1, answer="The code is Violet Otter 4711 Quartz.")
    looked = trial.look()
    assert (looked.action, looked.reasons) == ("roll_back", ("1 of 1 answers of the candidate hold a planted string",))


def test_an_answer_is_checked_once(trial: Trial) -> None:
    trial.meet(Arm.TREATMENT, 3, answer="Something that the generator says itself.")
    redactor = trial.made.redactor
    trial.look()
    seen = list(redactor.texts)  # type: ignore[attr-defined]
    assert len(seen) == 3
    trial.meet(Arm.TREATMENT, 1)
    trial.look()
    assert len(redactor.texts) == 4  # type: ignore[attr-defined]


class FullDisk(MemoryLedger):
    """It takes no audit entry while it is full."""

    full = False

    def add_audit(self, entry: AuditEntry) -> None:
        if self.full:
            raise LedgerUnavailable("the disk is full")
        super().add_audit(entry)


def test_a_trip_that_could_not_be_acted_on_is_found_again(tmp_path: Path) -> None:
    ledger = FullDisk()
    trial = Trial(tmp_path, ledger=ledger)
    trial.deploy()
    trial.meet(Arm.TREATMENT, 1, answer=PRIVATE)
    ledger.full = True
    with pytest.raises(LedgerUnavailable):
        trial.look()
    ledger.full = False
    assert trial.canary.state is CanaryState.RUNNING
    assert trial.look().action == "roll_back"


# --- several at once ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["advance", "promote", "roll_back"])
def test_of_many_who_look_at_once_one_acts(trial: Trial, action: str) -> None:
    if action == "promote":
        last_step(trial)
        trial.meet(Arm.TREATMENT, 300, bad=15)
        trial.meet(Arm.CONTROL, 300, bad=90)
    else:
        trial.meet(Arm.TREATMENT, 100, bad=60 if action == "roll_back" else 10)
        trial.meet(Arm.CONTROL, 300, bad=30)
    trial.clock.wait(1)
    before = len(trial.made.ledger.audit(limit=99))
    start = threading.Barrier(8)

    def look(_: int) -> str:
        start.wait(5)
        return trial.look().action

    with ThreadPoolExecutor(max_workers=8) as pool:
        actions = list(pool.map(look, range(8)))
    assert actions.count(action) == 1
    assert set(actions) <= {action, "none", "hold"}
    assert len(trial.made.ledger.audit(limit=99)) == before + 1


def test_while_another_looks_nothing_is_judged(trial: Trial) -> None:
    trial.meet(Arm.TREATMENT, 100, bad=60)
    trial.meet(Arm.CONTROL, 300, bad=30)
    with trial.made.ledger.lock(deployment.LOCK):
        assert trial.look().action == "none"
    assert trial.look().action == "roll_back"


class Interrupted(MemoryLedger):
    """Just before it tells what the people of a canary met, somebody else does something."""

    def __init__(self) -> None:
        super().__init__()
        self.then: list[Callable[[], object]] = []

    def corrections(self, *, until: datetime | None = None) -> list[ReviewedCorrection]:
        while self.then:
            self.then.pop()()
        return super().corrections(until=until)


def test_a_person_who_rolls_back_in_the_middle_of_a_look_wins(tmp_path: Path) -> None:
    ledger = Interrupted()
    trial = Trial(tmp_path, ledger=ledger)
    trial.deploy()
    last_step(trial)
    trial.meet(Arm.TREATMENT, 300, bad=15)
    trial.meet(Arm.CONTROL, 300, bad=90)
    trial.clock.wait(1)

    def roll_back() -> None:
        promotion.roll_back(None, index=trial.made.index, ledger=ledger, who="ada", why="complaints", at=trial.clock())

    ledger.then = [roll_back]
    assert trial.look().action == "none"
    assert (trial.live, trial.canary.state) == ("v0", CanaryState.ROLLED_BACK)


def test_a_newer_candidate_that_comes_in_the_middle_of_a_look_is_not_touched_by_the_verdict(tmp_path: Path) -> None:
    ledger = Interrupted()
    trial = Trial(tmp_path, ledger=ledger)
    trial.deploy()
    publish(trial.made, "v3", live=False)
    trial.meet(Arm.TREATMENT, 100, bad=60)
    trial.meet(Arm.CONTROL, 300, bad=30)
    ledger.then = [lambda: trial.deploy("v3")]
    assert trial.look().action == "none"
    assert (trial.canary.treatment, trial.canary.state) == ("v3", CanaryState.RUNNING)


def test_a_promotion_in_the_middle_of_a_forced_reindex_keeps_the_newer_candidate_from_a_control_that_is_gone(
    trial: Trial,
) -> None:
    publish(trial.made, "v3", live=False)
    promotion.finish(
        trial.canary,
        promoted=True,
        reasons=["better"],
        evidence={},
        index=trial.made.index,
        ledger=trial.made.ledger,
        who="canary",
        at=trial.clock(),
    )
    with pytest.raises(Conflict, match="v2 is live by now"):
        trial.deploy("v3")
    assert (trial.live, promotion.running(trial.made.ledger)) == ("v2", None)


# --- webhooks -------------------------------------------------------------------------------------------------------


class Inbox:
    """`Webhooks` of one receiver that takes everything."""

    receivers = ("inbox",)

    def __init__(self) -> None:
        self.taken: list[Notice] = []

    def send(self, notice: Notice, *, receiver: str, at: datetime) -> int | None:
        self.taken.append(notice)
        return 204


def test_what_a_look_did_is_told_once(trial: Trial) -> None:
    inbox = Inbox()
    trial.made = replace(trial.made, webhooks=inbox)
    deployment.deliver(trial.made)
    inbox.taken.clear()
    trial.meet(Arm.TREATMENT, 100, bad=60)
    trial.meet(Arm.CONTROL, 300, bad=30)
    looked = trial.look()
    assert deployment.deliver(trial.made) == 1
    [notice] = inbox.taken
    assert (notice.kind, notice.data["subject"], notice.data["who"]) == ("stop_canary", "v2", "canary")
    assert notice.data["why"] == "; ".join(looked.reasons)
    assert deployment.deliver(trial.made) == 0


# --- the flywheel's gain --------------------------------------------------------------------------------------------


def test_without_a_hold_out_there_is_no_gain_to_show(tmp_path: Path) -> None:
    assert deployment.gain(Trial(tmp_path).made) is None


@contextlib.contextmanager
def held_out(trial: Trial) -> Iterator[None]:
    def change(version: VersionId | None) -> None:
        promotion.hold_out(
            version,
            share=0.1,
            index=trial.made.index,
            ledger=trial.made.ledger,
            who="grace",
            why="worth",
            at=trial.clock(),
        )

    change(VersionId("v0"))
    yield
    change(None)
    assert deployment.gain(trial.made) is None


def test_the_gain_is_that_of_everybody_else_whatever_their_arms_since_the_hold_out_began(trial: Trial) -> None:
    trial.meet(Arm.CONTROL, 50, bad=50)
    with held_out(trial):
        trial.meet(Arm.HOLDOUT, 200, bad=80)
        trial.meet(Arm.CONTROL, 1000, bad=100)
        trial.meet(Arm.TREATMENT, 1000, bad=100)
        found = deployment.gain(trial.made)
    assert found is not None
    assert (found["version"], found["share"]) == ("v0", 0.1)
    assert found["holdout"] == {"people": 200, "asked": 200, "bad": 80}
    assert found["others"] == {"people": 2000, "asked": 2000, "bad": 200}
    difference = found["difference"]
    assert isinstance(difference, dict)
    assert difference["difference"] == pytest.approx(-0.3)
    assert -0.5 < float(str(difference["low"])) < -0.3 < float(str(difference["high"])) < -0.1


def test_what_a_shadow_would_have_told_people_is_no_part_of_the_gain(tmp_path: Path) -> None:
    trial = Trial(tmp_path, text="canary: {strategy: shadow}")
    with held_out(trial):
        trial.deploy()
        asked = trial.meet(Arm.CONTROL, 20)
        for met in trial.made.ledger.exposures():
            trial.made.ledger.add_exposure(replace(met, arm=Arm.TREATMENT))
        found = deployment.gain(trial.made)
    assert len(asked) == 20
    assert found is not None
    assert found["others"] == {"people": 20, "asked": 20, "bad": 0}
    assert found["difference"] is None


def test_a_version_that_the_gate_did_not_pass_cannot_be_deployed(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    publish(trial.made, "v3", live=False)
    refused = replace(decision("v3", Outcome.REFUSED), control=VersionId("v1"), decided=trial.clock())
    trial.made.ledger.add_decision(refused)
    with pytest.raises(Conflict, match="has not passed the gate"):
        deployment.deploy(trial.made.ledger.version(VersionId("v3")).manifest, refused, trial.made)
