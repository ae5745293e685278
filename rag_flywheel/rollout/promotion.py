"""The only writer of the alias and of who is on which version: promote, roll back, canary, freeze, hold-out.

The alias is the truth and the ledger its history. A process that dies between the two leaves the alias right, and
`settle` and `housekeeping.reconcile` bring the history up to it. Every change is made under one lock, and of two that
looked at the same canary the second finds it changed and does nothing.
"""

import contextlib
import hashlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from rag_flywheel.domain import (
    AuditEntry,
    Canary,
    CanaryState,
    Freeze,
    HoldOut,
    Json,
    Notice,
    Outcome,
    VersionId,
    VersionRecord,
    VersionState,
)
from rag_flywheel.errors import AlreadyRunning, Barred, Conflict, Frozen, NotFound, NothingLive
from rag_flywheel.ports import Erasure, Operations, Outbox, PassageIndex, Rollouts, Versions
from rag_flywheel.privacy.erasure import is_barred, under_way

LOCK = "promotion"
PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)  # seconds between attempts to get the lock
WHO = "canary"  # in the audit log, where nobody asked for it


class RolloutLedger(Operations, Versions, Rollouts, Outbox, Erasure, Protocol):
    """What a change of who is on which version is written to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Who changes what people are on, when, and on what grounds: what the audit log and the webhooks say of it."""

    who: str
    at: datetime
    reasons: tuple[str, ...]  # in plain sentences
    evidence: Mapping[str, Json] | None = None  # the numbers behind a verdict; None where a person decided

    @property
    def why(self) -> str:
        return "; ".join(self.reasons)


def act_of(who: str, why: str, *, at: datetime) -> Act:
    """A person's act, with the one reason that they gave."""
    return Act(who=who, at=at, reasons=(why,))


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """What the alias names now, and what it named before."""

    live: VersionId
    was: VersionId | None


def promote(
    to: VersionId, *, expected: VersionId | None, index: PassageIndex, ledger: RolloutLedger, act: Act
) -> Switch:
    """Move the alias to `to`, which was live before or has passed the gate; else it raises Conflict.

    A canary that is running ends with it. Raises AliasMoved unless the alias names `expected`, NotFound when `to` is
    not kept, Frozen, and AlreadyRunning when somebody else moves the alias right now.
    """
    with alone(ledger):
        _check_thawed(ledger)
        return _move(to, expected=expected, leaves_as=VersionState.RETIRED, index=index, ledger=ledger, act=act)


def roll_back(to: VersionId | None, *, index: PassageIndex, ledger: RolloutLedger, act: Act) -> Switch:
    """Put a kept version back: `to`, or else the nearest kept ancestor of the live one. A canary ends with it.

    A freeze does not forbid it, but for a version that was never live: that would be a promotion, and raises Frozen.
    Raises NothingLive, NotFound when there is nothing to go back to, and AlreadyRunning as `promote` does.
    """
    with alone(ledger):
        live = index.live()
        if live is None:
            raise NothingLive("no version is live, so there is nothing to roll back from: run reindex first")
        target = to or _ancestor(live, index=index, ledger=ledger)
        if target == live:
            with ledger.transaction():
                _end_for(live, ledger, act)
            return Switch(live=live, was=live)
        if ledger.version(target).went_live is None:
            _check_thawed(ledger)
        return _move(target, expected=live, leaves_as=VersionState.ROLLED_BACK, index=index, ledger=ledger, act=act)


# --- a canary -------------------------------------------------------------------------------------------------------


def running(ledger: Rollouts) -> Canary | None:
    """The canary that is under way."""
    newest = ledger.canary()
    return newest if newest is not None and newest.state is CanaryState.RUNNING else None


def newest(ledger: Rollouts) -> Canary:
    """The newest canary, running or not. Raises NotFound before the first one."""
    found = ledger.canary()
    if found is None:
        raise NotFound("there was no canary yet")
    return found


def start_canary(canary: Canary, *, index: PassageIndex, ledger: RolloutLedger, who: str) -> None:
    """Let the treatment, which has passed the gate, take its first share of the traffic.

    One that is running ends with it. Raises Conflict when the control is not live, NotFound when the treatment is not
    kept, Frozen, and AlreadyRunning as `promote` does: then the other one goes on.
    """
    with alone(ledger):
        _check_thawed(ledger)
        live = index.live()
        if live != canary.control:
            raise Conflict(f"the canary compares {canary.treatment} with {canary.control}, and {live} is live by now")
        _check_kept(canary.treatment, index, ledger)
        with ledger.transaction():
            newer = act_of(who, f"{canary.treatment} is newer and takes its place", at=canary.started)
            _end_for(canary.control, ledger, newer)
            ledger.set_state(canary.treatment, VersionState.CANARY, at=canary.started)
            ledger.add_canary(canary)
            _record("start canary", canary.treatment, _about(canary), ledger, newer)


