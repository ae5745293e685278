"""Versions in fakes that are promoted, tried in canaries, rolled back and retired at a clock that goes on."""

from datetime import timedelta

from rag_flywheel.domain import Canary, Freeze, HoldOut, Outcome, VersionId
from rag_flywheel.rollout import promotion
from rag_flywheel.rollout.housekeeping import reconcile, retire
from rag_flywheel.rollout.promotion import Act, Switch, act_of
from tests.fakes.index import MemoryIndex
from tests.fakes.ledger import MemoryLedger
from tests.fakes.samples import NOON, canary, decision, manifest
from tests.fakes.services import build

UNREAD_AFTER = timedelta(minutes=1)


class World:
    """An index and a ledger, with the verbs of promotion and housekeeping at a clock that goes on."""

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
        return promotion.promote(
            VersionId(to),
            expected=None if expected is None else VersionId(expected),
            index=self.index,
            ledger=self.ledger,
            act=act_of("ada", "the fix is in", at=self.now),
        )

    def roll_back(self, to: str | None = None) -> Switch:
        self.tick()
        target = None if to is None else VersionId(to)
        act = act_of("ada", "it was wrong", at=self.now)
        return promotion.roll_back(target, index=self.index, ledger=self.ledger, act=act)

    def begin(
        self, treatment: str, *, control: str = "v1", name: str = "canary1", shadow: bool = False, gate: bool = True
    ) -> None:
        """Build the treatment and start its canary."""
        self.built(treatment, parent=control)
        if gate:
            self.ledger.add_decision(decision(treatment))
        self.tick()
        begun = canary(
            name,
            control=control,
            treatment=treatment,
            shares=(0.1, 0.5),
            shadow=shadow,
            started=self.now,
            reasons=["why"],
        )
        promotion.start_canary(begun, index=self.index, ledger=self.ledger, who="reindex")

    @property
    def canary(self) -> Canary:
        """The newest one as it stands."""
        return promotion.newest(self.ledger)

    def advance(self, seen: Canary | None = None) -> bool:
        self.tick()
        act = Act(who="canary", at=self.now, reasons=("so far so good",), evidence={"p": 0.5})
        return promotion.advance(seen or self.canary, ledger=self.ledger, act=act)

    def finish(self, seen: Canary | None = None, *, promoted: bool) -> bool:
        self.tick()
        act = Act(who="canary", at=self.now, reasons=("it is worse", "by far"), evidence={"p": 0.01})
        return promotion.finish(seen or self.canary, promoted=promoted, index=self.index, ledger=self.ledger, act=act)

    def settle(self, seen: Canary | None = None) -> str | None:
        self.tick()
        return promotion.settle(seen or self.canary, index=self.index, ledger=self.ledger, at=self.now)

    def freeze(self, on: bool = True) -> Freeze:
        self.tick()
        return promotion.freeze(on, ledger=self.ledger, act=act_of("grace", "launch week", at=self.now))

    def hold_out(self, version: str | None) -> HoldOut:
        self.tick()
        name = None if version is None else VersionId(version)
        act = act_of("grace", "what is it worth", at=self.now)
        return promotion.hold_out(name, share=0.02, index=self.index, ledger=self.ledger, act=act)

    def reconcile(self) -> list[str]:
        self.tick()
        return reconcile(index=self.index, ledger=self.ledger, at=self.now)

    def retire(self, keep: int) -> list[VersionId]:
        self.tick()
        return retire(index=self.index, ledger=self.ledger, keep=keep, unread_after=UNREAD_AFTER, at=self.now)

    def states(self) -> dict[str, str]:
        return {record.manifest.version_id: record.state.value for record in self.ledger.versions()}

    def told(self) -> list[str]:
        """The kinds of the notices for webhooks, oldest first."""
        return [notice.kind for notice, _ in self.ledger.undelivered("anybody", attempts=1)]

    def written(self) -> object:
        """All that a change of deployment writes."""
        ledger = self.ledger
        return self.states(), ledger.audit(limit=99), self.told(), ledger.canaries(), ledger.holdout(), ledger.freeze()


def world_of(*names: str) -> World:
    """Each of the versions was built on the one before and promoted."""
    world = World()
    for before, name in zip([None, *names], names, strict=False):
        world.built(name, parent=before)
        world.promote(name, expected=before)
    return world


def canary_of(*names: str) -> World:
    """All but the last of the versions were promoted one after the other, and a canary of the last has begun."""
    world = world_of(*names[:-1])
    world.begin(names[-1], control=names[-2])
    return world
