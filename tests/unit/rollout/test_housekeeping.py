"""Index and ledger in order: reconciled after a crash, and old versions retired."""

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest

from rag_flywheel.domain import CanaryState, HoldOut, VersionId, VersionRecord, VersionState
from rag_flywheel.errors import Damaged, NotFound
from rag_flywheel.rollout import promotion
from tests.fakes.encoder import HashingEncoder
from tests.fakes.ledger import MemoryLedger
from tests.fakes.samples import canary, chunk, decision
from tests.fakes.services import build, entries
from tests.fakes.world import UNREAD_AFTER, World, world

# --- after a crash --------------------------------------------------------------------------------------------------


def test_where_nothing_went_wrong_there_is_nothing_to_reconcile() -> None:
    one = world("v1", "v2")
    one.roll_back()
    before = one.states()
    assert one.reconcile() == []
    assert one.states() == before


def test_a_build_that_died_half_way_is_removed() -> None:
    one = world("v1")

    def dying(names: Sequence[str]) -> object:
        for name in names:
            yield entries([chunk(name, "text")], HashingEncoder(512))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        one.index.build(VersionId("v2"), dimension=512, batches=dying(["a", "b"]))  # type: ignore[arg-type]
    assert one.reconcile() == ["removed the unfinished build v2"]
    assert one.index.versions() == ["v1"]


def test_a_version_built_and_not_recorded_is_deleted() -> None:
    one = world("v1")
    build(one.index, "v2")
    assert one.reconcile() == ["deleted v2: the ledger does not know it"]
    assert one.index.versions() == ["v1"]


def test_a_version_recorded_and_not_decided_on_is_deleted() -> None:
    one = world("v1")
    one.built("v2", parent="v1")
    assert one.reconcile() == ["deleted v2: its run ended before a decision"]
    assert (one.index.versions(), one.states()) == (["v1"], {"v1": "live", "v2": "deleted"})


def test_an_alias_moved_and_not_recorded_is_recorded() -> None:
    one = world("v1")
    one.built("v2", parent="v1")
    one.index.move_live(VersionId("v2"), expected=VersionId("v1"))  # and here the process died
    assert set(one.reconcile()) == {"recorded that v2 is live", "recorded that v1 is no longer live"}
    assert one.states() == {"v1": "retired", "v2": "live"}
    assert one.index.versions() == ["v1", "v2"]
    assert one.reconcile() == []


def test_the_first_alias_moved_and_not_recorded_is_recorded() -> None:
    one = World()
    one.built("v1")
    one.index.move_live(VersionId("v1"), expected=None)
    assert one.reconcile() == ["recorded that v1 is live"]


def test_a_version_deleted_and_not_recorded_is_recorded() -> None:
    one = world("v1", "v2", "v3")
    one.index.delete(VersionId("v1"))  # by `retire`, and there the process died
    assert one.reconcile() == ["recorded that v1 is no longer in the index"]
    assert one.states()["v1"] == "deleted"
    assert one.reconcile() == []


def test_an_index_that_belongs_to_another_ledger_is_not_touched() -> None:
    one = world("v1", "v2")
    one.ledger = MemoryLedger()
    with pytest.raises(Damaged, match="belong together"):
        one.reconcile()
    assert one.index.versions() == ["v1", "v2"]


def trial(*names: str) -> World:
    """All but the last of the versions were promoted one after the other, and a canary of the last has begun."""
    one = world(*names[:-1])
    control, treatment = names[-2:]
    one.built(treatment, parent=control)
    one.ledger.add_decision(decision(treatment))
    one.tick()
    begun = canary(control=control, treatment=treatment, started=one.now)
    promotion.start_canary(begun, index=one.index, ledger=one.ledger, who="reindex")
    return one


def test_a_canary_that_runs_needs_no_reconciling() -> None:
    one = trial("v1", "v2")
    assert one.reconcile() == []
    assert one.states() == {"v1": "live", "v2": "canary"}
    assert promotion.running(one.ledger) is not None


def test_a_canary_promoted_and_not_recorded_ends_as_promoted() -> None:
    one = trial("v1", "v2")
    one.index.move_live(VersionId("v2"), expected=VersionId("v1"))  # and here the process died
    assert one.reconcile() == ["ended the canary of v2: its move of the alias was not recorded"]
    assert promotion.newest(one.ledger).state is CanaryState.PROMOTED
    assert one.states() == {"v1": "retired", "v2": "live"}
    assert one.reconcile() == []


