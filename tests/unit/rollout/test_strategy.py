"""Which way a version goes that passed the gate, and how it begins."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from rag_flywheel.domain import (
    Arm,
    CanaryState,
    Exposure,
    InteractionId,
    Outcome,
    VersionId,
)
from rag_flywheel.errors import AliasMoved, Conflict, Frozen
from rag_flywheel.rollout import deployment, promotion
from rag_flywheel.rollout.deployment import Deployed
from rag_flywheel.rollout.promotion import act_of
from tests.fakes.samples import decision, interaction
from tests.fakes.services import publish, services
from tests.fakes.trial import QUICK, Trial

AUTO = "canary: {strategy: auto, shares: [0.25, 0.5], minimum_people: 20}\n"


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    """A canary in its first step, of a version that the gate did not show to be better."""
    made = Trial(tmp_path)
    assert made.deploy().outcome == "canary"
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
    assert trial.deploy() == Deployed(outcome="canary", why=way.why)
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
    assert deployment.deploy(first, decision("v1"), made) == Deployed(outcome="promoted", why="passed the gate")
    assert made.index.live() == "v1"
    assert made.ledger.canary() is None


def test_a_direct_version_goes_live_at_once_and_says_why(tmp_path: Path) -> None:
    trial = Trial(tmp_path, text="canary: {strategy: direct}")
    assert trial.deploy() == Deployed(outcome="promoted", why="passed the gate; canary.strategy is direct")
    assert trial.live == "v2"
    entry = trial.made.ledger.audit(limit=1)[0]
    assert (entry.who, entry.action) == ("reindex", "promote")


@pytest.mark.parametrize("better", [True, False])
def test_a_canary_begins_with_the_configured_steps_and_what_the_gate_showed(tmp_path: Path, better: bool) -> None:
    trial = Trial(tmp_path)
    assert trial.deploy(better=better).outcome == "canary"
    begun = trial.canary
    assert (begun.control, begun.treatment, begun.shadow) == ("v1", "v2", False)
    assert (begun.shares, begun.step, begun.superior) == ((0.25, 0.5), 0, better)
    assert begun.started == begun.stepped
    assert trial.live == "v1"


def test_a_shadow_begins_beside_the_live_version(tmp_path: Path) -> None:
    trial = Trial(tmp_path, text="canary: {strategy: shadow}")
    assert trial.deploy().outcome == "shadow"
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
    trial.freeze()
    with pytest.raises(Frozen):
        trial.deploy("v3")
    assert (trial.canary.treatment, trial.canary.state) == ("v2", CanaryState.RUNNING)


def test_a_version_that_was_compared_with_what_is_no_longer_live_does_not_go_live(tmp_path: Path) -> None:
    trial = Trial(tmp_path, text="canary: {strategy: direct}")
    act = act_of("", "", at=trial.clock())
    promotion.roll_back(None, index=trial.made.index, ledger=trial.made.ledger, act=act)
    with pytest.raises(AliasMoved):
        trial.deploy()
    assert trial.live == "v0"


def test_a_version_that_the_gate_did_not_pass_cannot_be_deployed(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    publish(trial.made, "v3", live=False)
    refused = replace(decision("v3", Outcome.REFUSED), control=VersionId("v1"), decided=trial.clock())
    trial.made.ledger.add_decision(refused)
    with pytest.raises(Conflict, match="has not passed the gate"):
        deployment.deploy(trial.made.ledger.version(VersionId("v3")).manifest, refused, trial.made)
