"""Index and ledger in order: reconciled after a crash, and old versions retired."""

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest

from rag_flywheel.domain import CanaryState, VersionId, VersionRecord, VersionState
from rag_flywheel.errors import Damaged, NotFound
from rag_flywheel.rollout import promotion
from rag_flywheel.rollout.promotion import act_of
from tests.fakes.encoder import HashingEncoder
from tests.fakes.ledger import MemoryLedger
from tests.fakes.samples import chunk
from tests.fakes.services import build, entries
from tests.fakes.world import UNREAD_AFTER, World, canary_of, world_of

# --- after a crash --------------------------------------------------------------------------------------------------


def test_where_nothing_went_wrong_there_is_nothing_to_reconcile() -> None:
    world = world_of("v1", "v2")
    world.roll_back()
    before = world.states()
    assert world.reconcile() == []
    assert world.states() == before


def test_a_build_that_died_half_way_is_removed() -> None:
    world = world_of("v1")

    def dying(names: Sequence[str]) -> object:
        for name in names:
            yield entries([chunk(name, "text")], HashingEncoder(512))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.index.build(VersionId("v2"), dimension=512, batches=dying(["a", "b"]))  # type: ignore[arg-type]
    assert world.reconcile() == ["removed the unfinished build v2"]
    assert world.index.versions() == ["v1"]


def test_a_version_built_and_not_recorded_is_deleted() -> None:
    world = world_of("v1")
    build(world.index, "v2")
    assert world.reconcile() == ["deleted v2: the ledger does not know it"]
    assert world.index.versions() == ["v1"]


def test_a_version_recorded_and_not_decided_on_is_deleted() -> None:
    world = world_of("v1")
    world.built("v2", parent="v1")
    assert world.reconcile() == ["deleted v2: its run ended before a decision"]
    assert (world.index.versions(), world.states()) == (["v1"], {"v1": "live", "v2": "deleted"})


def test_an_alias_moved_and_not_recorded_is_recorded() -> None:
    world = world_of("v1")
    world.built("v2", parent="v1")
    world.index.move_live(VersionId("v2"), expected=VersionId("v1"))  # and here the process died
    assert set(world.reconcile()) == {"recorded that v2 is live", "recorded that v1 is no longer live"}
    assert world.states() == {"v1": "retired", "v2": "live"}
    assert world.index.versions() == ["v1", "v2"]
    assert world.reconcile() == []


def test_the_first_alias_moved_and_not_recorded_is_recorded() -> None:
    world = World()
    world.built("v1")
    world.index.move_live(VersionId("v1"), expected=None)
    assert world.reconcile() == ["recorded that v1 is live"]


def test_a_version_deleted_and_not_recorded_is_recorded() -> None:
    world = world_of("v1", "v2", "v3")
    world.index.delete(VersionId("v1"))  # by `retire`, and there the process died
    assert world.reconcile() == ["recorded that v1 is no longer in the index"]
    assert world.states()["v1"] == "deleted"
    assert world.reconcile() == []


def test_an_index_that_belongs_to_another_ledger_is_not_touched() -> None:
    world = world_of("v1", "v2")
    world.ledger = MemoryLedger()
    with pytest.raises(Damaged, match="belong together"):
        world.reconcile()
    assert world.index.versions() == ["v1", "v2"]


def test_a_canary_that_runs_needs_no_reconciling() -> None:
    world = canary_of("v1", "v2")
    assert world.reconcile() == []
    assert world.states() == {"v1": "live", "v2": "canary"}
    assert promotion.running(world.ledger) is not None


def test_a_canary_promoted_and_not_recorded_ends_as_promoted() -> None:
    world = canary_of("v1", "v2")
    world.index.move_live(VersionId("v2"), expected=VersionId("v1"))  # and here the process died
    assert world.reconcile() == ["ended the canary of v2: its move of the alias was not recorded"]
    assert promotion.newest(world.ledger).state is CanaryState.PROMOTED
    assert world.states() == {"v1": "retired", "v2": "live"}
    assert world.reconcile() == []


def test_a_canary_whose_control_was_rolled_back_and_that_not_recorded_is_stopped() -> None:
    world = canary_of("v1", "v2", "v3")
    world.index.move_live(VersionId("v1"), expected=VersionId("v2"))  # and here the process died
    assert set(world.reconcile()) == {
        "ended the canary of v3: it lost its control or its candidate",
        "recorded that v1 is live",
        "recorded that v2 is no longer live",
    }
    assert promotion.newest(world.ledger).state is CanaryState.ROLLED_BACK
    assert world.states() == {"v1": "live", "v2": "retired", "v3": "rolled_back"}
    assert world.reconcile() == []


