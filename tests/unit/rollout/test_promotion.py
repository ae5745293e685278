"""The alias promoted and rolled back, canaries from start to end, the freeze and the hold-out."""

import threading

import pytest

from rag_flywheel.domain import Canary, CanaryId, CanaryState, Freeze, HoldOut, Outcome, VersionId, VersionState
from rag_flywheel.errors import AliasMoved, AlreadyRunning, Conflict, Frozen, IndexUnavailable, NotFound, NothingLive
from rag_flywheel.rollout import promotion
from rag_flywheel.rollout.promotion import LOCK, Switch
from tests.fakes.index import MemoryIndex
from tests.fakes.samples import canary, decision
from tests.fakes.services import build
from tests.fakes.world import World, world

# --- promote and roll back ------------------------------------------------------------------------------------------


def test_promoting_moves_the_alias_and_is_recorded_with_who_and_why() -> None:
    one = world("v1")
    one.built("v2", parent="v1")
    assert one.promote("v2", expected="v1") == Switch(live=VersionId("v2"), was=VersionId("v1"))
    assert one.index.live() == "v2"
    assert one.states() == {"v1": "retired", "v2": "live"}
    entry = one.ledger.audit(limit=1)[0]
    assert (entry.who, entry.action, entry.subject) == ("ada", "promote", "v2")
    assert entry.detail == {"was": "v1", "why": "the fix is in"}


def test_promoting_what_is_not_kept_is_not_found_and_changes_nothing() -> None:
    one = world("v1")
    with pytest.raises(NotFound, match="versions list"):
        one.promote("v9", expected="v1")
    assert (one.index.live(), one.states()) == ("v1", {"v1": "live"})


def test_promoting_what_the_ledger_does_not_know_is_not_found_and_changes_nothing() -> None:
    one = world("v1")
    build(one.index, "v2")
    with pytest.raises(NotFound):
        one.promote("v2", expected="v1")
    assert one.index.live() == "v1"


@pytest.mark.parametrize("gate", [None, Outcome.REFUSED, Outcome.UNDECIDED])
def test_what_has_not_passed_the_gate_cannot_go_live(gate: Outcome | None) -> None:
    one = world("v1")
    one.built("v2", parent="v1")
    with pytest.raises(Conflict, match="has not passed the gate"):
        one.promote("v2", expected="v1", gate=gate)
    assert (one.index.live(), one.states()) == ("v1", {"v1": "live", "v2": "built"})


@pytest.mark.parametrize("expected", [None, "v2"])
def test_an_alias_that_was_moved_meanwhile_is_not_moved_again(expected: str | None) -> None:
    one = world("v1")
    one.built("v2", parent="v1")
    before = one.ledger.audit(limit=10)
    with pytest.raises(AliasMoved):
        one.promote("v2", expected=expected)
    assert (one.index.live(), one.states()) == ("v1", {"v1": "live", "v2": "built"})
    assert one.ledger.audit(limit=10) == before


def test_two_cannot_move_the_alias_at_once() -> None:
    one = world("v1", "v2")
    with one.ledger.lock(LOCK), pytest.raises(AlreadyRunning):
        one.roll_back()
    assert one.index.live() == "v2"


def test_a_roll_back_puts_the_parent_back() -> None:
    one = world("v1", "v2", "v3")
    assert one.roll_back() == Switch(live=VersionId("v2"), was=VersionId("v3"))
    assert one.states() == {"v1": "retired", "v2": "live", "v3": "rolled_back"}
    assert one.ledger.audit(limit=1)[0].action == "roll back"


def test_a_second_roll_back_goes_one_further() -> None:
    one = world("v1", "v2", "v3")
    one.roll_back()
    assert one.roll_back().live == "v1"


def test_an_ancestor_that_is_gone_is_passed_over() -> None:
    one = world("v1", "v2", "v3")
    one.index.delete(VersionId("v2"))
    assert one.roll_back().live == "v1"


def test_any_kept_version_can_be_named() -> None:
    one = world("v1", "v2", "v3")
    assert one.roll_back("v1") == Switch(live=VersionId("v1"), was=VersionId("v3"))


def test_rolling_back_to_the_live_version_changes_nothing() -> None:
    one = world("v1", "v2")
    before = one.ledger.audit(limit=10)
    assert one.roll_back("v2") == Switch(live=VersionId("v2"), was=VersionId("v2"))
    assert one.ledger.audit(limit=10) == before


