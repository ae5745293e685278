"""The cycle: snapshot, build, tune, score, decide, deploy or refuse. One run at a time; the live version is untouched
until the last step, and a run that dies leaves nothing that the next one does not clear.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from eval import gate
from eval.questions.rewordings import OtherWords
from ingest.reading import connectors
from ingest.reading.raw import Skipped
from rag_flywheel.cycle import aside, erasing, expiring, night, record, space
from rag_flywheel.cycle.night import Night
from rag_flywheel.cycle.result import DEPLOYED, CycleDecision, CycleResult
from rag_flywheel.cycle.scoring_run import Steps
from rag_flywheel.cycle.snapshot import Snapshot, take_snapshot, unchanged
from rag_flywheel.domain import Json, Outcome, Passage, Scores, VersionState
from rag_flywheel.errors import Barred, FlywheelError, Frozen, NotFound, on_disk
from rag_flywheel.ports import ANSWERS, answers_of
from rag_flywheel.rollout import deployment, housekeeping, promotion, webhook_outbox
from rag_flywheel.services import Services

logger = logging.getLogger("rag_flywheel.cycle")

LOCK = erasing.LOCK
READY_AT_ONCE = 100  # passages


def reindex(services: Services, *, force: bool, steps: Steps) -> CycleResult:
    """Run the cycle once.

    Raises AlreadyRunning when another run is on, InvalidInput when there is nothing to index, ConfigError for a metric
    that there is not, DiskUnavailable when the disk has no room or fails, and what the adapters raise.
    """
    built: Night | None = None
    started = time.perf_counter()
    gate.check_metrics(services.config.gate)
    data = services.config.data
    with (
        services.ledger.lock(LOCK),
        on_disk(data),
        record.recorded(data, steps, services.now) as (watched, ended),
    ):
        for note in housekeeping.reconcile(index=services.index, ledger=services.ledger, at=services.now()):
            watched(note, 1, 1)
        for note in (*erasing.settle(services), *expiring.told(expiring.expire(services))):
            watched(note, 1, 1)
        result = _held_up(services, force=force)
        if result is None:
            result, built = _run(services, force=force, steps=watched)
        ended(result)
        result = replace(result, seconds=round(time.perf_counter() - started, 3))
    if built is not None and result.decision in DEPLOYED:
        _make_ready(built, services, steps=steps)  # without the lock: the next run need not wait for it
    return result


def _held_up(services: Services, *, force: bool) -> CycleResult | None:
    """That no version may be built now, or None."""
    frozen, canary = promotion.frozen(services.ledger), promotion.running(services.ledger)
    if frozen is not None:
        reason = f"promotions are frozen since {frozen.at:%Y-%m-%d %H:%M} UTC by {frozen.who}: `rag-flywheel unfreeze`"
        return CycleResult(decision=CycleDecision.FROZEN, version=services.index.live(), reasons=(reason,))
    if canary is not None and not force:
        reason = (
            f"the canary of {canary.treatment}, since {canary.started:%Y-%m-%d %H:%M} UTC, comes first: "
            "`rag-flywheel canary stop` ends it, and `reindex --force` puts a newer candidate in its place"
        )
        return CycleResult(decision=CycleDecision.WAITING, version=canary.treatment, reasons=(reason,))
    return None


def _run(services: Services, *, force: bool, steps: Steps) -> tuple[CycleResult, Night | None]:
    """What the run came to, and what it built."""
    live = services.index.live()
    unfetched = connectors.fetch(services.config, lambda done, total: steps("fetching sources", done, total))
    snapshot = _snapshot(services, unfetched)
    outdated = live is not None and erasing.bars(services.ledger.version(live).manifest, services)
    reason = None if force or outdated else unchanged(snapshot, services.ledger.versions(), live)
    if reason is not None:
        manifest = None if live is None else services.ledger.version(live).manifest
        result = CycleResult(
            decision=CycleDecision.UNCHANGED,
            version=live,
            reasons=(reason,),
            counts=None if manifest is None else manifest.counts,
            readers=None if manifest is None else manifest.readership,
            skipped=snapshot.problems,
        )
        return result, None
    space.check(snapshot.files, services, live=live)
    rephrase = None if services.rephraser is None else OtherWords(rephraser=services.rephraser)
    found = night.run(snapshot, services, live=live, anew=force, rephrase=rephrase, steps=steps)
    result = conclude(found, services, steps=steps)
    result = replace(
        result,
        aside=found.found.told,
        skipped=found.skipped,
        removed=found.corpus.removed,
        alike=found.corpus.alike,
        followed=found.manifest.followed,
    )
    return result, found


def _snapshot(services: Services, unfetched: Sequence[Skipped]) -> Snapshot:
    try:
        return take_snapshot(services, unfetched=unfetched)
    except NotFound:  # somebody was erased while their records were read
        return take_snapshot(services, unfetched=unfetched)


def conclude(decided: Night, services: Services, *, steps: Steps) -> CycleResult:
    """Record the version with the gate's word and what was set aside, and act on it."""
    index, ledger, settings = services.index, services.ledger, services.config.index
    manifest, decision = decided.manifest, decided.decision
    with ledger.transaction():
        ledger.add_version(manifest)
        ledger.add_decision(decision)
        documents = {document.document_id for document in decided.corpus.documents}
        seen = aside.Seen(reviewed=decided.reviewed, documents=documents)
        aside.record(decided.found, manifest.version_id, seen, services)
    passed = decision.outcome is Outcome.PASSED
    steps("deploying" if passed else "keeping the live version", 0, 1)
    way, why = _deployed(decided, services) if passed else (CycleDecision(decision.outcome), ())
    reasons = (*decision.reasons, *why)
    if way not in DEPLOYED:
        ledger.set_state(manifest.version_id, VersionState.REJECTED, at=services.now())
        told: dict[str, Json] = {"outcome": str(way), "reasons": [*reasons]}
        promotion.tell("gate", manifest.version_id, told, ledger=ledger, at=decision.decided)
    housekeeping.retire(
        index=index,
        ledger=ledger,
        keep=settings.keep_versions,
        unread_after=timedelta(seconds=erasing.UNREAD * settings.timeout),
        at=services.now(),
    )
    kept = set(index.versions())
    services.cache.forget(ANSWERS, but=[answers_of(version) for version in sorted(kept)])
    housekeeping.forget_rerankers(services.rerankers, index=index, ledger=ledger)
    for note in erasing.complete(services):
        steps(note, 1, 1)
    webhook_outbox.deliver(ledger, services.webhooks, at=services.now())
    return CycleResult(
        decision=way,
        version=manifest.version_id,
        reasons=reasons,
        report=decided.report / "report.html",
        counts=manifest.counts,
        readers=manifest.readership,
    )


def _make_ready(built: Night, services: Services, *, steps: Steps) -> None:
    """What answers from passages that are new will need is made now, so that who asks first need not wait for it."""
    before = {(chunk.document_id, chunk.text) for chunk in built.before}
    try:
        every = services.index.chunks(built.manifest.version_id)
        new = [chunk for chunk in every if not chunk.is_correction and (chunk.document_id, chunk.text) not in before]
        for start in range(0, len(new), READY_AT_ONCE):
            some = new[start : start + READY_AT_ONCE]
            seen = [[Passage(chunk=chunk, rank=1, score=1.0, scores=Scores())] for chunk in some]
            services.generator.prepare(seen)
            steps("making answers ready", start + len(some), len(new))
    except FlywheelError as error:  # the version is live, and answers without it
        logger.warning("answers could not be made ready: %s", error)


def _deployed(decided: Night, services: Services) -> tuple[CycleDecision, tuple[str, ...]]:
    """Which way the version goes, and why."""
    try:
        deployed = deployment.deploy(decided.manifest, decided.decision, services)
    except (Frozen, Barred) as error:  # while the version was built
        return CycleDecision.FROZEN, (str(error),)
    return CycleDecision(deployed.outcome), (deployed.why,)
