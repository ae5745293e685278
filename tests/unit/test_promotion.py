"""The alias: promoted, rolled back, reconciled after a crash, and old versions retired."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from rag_flywheel.domain import Outcome, VersionId, VersionState
from rag_flywheel.errors import AliasMoved, AlreadyRunning, Conflict, Damaged, NotFound, NothingLive
from rag_flywheel.promotion import LOCK, Switch, promote, reconcile, retire, roll_back
from tests.fakes.encoder import HashingEncoder
from tests.fakes.index import MemoryIndex
from tests.fakes.ledger import MemoryLedger
from tests.fakes.samples import NOON, chunk, decision, manifest
from tests.fakes.services import build, entries


class World:
    """An index and a ledger, with the verbs of this module at a clock that goes on."""

    def __init__(self) -> None:
        self.index, self.ledger = MemoryIndex(), MemoryLedger()
        self.now = NOON

    def tick(self) -> None:
        self.now += timedelta(hours=1)

    def built(self, name: str, *, parent: str | None = None) -> None:
        self.tick()
        build(self.index, name, {"guide": "text"})
        self.ledger.add_version(manifest(name, parent=parent, created=self.now))

    def promote(self, to: str, *, expected: str | None, gate: Outcome | None = Outcome.PASSED) -> Switch:
        self.tick()
        if gate is not None and to in self.states():
            self.ledger.add_decision(decision(to, gate))
        return promote(
            VersionId(to),
            expected=None if expected is None else VersionId(expected),
            index=self.index,
            ledger=self.ledger,
            who="ada",
            why="the fix is in",
            at=self.now,
        )

    def roll_back(self, to: str | None = None) -> Switch:
        self.tick()
        target = None if to is None else VersionId(to)
        return roll_back(target, index=self.index, ledger=self.ledger, who="ada", why="it was wrong", at=self.now)

    def reconcile(self) -> list[str]:
        self.tick()
        return reconcile(index=self.index, ledger=self.ledger, at=self.now)

    def retire(self, keep: int) -> list[VersionId]:
        self.tick()
        return retire(index=self.index, ledger=self.ledger, keep=keep, at=self.now)

    def states(self) -> dict[str, str]:
        return {record.manifest.version_id: record.state.value for record in self.ledger.versions()}


def world(*names: str) -> World:
    """Each of the versions was built on the one before and promoted."""
    made = World()
    for before, name in zip([None, *names], names, strict=False):
        made.built(name, parent=before)
        made.promote(name, expected=before)
    return made


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
