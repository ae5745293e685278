"""What a look at a canary does, what others are told of it, and what the flywheel is worth."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from rag_flywheel.domain import (
    Arm,
    AuditEntry,
    CanaryState,
    Notice,
    Outcomes,
    VersionId,
)
from rag_flywheel.errors import LedgerUnavailable
from rag_flywheel.rollout import deployment, promotion
from rag_flywheel.rollout.canary import Action
from rag_flywheel.rollout.promotion import act_of
from tests.fakes.ledger import MemoryLedger
from tests.fakes.samples import correction
from tests.fakes.trial import QUICK, Trial


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    """A canary in its first step, of a version that the gate did not show to be better."""
    made = Trial(tmp_path)
    assert made.deploy().outcome == "canary"
    return made


# --- a look ---------------------------------------------------------------------------------------------------------


def test_where_no_canary_runs_a_look_finds_nothing(tmp_path: Path) -> None:
    looked = Trial(tmp_path).look()
    assert (looked.canary, looked.action) == (None, None)


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
    assert looked.verdict is not None
    assert entry.detail["evidence"] == looked.verdict.evidence


def test_a_candidate_that_is_shown_to_be_not_worse_in_the_last_step_is_promoted(trial: Trial) -> None:
    trial.last_step()
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
    trial.last_step()
    trial.meet(Arm.TREATMENT, 300, bad=15)
    trial.meet(Arm.CONTROL, 300, bad=90)
    trial.clock.wait(1)
    trial.freeze()
    looked = trial.look()
    assert looked.action is None
    assert looked.reasons
    assert (trial.live, trial.canary.state) == ("v1", CanaryState.RUNNING)
    trial.freeze(False)
    assert trial.look().action == "promote"


def test_under_a_freeze_a_worse_candidate_is_rolled_back(trial: Trial) -> None:
    trial.freeze()
    trial.meet(Arm.TREATMENT, 100, bad=60)
    trial.meet(Arm.CONTROL, 300, bad=30)
    assert trial.look().action == "roll_back"


def test_a_look_settles_what_a_dead_process_left_and_judges_nothing(trial: Trial) -> None:
    trial.meet(Arm.TREATMENT, 100, bad=60)
    trial.meet(Arm.CONTROL, 300, bad=30)
    trial.made.index.move_live(VersionId("v2"), expected=VersionId("v1"))  # and here the process died
    looked = trial.look()
    assert looked.action is None
    assert looked.reasons == ("ended the canary of v2: its move of the alias was not recorded",)
    assert (trial.canary.state, trial.live) == (CanaryState.PROMOTED, "v2")


def test_what_would_be_done_is_shown_without_doing_it(trial: Trial) -> None:
    trial.meet(Arm.TREATMENT, 100, bad=60)
    trial.meet(Arm.CONTROL, 300, bad=30)
    move = deployment.verdict(trial.canary, trial.made)
    assert move.action is Action.ROLL_BACK
    assert counts(move.measured.treatment) == (100, 100, 60)
    assert trial.canary.state is CanaryState.RUNNING


def test_the_course_of_a_canary_ends_with_what_a_look_measures_now(trial: Trial) -> None:
    assert deployment.course(trial.canary, trial.made) == []
    trial.meet(Arm.CONTROL, 150, bad=15)
    trial.meet(Arm.TREATMENT, 100, bad=60)
    looks = deployment.course(trial.canary, trial.made)
    assert len(looks) == deployment.LOOKS
    assert looks[-1][1] == deployment.verdict(trial.canary, trial.made).measured
    asked = [measured.treatment.asked + measured.control.asked for _, measured in looks]
    assert asked == sorted(set(asked)), "each look has more than the one before"
    assert [at for at, _ in looks] == sorted(at for at, _ in looks)


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


def counts(outcomes: Outcomes) -> tuple[int, int, int]:
    return outcomes.people, outcomes.asked, outcomes.bad


@contextlib.contextmanager
def held_out(trial: Trial) -> Iterator[None]:
    def change(version: VersionId | None) -> None:
        act = act_of("grace", "worth", at=trial.clock())
        promotion.hold_out(version, share=0.1, index=trial.made.index, ledger=trial.made.ledger, act=act)

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
    assert (found.version, found.share) == ("v0", 0.1)
    assert counts(found.holdout) == (200, 200, 80)
    assert counts(found.others) == (2000, 2000, 200)
    assert found.difference is not None
    assert found.difference.difference == pytest.approx(-0.3)
    assert -0.5 < found.difference.low < -0.3 < found.difference.high < -0.1


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
    assert counts(found.others) == (20, 20, 0)
    assert found.difference is None
