"""Who meets which version, and the rules of a canary."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_flywheel.config import CanarySection
from rag_flywheel.domain import Arm, Canary, CanaryState, HoldOut, Outcomes, VersionId
from rag_flywheel.rollout.canary import Action, Move, arm, bucket, decide, gain, questions_needed
from tests.fakes.samples import NOON
from tests.fakes.samples import canary as sample

SETTINGS = CanarySection()
SHARES = (0.05, 0.25, 0.5)
SALT = b"s" * 32
PEOPLE = [f"person {number}" for number in range(20_000)]
LATER = NOON + timedelta(hours=2)

units = st.text(max_size=40)
salts = st.binary(min_size=1, max_size=80)


def canary(*, step: int = 2, shadow: bool = False, superior: bool = False, name: str = "canary1") -> Canary:
    return sample(name, shares=SHARES, step=step, shadow=shadow, superior=superior, expected=0.2)


def holdout(share: float = 0.02, version: str | None = "v0") -> HoldOut:
    return HoldOut(
        since=NOON, version_id=None if version is None else VersionId(version), share=share, who="ops", why="to measure"
    )


def outcomes(
    side: Arm, people: int, rate: float, *, each: int = 4, failed: int = 0, refused: int = 0, slow: int = 0
) -> Outcomes:
    """People who ask `each` questions, with independent outcomes in the expected proportions."""
    asked, bad = people * each, round(people * each * rate)
    share = bad / asked if asked else 0.0
    squared = round(people * (each * share * (1 - share) + (each * share) ** 2))
    return Outcomes(
        arm=side,
        people=people,
        asked=asked,
        bad=bad,
        asked_squared=people * each**2,
        bad_squared=squared,
        asked_bad=each * bad,
        failed=failed,
        refused=refused,
        slow=slow,
    )


def sides(treatment: Outcomes, control: Outcomes) -> Mapping[Arm, Outcomes]:
    return {Arm.TREATMENT: treatment, Arm.CONTROL: control}


def alike(people: int, treatment: float, control: float, share: float = 0.5) -> Mapping[Arm, Outcomes]:
    treated = round(people * share)
    return sides(outcomes(Arm.TREATMENT, treated, treatment), outcomes(Arm.CONTROL, people - treated, control))


def moved(
    found: Mapping[Arm, Outcomes],
    *,
    of: Canary | None = None,
    hours: float = 2,
    settings: CanarySection = SETTINGS,
    trips: Sequence[str] = (),
) -> Move:
    return decide(of or canary(), found, now=NOON + timedelta(hours=hours), settings=settings, trips=trips)


# --- who meets which version ------------------------------------------------------------------------------------------


@given(units, salts, units)
def test_a_person_stands_always_in_one_place_of_an_experiment(unit: str, salt: bytes, experiment: str) -> None:
    place = bucket(unit, salt=salt, experiment=experiment)
    assert 0.0 <= place < 1.0
    assert place == bucket(unit, salt=salt, experiment=experiment)


def test_places_are_spread_evenly_and_those_of_two_experiments_have_nothing_to_do_with_each_other() -> None:
    first, second = (
        np.array([bucket(person, salt=SALT, experiment=name) for person in PEOPLE]) for name in ("canary1", "canary2")
    )
    for places in (first, second):
        assert np.histogram(places, bins=10, range=(0, 1))[0] == pytest.approx(2000, abs=200)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.03


def test_another_salt_gives_other_places() -> None:
    assert bucket("ann", salt=b"a", experiment="c") != bucket("ann", salt=b"b", experiment="c")
    assert bucket("ann", salt=b"a" * 64, experiment="c") != bucket("ann", salt=b"a" * 64 + b"b", experiment="c")


@given(units, salts)
def test_who_is_on_the_treatment_stays_there_in_later_steps(unit: str, salt: bytes) -> None:
    arms = [arm(unit, salt=salt, canary=canary(step=step), holdout=None) for step in range(3)]
    assert arms == sorted(arms)  # control before treatment


@pytest.mark.parametrize("step", range(3))
def test_the_treatment_has_its_share_of_the_people(step: int) -> None:
    arms = [arm(person, salt=SALT, canary=canary(step=step), holdout=None) for person in PEOPLE]
    assert arms.count(Arm.TREATMENT) / len(PEOPLE) == pytest.approx(SHARES[step], abs=0.012)


def test_the_hold_out_is_in_no_canary_and_the_rest_is_split_as_ever() -> None:
    arms = [arm(person, salt=SALT, canary=canary(), holdout=holdout(0.1)) for person in PEOPLE]
    assert arms.count(Arm.HOLDOUT) / len(PEOPLE) == pytest.approx(0.1, abs=0.01)
    assert arms.count(Arm.TREATMENT) / (len(PEOPLE) - arms.count(Arm.HOLDOUT)) == pytest.approx(0.5, abs=0.012)
    other = [arm(person, salt=SALT, canary=canary(name="canary2"), holdout=holdout(0.1)) for person in PEOPLE]
    assert [side is Arm.HOLDOUT for side in arms] == [side is Arm.HOLDOUT for side in other]


@pytest.mark.parametrize("state", [CanaryState.PROMOTED, CanaryState.ROLLED_BACK])
def test_without_a_running_canary_everybody_is_on_the_live_version(state: CanaryState) -> None:
    over = replace(canary(), state=state)
    assert {arm(person, salt=SALT, canary=over, holdout=None) for person in PEOPLE[:100]} == {Arm.CONTROL}
    assert {arm(person, salt=SALT, canary=None, holdout=None) for person in PEOPLE[:100]} == {Arm.CONTROL}


def test_a_hold_out_that_ended_holds_nobody() -> None:
    ended = holdout(0.9, version=None)
    assert {arm(person, salt=SALT, canary=None, holdout=ended) for person in PEOPLE[:100]} == {Arm.CONTROL}


# --- rules that stop --------------------------------------------------------------------------------------------------


def test_a_trip_rolls_back_before_anybody_came_and_gives_its_sentence() -> None:
    move = moved(alike(0, 0, 0), of=canary(step=0), hours=0, trips=["it told a person's address"])
    assert (move.action, move.reasons) == (Action.ROLL_BACK, ("it told a person's address",))


def test_a_broken_split_rolls_back_before_its_numbers_are_believed() -> None:
    found = sides(outcomes(Arm.TREATMENT, 500, 0.1), outcomes(Arm.CONTROL, 1000, 0.2))
    move = moved(found)
    assert (move.action, move.evidence["rules"]) == (Action.ROLL_BACK, ["split"])
    assert "500 of 1500 people" in move.reasons[0]


@pytest.mark.parametrize("name", ["failed", "refused", "slow"])
def test_more_people_who_met_harm_roll_back_below_the_minimum_of_people(name: str) -> None:
    treatment = replace(outcomes(Arm.TREATMENT, 4, 0.0), **{name: 4})
    move = moved(sides(treatment, outcomes(Arm.CONTROL, 76, 0.2)), of=canary(step=0), hours=0)
    assert (move.action, move.evidence["rules"]) == (Action.ROLL_BACK, [name])


@pytest.mark.parametrize("name", ["failed", "refused", "slow"])
def test_as_much_harm_on_both_sides_stops_nothing(name: str) -> None:
    treatment = replace(outcomes(Arm.TREATMENT, 300, 0.2), **{name: 60})
    control = replace(outcomes(Arm.CONTROL, 300, 0.2), **{name: 60})
    assert moved(sides(treatment, control)).action is Action.HOLD


@pytest.mark.parametrize("step", [1, 2])
def test_a_candidate_that_is_shown_to_be_worse_is_rolled_back_without_waiting(step: int) -> None:
    move = moved(alike(2000, 0.3, 0.2, SHARES[step]), of=canary(step=step), hours=0)
    assert (move.action, move.evidence["rules"]) == (Action.ROLL_BACK, ["worse"])
    assert "30.0% of its" in move.reasons[0]


def test_nothing_is_concluded_from_too_few_people() -> None:
    found = alike(98, 1.0, 0.0)
    assert moved(found).action is Action.HOLD
    assert moved(found, settings=CanarySection(minimum_people=49)).action is Action.ROLL_BACK


# --- rules that go on -------------------------------------------------------------------------------------------------


def test_an_early_step_ends_after_its_hours_with_people_enough() -> None:
    found, early = alike(1000, 0.2, 0.2, 0.05), canary(step=0)
    assert moved(found, of=early, hours=0.9).evidence["rules"] == ["hours"]
    assert moved(found, of=early, hours=1).action is Action.ADVANCE
    assert moved(alike(900, 0.2, 0.2, 0.05), of=early, hours=1).evidence["rules"] == ["people"]


def test_even_a_clear_gain_promotes_at_the_last_step_alone() -> None:
    found = alike(8000, 0.05, 0.2, 0.05)
    assert moved(found, of=canary(step=0)).action is Action.ADVANCE
    last = moved(alike(8000, 0.05, 0.2))
    assert (last.action, last.evidence["rules"]) == (Action.PROMOTE, ["not_worse", "better"])


def test_the_last_step_promotes_what_is_shown_to_be_not_worse_after_its_hours() -> None:
    found = alike(20_000, 0.2, 0.2)
    assert moved(found, hours=0.5).action is Action.HOLD
    move = moved(found)
    assert (move.action, move.evidence["rules"]) == (Action.PROMOTE, ["not_worse"])


def test_the_last_step_holds_while_neither_is_shown() -> None:
    assert moved(alike(1000, 0.21, 0.2)).evidence["rules"] == ["open"]


@pytest.mark.parametrize(
    ("on_timeout", "superior", "action"),
    [
        ("superior", True, Action.PROMOTE),
        ("superior", False, Action.ROLL_BACK),
        ("keep", True, Action.ROLL_BACK),
        ("promote", False, Action.PROMOTE),
    ],
)
@pytest.mark.parametrize("step", [0, 2])
def test_when_the_time_is_over_the_setting_says_what_becomes_of_the_candidate(
    on_timeout: str, superior: bool, action: Action, step: int
) -> None:
    settings = CanarySection.model_validate({"on_timeout": on_timeout})
    over = canary(step=step, superior=superior)
    move = moved(alike(1000, 0.21, 0.2, SHARES[step]), of=over, hours=168, settings=settings)
    assert (move.action, move.evidence["rules"]) == (action, ["timeout"])
    assert moved(alike(1000, 0.21, 0.2, SHARES[step]), of=over, hours=167.9).action is not move.action


def test_what_is_shown_comes_before_the_time_that_is_over() -> None:
    keep = CanarySection(on_timeout="keep")
    assert moved(alike(20_000, 0.2, 0.2), hours=500, settings=keep).action is Action.PROMOTE
    promote = CanarySection(on_timeout="promote")
    assert moved(alike(2000, 0.3, 0.2), hours=500, settings=promote).action is Action.ROLL_BACK


def test_a_shadow_canary_hears_no_verdict_of_people_and_is_promoted_when_nothing_stopped_it() -> None:
    shadow = canary(shadow=True)
    assert moved(alike(2000, 0.9, 0.2), of=shadow).evidence["rules"] == ["shadow"]
    assert moved(alike(2000, 0.9, 0.2), of=shadow, hours=0.5).action is Action.HOLD
    assert moved(alike(90, 0.0, 0.2), of=shadow).action is Action.HOLD
    failing = sides(outcomes(Arm.TREATMENT, 500, 0.0, failed=60), outcomes(Arm.CONTROL, 500, 0.2, failed=10))
    assert moved(failing, of=shadow).evidence["rules"] == ["failed"]


def test_nothing_bad_at_all_needs_people_still_but_no_rate() -> None:
    none = replace(canary(), expected=0.0)
    assert moved(alike(200, 0.0, 0.0), of=none).action is Action.HOLD


# --- planning and the hold-out ----------------------------------------------------------------------------------------


def needed(effect: float, *, expected: float = 0.2, design: float = 1.0, settings: CanarySection = SETTINGS) -> float:
    return questions_needed(expected=expected, effect=effect, design=design, settings=settings)


def test_larger_effects_need_fewer_questions_and_people_who_ask_often_more_of_them() -> None:
    assert needed(1.0) < needed(0.5) < needed(0.3) < needed(0.1)
    assert needed(-0.4) < needed(-0.2) < needed(0.0)
    assert needed(0.3, expected=0.05) > 3 * needed(0.3)
    assert needed(0.3, design=2.0) == pytest.approx(2 * needed(0.3), rel=0.1)


def test_where_nothing_bad_is_expected_no_number_of_questions_is_enough() -> None:
    assert needed(0.3, expected=0.0) == math.inf


def test_the_questions_needed_bring_the_verdict_about_nine_times_in_ten() -> None:
    chance, people = np.random.default_rng(2), round(needed(0.5) / 2)
    seen = 0
    for _ in range(200):
        treatment, control = (chance.binomial(people, rate) for rate in (0.3, 0.2))
        found = sides(
            outcomes(Arm.TREATMENT, people, treatment / people, each=1),
            outcomes(Arm.CONTROL, people, control / people, each=1),
        )
        seen += moved(found).action is Action.ROLL_BACK
    assert seen / 200 == pytest.approx(0.9, abs=0.07)


def test_the_gain_is_the_difference_to_the_hold_out_with_an_interval_around_it() -> None:
    found = {
        Arm.CONTROL: outcomes(Arm.CONTROL, 50_000, 0.1),
        Arm.HOLDOUT: outcomes(Arm.HOLDOUT, 1000, 0.2),
    }
    interval = gain(found, expected=0.2, significance=0.05)
    assert interval is not None
    assert interval.difference == pytest.approx(-0.1)
    assert interval.low < -0.1 < interval.high < 0
    assert interval.high - interval.low == pytest.approx(2 * 3.2 * math.sqrt(0.16 / 4000), rel=0.15)


def test_a_hold_out_of_nobody_measures_no_gain() -> None:
    found = {Arm.CONTROL: outcomes(Arm.CONTROL, 500, 0.1), Arm.HOLDOUT: outcomes(Arm.HOLDOUT, 1, 0.5)}
    assert gain(found, expected=0.2, significance=0.05) is None
