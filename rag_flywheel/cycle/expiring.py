"""Records whose time is over: each nightly run, and `rag-flywheel expire`, deletes them.

What a correction rests on that was accepted, or that is still to be decided on, stays with it: the question and the
signals on it are a part of the correction. All else that an old record has taught is in no version that is built after
it went. Nothing goes that a running canary counts.
"""

import contextlib
import shutil
from datetime import datetime, timedelta

from rag_flywheel.cycle import erasing
from rag_flywheel.domain.retention import IN_LEDGER, Kind
from rag_flywheel.errors import InvalidInput
from rag_flywheel.privacy import receipts
from rag_flywheel.privacy.retention import period
from rag_flywheel.rollout import promotion
from rag_flywheel.services import Services

EMPTIED = f"{erasing.READ}emptied"
"""Where the cache says when it was emptied last; it stays with what was read from files."""


def expire(services: Services) -> dict[Kind, int]:
    """Delete what is older than the settings allow, under the reindex lock; returns how many of each kind. It may be
    ended at any time, and goes on from there the next time.
    """
    now = services.now()
    done = {
        kind: _expired(kind, now - kept, services) for kind in Kind if (kept := _period(kind, services)) is not None
    }
    done = {kind: number for kind, number in done.items() if number}
    if done:
        services.ledger.overwrite()
    return done


def told(done: dict[Kind, int]) -> list[str]:
    """What was done, in words."""
    listed = ", ".join(f"{number} {kind.value}" for kind, number in done.items())
    return [f"deleted what is older than `retention` allows: {listed}"] if done else []


def _period(kind: Kind, services: Services) -> timedelta | None:
    return period(kind, services.config.retention)


def _expired(kind: Kind, before: datetime, services: Services) -> int:
    canary = promotion.running(services.ledger)
    if canary is not None:
        before = min(before, canary.started)
    number = 0
    if kind in IN_LEDGER:
        number += sum(services.ledger.expire(kind, before=before, spare=_spare(kind, services)))
    if kind is Kind.REPORTS:
        return number + _report_folders(before, services)
    if kind is Kind.RECEIPTS:
        return _receipts(before, services)
    if kind is Kind.CACHES:
        return _emptied(before, services)
    return number


def _spare(kind: Kind, services: Services) -> frozenset[str]:
    """What kept versions hold, and they themselves."""
    kept = services.index.versions()
    if kind is Kind.REPORTS:
        return frozenset(kept)
    if kind is Kind.CORRECTIONS:
        return frozenset(name for of in kept for name in services.ledger.version(of).manifest.corrections)
    return frozenset()


def _report_folders(before: datetime, services: Services) -> int:
    kept, number = set(services.index.versions()), 0
    for record in services.ledger.versions():
        name, folder = record.manifest.version_id, services.reports / record.manifest.version_id
        if name not in kept and record.manifest.created < before and folder.is_dir():
            shutil.rmtree(folder)
            number += 1
    return number


def _receipts(before: datetime, services: Services) -> int:
    """The oldest first, so that those that stay still name the one before them, but for the first."""
    number = 0
    for file in erasing.folder(services).glob("erasure-*.json"):
        with contextlib.suppress(InvalidInput, ValueError):
            if datetime.fromisoformat(str(receipts.read(file).get("done"))) < before:
                file.unlink()
                number += 1
    return number


def _emptied(before: datetime, services: Services) -> int:
    """The cache does not know how old its entries are, so it is emptied as a whole, once in so many days."""
    found = services.cache.get([EMPTIED]).get(EMPTIED)
    if found is not None and datetime.fromisoformat(found.decode()) >= before:
        return 0
    if found is not None:
        services.cache.forget("", but=[erasing.READ])
    services.cache.put({EMPTIED: services.now().isoformat().encode()})
    return int(found is not None)