def test_a_canary_whose_candidate_is_gone_is_stopped_and_the_candidate_recorded_as_deleted() -> None:
    world = canary_of("v1", "v2")
    world.index.delete(VersionId("v2"))
    assert world.reconcile() == [
        "ended the canary of v2: it lost its control or its candidate",
        "recorded that v2 is no longer in the index",
    ]
    assert world.states() == {"v1": "live", "v2": "deleted"}
    assert world.reconcile() == []


# --- retire ---------------------------------------------------------------------------------------------------------


def test_the_newest_versions_are_kept_with_the_live_one_among_them() -> None:
    world = world_of("v1", "v2", "v3", "v4")
    assert world.retire(2) == ["v1", "v2"]
    assert world.index.versions() == ["v3", "v4"]
    assert world.states() == {"v1": "deleted", "v2": "deleted", "v3": "retired", "v4": "live"}
    assert world.retire(2) == []


def test_the_live_version_is_kept_however_old_it_is() -> None:
    world = world_of("v1", "v2", "v3")
    world.roll_back("v1")
    assert world.retire(1) == ["v2", "v3"]
    assert world.index.versions() == ["v1"]


def test_a_refused_version_goes_at_once_and_takes_no_place() -> None:
    world = world_of("v1", "v2")
    world.built("v3", parent="v2")
    world.ledger.set_state(VersionId("v3"), VersionState.REJECTED, at=world.now)
    assert world.retire(2) == ["v3"]
    assert world.index.versions() == ["v1", "v2"]


def test_what_is_kept_can_be_rolled_back_to() -> None:
    world = world_of("v1", "v2", "v3", "v4")
    world.retire(3)
    assert [world.roll_back().live, world.roll_back().live] == ["v3", "v2"]
    with pytest.raises(NotFound):
        world.roll_back()


def test_the_candidate_of_a_canary_is_kept_and_deleted_only_after_its_last_reader_has_left() -> None:
    world = canary_of("v1", "v2")
    assert world.retire(1) == []
    running = world.canary
    world.tick()
    promotion.finish(
        running, promoted=False, index=world.index, ledger=world.ledger, act=act_of("canary", "worse", at=world.now)
    )
    world.now += UNREAD_AFTER - timedelta(seconds=1) - timedelta(hours=1)  # `retire` comes an hour later
    assert world.retire(1) == []
    world.now += timedelta(seconds=1) - timedelta(hours=1)
    assert world.retire(1) == ["v2"]
    assert world.index.versions() == ["v1"]


def test_what_was_live_a_moment_ago_may_still_be_read_and_is_kept() -> None:
    world = world_of("v1", "v2")
    world.now -= timedelta(hours=1)  # `retire` comes at the moment of the promotion
    assert world.retire(1) == []
    assert world.retire(1) == ["v1"]


def test_a_version_that_people_are_held_out_on_is_kept_however_old_it_is() -> None:
    world = world_of("v1", "v2", "v3", "v4")
    world.hold_out("v1")
    assert world.retire(1) == ["v2", "v3"]
    assert world.index.versions() == ["v1", "v4"]
    world.hold_out(None)
    world.now -= timedelta(hours=1)
    assert world.retire(1) == [], "people may be reading it: they were held out until now"
    assert world.retire(1) == ["v1"]


class PuttingBack(MemoryLedger):
    """When it has told of the versions, a person puts one back, as it may happen beside a retirement."""

    def __init__(self) -> None:
        super().__init__()
        self.then: list[Callable[[], object]] = []

    def versions(self) -> list[VersionRecord]:
        found = super().versions()
        while self.then:
            self.then.pop()()
        return found


@pytest.mark.parametrize(("how", "gone"), [("rolled back to", ["v2"]), ("held out on", [])])
def test_a_version_that_is_needed_again_since_it_was_chosen_is_not_deleted(how: str, gone: list[str]) -> None:
    world = World()
    ledger = world.ledger = PuttingBack()
    for before, name in zip([None, "v1", "v2"], ["v1", "v2", "v3"], strict=True):
        world.built(name, parent=before)
        world.promote(name, expected=before)
    world.tick()
    ledger.then = [(lambda: world.roll_back("v1")) if how == "rolled back to" else (lambda: world.hold_out("v1"))]
    assert world.retire(1) == gone
    assert "v1" in world.index.versions()
    assert world.states()["v1"] != "deleted"