def test_the_first_version_has_nothing_before_it() -> None:
    with pytest.raises(NotFound, match="--to"):
        world("v1").roll_back()
    with pytest.raises(NothingLive, match="reindex"):
        World().roll_back()


def test_a_rolled_back_version_can_be_promoted_again() -> None:
    one = world("v1", "v2")
    one.roll_back()
    one.promote("v2", expected="v1")
    assert one.states() == {"v1": "retired", "v2": "live"}


def test_whoever_has_the_lock_for_a_moment_is_waited_for() -> None:
    one = world("v1", "v2")
    held, free = threading.Event(), threading.Event()

    def hold() -> None:
        with one.ledger.lock(LOCK):
            held.set()
            free.wait(5)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(5)
    threading.Timer(0.1, free.set).start()
    assert one.roll_back().live == "v1"
    holder.join()


class BrokenAlias(MemoryIndex):
    """It does everything but move the alias."""

    broken = False

    def move_live(self, to: VersionId, *, expected: VersionId | None) -> None:
        if self.broken:
            raise IndexUnavailable("the index does not answer")
        super().move_live(to, expected=expected)


def broken(one: World) -> World:
    """The same world, whose alias cannot be moved from now on."""
    index = BrokenAlias()
    for name in one.index.versions():
        build(index, name, {"guide": "text"})
    live = one.index.live()
    assert live is not None
    index.move_live(live, expected=None)
    index.broken = True
    one.index = index
    return one


def told(one: World) -> list[str]:
    """The kinds of the notices for webhooks, oldest first."""
    return [notice.kind for notice, _ in one.ledger.undelivered("anybody", attempts=1)]


def everything(one: World) -> object:
    """All that a change of deployment writes."""
    ledger = one.ledger
    return (one.states(), ledger.audit(limit=99), told(one), ledger.canaries(), ledger.holdout(), ledger.freeze())


def test_an_alias_that_cannot_be_moved_leaves_no_trace_in_the_ledger() -> None:
    one = broken(trial())
    before = everything(one)
    with pytest.raises(IndexUnavailable):
        one.promote("v2", expected="v1", gate=None)
    with pytest.raises(IndexUnavailable):
        finished(one, promoted=True)
    assert everything(one) == before
    assert promotion.running(one.ledger) is not None


def test_each_move_of_the_alias_leaves_a_notice_with_who_why_and_what_was() -> None:
    one = world("v1", "v2")
    one.roll_back()
    assert told(one) == ["promote", "promote", "roll_back"]
    notice = one.ledger.undelivered("anybody", attempts=1)[-1][0]
    assert notice.data == {"subject": "v1", "who": "ada", "was": "v2", "why": "it was wrong"}


# --- a canary -------------------------------------------------------------------------------------------------------


def trial(*, control: str = "v1", treatment: str = "v2", name: str = "canary1", shadow: bool = False) -> World:
    """The control is live, and a canary of the treatment has begun."""
    one = world(control)
    begun(one, treatment, name=name, shadow=shadow)
    return one


def begun(
    one: World, treatment: str, *, control: str = "v1", name: str = "canary1", shadow: bool = False, gate: bool = True
) -> None:
    one.built(treatment, parent=control)
    if gate:
        one.ledger.add_decision(decision(treatment))
    one.tick()
    made = canary(
        name, control=control, treatment=treatment, shares=(0.1, 0.5), shadow=shadow, started=one.now, reasons=["why"]
    )
    promotion.start_canary(made, index=one.index, ledger=one.ledger, who="reindex")


def now(one: World) -> Canary:
    return promotion.newest(one.ledger)


def advanced(one: World, judged: Canary | None = None) -> bool:
    one.tick()
    return promotion.advance(
        judged or now(one), reasons=["so far so good"], evidence={"p": 0.5}, ledger=one.ledger, at=one.now
    )


def finished(one: World, judged: Canary | None = None, *, promoted: bool, who: str = "canary") -> bool:
    one.tick()
    return promotion.finish(
        judged or now(one),
        promoted=promoted,
        reasons=["it is worse", "by far"],
        evidence={"p": 0.01},
        index=one.index,
        ledger=one.ledger,
        who=who,
        at=one.now,
    )


def frozen(one: World, on: bool = True) -> Freeze:
    one.tick()
    return promotion.freeze(on, ledger=one.ledger, who="grace", why="launch week", at=one.now)


