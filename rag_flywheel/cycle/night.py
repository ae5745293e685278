"""One night: the largest part of what is new that holds.

What a guardrail points at is left out, and so is a correction that its own question does not find. The rest is built
and put before the gate. Where the gate says no, the least that explains the loss is left out, or not adopted, and it is
asked again; then tonight's documents are tried with what was learned until last night, then the documents alone.
Nothing goes live that the gate does not let pass. `cycle.less` knows what to try next.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from eval import gate
from eval.gate import ATTEMPTS, Finding
from eval.questions.known_items import Rephrase
from eval.report import correction_rates, report
from eval.report import night as told
from ingest.build import Corpus
from ingest.reading.raw import Skipped
from rag_flywheel.cycle import aside, candidate, less, probing
from rag_flywheel.cycle.candidate import Ground
from rag_flywheel.cycle.findings import Findings
from rag_flywheel.cycle.gate_run import Attempt
from rag_flywheel.cycle.less import Tried
from rag_flywheel.cycle.scoring_run import Steps
from rag_flywheel.cycle.snapshot import Snapshot
from rag_flywheel.domain import Chunk, Decision, Manifest, Outcome, ReviewedCorrection, VersionId
from rag_flywheel.domain.probes import Probe
from rag_flywheel.services import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """What a night came to."""

    manifest: Manifest  # with the ranking of the last attempt
    decision: Decision
    report: Path  # its folder
    found: Findings  # what was set aside, dropped or reported
    skipped: tuple[Skipped, ...]
    corpus: Corpus
    reviewed: tuple[ReviewedCorrection, ...]  # as it began
    before: tuple[Chunk, ...]  # what the live version held then


def run(
    snapshot: Snapshot,
    services: Services,
    *,
    live: VersionId | None,
    anew: bool,
    rephrase: Rephrase | None,
    steps: Steps,
) -> Night:
    """Build, ask the gate, and try less until it lets something pass. What was tried and left is not kept. `anew`:
    every entry is written again.

    Raises InvalidInput when there is nothing to index, and Damaged when the index does not hold what was written.
    """
    ground = candidate.prepare(snapshot, services, live=live, anew=anew, rephrase=rephrase, steps=steps)
    tried = less.everything(snapshot, ground)
    attempts: list[told.Attempt] = []
    while True:
        number = len(attempts) + 1
        confidence = gate.confidence(number)
        tried, probes = less.without_unfound(tried, ground)
        attempt = tried.gate.ask(tried.manifest, confidence=confidence, still_lost=tried.still_lost)
        final = _is_final(tried, attempt)
        further = None if final else less.next_to_try(tried, attempt, ground, left=ATTEMPTS - number)
        why = (*attempt.ruling.reasons, *(() if further is None else further.because))
        attempts.append(
            told.Attempt(
                number=number,
                tried=tried.what,
                confidence=confidence,
                outcome=str(attempt.ruling.outcome),
                why=why,
                left_out=tried.left_out_for_it,
            )
        )
        if further is None:
            break
        tried = further
    return _ended(tried, attempt, attempts, probes, ground)


def _is_final(tried: Tried, attempt: Attempt) -> bool:
    """Whether less of what is new would fare no better."""
    if attempt.ruling.outcome is Outcome.PASSED or tried.gate.broken:
        return True
    shown = {result.finding for result in attempt.ruling.tested}
    return attempt.ruling.outcome is Outcome.UNDECIDED and Finding.UNCLEAR not in shown


def _ended(
    tried: Tried, attempt: Attempt, attempts: Sequence[told.Attempt], probes: Sequence[Probe], ground: Ground
) -> Night:
    services, manifest = ground.services, attempt.manifest
    notes = [f"attempt {of.number}, {of.tried}, was {of.outcome}: {of.why[0]}" for of in attempts[:-1]]
    attempt = replace(attempt, manifest=replace(manifest, notes=(*manifest.notes, *notes)))
    passed = attempt.ruling.outcome is Outcome.PASSED
    found = tried.found if passed else tried.found.before_the_gate
    night = told.Night(
        aside=[aside.in_report(suspicion) for suspicion in found.told],
        attempts=attempts if len(attempts) > 1 else (),
        probes=(*tried.unfound, *probes),
        rates=_rates(tried, attempt, probes, ground),
    )
    decision = tried.gate.decision(attempt, night)
    folder = services.reports / manifest.version_id
    report.write(decision.report, folder)
    return Night(
        manifest=attempt.manifest,
        decision=decision,
        report=folder,
        found=found,
        skipped=tried.gate.built.skipped,
        corpus=ground.corpus,
        reviewed=tried.snapshot.reviewed,
        before=ground.before,
    )


def _rates(tried: Tried, attempt: Attempt, probes: Sequence[Probe], ground: Ground) -> correction_rates.Rates:
    """Of the corrections that the version holds."""
    services, gate_run = ground.services, tried.gate
    corrections = gate_run.built.snapshot.held(attempt.manifest)
    return correction_rates.rates(
        probes,
        oldest=probing.oldest(corrections, control=ground.control),
        false_triggers=correction_rates.false_triggers(gate_run.questions.open, attempt.mine.replies),
        lags=correction_rates.lags(corrections, services.ledger.versions(), decided=services.now()),
    )
