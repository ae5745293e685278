"""The cycle: snapshot, build, tune, score, decide, deploy or refuse. One run at a time; the live version is untouched
until the last step, and a run that dies leaves nothing that the next one does not clear.
"""

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from eval import gate
from eval.questions import golden
from eval.questions.known_items import Rephrase
from eval.questions.rewordings import OtherWords
from ingest import build
from ingest.answer_spans import with_evidence, with_holders
from ingest.known_questions import known_questions, up_to_date
from ingest.learning import tuning
from ingest.reading.raw import Skipped
from rag_flywheel.cycle import candidate_cases
from rag_flywheel.cycle.gate_run import judge_candidate
from rag_flywheel.cycle.scoring_run import Steps
from rag_flywheel.cycle.snapshot import Built, Snapshot, take_snapshot, unchanged
from rag_flywheel.domain import (
    Chunk,
    Counts,
    Decision,
    Json,
    LearnedRanking,
    Manifest,
    Outcome,
    VersionId,
    VersionState,
)
from rag_flywheel.errors import Damaged, Frozen, InvalidInput
from rag_flywheel.rollout import deployment, housekeeping, promotion, webhook_outbox
from rag_flywheel.services import Services

LOCK = "reindex"
UNREAD = 2  # times the index timeout without traffic, after which no search can be reading a version any more


def reindex(services: Services, *, force: bool, steps: Steps) -> dict[str, Any]:
    """Run the cycle once; returns {decision, version, reasons, report, counts, skipped, seconds}.

    `decision` is promoted, canary, shadow, refused, undecided, unchanged, waiting or frozen. Raises AlreadyRunning when
    another run is on, InvalidInput when there is nothing to index, ConfigError for a metric that there is not, and what
    the adapters raise.
    """
    started = time.perf_counter()
    gate.check_metrics(services.config.gate)
    with services.ledger.lock(LOCK):
        for note in housekeeping.reconcile(index=services.index, ledger=services.ledger, at=services.now()):
            steps(note, 1, 1)
        if held := _held_up(services, force=force):
            state, about, why = held
            return _result(state, about, (why,), None, None, (), started)
        live = services.index.live()
        snapshot = take_snapshot(services)
        reason = None if force else unchanged(snapshot, services.ledger.versions(), live)
        if reason is not None:
            counts = None if live is None else services.ledger.version(live).manifest.counts
            return _result("unchanged", live, (reason,), None, counts, snapshot.problems, started)
        rephrase = None if services.rephraser is None else OtherWords(rephraser=services.rephraser)
        built = build_version(snapshot, services, parent=live, rephrase=rephrase, steps=steps)
        manifest, decision, folder = judge_candidate(built, snapshot, services, rephrase=rephrase, steps=steps)
        outcome, way = conclude(manifest, decision, services, steps=steps)
        reasons = (*decision.reasons, *way)
        return _result(outcome, manifest.version_id, reasons, folder, manifest.counts, built.skipped, started)


def _held_up(services: Services, *, force: bool) -> tuple[str, VersionId | None, str] | None:
    """Why no version may be built now: the result's decision, the version that it is about, and the reason."""
    frozen, canary = promotion.frozen(services.ledger), promotion.running(services.ledger)
    if frozen is not None:
        reason = f"promotions are frozen since {frozen.at:%Y-%m-%d %H:%M} UTC by {frozen.who}: `rag-flywheel unfreeze`"
        return "frozen", services.index.live(), reason
    if canary is not None and not force:
        reason = (
            f"the canary of {canary.treatment}, since {canary.started:%Y-%m-%d %H:%M} UTC, comes first: "
            "`rag-flywheel canary stop` ends it, and `reindex --force` puts a newer candidate in its place"
        )
        return "waiting", canary.treatment, reason
    return None


