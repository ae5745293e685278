"""Several who look at one canary, or change it, at once: one acts."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest

from rag_flywheel.domain import (
    Arm,
    CanaryState,
    ReviewedCorrection,
)
from rag_flywheel.errors import Conflict
from rag_flywheel.rollout import deployment, promotion
from rag_flywheel.rollout.canary import Action
from rag_flywheel.rollout.promotion import act_of
from tests.fakes.ledger import MemoryLedger
from tests.fakes.services import publish
from tests.fakes.trial import Trial


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    """A canary in its first step, of a version that the gate did not show to be better."""
    made = Trial(tmp_path)
    assert made.deploy().outcome == "canary"
    return made


@pytest.mark.parametrize("action", ["advance", "promote", "roll_back"])
def test_of_many_who_look_at_once_one_acts(trial: Trial, action: str) -> None:
    if action == "promote":
        trial.last_step()
        trial.meet(Arm.TREATMENT, 300, bad=15)
        trial.meet(Arm.CONTROL, 300, bad=90)
    else:
        trial.meet(Arm.TREATMENT, 100, bad=60 if action == "roll_back" else 10)
        trial.meet(Arm.CONTROL, 300, bad=30)
    trial.clock.wait(1)
    before = len(trial.made.ledger.audit(limit=99))
    start = threading.Barrier(8)

    def look(_: int) -> Action | None:
        start.wait(5)
        return trial.look().action

    with ThreadPoolExecutor(max_workers=8) as pool:
        actions = list(pool.map(look, range(8)))
    assert actions.count(Action(action)) == 1
    assert set(actions) <= {Action(action), None, Action.HOLD}
    assert len(trial.made.ledger.audit(limit=99)) == before + 1


def test_while_another_looks_nothing_is_judged(trial: Trial) -> None:
    trial.meet(Arm.TREATMENT, 100, bad=60)
    trial.meet(Arm.CONTROL, 300, bad=30)
    with trial.made.ledger.lock(deployment.LOCK):
        assert trial.look().action is None
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
    trial.last_step()
    trial.meet(Arm.TREATMENT, 300, bad=15)
    trial.meet(Arm.CONTROL, 300, bad=90)
    trial.clock.wait(1)

    def roll_back() -> None:
        act = act_of("ada", "complaints", at=trial.clock())
        promotion.roll_back(None, index=trial.made.index, ledger=ledger, act=act)

    ledger.then = [roll_back]
    assert trial.look().action is None
    assert (trial.live, trial.canary.state) == ("v0", CanaryState.ROLLED_BACK)


def test_a_newer_candidate_that_comes_in_the_middle_of_a_look_is_not_touched_by_the_verdict(tmp_path: Path) -> None:
    ledger = Interrupted()
    trial = Trial(tmp_path, ledger=ledger)
    trial.deploy()
    publish(trial.made, "v3", live=False)
    trial.meet(Arm.TREATMENT, 100, bad=60)
    trial.meet(Arm.CONTROL, 300, bad=30)
    ledger.then = [lambda: trial.deploy("v3")]
    assert trial.look().action is None
    assert (trial.canary.treatment, trial.canary.state) == ("v3", CanaryState.RUNNING)


def test_a_promotion_in_the_middle_of_a_forced_reindex_keeps_the_newer_candidate_from_a_control_that_is_gone(
    trial: Trial,
) -> None:
    publish(trial.made, "v3", live=False)
    act = act_of("canary", "better", at=trial.clock())
    promotion.finish(trial.canary, promoted=True, index=trial.made.index, ledger=trial.made.ledger, act=act)
    with pytest.raises(Conflict, match="v2 is live by now"):
        trial.deploy("v3")
    assert (trial.live, promotion.running(trial.made.ledger)) == ("v2", None)
