"""Forgetting a person: bar what holds their data, erase it, build without it, look, and sign a receipt.

A request is recorded first, and all that follows can be done again: whatever process dies, the next reindex or the next
look of a server goes on. Until the records are gone under the reindex lock, no version goes live but those that are
known to hold nothing of theirs; a snapshot that is taken afterwards holds nothing either.
"""

import contextlib
import os
import shutil
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from importlib.metadata import version as release
from pathlib import Path

from jinja2 import TemplateError

from eval.report import report
from rag_flywheel.cycle import looking_again, traces_left
from rag_flywheel.domain import AuditEntry, Json, Manifest, VersionId
from rag_flywheel.domain.erasures import ErasureEntry, ErasureState, Scope
from rag_flywheel.errors import AlreadyRunning, DiskUnavailable, LedgerUnavailable
from rag_flywheel.privacy import receipts
from rag_flywheel.privacy.belongings import Belongings, belongings
from rag_flywheel.privacy.erasure import Suppressed, is_barred, proof, subject, suppress, suppressed, under_way
from rag_flywheel.privacy.traces import KEY_BYTES, Traces, distinctive
from rag_flywheel.rollout import housekeeping, promotion
from rag_flywheel.rollout.promotion import act_of
from rag_flywheel.services import Services

LOCK = "reindex"
DUE = timedelta(days=30)
UNREAD = 2  # times the index timeout without traffic, after which no search can be reading a version any more
READ = "read:"  # in the cache: what files hold, which is nobody's
WHO = "erasure"  # in the audit log
KEPT = (
    "entries of the audit log, with the ids of what was erased taken out",
    "API keys, and what is recorded under a name: reviews, promotions, changes of the golden set",
    "answers to others that quoted them, without the quote",
    "on the suppression list a keyed digest, so that a restored backup does not bring them back",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Somebody's wish that a person be forgotten."""

    scope: Scope
    asked_by: str
    checked: str  # how it was made sure that they may ask


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What an erasure would find."""

    records: dict[str, int]  # by surface
    versions: tuple[VersionId, ...]  # that would be barred and replaced


def folder(services: Services) -> Path:
    """Where the receipts are, with the key that signs them and the suppression list."""
    return services.config.data / "receipts"


def preview(scope: Scope, services: Services) -> Preview:
    """What would be found; nothing is changed."""
    traces, touched = _found(scope, os.urandom(KEY_BYTES), services)
    kept = set(services.index.versions())
    return Preview(
        records=traces_left.count(scope, traces, services), versions=tuple(name for name in touched if name in kept)
    )


def forget(request: Request, services: Services) -> ErasureEntry:
    """Record the request, and do of it what can be done now: all, where no version holds anything of theirs; else the
    next reindex and the server go on. Returns how far it is.
    """
    entry = _recorded(request, services)
    _sweep(entry, services)
    with contextlib.suppress(AlreadyRunning), services.ledger.lock(LOCK):
        settle(services)
    return next(each for each in services.ledger.erasures() if each.erasure_id == entry.erasure_id)


def settle(services: Services) -> list[str]:
    """Under the reindex lock, before a snapshot is taken: erase again what a backup brought back, sweep for every
    erasure that is under way, end those that can end, and look again for what was erased a while ago. Returns what was
    done, in words.
    """
    done = _honour_list(services)
    for entry in under_way(services.ledger):
        swept = _sweep(entry, services)
        if swept.state is ErasureState.ASKED:
            services.ledger.add_erasure(replace(swept, state=ErasureState.SWEPT, swept=services.now()))
    return done + complete(services) + looking_again.look(services, folder(services))


def complete(services: Services) -> list[str]:
    """Under the reindex lock: delete barred versions that are not in use any more, and end every erasure of which none
    is left. Returns what was done, in words.
    """
    swept = [entry for entry in under_way(services.ledger) if entry.state is ErasureState.SWEPT]
    done = [told for entry in swept if (told := _completed(entry, services)) is not None]
    return done + _write_anew(services) if done else []


def _write_anew(services: Services) -> list[str]:
    """The receipts are signed by now; what is said where the file cannot be written anew."""
    try:
        services.ledger.write_anew()
    except (LedgerUnavailable, DiskUnavailable) as error:
        return [f"ids may stay in free room of the ledger's file until the next erasure ends: {error}"]
    return []


def resume(services: Services) -> list[str]:
    """Go on with what is under way, where no reindex runs that will."""
    if under_way(services.ledger):
        with contextlib.suppress(AlreadyRunning), services.ledger.lock(LOCK):
            return complete(services)
    return []


def bars(manifest: Manifest | None, services: Services) -> bool:
    """Whether a version may hold data of somebody who is being erased."""
    return manifest is not None and is_barred(manifest, under_way(services.ledger))


# --- finding --------------------------------------------------------------------------------------------------------


def _found(scope: Scope, key: bytes, services: Services) -> tuple[Traces, list[VersionId]]:
    """What tells their records again, and the versions, kept or not, that hold something of theirs."""
    kept = belongings(scope, services.ledger)
    digests = distinctive(kept.texts(), traces_left.others_texts(kept.names, services), key)
    traces = Traces(names=kept.names, digests=digests, key=key)
    return traces, _touched(kept, traces, services)


def _touched(kept: Belongings, traces: Traces, services: Services) -> list[VersionId]:
    """Versions with corrections of theirs or on what they rated, with answers that they asked for or confirmed, or that
    were taught by judged questions of theirs.
    """
    ledger, theirs = services.ledger, traces.theirs()
    corrections = {
        entry.correction.correction_id
        for entry in ledger.corrections()
        if entry.correction.correction_id in kept.names or entry.correction.interaction_id in kept.judged
    }
    cases = [
        case.added
        for case in ledger.golden_cases()
        if any(theirs.is_in(text) for text in (case.case_id, case.question, case.answer or "", *case.documents))
    ]
    return [
        record.manifest.version_id
        for record in ledger.versions()
        if corrections.intersection(record.manifest.corrections)
        or kept.judged.intersection(record.manifest.confirmed)
        or any(added <= record.manifest.feedback_cutoff for added in cases)
    ]


def _traces(entry: ErasureEntry, services: Services) -> Traces:
    key = receipts.made_once(_key_file(entry.erasure_id, services), KEY_BYTES)
    return Traces(names=entry.names, digests=entry.digests, key=key)


def _recorded(request: Request, services: Services) -> ErasureEntry:
    """The request with what was found, from which on versions with their data are barred."""
    ledger, at, name = services.ledger, services.now(), services.new_id()
    scope = replace(request.scope, until=at if request.scope.until is None else min(at, request.scope.until))
    key = receipts.made_once(_key_file(name, services), KEY_BYTES)
    traces, touched = _found(scope, key, services)
    kept = set(services.index.versions())
    entry = ErasureEntry(
        erasure_id=name,
        at=at,
        state=ErasureState.ASKED,
        subject=subject(scope.user, ledger.salt()),
        asked_by=request.asked_by,
        checked=request.checked,
        received=at,
        due=at + DUE,
        scope=scope,
        names=traces.names,
        digests=traces.digests,
        clean=frozenset(record.manifest.version_id for record in ledger.versions()) - frozenset(touched),
        barred=tuple(version for version in touched if version in kept),
        before=traces_left.count(scope, traces, services),
    )
    entry = replace(entry, before={**entry.before, "rerankers": traces_left.rerankers(entry, services)})
    with ledger.transaction():
        ledger.add_erasure(entry)
        _note("ask for erasure", entry, services)
    suppress(entry, scope, suppression_list(services), salt=ledger.salt())
    return entry


# --- erasing --------------------------------------------------------------------------------------------------------


def _sweep(entry: ErasureEntry, services: Services) -> ErasureEntry:
    """Erase all but versions that answer. It may be done again, and finds what came since."""
    ledger, scope = services.ledger, entry.scope
    assert scope is not None
    late = belongings(scope, ledger).names - entry.names
    if late:
        entry = replace(entry, names=entry.names | late)
        _record(entry, services)  # before the records go, so that versions can be searched for them
    _leave_traffic(entry, services)
    done = _erased(entry, scope, services, manifests=False)
    if entry.state is ErasureState.ASKED:
        services.cache.forget("", but=[READ])  # its keys are digests of texts, and nothing tells whose
    swept = replace(entry, at=services.now(), done=done)
    if swept.done != entry.done:
        _record(swept, services)
    return swept


def _record(entry: ErasureEntry, services: Services) -> None:
    """How far it is, unless another process has come further."""
    with services.ledger.transaction():
        states = {known.erasure_id: known.state for known in services.ledger.erasures()}
        if states[entry.erasure_id] is entry.state:
            services.ledger.add_erasure(entry)


def _erased(entry: ErasureEntry, scope: Scope, services: Services, *, manifests: bool) -> dict[str, int]:
    """Erase it from the ledger and the reports; returns what was done so far."""
    ledger, theirs = services.ledger, _traces(entry, services).theirs()
    done = Counter(entry.done)
    done.update(ledger.erase(scope))
    done.update(ledger.scrub(theirs, manifests=manifests))
    for version in traces_left.reports_about(theirs, services):
        if version not in entry.barred:
            _write_again(version, services)
        if version in traces_left.reports_about(theirs, services, only=version):
            shutil.rmtree(services.reports / version)
        done[traces_left.REPORTS] += 1
    ledger.overwrite()
    return {surface: number for surface, number in done.items() if number}


def _write_again(version: VersionId, services: Services) -> None:
    """The report on a version that stays, from the decision as it is by now; what it lacks may be what a page needs."""
    decision = services.ledger.decision(version)
    with contextlib.suppress(LookupError, TypeError, ValueError, TemplateError):
        if decision is not None:
            report.write(decision.report, services.reports / version)


def _leave_traffic(entry: ErasureEntry, services: Services) -> None:
    """Nobody is to meet a barred version but where it is live."""
    index, ledger = services.index, services.ledger
    canary, held = promotion.running(ledger), ledger.holdout()
    why = "it may hold data of a person who asked to be forgotten"
    act = act_of(WHO, why, at=services.now())
    if canary is not None and is_barred(ledger.version(canary.treatment).manifest, [entry]):
        promotion.finish(canary, promoted=False, index=index, ledger=ledger, act=act)
    on = None if held is None else held.version_id
    if held is not None and on is not None and is_barred(ledger.version(on).manifest, [entry]):
        promotion.hold_out(None, share=held.share, index=index, ledger=ledger, act=act)


def _completed(entry: ErasureEntry, services: Services) -> str | None:
    """The erasure's end, in words, where no version with their data is left."""
    index, ledger, scope = services.index, services.ledger, entry.scope
    assert scope is not None
    kept = set(index.versions())
    records = [record for record in ledger.versions() if record.manifest.version_id in kept]
    barred = [record.manifest.version_id for record in records if is_barred(record.manifest, [entry])]
    if not set(barred) <= set(entry.barred):
        entry = replace(entry, barred=tuple(dict.fromkeys((*entry.barred, *barred))))
        ledger.add_erasure(entry)
    unread_after = timedelta(seconds=UNREAD * services.config.index.timeout)
    housekeeping.remove(barred, index=index, ledger=ledger, unread_after=unread_after, at=services.now())
    if set(barred) & set(index.versions()):
        return None
    for version in entry.barred:
        shutil.rmtree(services.reports / version, ignore_errors=True)
    housekeeping.forget_rerankers(services.rerankers, index=index, ledger=ledger)
    gone = traces_left.rerankers(entry, services)
    done = _erased(entry, scope, services, manifests=True)
    after = {**traces_left.count(scope, _traces(entry, services), services), "rerankers": gone}
    at = services.now()
    receipt = _receipt(replace(entry, done=done), after, at, services)
    receipts.write(receipt, folder(services), secret=services.secrets.receipt_key)
    looking_again.promise(entry.erasure_id, _traces(entry, services), at, folder(services))
    nothing = frozenset[str]()
    closed = replace(entry, at=at, state=ErasureState.DONE, scope=None, names=nothing, digests=nothing, done=done)
    with ledger.transaction():
        ledger.close_erasure(closed)
        _note("erase", closed, services)
    ledger.overwrite()
    return f"ended the erasure {entry.erasure_id}: its receipt is in {folder(services)}"


def _receipt(entry: ErasureEntry, after: dict[str, int], at: datetime, services: Services) -> dict[str, Json]:
    surfaces: list[Json] = [
        {
            "surface": surface,
            "before": (before := entry.before.get(surface, 0)),
            "done": entry.done.get(surface, max(0, before - after.get(surface, 0))),
            "after": after.get(surface, 0),
            "verdict": proof(before, after.get(surface, 0)).value,
        }
        for surface in sorted({*entry.before, *entry.done, *after})
    ]
    scope = entry.scope
    assert scope is not None
    return {
        "id": entry.erasure_id,
        "subject": entry.subject,
        "software": f"rag-flywheel {release('rag-flywheel')}",
        "asked_by": entry.asked_by,
        "checked": entry.checked,
        "received": entry.received.isoformat(),
        "due": entry.due.isoformat(),
        "done": at.isoformat(),
        "looked_for_again": (at + looking_again.LATER).isoformat(),
        "covers": {
            "conversation": None if scope.session is None else subject(scope.session, services.ledger.salt()),
            "since": None if scope.since is None else scope.since.isoformat(),
            "until": None if scope.until is None else scope.until.isoformat(),
        },
        "surfaces": surfaces,
        "emptied": ["cache"],
        "versions": {"deleted": [*entry.barred], "live": services.index.live()},
        "kept": [*KEPT],
        "backups": "not reached: a restored one is swept by the suppression list at the next reindex",
    }


# --- what a backup brings back ----------------------------------------------------------------------------------------


def _honour_list(services: Services) -> list[str]:
    """Ask again for what is on the suppression list, where it is there again."""
    listed = suppressed(suppression_list(services))
    if not listed:
        return []
    salt = services.ledger.salt()
    by_subject: dict[str, list[Suppressed]] = {}
    for known in listed:
        by_subject.setdefault(known.subject, []).append(known)
    busy = {entry.erasure_id for entry in under_way(services.ledger)}
    told = []
    for user in sorted(services.ledger.people()):
        for known in by_subject.get(subject(user, salt), ()):
            scope = _again(known, user, services)
            if known.erasure_id not in busy and scope is not None and belongings(scope, services.ledger).names:
                _recorded(Request(scope=scope, asked_by=WHO, checked=f"receipt {known.erasure_id}"), services)
                told.append(f"records that {known.erasure_id} erased are there again, as of a backup: erasing them")
    return told


def _again(known: Suppressed, user: str, services: Services) -> Scope | None:
    """The scope that was erased; None where its conversation is not there."""
    whole = Scope(user=user, since=known.since, until=known.until)
    if known.session is None:
        return whole
    salt = services.ledger.salt()
    sessions = {asked.session for asked in services.ledger.interactions_of(user) if asked.session is not None}
    session = next((each for each in sorted(sessions) if subject(each, salt) == known.session), None)
    return None if session is None else replace(whole, session=session)


def _note(action: str, entry: ErasureEntry, services: Services) -> None:
    detail: dict[str, Json] = {"checked": entry.checked, "versions": len(entry.barred)}
    services.ledger.add_audit(
        AuditEntry(
            at=services.now(), who=entry.asked_by, action=action, subject=f"erasure {entry.erasure_id}", detail=detail
        )
    )


def suppression_list(services: Services) -> Path:
    return folder(services) / "suppressed.jsonl"


def _key_file(name: str, services: Services) -> Path:
    return looking_again.key_file(name, folder(services))