def build_version(
    snapshot: Snapshot,
    services: Services,
    *,
    parent: VersionId | None,
    rephrase: Rephrase | None,
    steps: Steps,
) -> Built:
    """Write a candidate to the index and learn its ranking. The ledger hears of it when it is decided on."""
    config = services.config
    encoder = services.encoders(config.embedder)
    documents, left_out = build.collect(
        snapshot.files,
        snapshot.digests,
        config=config,
        cache=services.cache,
        redactor=services.redactor,
        on_step=lambda done, total: steps("reading files", done, total),
    )
    skipped = [*snapshot.problems, *left_out]
    chunks, counts = build.cut(documents, snapshot.accepted, skipped=len(skipped), settings=config.ingest)
    if not chunks:
        reasons = "; ".join(f"{omitted.name}: {omitted.reason}" for omitted in skipped[:10])
        raise InvalidInput(f"there is nothing to index in {list(config.sources)}{': ' + reasons if reasons else ''}")
    chunks = with_holders(chunks, snapshot.reviewed, snapshot.corrected.__getitem__)
    known = known_questions(snapshot.confirmed, chunks)
    if len(known) < config.reranker.minimum_groups:
        known = []  # too few to tell when one is meant
    manifest = Manifest(
        version_id=VersionId(f"v{snapshot.cutoff:%Y%m%dT%H%M%S}-{services.new_id()[:6]}"),
        parent=parent,
        created=snapshot.cutoff,
        inputs=snapshot.inputs,
        sources=snapshot.digests,
        feedback_cutoff=snapshot.cutoff,
        corrections=tuple(chunk.provenance.correction_id for chunk in chunks if chunk.provenance is not None),
        confirmed=tuple(interaction.interaction_id for interaction in snapshot.confirmed),
        embedder=encoder.name,
        learned=LearnedRanking(),
        settings=snapshot.settings,
        counts=counts,
        notes=(),
    )
    written = services.index.build(
        manifest.version_id,
        dimension=encoder.dimension,
        batches=build.entries(
            [*chunks, *known],
            encoder=encoder,
            titles=config.ingest.embed_titles,
            on_step=lambda done, total: steps("embedding passages", done, total),
        ),
    )
    if written != len(chunks) + len(known):
        raise Damaged(
            f"version {manifest.version_id} holds {written} entries, expected {len(chunks) + len(known)}: "
            "run reindex again"
        )
    tuned = _tune(manifest, chunks, skipped, snapshot, services, rephrase, steps)
    hidden = {span.document_id for span in snapshot.accepted.hidden}
    return Built(
        manifest=replace(manifest, learned=tuned.attempts[0], notes=tuned.notes),
        attempts=tuned.attempts,
        chunks=(*chunks, *known),
        originals={document.document_id: document.text for document in documents if document.document_id in hidden},
        skipped=tuple(skipped),
    )


def _tune(
    manifest: Manifest,
    chunks: Sequence[Chunk],
    skipped: Sequence[Skipped],
    snapshot: Snapshot,
    services: Services,
    rephrase: Rephrase | None,
    steps: Steps,
) -> tuning.Tuned:
    config = services.config
    steps("learning", 0, 1)
    known = candidate_cases.cases(
        corrections=snapshot.held(manifest),
        confirmed=up_to_date(snapshot.confirmed, chunks),
        judged=snapshot.golden,
        known=chunks,
        known_at_most=config.gate.known_items,
        control=None,
        skipped=skipped,
        seed=config.gate.seed,
        rephrase=rephrase,
    )
    corrections, others, ranking = candidate_cases.lessons(
        golden.in_use(known, snapshot.retired),
        corrections=snapshot.held(manifest),
        interaction=snapshot.corrected.__getitem__,
        weights=snapshot.weights,
        seed=config.gate.seed,
    )
    return tuning.learn(
        corrections,
        others,
        with_evidence(ranking, chunks),
        searcher=services.open(manifest),
        store=services.rerankers,
        cache=services.cache,
        settings=config.reranker,
        admission_error=config.retrieval.admission_error,
        live=None if manifest.parent is None else services.ledger.version(manifest.parent).manifest.learned,
        on_step=lambda done, total: steps("tuning the reranker", done, total),
    )


def conclude(manifest: Manifest, decision: Decision, services: Services, *, steps: Steps) -> tuple[str, list[str]]:
    """Record the version with the gate's word, and act on it: the result's decision, and why it goes that way."""
    index, ledger, settings = services.index, services.ledger, services.config.index
    ledger.add_version(manifest)
    ledger.add_decision(decision)
    passed = decision.outcome is Outcome.PASSED
    steps("deploying" if passed else "keeping the live version", 0, 1)
    outcome, why = _deployed(manifest, decision, services) if passed else (str(decision.outcome), [])
    if outcome not in ("promoted", "canary", "shadow"):
        ledger.set_state(manifest.version_id, VersionState.REJECTED, at=services.now())
        told: dict[str, Json] = {"outcome": outcome, "reasons": [*decision.reasons, *why]}
        promotion.tell("gate", manifest.version_id, told, ledger=ledger, at=decision.decided)
    housekeeping.retire(
        index=index,
        ledger=ledger,
        keep=settings.keep_versions,
        unread_after=timedelta(seconds=UNREAD * settings.timeout),
        at=services.now(),
    )
    kept = set(index.versions())
    used = {record.manifest.learned.reranker for record in ledger.versions() if record.manifest.version_id in kept}
    services.rerankers.keep_only({digest for digest in used if digest is not None})
    webhook_outbox.deliver(ledger, services.webhooks, at=services.now())
    return outcome, why


def _deployed(manifest: Manifest, decision: Decision, services: Services) -> tuple[str, list[str]]:
    try:
        deployed = deployment.deploy(manifest, decision, services)
    except Frozen as error:  # while the version was built
        return "frozen", [str(error)]
    return deployed.outcome, [deployed.why]


def _result(
    decision: str,
    version: VersionId | None,
    reasons: Sequence[str],
    report_folder: Path | None,
    counts: Counts | None,
    skipped: Sequence[Skipped],
    started: float,
) -> dict[str, Any]:
    return {
        "decision": decision,
        "version": version,
        "reasons": list(reasons),
        "report": None if report_folder is None else str(report_folder / "report.html"),
        "counts": None if counts is None else dataclasses.asdict(counts),
        "skipped": [{"name": left_out.name, "reason": left_out.reason} for left_out in skipped],
        "seconds": round(time.perf_counter() - started, 3),
    }
