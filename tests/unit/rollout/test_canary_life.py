"""Canaries from start to end: by their verdicts, by a person's word, and where a process died."""

import threading

import pytest

from rag_flywheel.domain import CanaryId, CanaryState, VersionId, VersionState
from rag_flywheel.errors import Conflict, Frozen, NotFound
from rag_flywheel.rollout import promotion
from rag_flywheel.rollout.promotion import LOCK, Switch, act_of
from tests.fakes.index import MemoryIndex
from tests.fakes.samples import canary
from tests.fakes.world import World, canary_of, world_of

# --- a canary -------------------------------------------------------------------------------------------------------


def test_before_the_first_canary_there_is_none() -> None:
    assert promotion.running(World().ledger) is None
    with pytest.raises(NotFound, match="no canary"):
        promotion.newest(World().ledger)


def test_a_canary_that_starts_leaves_the_alias_and_is_recorded_with_its_share_and_why() -> None:
    world = canary_of("v1", "v2")
    assert world.index.live() == "v1"
    assert world.states() == {"v1": "live", "v2": "canary"}
    under_way = promotion.running(world.ledger)
    assert under_way is not None
    assert (under_way.treatment, under_way.share) == ("v2", 0.1)
    entry = world.ledger.audit(limit=1)[0]
    assert (entry.who, entry.action, entry.subject) == ("reindex", "start canary", "v2")
    assert (entry.detail["share"], entry.detail["control"], entry.detail["why"]) == (0.1, "v1", "why")
    assert world.told()[-1] == "start_canary"


def test_a_canary_needs_a_candidate_that_passed_the_gate() -> None:
    world = world_of("v1")
    with pytest.raises(Conflict, match="has not passed the gate"):
        world.begin("v2", gate=False)
    assert (promotion.running(world.ledger), world.states()) == (None, {"v1": "live", "v2": "built"})


def test_a_canary_needs_a_control_that_is_live() -> None:
    world = world_of("v1", "v2")
    with pytest.raises(Conflict, match="v2 is live by now"):
        world.begin("v3", control="v1")
    assert (promotion.running(world.ledger), world.states()["v3"]) == (None, "built")


def test_a_canary_needs_a_candidate_that_is_kept() -> None:
    world = world_of("v1")
    lost = canary(control="v1", treatment="v9")
    with pytest.raises(NotFound, match="versions list"):
        promotion.start_canary(lost, index=world.index, ledger=world.ledger, who="reindex")
    assert promotion.running(world.ledger) is None


def test_a_newer_canary_takes_the_place_of_the_one_that_runs() -> None:
    world = canary_of("v1", "v2")
    world.begin("v3", name="canary2")
    assert world.states() == {"v1": "live", "v2": "rolled_back", "v3": "canary"}
    assert [(each.treatment, each.state.value) for each in world.ledger.canaries()] == [
        ("v2", "rolled_back"),
        ("v3", "running"),
    ]
    assert [entry.action for entry in world.ledger.audit(limit=2)] == ["start canary", "stop canary"]
    assert world.ledger.audit(limit=2)[1].detail["why"] == "v3 is newer and takes its place"


def test_a_newer_canary_that_may_not_start_leaves_the_one_that_runs() -> None:
    world = canary_of("v1", "v2")
    world.freeze()
    with pytest.raises(Frozen):
        world.begin("v3", name="canary2")
    assert world.canary.treatment == "v2"
    assert world.canary.state is CanaryState.RUNNING


def test_a_canary_advances_by_a_step_with_its_evidence() -> None:
    world = canary_of("v1", "v2")
    before = world.canary
    assert world.advance()
    after = world.canary
    assert (after.step, after.share, after.stepped, after.started) == (1, 0.5, world.now, before.started)
    assert after.reasons == ("so far so good",)
    entry = world.ledger.audit(limit=1)[0]
    assert (entry.who, entry.action, entry.detail["share"]) == ("canary", "advance canary", 0.5)
    assert entry.detail["evidence"] == {"p": 0.5}
    assert world.told()[-1] == "advance_canary"


def test_a_canary_that_won_is_promoted_with_its_evidence() -> None:
    world = canary_of("v1", "v2")
    assert world.finish(promoted=True)
    assert world.index.live() == "v2"
    assert world.states() == {"v1": "retired", "v2": "live"}
    assert (world.canary.state, world.canary.reasons) == (CanaryState.PROMOTED, ("it is worse; by far",))
    entry = world.ledger.audit(limit=1)[0]
    assert (entry.who, entry.action, entry.subject) == ("canary", "promote", "v2")
    assert entry.detail == {"was": "v1", "why": "it is worse; by far", "evidence": {"p": 0.01}}
    assert world.told()[-1] == "promote"


def test_a_canary_that_lost_is_stopped_with_its_evidence_and_the_alias_stays() -> None:
    world = canary_of("v1", "v2")
    assert world.finish(promoted=False)
    assert world.index.live() == "v1"
    assert world.states() == {"v1": "live", "v2": "rolled_back"}
    assert (world.canary.state, world.canary.reasons) == (CanaryState.ROLLED_BACK, ("it is worse", "by far"))
    entry = world.ledger.audit(limit=1)[0]
    assert (entry.who, entry.action, entry.subject) == ("canary", "stop canary", "v2")
    assert (entry.detail["why"], entry.detail["evidence"]) == ("it is worse; by far", {"p": 0.01})
    assert world.told()[-1] == "stop_canary"


