"""The cycle: snapshot, build, tune, score, decide, switch or refuse. One run at a time; the live version is untouched
until the last step, and a run that dies leaves nothing that the next one does not clear.
"""

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from eval import comparison, gate, golden, invariants, ragas_metrics, report, scoring
from eval.golden import Case
from ingest import build, tuning
from ingest.confirmations import known_questions, up_to_date
from ingest.corrections import Accepted, accepted
from ingest.raw import Skipped
from ingest.sources import SourceFile, fingerprint, list_files
from rag_flywheel import judging, promotion, signals
from rag_flywheel.chat import open_for
from rag_flywheel.config import Config
from rag_flywheel.domain import (
    Chunk,
    Counts,
    Decision,
    DocumentId,
    Draft,
    Interaction,
    InteractionId,
    Json,
    LearnedRanking,
    Manifest,
    Outcome,
    ReviewedCorrection,
    VersionId,
    VersionRecord,
    VersionState,
)
from rag_flywheel.errors import InvalidInput
from rag_flywheel.feedback import confirmed
from rag_flywheel.ports import Generator
from rag_flywheel.retrieval import Searcher, retrieve
from rag_flywheel.wiring import Services

LOCK = "reindex"
SHAPING = ("ingest", "privacy", "embedder", "reranker", "retrieval")
"""The sections of the configuration that decide what a version answers."""
WHO = "reindex"

Steps = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All that a version is made of, up to one instant."""

    cutoff: datetime
    files: tuple[SourceFile, ...]
    problems: tuple[Skipped, ...]  # sources that lead nowhere
    digests: Mapping[str, str]  # file -> SHA-256
    reviewed: tuple[ReviewedCorrection, ...]
    accepted: Accepted
    confirmed: tuple[Interaction, ...]
    weights: Mapping[InteractionId, float]  # of the confirmed and corrected ones whose implicit signals say something
    golden: tuple[golden.Case, ...]
    settings: Mapping[str, Json]
    inputs: str  # digest of all of the above but the instant

    def held(self, manifest: Manifest) -> list[ReviewedCorrection]:
        """The corrections that a version holds, as they were reviewed."""
        return [one for one in self.reviewed if one.correction.correction_id in set(manifest.corrections)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A candidate in the index."""

    manifest: Manifest  # with the ranking of the first attempt
    attempts: tuple[LearnedRanking, ...]  # rankings for the gate to decide on, the boldest first
    chunks: tuple[Chunk, ...]  # all that was indexed
    skipped: tuple[Skipped, ...]  # what was left out


def reindex(services: Services, *, force: bool, steps: Steps) -> dict[str, Any]:
    """Run the cycle once; returns {decision, version, reasons, report, counts, skipped, seconds}.

    `decision` is promoted, refused, undecided or unchanged. Raises AlreadyRunning when another run is on, InvalidInput
    when there is nothing to index, and what the adapters raise.
    """
    started = time.perf_counter()
    with services.ledger.lock(LOCK):
        for note in promotion.reconcile(index=services.index, ledger=services.ledger, at=services.now()):
            steps(note, 1, 1)
        live = services.index.live()
        snapshot = take_snapshot(services)
        reason = None if force else unchanged(snapshot, services.ledger.versions(), live)
        if reason is not None:
            counts = None if live is None else services.ledger.version(live).manifest.counts
            return _result("unchanged", live, (reason,), None, counts, snapshot.problems, started)
        built = build_version(snapshot, services, parent=live, steps=steps)
        manifest, decision, folder = judge(built, snapshot, services, steps=steps)
        outcome = conclude(manifest, decision, services, steps=steps)
        return _result(outcome, manifest.version_id, decision.reasons, folder, manifest.counts, built.skipped, started)


