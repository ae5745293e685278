"""The alias promoted and rolled back, the freeze and the hold-out."""

import threading

import pytest

from rag_flywheel.domain import Outcome, VersionId
from rag_flywheel.errors import AliasMoved, AlreadyRunning, Conflict, Frozen, IndexUnavailable, NotFound, NothingLive
from rag_flywheel.rollout import promotion
from rag_flywheel.rollout.promotion import LOCK, Switch
from tests.fakes.index import MemoryIndex
from tests.fakes.services import build
from tests.fakes.world import World, canary_of, world_of

# --- promote and roll back ------------------------------------------------------------------------------------------


def test_promoting_moves_the_alias_and_is_recorded_with_who_and_why() -> None:
    world = world_of("v1")
    world.built("v2", parent="v1")
    assert world.promote("v2", expected="v1") == Switch(live=VersionId("v2"), was=VersionId("v1"))
    assert world.index.live() == "v2"
    assert world.states() == {"v1": "retired", "v2": "live"}
    entry = world.ledger.audit(limit=1)[0]
    assert (entry.who, entry.action, entry.subject) == ("ada", "promote", "v2")
    assert entry.detail == {"was": "v1", "why": "the fix is in"}


def test_promoting_what_is_not_kept_is_not_found_and_changes_nothing() -> None:
    world = world_of("v1")
    with pytest.raises(NotFound, match="versions list"):
        world.promote("v9", expected="v1")
    assert (world.index.live(), world.states()) == ("v1", {"v1": "live"})


def test_promoting_what_the_ledger_does_not_know_is_not_found_and_changes_nothing() -> None:
    world = world_of("v1")
    build(world.index, "v2")
    with pytest.raises(NotFound):
        world.promote("v2", expected="v1")
    assert world.index.live() == "v1"


@pytest.mark.parametrize("gate", [None, Outcome.REFUSED, Outcome.UNDECIDED])
def test_what_has_not_passed_the_gate_cannot_go_live(gate: Outcome | None) -> None:
    world = world_of("v1")
    world.built("v2", parent="v1")
    with pytest.raises(Conflict, match="has not passed the gate"):
        world.promote("v2", expected="v1", gate=gate)
    assert (world.index.live(), world.states()) == ("v1", {"v1": "live", "v2": "built"})


@pytest.mark.parametrize("expected", [None, "v2"])
def test_an_alias_that_was_moved_meanwhile_is_not_moved_again(expected: str | None) -> None:
    world = world_of("v1")
    world.built("v2", parent="v1")
    before = world.ledger.audit(limit=10)
    with pytest.raises(AliasMoved):
        world.promote("v2", expected=expected)
    assert (world.index.live(), world.states()) == ("v1", {"v1": "live", "v2": "built"})
    assert world.ledger.audit(limit=10) == before


def test_two_cannot_move_the_alias_at_once() -> None:
    world = world_of("v1", "v2")
    with world.ledger.lock(LOCK), pytest.raises(AlreadyRunning):
        world.roll_back()
    assert world.index.live() == "v2"


def test_a_roll_back_puts_the_parent_back() -> None:
    world = world_of("v1", "v2", "v3")
    assert world.roll_back() == Switch(live=VersionId("v2"), was=VersionId("v3"))
    assert world.states() == {"v1": "retired", "v2": "live", "v3": "rolled_back"}
    assert world.ledger.audit(limit=1)[0].action == "roll back"


def test_a_second_roll_back_goes_one_further() -> None:
    world = world_of("v1", "v2", "v3")
    world.roll_back()
    assert world.roll_back().live == "v1"


def test_an_ancestor_that_is_gone_is_passed_over() -> None:
    world = world_of("v1", "v2", "v3")
    world.index.delete(VersionId("v2"))
    assert world.roll_back().live == "v1"


def test_any_kept_version_can_be_named() -> None:
    world = world_of("v1", "v2", "v3")
    assert world.roll_back("v1") == Switch(live=VersionId("v1"), was=VersionId("v3"))


def test_rolling_back_to_the_live_version_changes_nothing() -> None:
    world = world_of("v1", "v2")
    before = world.ledger.audit(limit=10)
    assert world.roll_back("v2") == Switch(live=VersionId("v2"), was=VersionId("v2"))
    assert world.ledger.audit(limit=10) == before


def test_the_first_version_has_nothing_before_it() -> None:
    with pytest.raises(NotFound, match="--to"):
        world_of("v1").roll_back()
    with pytest.raises(NothingLive, match="reindex"):
        World().roll_back()


def test_a_rolled_back_version_can_be_promoted_again() -> None:
    world = world_of("v1", "v2")
    world.roll_back()
    world.promote("v2", expected="v1")
    assert world.states() == {"v1": "retired", "v2": "live"}


