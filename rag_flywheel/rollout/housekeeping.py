"""The index and the ledger in order: what a dead run left is cleared, and versions that nobody needs are deleted."""

import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta

from rag_flywheel.domain import VersionId, VersionRecord, VersionState
from rag_flywheel.errors import Damaged
from rag_flywheel.ports import PassageIndex, RerankerStore, Versions
from rag_flywheel.rollout import promotion
from rag_flywheel.rollout.promotion import RolloutLedger

GONE = (VersionState.DELETED,)
IN_TRAFFIC = (VersionState.LIVE, VersionState.CANARY)


def reconcile(*, index: PassageIndex, ledger: RolloutLedger, at: datetime) -> list[str]:
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
    canary = promotion.running(ledger)
    ended = None if canary is None else promotion.settle(canary, index=index, ledger=ledger, at=at)
    if ended is not None:
        done.append(ended)
        records = {record.manifest.version_id: record for record in ledger.versions()}
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


def retire(
    *, index: PassageIndex, ledger: RolloutLedger, keep: int, unread_after: timedelta, at: datetime
) -> list[VersionId]:
    """Delete all but the `keep` newest versions that were ever live, the live one always among those kept.

    A refused version goes at once: nobody can want it back, and its report stays. A version that served waits until it
    has had no traffic for `unread_after`: longer than any search takes, so that its last reader has left. What a canary
    or the hold-out is on stays.
    """
    live = index.live()
    kept = set(index.versions())
    records = [record for record in ledger.versions() if record.manifest.version_id in kept]
    served = sorted(
        (record for record in records if record.went_live is not None and record.manifest.version_id != live),
        key=lambda record: record.manifest.created,
        reverse=True,
    )
    held = ledger.holdout()
    if held is not None and held.since > at - unread_after:
        return []  # it changed a moment ago, and nothing says which version its people were on before
    spare = {record.manifest.version_id for record in served[: keep - 1]}
    spare |= {record.manifest.version_id for record in records if _may_be_read(record, at - unread_after)}
    old = [record.manifest.version_id for record in records if record.manifest.version_id not in spare]
    return [version for version in old if _deleted(version, index=index, ledger=ledger, at=at)]


def remove(
    versions: Sequence[VersionId], *, index: PassageIndex, ledger: RolloutLedger, unread_after: timedelta, at: datetime
) -> None:
    """Delete those of the versions that are not live and have had no traffic for `unread_after`."""
    records = {record.manifest.version_id: record for record in ledger.versions()}
    for version in versions:
        if not _may_be_read(records[version], at - unread_after):
            _deleted(version, index=index, ledger=ledger, at=at)


def forget_rerankers(rerankers: RerankerStore, *, index: PassageIndex, ledger: Versions) -> None:
    """Delete those that no kept version uses."""
    kept = set(index.versions())
    used = {record.manifest.learned.reranker for record in ledger.versions() if record.manifest.version_id in kept}
    rerankers.keep_only({digest for digest in used if digest is not None})


def _deleted(version: VersionId, *, index: PassageIndex, ledger: RolloutLedger, at: datetime) -> bool:
    """Delete it unless it is live or held out, which it may be again since it was chosen."""
    with promotion.alone(ledger):
        held = ledger.holdout()
        if version == index.live() or (held is not None and version == held.version_id):
            return False
        index.delete(version)
        ledger.set_state(version, VersionState.DELETED, at=at)
        return True


def _may_be_read(record: VersionRecord, since: datetime) -> bool:
    """Whether it has traffic, or had it after `since`."""
    left = [after for (_, before), (after, _) in itertools.pairwise(record.states) if before in IN_TRAFFIC]
    return record.state in IN_TRAFFIC or any(moment > since for moment in left)