def take_snapshot(services: Services) -> Snapshot:
    """Read what there is to build from, without parsing anything: it is quick."""
    config, ledger = services.config, services.ledger
    cutoff = services.now()
    listing = list_files(config)
    digests = fingerprint(listing.files)
    reviewed = ledger.corrections(until=cutoff)
    feedback = ledger.feedback(until=cutoff)
    good = [ledger.interaction(one) for one in confirmed(feedback)]
    praised = [one for one in good if one.answered and one.consent]
    cases = golden.load_beir(config.resolve(config.golden)) if config.golden else []
    settings: dict[str, Json] = {name: getattr(config, name).model_dump(mode="json") for name in SHAPING}
    standing = accepted(reviewed)
    labelled = {one.interaction_id for one in praised}
    labelled |= {one.provenance.interaction_id for one in standing.documents if one.provenance is not None}
    weights = {name: weight for name, weight in signals.weights(feedback).items() if name in labelled}
    parts = [
        build.RULES,
        sorted(digests.items()),
        [(one.document_id, one.text, one.question) for one in standing.documents],
        [(span.document_id, span.start, span.end) for span in standing.hidden],
        sorted(one.interaction_id for one in praised),
        sorted(weights.items()),
        [(case.case_id, case.question, sorted(case.documents)) for case in cases],
        settings,
    ]
    return Snapshot(
        cutoff=cutoff,
        files=listing.files,
        problems=listing.skipped,
        digests=digests,
        reviewed=tuple(reviewed),
        accepted=standing,
        confirmed=tuple(praised),
        weights=weights,
        golden=tuple(cases),
        settings=settings,
        inputs=hashlib.sha256(json.dumps(parts).encode()).hexdigest(),
    )


def unchanged(snapshot: Snapshot, records: Sequence[VersionRecord], live: VersionId | None) -> str | None:
    """Why there is nothing to do, or None. What was rolled back is not built again by itself."""
    same = [record for record in records if record.manifest.inputs == snapshot.inputs]
    if any(record.manifest.version_id == live for record in same):
        return f"nothing has changed since {live} was built"
    for record in reversed(same):
        fates = [state for _, state in record.states if state in (VersionState.LIVE, VersionState.ROLLED_BACK)]
        if fates and fates[-1] is VersionState.ROLLED_BACK:
            name = record.manifest.version_id
            back = "" if record.state is VersionState.DELETED else f"`rag-flywheel promote {name}` puts it back, and "
            return (
                f"nothing has changed since {name} was built, and that was rolled back: {back}`reindex --force` builds "
                "it again"
            )
    return None


def build_version(snapshot: Snapshot, services: Services, *, parent: VersionId | None, steps: Steps) -> Built:
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
        reasons = "; ".join(f"{one.name}: {one.reason}" for one in skipped[:10])
        raise InvalidInput(f"there is nothing to index in {list(config.sources)}{': ' + reasons if reasons else ''}")
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
        corrections=tuple(one.provenance.correction_id for one in chunks if one.provenance is not None),
        confirmed=tuple(one.interaction_id for one in snapshot.confirmed),
        embedder=encoder.name,
        learned=LearnedRanking(),
        settings=snapshot.settings,
        counts=counts,
        notes=(),
    )
    services.index.build(
        manifest.version_id,
        dimension=encoder.dimension,
        batches=build.entries(
            [*chunks, *known],
            encoder=encoder,
            titles=config.ingest.embed_titles,
            on_step=lambda done, total: steps("embedding passages", done, total),
        ),
    )
    tuned = _tune(manifest, chunks, skipped, snapshot, services, steps)
    return Built(
        manifest=replace(manifest, learned=tuned.attempts[0], notes=tuned.notes),
        attempts=tuned.attempts,
        chunks=(*chunks, *known),
        skipped=tuple(skipped),
    )