def test_a_canary_whose_control_was_rolled_back_and_that_not_recorded_is_stopped() -> None:
    one = trial("v1", "v2", "v3")
    one.index.move_live(VersionId("v1"), expected=VersionId("v2"))  # and here the process died
    assert set(one.reconcile()) == {
        "ended the canary of v3: it lost its control or its candidate",
        "recorded that v1 is live",
        "recorded that v2 is no longer live",
    }
    assert promotion.newest(one.ledger).state is CanaryState.ROLLED_BACK
    assert one.states() == {"v1": "live", "v2": "retired", "v3": "rolled_back"}
    assert one.reconcile() == []


def test_a_canary_whose_candidate_is_gone_is_stopped_and_the_candidate_recorded_as_deleted() -> None:
    one = trial("v1", "v2")
    one.index.delete(VersionId("v2"))
    assert one.reconcile() == [
        "ended the canary of v2: it lost its control or its candidate",
        "recorded that v2 is no longer in the index",
    ]
    assert one.states() == {"v1": "live", "v2": "deleted"}
    assert one.reconcile() == []


# --- retire ---------------------------------------------------------------------------------------------------------


def test_the_newest_versions_are_kept_with_the_live_one_among_them() -> None:
    one = world("v1", "v2", "v3", "v4")
    assert one.retire(2) == ["v1", "v2"]
    assert one.index.versions() == ["v3", "v4"]
    assert one.states() == {"v1": "deleted", "v2": "deleted", "v3": "retired", "v4": "live"}
    assert one.retire(2) == []


def test_the_live_version_is_kept_however_old_it_is() -> None:
    one = world("v1", "v2", "v3")
    one.roll_back("v1")
    assert one.retire(1) == ["v2", "v3"]
    assert one.index.versions() == ["v1"]


def test_a_refused_version_goes_at_once_and_takes_no_place() -> None:
    one = world("v1", "v2")
    one.built("v3", parent="v2")
    one.ledger.set_state(VersionId("v3"), VersionState.REJECTED, at=one.now)
    assert one.retire(2) == ["v3"]
    assert one.index.versions() == ["v1", "v2"]


def test_what_is_kept_can_be_rolled_back_to() -> None:
    one = world("v1", "v2", "v3", "v4")
    one.retire(3)
    assert [one.roll_back().live, one.roll_back().live] == ["v3", "v2"]
    with pytest.raises(NotFound):
        one.roll_back()


def test_the_candidate_of_a_canary_is_kept_and_deleted_only_after_its_last_reader_has_left() -> None:
    one = trial("v1", "v2")
    assert one.retire(1) == []
    judged = promotion.newest(one.ledger)
    one.tick()
    promotion.finish(
        judged,
        promoted=False,
        reasons=["worse"],
        evidence={},
        index=one.index,
        ledger=one.ledger,
        who="canary",
        at=one.now,
    )
    one.now += UNREAD_AFTER - timedelta(seconds=1) - timedelta(hours=1)  # `retire` comes an hour later
    assert one.retire(1) == []
    one.now += timedelta(seconds=1) - timedelta(hours=1)
    assert one.retire(1) == ["v2"]
    assert one.index.versions() == ["v1"]


def test_what_was_live_a_moment_ago_may_still_be_read_and_is_kept() -> None:
    one = world("v1", "v2")
    one.now -= timedelta(hours=1)  # `retire` comes at the moment of the promotion
    assert one.retire(1) == []
    assert one.retire(1) == ["v1"]


def held(one: World, version: str | None) -> HoldOut:
    one.tick()
    name = None if version is None else VersionId(version)
    return promotion.hold_out(name, share=0.02, index=one.index, ledger=one.ledger, who="ada", why="worth", at=one.now)


def test_a_version_that_people_are_held_out_on_is_kept_however_old_it_is() -> None:
    one = world("v1", "v2", "v3", "v4")
    held(one, "v1")
    assert one.retire(1) == ["v2", "v3"]
    assert one.index.versions() == ["v1", "v4"]
    held(one, None)
    one.now -= timedelta(hours=1)
    assert one.retire(1) == [], "people may be reading it: they were held out until now"
    assert one.retire(1) == ["v1"]


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
    one = World()
    ledger = one.ledger = PuttingBack()
    for before, name in zip([None, "v1", "v2"], ["v1", "v2", "v3"], strict=True):
        one.built(name, parent=before)
        one.promote(name, expected=before)
    one.tick()
    ledger.then = [(lambda: one.roll_back("v1")) if how == "rolled back to" else (lambda: held(one, "v1"))]
    assert one.retire(1) == gone
    assert "v1" in one.index.versions()
    assert one.states()["v1"] != "deleted"