def test_before_the_first_canary_there_is_none() -> None:
    assert promotion.running(World().ledger) is None
    with pytest.raises(NotFound, match="no canary"):
        promotion.newest(World().ledger)


def test_a_canary_that_starts_leaves_the_alias_and_is_recorded_with_its_share_and_why() -> None:
    one = trial()
    assert one.index.live() == "v1"
    assert one.states() == {"v1": "live", "v2": "canary"}
    under_way = promotion.running(one.ledger)
    assert under_way is not None
    assert (under_way.treatment, under_way.share) == ("v2", 0.1)
    entry = one.ledger.audit(limit=1)[0]
    assert (entry.who, entry.action, entry.subject) == ("reindex", "start canary", "v2")
    assert (entry.detail["share"], entry.detail["control"], entry.detail["why"]) == (0.1, "v1", "why")
    assert told(one)[-1] == "start_canary"


def test_a_canary_needs_a_candidate_that_passed_the_gate() -> None:
    one = world("v1")
    with pytest.raises(Conflict, match="has not passed the gate"):
        begun(one, "v2", gate=False)
    assert (promotion.running(one.ledger), one.states()) == (None, {"v1": "live", "v2": "built"})


def test_a_canary_needs_a_control_that_is_live() -> None:
    one = world("v1", "v2")
    with pytest.raises(Conflict, match="v2 is live by now"):
        begun(one, "v3", control="v1")
    assert (promotion.running(one.ledger), one.states()["v3"]) == (None, "built")


def test_a_canary_needs_a_candidate_that_is_kept() -> None:
    one = world("v1")
    lost = canary(control="v1", treatment="v9")
    with pytest.raises(NotFound, match="versions list"):
        promotion.start_canary(lost, index=one.index, ledger=one.ledger, who="reindex")
    assert promotion.running(one.ledger) is None


def test_a_newer_canary_takes_the_place_of_the_one_that_runs() -> None:
    one = trial()
    begun(one, "v3", name="canary2")
    assert one.states() == {"v1": "live", "v2": "rolled_back", "v3": "canary"}
    assert [(each.treatment, each.state.value) for each in one.ledger.canaries()] == [
        ("v2", "rolled_back"),
        ("v3", "running"),
    ]
    assert [entry.action for entry in one.ledger.audit(limit=2)] == ["start canary", "stop canary"]
    assert one.ledger.audit(limit=2)[1].detail["why"] == "v3 is newer and takes its place"


def test_a_newer_canary_that_may_not_start_leaves_the_one_that_runs() -> None:
    one = trial()
    frozen(one)
    with pytest.raises(Frozen):
        begun(one, "v3", name="canary2")
    assert now(one).treatment == "v2"
    assert now(one).state is CanaryState.RUNNING


def test_a_canary_advances_by_a_step_with_its_evidence() -> None:
    one = trial()
    before = now(one)
    assert advanced(one)
    after = now(one)
    assert (after.step, after.share, after.stepped, after.started) == (1, 0.5, one.now, before.started)
    assert after.reasons == ("so far so good",)
    entry = one.ledger.audit(limit=1)[0]
    assert (entry.who, entry.action, entry.detail["share"]) == ("canary", "advance canary", 0.5)
    assert entry.detail["evidence"] == {"p": 0.5}
    assert told(one)[-1] == "advance_canary"


def test_a_canary_that_won_is_promoted_with_its_evidence() -> None:
    one = trial()
    assert finished(one, promoted=True)
    assert one.index.live() == "v2"
    assert one.states() == {"v1": "retired", "v2": "live"}
    assert (now(one).state, now(one).reasons) == (CanaryState.PROMOTED, ("it is worse; by far",))
    entry = one.ledger.audit(limit=1)[0]
    assert (entry.who, entry.action, entry.subject) == ("canary", "promote", "v2")
    assert entry.detail == {"was": "v1", "why": "it is worse; by far", "evidence": {"p": 0.01}}
    assert told(one)[-1] == "promote"


def test_a_canary_that_lost_is_stopped_with_its_evidence_and_the_alias_stays() -> None:
    one = trial()
    assert finished(one, promoted=False)
    assert one.index.live() == "v1"
    assert one.states() == {"v1": "live", "v2": "rolled_back"}
    assert (now(one).state, now(one).reasons) == (CanaryState.ROLLED_BACK, ("it is worse", "by far"))
    entry = one.ledger.audit(limit=1)[0]
    assert (entry.who, entry.action, entry.subject) == ("canary", "stop canary", "v2")
    assert (entry.detail["why"], entry.detail["evidence"]) == ("it is worse; by far", {"p": 0.01})
    assert told(one)[-1] == "stop_canary"