def _tune(
    manifest: Manifest,
    chunks: Sequence[Chunk],
    skipped: Sequence[Skipped],
    snapshot: Snapshot,
    services: Services,
    steps: Steps,
) -> tuning.Tuned:
    config = services.config
    steps("learning", 0, 1)
    known = judging.cases(
        corrections=snapshot.held(manifest),
        confirmed=up_to_date(snapshot.confirmed, chunks),
        judged=snapshot.golden,
        known=chunks,
        known_at_most=config.gate.known_items,
        control=None,
        skipped=skipped,
        seed=config.gate.seed,
    )
    corrections, others, ranking = judging.lessons(
        known,
        corrections=snapshot.held(manifest),
        interaction=services.ledger.interaction,
        weights=snapshot.weights,
        seed=config.gate.seed,
    )
    return tuning.learn(
        corrections,
        others,
        ranking,
        searcher=_open(manifest, services),
        store=services.rerankers,
        cache=services.cache,
        settings=config.reranker,
        admission_error=config.retrieval.admission_error,
        live=None if manifest.parent is None else services.ledger.version(manifest.parent).manifest.learned,
        on_step=lambda done, total: steps("tuning the reranker", done, total),
    )


def judge(built: Built, snapshot: Snapshot, services: Services, *, steps: Steps) -> tuple[Manifest, Decision, Path]:
    """Let the gate decide on each attempt until one passes; returns the last one with its decision and its report's
    folder.

    Each attempt is more cautious than the one before, and the report of the last one tells of the others.
    """
    judged = _examiner(built, snapshot, services, steps)
    notes = built.manifest.notes
    for number, learned in enumerate(built.attempts, start=1):
        manifest = replace(built.manifest, learned=learned, notes=notes)
        decision = judged(manifest)
        if decision.outcome is Outcome.PASSED:
            break
        notes = (*notes, f"attempt {number} of {len(built.attempts)} was {decision.outcome}: {decision.reasons[0]}")
    folder = services.reports / manifest.version_id
    report.write(decision.report, folder)
    return manifest, decision, folder


def _examiner(built: Built, snapshot: Snapshot, services: Services, steps: Steps) -> Callable[[Manifest], Decision]:
    """What asks control and candidate the same questions, scores the answers and lets the gate decide."""
    config, ledger = services.config, services.ledger
    parent = built.manifest.parent
    control = None if parent is None else ledger.version(parent).manifest
    before = [] if control is None else list(services.index.chunks(control.version_id))
    asked, retired, possible = _questions(built, control, before, snapshot, config)
    judge_model = ragas_metrics.judge_model(config.judge, services.secrets.judge_api_key)
    references = scoring.reference_texts(asked, [one for one in built.chunks if one.confirmed is None])
    drafts: dict[tuple[object, ...], Draft] = {}

    def card(version: Manifest, name: str) -> scoring.Scorecard:
        replies = scoring.answer_all(
            asked,
            _asker(_open(version, services), services.generator, drafts),
            lambda done, total: steps(f"answering with the {name}", done, total),
        )
        return scoring.scorecard(
            asked,
            replies,
            references=references,
            encoder=services.encoders(config.embedder),
            judge=judge_model,
            on_step=lambda done, total: steps(f"scoring the {name}", done, total),
        )

    scores = None if control is None else card(control, "live version")
    breaches = invariants.breaches(
        built.chunks,
        None if control is None else before,
        manifest=built.manifest,
        reviewed=snapshot.reviewed,
        redactor=services.redactor,
        maximum_shrink=config.gate.maximum_shrink,
    )

    def decide(manifest: Manifest) -> Decision:
        treatment = card(manifest, "candidate")
        steps("deciding", 0, 1)
        compared = comparison.compare(scores, treatment, resamples=config.gate.resamples, seed=config.gate.seed)
        outcome, reasons = gate.decide(
            compared, breaches, first=control is None, possible=possible, settings=config.gate
        )
        decided = services.now()
        told = report.assemble(
            outcome,
            reasons,
            manifest=manifest,
            decided=decided,
            comparisons=compared,
            breaches=breaches,
            control=scores,
            treatment=treatment,
            compared_with=manifest.parent,
            retired=retired,
            judge=None if judge_model is None else judge_model.model,
            settings=config.gate,
        )
        return Decision(
            version_id=manifest.version_id,
            control=manifest.parent,
            decided=decided,
            outcome=outcome,
            reasons=reasons,
            report=told,
        )

    return decide