def advance(canary: Canary, *, ledger: RolloutLedger, act: Act) -> bool:
    """Go to the canary's next step. False where the canary is not as it was seen, or promotions are frozen."""
    with alone(ledger):
        if ledger.canary() != canary or frozen(ledger):
            return False
        further = replace(canary, step=canary.step + 1, stepped=act.at, reasons=act.reasons)
        with ledger.transaction():
            ledger.add_canary(further)
            detail = {**_about(further), "evidence": dict(act.evidence or {})}
            _record("advance canary", canary.treatment, detail, ledger, act)
        return True


def finish(canary: Canary, *, promoted: bool, index: PassageIndex, ledger: RolloutLedger, act: Act) -> bool:
    """End a canary by its verdict, or by a person's word: everybody on the treatment, or nobody.

    False, and nothing is done, where the canary is not as it was seen, or promotions are frozen.
    """
    with alone(ledger):
        if ledger.canary() != canary or (promoted and frozen(ledger)):
            return False
        if promoted:
            was, leaves_as = canary.control, VersionState.RETIRED
            _move(canary.treatment, expected=was, leaves_as=leaves_as, index=index, ledger=ledger, act=act)
        else:
            with ledger.transaction():
                _stop(canary, ledger, act)
        return True


# --- the freeze and the hold-out ------------------------------------------------------------------------------------


def frozen(ledger: Rollouts) -> Freeze | None:
    """The freeze that is in force."""
    newest = ledger.freeze()
    return newest if newest is not None and newest.frozen else None


def freeze(on: bool, *, ledger: RolloutLedger, act: Act) -> Freeze:
    """Forbid every promotion and every further step of a canary, or allow them again. Rolling back stays allowed."""
    change = Freeze(at=act.at, frozen=on, who=act.who, why=act.why)
    with alone(ledger), ledger.transaction():
        ledger.add_freeze(change)
        _record("freeze" if on else "unfreeze", "promotions", {"why": act.why}, ledger, act)
    return change


def hold_out(
    version: VersionId | None, *, share: float, index: PassageIndex, ledger: RolloutLedger, act: Act
) -> HoldOut:
    """Keep `share` of the people on a version that was live before; None ends that.

    Raises NotFound when the version is not kept, and Conflict when it was never live.
    """
    change = HoldOut(since=act.at, version_id=version, share=share, who=act.who, why=act.why)
    with alone(ledger):
        if version is not None:
            if version not in index.versions():
                raise _not_kept(version)
            _check_unbarred(version, ledger)
            if ledger.version(version).went_live is None:
                raise Conflict(f"version {version} was never live, so it is no baseline: name one that was")
        with ledger.transaction():
            ledger.add_holdout(change)
            detail: dict[str, Json] = {"why": act.why, "share": share}
            _record("end hold-out" if version is None else "start hold-out", version or "", detail, ledger, act)
    return change


# --- webhooks ---------------------------------------------------------------------------------------------------------


def tell(event: str, subject: str, data: Mapping[str, Json], *, ledger: Outbox, at: datetime) -> None:
    """Leave a notice for the webhooks. One event has one id, however often it is told."""
    kind = event.replace(" ", "_").replace("-", "")
    digest = hashlib.sha256(f"{kind}:{subject}:{at.isoformat()}".encode()).hexdigest()
    ledger.add_notice(Notice(notice_id=digest[:32], at=at, kind=kind, data={"subject": subject, **data}))


# --- one at a time ----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def alone(ledger: Operations) -> Iterator[None]:
    """Hold the lock under which the alias, and who is on which version, may change.

    Whoever has it is done in a moment, and nobody's rollback shall fail for that: so it is waited for, 1.5 seconds at
    most. Raises AlreadyRunning.
    """
    with contextlib.ExitStack() as held:
        for pause in PAUSES:
            try:
                held.enter_context(ledger.lock(LOCK))
                break
            except AlreadyRunning:
                time.sleep(pause)
        else:
            held.enter_context(ledger.lock(LOCK))
        yield


# --- the one way ------------------------------------------------------------------------------------------------------


def _move(
    to: VersionId,
    *,
    expected: VersionId | None,
    leaves_as: VersionState,
    index: PassageIndex,
    ledger: RolloutLedger,
    act: Act,
) -> Switch:
    """Under the lock. The alias moves last: what fails before it, or in it, leaves nothing behind."""
    _check_kept(to, index, ledger)
    action = "roll back" if leaves_as is VersionState.ROLLED_BACK else "promote"
    detail: dict[str, Json] = {"was": expected, "why": act.why}
    if act.evidence is not None:
        detail["evidence"] = dict(act.evidence)
    with ledger.transaction():
        _end_for(to, ledger, replace(act, reasons=(act.why,)))
        if expected is not None and expected != to:
            ledger.set_state(expected, leaves_as, at=act.at)
        ledger.set_state(to, VersionState.LIVE, at=act.at)
        _record(action, to, detail, ledger, act)
        index.move_live(to, expected=expected)
    return Switch(live=to, was=expected)