def test_a_verdict_on_a_canary_that_changed_meanwhile_does_nothing() -> None:
    one = trial()
    judged = now(one)
    assert advanced(one)
    before = everything(one)
    assert not advanced(one, judged)
    assert not finished(one, judged, promoted=True)
    assert not finished(one, judged, promoted=False)
    assert everything(one) == before
    assert one.index.live() == "v1"


def test_of_many_who_judged_the_same_canary_at_once_one_acts() -> None:
    one = trial()
    judged = now(one)
    acted: list[bool] = []
    start = threading.Barrier(8)

    def act() -> None:
        start.wait(5)
        acted.append(
            promotion.finish(
                judged,
                promoted=True,
                reasons=["better"],
                evidence={},
                index=one.index,
                ledger=one.ledger,
                who="canary",
                at=one.now,
            )
        )

    threads = [threading.Thread(target=act) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(acted) == [False] * 7 + [True]
    assert told(one).count("promote") == 2  # of v1, and of v2 once


def test_promoting_the_candidate_by_hand_ends_its_canary_as_promoted() -> None:
    one = trial()
    one.promote("v2", expected="v1", gate=None)
    assert (now(one).state, now(one).reasons) == (CanaryState.PROMOTED, ("the fix is in",))
    assert one.states() == {"v1": "retired", "v2": "live"}


def test_promoting_another_version_by_hand_stops_the_canary_and_says_so() -> None:
    one = world("v1", "v2")
    begun(one, "v3", control="v2")
    one.promote("v1", expected="v2", gate=None)
    assert now(one).state is CanaryState.ROLLED_BACK
    assert one.states() == {"v1": "live", "v2": "retired", "v3": "rolled_back"}
    assert [(entry.action, entry.subject) for entry in one.ledger.audit(limit=2)] == [
        ("promote", "v1"),
        ("stop canary", "v3"),
    ]


def test_rolling_the_live_version_back_stops_the_canary() -> None:
    one = world("v1", "v2")
    begun(one, "v3", control="v2")
    judged = now(one)
    assert one.roll_back().live == "v1"
    assert one.states() == {"v1": "live", "v2": "rolled_back", "v3": "rolled_back"}
    assert now(one).state is CanaryState.ROLLED_BACK
    assert not finished(one, judged, promoted=True)
    assert one.index.live() == "v1"


def test_rolling_back_to_the_live_version_stops_the_canary_beside_it() -> None:
    one = trial()
    assert one.roll_back("v1") == Switch(live=VersionId("v1"), was=VersionId("v1"))
    assert (now(one).state, now(one).reasons) == (CanaryState.ROLLED_BACK, ("it was wrong",))
    assert one.states() == {"v1": "live", "v2": "rolled_back"}


# --- what a dead process left ---------------------------------------------------------------------------------------


def settled(one: World, judged: Canary | None = None) -> str | None:
    one.tick()
    return promotion.settle(judged or now(one), index=one.index, ledger=one.ledger, at=one.now)


def test_a_canary_that_can_go_on_is_left_alone_without_the_lock() -> None:
    one = trial()
    with one.ledger.lock(LOCK):
        assert settled(one) is None
    assert now(one).state is CanaryState.RUNNING


def test_a_promotion_that_was_not_recorded_is_recorded() -> None:
    one = trial()
    one.index.move_live(VersionId("v2"), expected=VersionId("v1"))  # and here the process died
    assert settled(one) == "ended the canary of v2: its move of the alias was not recorded"
    assert now(one).state is CanaryState.PROMOTED
    assert one.states() == {"v1": "retired", "v2": "live"}
    assert one.ledger.audit(limit=1)[0].action == "promote"
    assert told(one)[-1] == "promote"
    assert one.reconcile() == []


@pytest.mark.parametrize("lost", ["control", "candidate"])
def test_a_canary_that_lost_its_control_or_its_candidate_is_stopped(lost: str) -> None:
    one = world("v1", "v2")
    begun(one, "v3", control="v2")
    if lost == "control":
        one.index.move_live(VersionId("v1"), expected=VersionId("v2"))
    else:
        one.index.delete(VersionId("v3"))
    assert settled(one) == "ended the canary of v3: it lost its control or its candidate"
    assert now(one).state is CanaryState.ROLLED_BACK
    assert (one.ledger.audit(limit=1)[0].action, told(one)[-1]) == ("stop canary", "stop_canary")


def test_an_index_without_an_alias_says_nothing_about_a_canary() -> None:
    one = trial()
    one.index = MemoryIndex()
    assert settled(one) is None
    assert now(one).state is CanaryState.RUNNING


def test_what_was_judged_before_it_changed_is_not_settled() -> None:
    one = trial()
    judged = now(one)
    finished(one, promoted=True)
    assert settled(one, judged) is None
    assert now(one).state is CanaryState.PROMOTED


# --- the freeze -----------------------------------------------------------------------------------------------------


def test_a_freeze_forbids_promotions_and_steps_and_says_who_froze_and_how_to_end_it() -> None:
    one = trial()
    frozen(one)
    before = everything(one)
    with pytest.raises(Frozen, match="by grace: `rag-flywheel unfreeze`"):
        one.promote("v2", expected="v1", gate=None)
    assert not advanced(one)
    assert not finished(one, promoted=True)
    assert everything(one) == before
    assert one.index.live() == "v1"
    frozen(one, on=False)
    assert finished(one, promoted=True)
    assert one.index.live() == "v2"


def test_a_freeze_forbids_neither_the_end_of_a_canary_nor_a_roll_back() -> None:
    one = world("v1", "v2")
    begun(one, "v3", control="v2")
    frozen(one)
    assert finished(one, promoted=False)
    assert one.roll_back().live == "v1"


def test_under_a_freeze_a_roll_back_is_no_side_door_to_what_was_never_live() -> None:
    one = trial()
    frozen(one)
    with pytest.raises(Frozen):
        one.roll_back("v2")
    assert one.index.live() == "v1"
    frozen(one, on=False)
    assert one.roll_back("v2").live == "v2"


def test_a_freeze_and_its_end_are_recorded_with_who_and_why() -> None:
    one = World()
    assert promotion.frozen(one.ledger) is None
    made = frozen(one)
    assert promotion.frozen(one.ledger) == made
    frozen(one, on=False)
    assert promotion.frozen(one.ledger) is None
    assert [(entry.who, entry.action, entry.detail["why"]) for entry in one.ledger.audit(limit=9)] == [
        ("grace", "unfreeze", "launch week"),
        ("grace", "freeze", "launch week"),
    ]
    assert told(one) == ["freeze", "unfreeze"]


# --- the hold-out ---------------------------------------------------------------------------------------------------


def held(one: World, version: str | None, share: float = 0.02) -> HoldOut:
    one.tick()
    return promotion.hold_out(
        None if version is None else VersionId(version),
        share=share,
        index=one.index,
        ledger=one.ledger,
        who="grace",
        why="what is it worth",
        at=one.now,
    )


def test_a_hold_out_begins_and_ends_and_is_recorded() -> None:
    one = world("v1", "v2")
    assert held(one, "v1") == one.ledger.holdout()
    ended = held(one, None)
    assert one.ledger.holdout() == ended
    assert ended.version_id is None
    entries = one.ledger.audit(limit=2)[::-1]
    assert [(entry.who, entry.action, entry.subject) for entry in entries] == [
        ("grace", "start hold-out", "v1"),
        ("grace", "end hold-out", ""),
    ]
    assert told(one)[-2:] == ["start_holdout", "end_holdout"]


def test_only_a_kept_version_that_was_live_can_be_held_out_on() -> None:
    one = trial()
    before = everything(one)
    with pytest.raises(Conflict, match="never live"):
        held(one, "v2")
    with pytest.raises(NotFound, match="versions list"):
        held(one, "v9")
    assert everything(one) == before


def test_a_version_state_is_that_of_the_candidate_after_several_canaries() -> None:
    one = trial()
    finished(one, promoted=False)
    begun(one, "v3", name="canary2")
    finished(one, promoted=True)
    assert one.states() == {"v1": "retired", "v2": "rolled_back", "v3": "live"}
    assert [each.canary_id for each in one.ledger.canaries()] == [CanaryId("canary1"), CanaryId("canary2")]
    assert one.ledger.version(VersionId("v3")).states[-1][1] is VersionState.LIVE