def test_whoever_has_the_lock_for_a_moment_is_waited_for() -> None:
    world = world_of("v1", "v2")
    held, free = threading.Event(), threading.Event()

    def hold() -> None:
        with world.ledger.lock(LOCK):
            held.set()
            free.wait(5)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(5)
    threading.Timer(0.1, free.set).start()
    assert world.roll_back().live == "v1"
    holder.join()


class BrokenAlias(MemoryIndex):
    """It does everything but move the alias."""

    broken = False

    def move_live(self, to: VersionId, *, expected: VersionId | None) -> None:
        if self.broken:
            raise IndexUnavailable("the index does not answer")
        super().move_live(to, expected=expected)


def broken(world: World) -> World:
    """The same world, whose alias cannot be moved from now on."""
    index = BrokenAlias()
    for name in world.index.versions():
        build(index, name, {"guide": "text"})
    live = world.index.live()
    assert live is not None
    index.move_live(live, expected=None)
    index.broken = True
    world.index = index
    return world


def test_an_alias_that_cannot_be_moved_leaves_no_trace_in_the_ledger() -> None:
    world = broken(canary_of("v1", "v2"))
    before = world.written()
    with pytest.raises(IndexUnavailable):
        world.promote("v2", expected="v1", gate=None)
    with pytest.raises(IndexUnavailable):
        world.finish(promoted=True)
    assert world.written() == before
    assert promotion.running(world.ledger) is not None


def test_each_move_of_the_alias_leaves_a_notice_with_who_why_and_what_was() -> None:
    world = world_of("v1", "v2")
    world.roll_back()
    assert world.told() == ["promote", "promote", "roll_back"]
    notice = world.ledger.undelivered("anybody", attempts=1)[-1][0]
    assert notice.data == {"subject": "v1", "who": "ada", "was": "v2", "why": "it was wrong"}


# --- the freeze -----------------------------------------------------------------------------------------------------


def test_a_freeze_forbids_promotions_and_steps_and_says_who_froze_and_how_to_end_it() -> None:
    world = canary_of("v1", "v2")
    world.freeze()
    before = world.written()
    with pytest.raises(Frozen, match="by grace: `rag-flywheel unfreeze`"):
        world.promote("v2", expected="v1", gate=None)
    assert not world.advance()
    assert not world.finish(promoted=True)
    assert world.written() == before
    assert world.index.live() == "v1"
    world.freeze(on=False)
    assert world.finish(promoted=True)
    assert world.index.live() == "v2"


def test_a_freeze_forbids_neither_the_end_of_a_canary_nor_a_roll_back() -> None:
    world = world_of("v1", "v2")
    world.begin("v3", control="v2")
    world.freeze()
    assert world.finish(promoted=False)
    assert world.roll_back().live == "v1"


def test_under_a_freeze_a_roll_back_is_no_side_door_to_what_was_never_live() -> None:
    world = canary_of("v1", "v2")
    world.freeze()
    with pytest.raises(Frozen):
        world.roll_back("v2")
    assert world.index.live() == "v1"
    world.freeze(on=False)
    assert world.roll_back("v2").live == "v2"


def test_a_freeze_and_its_end_are_recorded_with_who_and_why() -> None:
    world = World()
    assert promotion.frozen(world.ledger) is None
    made = world.freeze()
    assert promotion.frozen(world.ledger) == made
    world.freeze(on=False)
    assert promotion.frozen(world.ledger) is None
    assert [(entry.who, entry.action, entry.detail["why"]) for entry in world.ledger.audit(limit=9)] == [
        ("grace", "unfreeze", "launch week"),
        ("grace", "freeze", "launch week"),
    ]
    assert world.told() == ["freeze", "unfreeze"]


# --- the hold-out ---------------------------------------------------------------------------------------------------


def test_a_hold_out_begins_and_ends_and_is_recorded() -> None:
    world = world_of("v1", "v2")
    assert world.hold_out("v1") == world.ledger.holdout()
    ended = world.hold_out(None)
    assert world.ledger.holdout() == ended
    assert ended.version_id is None
    entries = world.ledger.audit(limit=2)[::-1]
    assert [(entry.who, entry.action, entry.subject) for entry in entries] == [
        ("grace", "start hold-out", "v1"),
        ("grace", "end hold-out", ""),
    ]
    assert world.told()[-2:] == ["start_holdout", "end_holdout"]


def test_only_a_kept_version_that_was_live_can_be_held_out_on() -> None:
    world = canary_of("v1", "v2")
    before = world.written()
    with pytest.raises(Conflict, match="never live"):
        world.hold_out("v2")
    with pytest.raises(NotFound, match="versions list"):
        world.hold_out("v9")
    assert world.written() == before
