"""Two rankings in one list, and whose clicks win."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_flywheel.domain import Arm
from rag_flywheel.rollout.interleaving import team_draft, wins

rankings = st.lists(st.integers(0, 15), unique=True, max_size=10)


@given(rankings, rankings, st.integers(1, 12), st.integers())
def test_a_list_holds_each_item_once_and_every_item_is_the_next_of_its_ranking(
    control: list[int], treatment: list[int], length: int, seed: int
) -> None:
    found = team_draft(control, treatment, key=int, length=length, rng=Random(seed))
    items = [item for item, _ in found]
    assert len(items) == len(set(items)) == min(length, len({*control, *treatment}))
    for at, (item, arm) in enumerate(found):
        ranking = control if arm is Arm.CONTROL else treatment
        assert item == next(one for one in ranking if one not in items[:at])


@given(rankings, rankings, st.integers())
def test_after_each_round_both_rankings_have_picked_as_many_items(
    control: list[int], treatment: list[int], seed: int
) -> None:
    both = min(len(set(control) - set(treatment)), len(set(treatment) - set(control)))
    found = team_draft(control, treatment, key=int, length=2 * both, rng=Random(seed))
    assert [sum(arm is side for _, arm in found) for side in (Arm.CONTROL, Arm.TREATMENT)] == [both, both]


def test_two_items_of_one_key_are_the_same() -> None:
    found = team_draft(["a1", "b1"], ["a2", "c2"], key=lambda name: name[0], length=5, rng=Random(0))
    assert sorted(name[0] for name, _ in found) == ["a", "b", "c"]


def test_clicks_at_random_on_the_list_are_for_either_ranking_alike() -> None:
    rng = Random(0)
    clicks = []
    for number in range(4000):
        found = team_draft([1, 2, 3, 4, 5], [4, 2, 1, 6, 7], key=int, length=4, rng=rng)
        clicks.append((f"person {number}", rng.choice(found)[1]))
    assert wins(clicks)[0] / 4000 == pytest.approx(0.5, abs=0.025)


def test_a_ranking_whose_items_are_clicked_wins() -> None:
    rng = Random(1)
    lists = [team_draft([1, 2, 3], [3, 4, 5], key=int, length=4, rng=rng) for _ in range(100)]
    clicked = [(str(at), arm) for at, one in enumerate(lists) for item, arm in one if item == 4]
    treatment, control = wins(clicked)
    assert (treatment > 50, control) == (True, 0)


def test_only_the_first_click_of_a_person_counts() -> None:
    clicks = [("ann", Arm.TREATMENT), ("ann", Arm.CONTROL), ("ann", Arm.CONTROL), ("bob", Arm.CONTROL)]
    assert wins(clicks) == (1, 1)
