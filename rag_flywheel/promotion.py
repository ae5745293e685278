"""The only writer of the alias: promote, roll back, retire. Everything else reads it.

The alias is the truth and the ledger its history. A process that dies between the two leaves the alias right, and
`reconcile`, which every reindex calls first, brings the history up to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from rag_flywheel.domain import AuditEntry, Json, Outcome, VersionId, VersionRecord, VersionState
from rag_flywheel.errors import Conflict, Damaged, NotFound, NothingLive
from rag_flywheel.ports import Ledger, PassageIndex

LOCK = "promotion"
GONE = (VersionState.DELETED,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """What the alias names now, and what it named before."""

    live: VersionId
    was: VersionId | None


def promote(
    to: VersionId,
    *,
    expected: VersionId | None,
    index: PassageIndex,
    ledger: Ledger,
    who: str,
    why: str,
    at: datetime,
) -> Switch:
    """Move the alias to `to`, which was live before or has passed the gate; else it raises Conflict.

    Raises AliasMoved unless the alias names `expected`, NotFound when `to` is not kept.
    """
    return _move(to, expected, "promote", VersionState.RETIRED, index, ledger, who, why, at)


def roll_back(to: VersionId | None, *, index: PassageIndex, ledger: Ledger, who: str, why: str, at: datetime) -> Switch:
    """Put a kept version back: `to`, or else the nearest kept ancestor of the live one.

    Raises NothingLive, and NotFound when there is nothing to go back to.
    """
    live = index.live()
    if live is None:
        raise NothingLive("no version is live, so there is nothing to roll back from: run reindex first")
    target = to or _ancestor(live, index=index, ledger=ledger)
    if target == live:
        return Switch(live=live, was=live)
    return _move(target, live, "roll back", VersionState.ROLLED_BACK, index, ledger, who, why, at)


def reconcile(*, index: PassageIndex, ledger: Ledger, at: datetime) -> list[str]:
    """Bring the ledger up to the alias and clear what a dead run left. Call it only under the reindex lock.

    Returns what was done, in words. A version that was built and never decided on is deleted: its run is dead. Raises
    Damaged, and deletes nothing, when the ledger does not know the live version: it is another index's.
    """
    live = index.live()
    records = {record.manifest.version_id: record for record in ledger.versions()}
    if live is not None and live not in records:
        raise Damaged(
            f"the alias names {live}, which the ledger does not know: index and ledger belong together; name the right "
            "ones, restore the ledger, or empty both and reindex"
        )
    done = [f"removed the unfinished build {name}" for name in index.discard_partial()]
    kept = set(index.versions())
    for version, record in records.items():
        if version == live:
            if record.state is not VersionState.LIVE:
                ledger.set_state(version, VersionState.LIVE, at=at)
                done.append(f"recorded that {version} is live")
        elif record.state is VersionState.LIVE:
            ledger.set_state(version, VersionState.RETIRED, at=at)
            done.append(f"recorded that {version} is no longer live")
        elif record.state is VersionState.BUILT:
            index.delete(version)
            ledger.set_state(version, VersionState.DELETED, at=at)
            done.append(f"deleted {version}: its run ended before a decision")
        elif version not in kept and record.state not in GONE:
            ledger.set_state(version, VersionState.DELETED, at=at)
            done.append(f"recorded that {version} is no longer in the index")
    for version in sorted(kept - set(records)):
        index.delete(version)
        done.append(f"deleted {version}: the ledger does not know it")
    return done


def retire(*, index: PassageIndex, ledger: Ledger, keep: int, at: datetime) -> list[VersionId]:
    """Delete all but the `keep` newest versions that were ever live, the live one always among those kept.

    A refused version goes at once: nobody can want it back, and its report stays.
    """
    live = index.live()
    kept = set(index.versions())
    records = [record for record in ledger.versions() if record.manifest.version_id in kept]
    served = sorted(
        (record for record in records if record.went_live is not None and record.manifest.version_id != live),
        key=lambda record: record.manifest.created,
        reverse=True,
    )
    spare = {record.manifest.version_id for record in served[: keep - 1]} | {live}
    gone = [record.manifest.version_id for record in records if record.manifest.version_id not in spare]
    for version in gone:
        index.delete(version)
        ledger.set_state(version, VersionState.DELETED, at=at)
    return gone


def _move(
    to: VersionId,
    expected: VersionId | None,
    action: str,
    leaves_as: VersionState,
    index: PassageIndex,
    ledger: Ledger,
    who: str,
    why: str,
    at: datetime,
) -> Switch:
    with ledger.lock(LOCK):
        if to not in index.versions():
            raise NotFound(f"version {to} is not kept; `rag-flywheel versions list` shows those that are")
        _check_tried(to, ledger)
        detail: Mapping[str, Json] = {"was": expected, "why": why}
        with ledger.transaction():  # the alias moves last: what fails before it, or in it, leaves nothing behind
            if expected is not None and expected != to:
                ledger.set_state(expected, leaves_as, at=at)
            ledger.set_state(to, VersionState.LIVE, at=at)
            ledger.add_audit(AuditEntry(at=at, who=who, action=action, subject=to, detail=detail))
            index.move_live(to, expected=expected)
    return Switch(live=to, was=expected)


def _check_tried(version: VersionId, ledger: Ledger) -> None:
    """Raises Conflict unless the version was live before, or has passed the gate: there is no side door."""
    if ledger.version(version).went_live is not None:
        return
    decision = ledger.decision(version)
    if decision is None or decision.outcome is not Outcome.PASSED:
        raise Conflict(f"version {version} has not passed the gate, so it cannot go live: reindex decides on it")


def _ancestor(live: VersionId, *, index: PassageIndex, ledger: Ledger) -> VersionId:
    kept = set(index.versions())
    records: dict[VersionId, VersionRecord] = {one.manifest.version_id: one for one in ledger.versions()}
    parent = records[live].manifest.parent if live in records else None
    while parent is not None and parent not in kept:
        parent = records[parent].manifest.parent if parent in records else None
    if parent is None:
        raise NotFound(f"{live} has no earlier version that is still kept; name one with --to, or run reindex")
    return parent
