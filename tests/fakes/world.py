"""Versions in fakes that are promoted, rolled back and retired at a clock that goes on."""

from datetime import timedelta

from rag_flywheel.domain import Outcome, VersionId
from rag_flywheel.rollout.housekeeping import reconcile, retire
from rag_flywheel.rollout.promotion import Switch, promote, roll_back
from tests.fakes.index import MemoryIndex
from tests.fakes.ledger import MemoryLedger
from tests.fakes.samples import NOON, decision, manifest
from tests.fakes.services import build

UNREAD_AFTER = timedelta(minutes=1)


class World:
    """An index and a ledger, with the verbs of promotion and upkeep at a clock that goes on."""

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
        return retire(index=self.index, ledger=self.ledger, keep=keep, unread_after=UNREAD_AFTER, at=self.now)

    def states(self) -> dict[str, str]:
        return {record.manifest.version_id: record.state.value for record in self.ledger.versions()}


def world(*names: str) -> World:
    """Each of the versions was built on the one before and promoted."""
    made = World()
    for before, name in zip([None, *names], names, strict=False):
        made.built(name, parent=before)
        made.promote(name, expected=before)
    return made