def settle(canary: Canary, *, index: PassageIndex, ledger: RolloutLedger, at: datetime) -> str | None:
    """End a canary that cannot go on, because the alias moved without it or its candidate is gone; says so in words.

    Whoever moved the alias died before that was recorded, so what the alias says is recorded now.
    """
    if _can_go_on(canary, index):
        return None
    with alone(ledger):
        if ledger.canary() != canary or _can_go_on(canary, index):
            return None
        won = index.live() == canary.treatment
        why = "its move of the alias was not recorded" if won else "it lost its control or its candidate"
        act = act_of(WHO, why, at=at)
        with ledger.transaction():
            if won:
                _end(canary, CanaryState.PROMOTED, ledger, act)
                ledger.set_state(canary.control, VersionState.RETIRED, at=at)
                ledger.set_state(canary.treatment, VersionState.LIVE, at=at)
                _record("promote", canary.treatment, {"was": canary.control, "why": why}, ledger, act)
            else:
                _stop(canary, ledger, act)
        return f"ended the canary of {canary.treatment}: {why}"


def _can_go_on(canary: Canary, index: PassageIndex) -> bool:
    live = index.live()
    if live is None:
        return True  # an index without an alias is not the one that the canary began on, and says nothing about it
    return live == canary.control and canary.treatment in index.versions()


def _end_for(to: VersionId, ledger: RolloutLedger, act: Act) -> None:
    """In a transaction: the canary that is running, if any, ends because everybody is to be on `to`."""
    canary = running(ledger)
    if canary is None:
        return
    if to == canary.treatment:
        _end(canary, CanaryState.PROMOTED, ledger, act)
    else:
        _stop(canary, ledger, replace(act, evidence=None))  # the numbers, if any, are about another candidate


def _stop(canary: Canary, ledger: RolloutLedger, act: Act) -> None:
    _end(canary, CanaryState.ROLLED_BACK, ledger, act)
    ledger.set_state(canary.treatment, VersionState.ROLLED_BACK, at=act.at)
    detail = {**_about(canary), "why": act.why, "evidence": dict(act.evidence or {})}
    _record("stop canary", canary.treatment, detail, ledger, act)


def _end(canary: Canary, state: CanaryState, ledger: Rollouts, act: Act) -> None:
    ledger.add_canary(replace(canary, state=state, reasons=act.reasons))


def _record(action: str, subject: str, detail: Mapping[str, Json], ledger: RolloutLedger, act: Act) -> None:
    """The audit log's entry, and the same for webhooks."""
    ledger.add_audit(AuditEntry(at=act.at, who=act.who, action=action, subject=subject, detail=detail))
    tell(action, subject, {"who": act.who, **detail}, ledger=ledger, at=act.at)


def _about(canary: Canary) -> dict[str, Json]:
    return {
        "canary": canary.canary_id,
        "control": canary.control,
        "shadow": canary.shadow,
        "step": canary.step,
        "share": canary.share,
        "why": "; ".join(canary.reasons),
    }


def _check_thawed(ledger: Rollouts) -> None:
    found = frozen(ledger)
    if found is not None:
        raise Frozen(
            f"promotions have been frozen since {found.at:%Y-%m-%d %H:%M} UTC by {found.who}: "
            "`rag-flywheel unfreeze` allows them again"
        )


def _check_kept(version: VersionId, index: PassageIndex, ledger: RolloutLedger) -> None:
    if version not in index.versions():
        raise _not_kept(version)
    _check_unbarred(version, ledger)
    _check_tried(version, ledger)


def _check_unbarred(version: VersionId, ledger: RolloutLedger) -> None:
    if is_barred(ledger.version(version).manifest, under_way(ledger)):
        raise Barred(
            f"version {version} may hold data of a person who asked to be forgotten: `rag-flywheel reindex` builds one "
            "without it"
        )


def _not_kept(version: VersionId) -> NotFound:
    return NotFound(f"version {version} is not kept; `rag-flywheel versions list` shows those that are")


def _check_tried(version: VersionId, ledger: Versions) -> None:
    """Raises Conflict unless the version was live before, or has passed the gate: there is no side door."""
    if ledger.version(version).went_live is not None:
        return
    decision = ledger.decision(version)
    if decision is None or decision.outcome is not Outcome.PASSED:
        raise Conflict(f"version {version} has not passed the gate, so it cannot go live: reindex decides on it")


def _ancestor(live: VersionId, *, index: PassageIndex, ledger: RolloutLedger) -> VersionId:
    erasures = under_way(ledger)
    records: dict[VersionId, VersionRecord] = {record.manifest.version_id: record for record in ledger.versions()}
    kept = {
        version
        for version in index.versions()
        if version in records and not is_barred(records[version].manifest, erasures)
    }
    parent = records[live].manifest.parent if live in records else None
    while parent is not None and parent not in kept:
        parent = records[parent].manifest.parent if parent in records else None
    if parent is None:
        raise NotFound(f"{live} has no earlier version that is still kept; name one with --to, or run reindex")
    return parent