def _questions(
    built: Built, control: Manifest | None, before: Sequence[Chunk], snapshot: Snapshot, config: Config
) -> tuple[list[Case], list[Case], int | None]:
    """The questions to ask, those that are retired because their evidence is gone, and how many guard questions there
    are where the corpus gives no more (None where it could).
    """
    manifest, chunks, skipped = built.manifest, built.chunks, built.skipped
    lived = set(before)
    shared = chunks if control is None else [one for one in chunks if one in lived]
    found = judging.cases(
        corrections=snapshot.held(manifest),
        confirmed=snapshot.confirmed,
        judged=snapshot.golden,
        known=shared,
        known_at_most=config.gate.known_items,
        control=control,
        skipped=skipped,
        seed=config.gate.seed,
    )
    if control is not None:
        found = judging.widened(found, judging.moved(before, chunks, sources=(control.sources, manifest.sources)))
    held = {one.document_id for one in chunks} | {DocumentId(one.name) for one in skipped}
    asked, retired = golden.stale(judging.asked_by_the_gate(found, seed=config.gate.seed), held)
    made = sum(case.made for case in found)
    guards = sum(case.slice in golden.GUARDS for case in asked)
    return asked, retired, guards if made < config.gate.known_items else None


def _asker(
    searcher: Searcher, generator: Generator, drafts: dict[tuple[object, ...], Draft]
) -> Callable[[str], scoring.Reply]:
    """What a version replies to a question, as if nobody had confirmed an answer to this very one: in the gate it
    stands for its other wordings. The same passages for the same question give the same answer, so it is made once.
    """

    def ask(question: str) -> scoring.Reply:
        passages = retrieve(question, searcher=searcher, as_new=True)
        seen = passages[: searcher.shown]
        key = (question, *((one.chunk.chunk_id, one.chunk.text) for one in seen))
        if key not in drafts:
            pieces = generator.answer(question, seen)
            drafts[key] = next(piece for piece in pieces if isinstance(piece, Draft))
        return scoring.Reply(passages=tuple(passages), shown=searcher.shown, draft=drafts[key])

    return ask


def conclude(manifest: Manifest, decision: Decision, services: Services, *, steps: Steps) -> str:
    """Record the version with the gate's word, and act on it; returns promoted, refused or undecided."""
    index, ledger = services.index, services.ledger
    ledger.add_version(manifest)
    ledger.add_decision(decision)
    passed = decision.outcome is Outcome.PASSED
    steps("switching" if passed else "keeping the live version", 0, 1)
    if passed:
        promotion.promote(
            manifest.version_id,
            expected=decision.control,
            index=index,
            ledger=ledger,
            who=WHO,
            why="passed the gate",
            at=services.now(),
        )
    else:
        ledger.set_state(manifest.version_id, VersionState.REJECTED, at=services.now())
    promotion.retire(index=index, ledger=ledger, keep=services.config.index.keep_versions, at=services.now())
    kept = set(index.versions())
    used = {one.manifest.learned.reranker for one in ledger.versions() if one.manifest.version_id in kept}
    services.rerankers.keep_only({digest for digest in used if digest is not None})
    return "promoted" if passed else str(decision.outcome)


def _open(manifest: Manifest, services: Services) -> Searcher:
    return open_for(manifest, index=services.index, encoders=services.encoders, rerankers=services.rerankers)


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
        "skipped": [{"name": one.name, "reason": one.reason} for one in skipped],
        "seconds": round(time.perf_counter() - started, 3),
    }
