"""Exposures and feedback to the sums that arms are compared by."""

from dataclasses import replace

import pytest

from rag_flywheel.domain import Arm, Exposure, Feedback, FeedbackId, FeedbackKind, InteractionId, Json, Outcomes
from rag_flywheel.rollout.tally import QUESTIONS_COUNTED, outside_holdout, tally
from tests.fakes.samples import NOON, exposure

TREATMENT, CONTROL, HOLDOUT = Arm.TREATMENT, Arm.CONTROL, Arm.HOLDOUT


def signal(of: str, kind: FeedbackKind, value: Json) -> Feedback:
    return Feedback(
        feedback_id=FeedbackId("f"), interaction_id=InteractionId(of), given=NOON, user=None, kind=kind, value=value
    )


def tallied(*exposures: Exposure, feedback: tuple[Feedback, ...] = (), corrected: tuple[str, ...] = ()) -> Outcomes:
    found = tally(
        exposures, feedback, {InteractionId(interaction_id) for interaction_id in corrected}, slow_seconds=1.0
    )
    return found[CONTROL]


def test_an_arm_that_nobody_was_on_has_sums_of_zero() -> None:
    found = tally([], [], set(), slow_seconds=1.0)
    assert {arm: (outcomes.arm, outcomes.people, outcomes.asked) for arm, outcomes in found.items()} == {
        arm: (arm, 0, 0) for arm in Arm
    }


def test_questions_and_bad_outcomes_are_summed_over_people() -> None:
    down = tuple(signal(name, FeedbackKind.THUMB, "down") for name in ("i1", "i2", "i4"))
    of_ann = [exposure("ann", of=name) for name in ("i1", "i2", "i3")]
    found = tallied(*of_ann, exposure("bob", of="i4"), exposure("cid", of="i5"), feedback=down)
    assert (found.people, found.asked, found.bad) == (3, 5, 3)
    assert (found.asked_squared, found.bad_squared, found.asked_bad) == (9 + 1 + 1, 4 + 1, 6 + 1)


def test_each_arm_has_its_own_people() -> None:
    exposures = [exposure("ann", arm=TREATMENT), exposure("bob"), exposure("cid"), exposure("dot", arm=HOLDOUT)]
    found = tally(exposures, [], set(), slow_seconds=1.0)
    assert {arm: outcomes.people for arm, outcomes in found.items()} == {TREATMENT: 1, CONTROL: 2, HOLDOUT: 1}


def test_a_failed_answer_and_a_corrected_one_are_bad_outcomes() -> None:
    found = tallied(exposure("ann", of=None), exposure("bob", of="i2"), exposure("cid", of="i3"), corrected=("i2",))
    assert (found.asked, found.bad) == (3, 2)


def test_what_people_did_counts_where_nobody_said_a_word() -> None:
    given = (signal("i1", FeedbackKind.ABANDONED, True), signal("i2", FeedbackKind.ABANDONED, True))
    praised = (*given, signal("i2", FeedbackKind.THUMB, "up"))
    assert tallied(exposure("ann", of="i1"), exposure("bob", of="i2"), feedback=praised).bad == 1


def test_people_who_met_a_failed_refused_or_slow_answer_count_once() -> None:
    met = [
        exposure("ann", of=None),
        exposure("ann", of=None),
        exposure("bob", answered=False),
        exposure("cid", seconds=2),
    ]
    found = tallied(*met, exposure("cid", seconds=3), exposure("dot", seconds=1.0))
    assert (found.failed, found.refused, found.slow) == (1, 1, 1)


def test_a_failed_answer_is_neither_refused_nor_slow() -> None:
    found = tallied(exposure("ann", of=None, answered=False, seconds=60))
    assert (found.failed, found.refused, found.slow) == (1, 0, 0)


def test_who_asks_without_end_counts_so_often_and_no_more() -> None:
    asked = [exposure("script", of=f"i{number}") for number in range(3 * QUESTIONS_COUNTED)]
    late = (signal(f"i{2 * QUESTIONS_COUNTED}", FeedbackKind.THUMB, "down"),)
    found = tallied(*asked, exposure("script", of=None), feedback=late)
    assert (found.asked, found.asked_squared, found.bad) == (QUESTIONS_COUNTED, QUESTIONS_COUNTED**2, 0)
    assert found.failed == 1


@pytest.mark.parametrize("arm", [CONTROL, TREATMENT])
def test_everybody_outside_the_hold_out_is_one_arm(arm: Arm) -> None:
    met = exposure("ann", arm=arm)
    assert list(outside_holdout([met, exposure("bob", arm=HOLDOUT)])) == [
        replace(met, arm=CONTROL),
        exposure("bob", arm=HOLDOUT),
    ]


def test_who_changed_arms_between_canaries_is_one_person_against_the_hold_out() -> None:
    met = [exposure("ann", arm=TREATMENT, canary="c1"), exposure("ann", arm=CONTROL, canary="c2")]
    found = tally(outside_holdout(met), [], set(), slow_seconds=1.0)
    assert (found[CONTROL].people, found[CONTROL].asked, found[TREATMENT].people) == (1, 2, 0)