def test_a_verdict_on_a_canary_that_changed_meanwhile_does_nothing() -> None:
    world = canary_of("v1", "v2")
    seen = world.canary
    assert world.advance()
    before = world.written()
    assert not world.advance(seen)
    assert not world.finish(seen, promoted=True)
    assert not world.finish(seen, promoted=False)
    assert world.written() == before
    assert world.index.live() == "v1"


def test_of_many_who_judged_the_same_canary_at_once_one_acts() -> None:
    world = canary_of("v1", "v2")
    seen = world.canary
    acted: list[bool] = []
    start = threading.Barrier(8)

    def act() -> None:
        start.wait(5)
        act = act_of("canary", "better", at=world.now)
        acted.append(promotion.finish(seen, promoted=True, index=world.index, ledger=world.ledger, act=act))

    threads = [threading.Thread(target=act) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(acted) == [False] * 7 + [True]
    assert world.told().count("promote") == 2  # of v1, and of v2 once


def test_promoting_the_candidate_by_hand_ends_its_canary_as_promoted() -> None:
    world = canary_of("v1", "v2")
    world.promote("v2", expected="v1", gate=None)
    assert (world.canary.state, world.canary.reasons) == (CanaryState.PROMOTED, ("the fix is in",))
    assert world.states() == {"v1": "retired", "v2": "live"}


def test_promoting_another_version_by_hand_stops_the_canary_and_says_so() -> None:
    world = world_of("v1", "v2")
    world.begin("v3", control="v2")
    world.promote("v1", expected="v2", gate=None)
    assert world.canary.state is CanaryState.ROLLED_BACK
    assert world.states() == {"v1": "live", "v2": "retired", "v3": "rolled_back"}
    assert [(entry.action, entry.subject) for entry in world.ledger.audit(limit=2)] == [
        ("promote", "v1"),
        ("stop canary", "v3"),
    ]


def test_rolling_the_live_version_back_stops_the_canary() -> None:
    world = world_of("v1", "v2")
    world.begin("v3", control="v2")
    seen = world.canary
    assert world.roll_back().live == "v1"
    assert world.states() == {"v1": "live", "v2": "rolled_back", "v3": "rolled_back"}
    assert world.canary.state is CanaryState.ROLLED_BACK
    assert not world.finish(seen, promoted=True)
    assert world.index.live() == "v1"


def test_rolling_back_to_the_live_version_stops_the_canary_beside_it() -> None:
    world = canary_of("v1", "v2")
    assert world.roll_back("v1") == Switch(live=VersionId("v1"), was=VersionId("v1"))
    assert (world.canary.state, world.canary.reasons) == (CanaryState.ROLLED_BACK, ("it was wrong",))
    assert world.states() == {"v1": "live", "v2": "rolled_back"}


def test_a_version_state_is_that_of_the_candidate_after_several_canaries() -> None:
    world = canary_of("v1", "v2")
    world.finish(promoted=False)
    world.begin("v3", name="canary2")
    world.finish(promoted=True)
    assert world.states() == {"v1": "retired", "v2": "rolled_back", "v3": "live"}
    assert [each.canary_id for each in world.ledger.canaries()] == [CanaryId("canary1"), CanaryId("canary2")]
    assert world.ledger.version(VersionId("v3")).states[-1][1] is VersionState.LIVE


# --- what a dead process left ---------------------------------------------------------------------------------------


def test_a_canary_that_can_go_on_is_left_alone_without_the_lock() -> None:
    world = canary_of("v1", "v2")
    with world.ledger.lock(LOCK):
        assert world.settle() is None
    assert world.canary.state is CanaryState.RUNNING


def test_a_promotion_that_was_not_recorded_is_recorded() -> None:
    world = canary_of("v1", "v2")
    world.index.move_live(VersionId("v2"), expected=VersionId("v1"))  # and here the process died
    assert world.settle() == "ended the canary of v2: its move of the alias was not recorded"
    assert world.canary.state is CanaryState.PROMOTED
    assert world.states() == {"v1": "retired", "v2": "live"}
    assert world.ledger.audit(limit=1)[0].action == "promote"
    assert world.told()[-1] == "promote"
    assert world.reconcile() == []


@pytest.mark.parametrize("lost", ["control", "candidate"])
def test_a_canary_that_lost_its_control_or_its_candidate_is_stopped(lost: str) -> None:
    world = world_of("v1", "v2")
    world.begin("v3", control="v2")
    if lost == "control":
        world.index.move_live(VersionId("v1"), expected=VersionId("v2"))
    else:
        world.index.delete(VersionId("v3"))
    assert world.settle() == "ended the canary of v3: it lost its control or its candidate"
    assert world.canary.state is CanaryState.ROLLED_BACK
    assert (world.ledger.audit(limit=1)[0].action, world.told()[-1]) == ("stop canary", "stop_canary")


def test_an_index_without_an_alias_says_nothing_about_a_canary() -> None:
    world = canary_of("v1", "v2")
    world.index = MemoryIndex()
    assert world.settle() is None
    assert world.canary.state is CanaryState.RUNNING


def test_what_was_judged_before_it_changed_is_not_settled() -> None:
    world = canary_of("v1", "v2")
    seen = world.canary
    world.finish(promoted=True)
    assert world.settle(seen) is None
    assert world.canary.state is CanaryState.PROMOTED
