"""One night: the largest part of what is new that holds.

What a guardrail points at is left out, and the rest is built and put before the gate. Where the gate says no, less is
tried: a more cautious ranking, then tonight's documents with what was learned until last night, then the documents
alone. Nothing goes live that the gate does not let pass.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from eval.gate import Finding
from eval.guardrails import invariants
from eval.guardrails.checks import Invariant
from eval.questions.known_items import Rephrase
from eval.report import report
from ingest.build import Corpus
from ingest.reading.raw import Skipped
from rag_flywheel.cycle import candidate, findings
from rag_flywheel.cycle.candidate import Ground, build_version
from rag_flywheel.cycle.findings import NOTHING, Findings
from rag_flywheel.cycle.gate_run import Attempt, GateRun, open_gate
from rag_flywheel.cycle.scoring_run import ScoringRun, Steps
from rag_flywheel.cycle.snapshot import Snapshot, without
from rag_flywheel.domain import Decision, LearnedRanking, Manifest, Outcome, VersionId
from rag_flywheel.services import Services

ATTEMPTS = 8
"""Times that the gate is asked in one night, at most."""
_HIDING = frozenset({Invariant.STALE, Invariant.SHRINK})  # what a correction breaks that supersedes too much
_HIDERS = 3  # of such corrections as many are left out, one by one


class Part(StrEnum):
    """How much of what is new is tried."""

    ALL = "all that is new"
    LAST_NIGHT = "tonight's documents with what was learned until last night"
    DOCUMENTS = "tonight's documents in the order of a version that learned nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """What a night came to."""

    manifest: Manifest  # with the ranking of the last attempt
    decision: Decision
    report: Path  # its folder
    found: Findings  # what was set aside, dropped or reported
    skipped: tuple[Skipped, ...]
    corpus: Corpus


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """A part of what is new, in the index and before the gate."""

    part: Part
    named: Snapshot  # what it is built from, as people named it
    against_people: Findings  # what was left out for it of corrections and confirmed questions
    gate: GateRun
    order: int = 0  # which of its rankings is tried

    @property
    def manifest(self) -> Manifest:
        return replace(self.gate.built.manifest, learned=self.gate.built.attempts[self.order])

    @property
    def found(self) -> Findings:
        return self.against_people + self.gate.built.findings


def run(
    snapshot: Snapshot, services: Services, *, live: VersionId | None, rephrase: Rephrase | None, steps: Steps
) -> Night:
    """Build, ask the gate, and try less until it lets something pass. What was tried and left is not kept.

    Raises InvalidInput when there is nothing to index, and Damaged when the index does not hold what was written.
    """
    ground = candidate.prepare(snapshot, services, live=live, rephrase=rephrase, steps=steps)
    tried = _everything(snapshot, ground)
    told: list[str] = []
    for number in range(1, ATTEMPTS + 1):
        attempt = tried.gate.ask(tried.manifest)
        less = None if _is_final(tried, attempt) else _less(tried, snapshot, ground, left=ATTEMPTS - number)
        if less is None:
            break
        ruling = attempt.ruling
        told.append(f"attempt {number}, {tried.part}, was {ruling.outcome}: {ruling.reasons[0]}")
        tried = less
    attempt = replace(attempt, manifest=replace(attempt.manifest, notes=(*attempt.manifest.notes, *told)))
    decision = tried.gate.decision(attempt)
    folder = services.reports / attempt.manifest.version_id
    report.write(decision.report, folder)
    return Night(
        manifest=attempt.manifest,
        decision=decision,
        report=folder,
        found=tried.found,
        skipped=tried.gate.built.skipped,
        corpus=ground.corpus,
    )


def _everything(snapshot: Snapshot, ground: Ground) -> _Candidate:
    """All that is new but for what guardrails point at."""
    found = findings.of_people(snapshot, ground.control, ground.detectors, ground.services.config.guardrails)
    tried = _built(Part.ALL, snapshot, found, ground)
    for hider in findings.hiding_most(tried.named, ground.control)[:_HIDERS]:
        if not _HIDING & {breach.invariant for breach in invariants.broken(tried.gate.checks)}:
            break
        tried = _instead(tried, Part.ALL, snapshot, tried.against_people + Findings(told=(hider,)), ground)
    if (
        _HIDING & {breach.invariant for breach in invariants.broken(tried.gate.checks)}
        and tried.against_people != found
    ):
        return _instead(tried, Part.ALL, snapshot, found, ground)  # they were not what broke it
    return tried


def _built(
    part: Part,
    snapshot: Snapshot,
    found: Findings,
    ground: Ground,
    *,
    learned: tuple[LearnedRanking, ...] = (),
    known: ScoringRun | None = None,
) -> _Candidate:
    named = without(snapshot, corrections=found.corrections, questions=found.questions)
    built = build_version(named, ground, learned=learned)
    return _Candidate(part=part, named=named, against_people=found, gate=open_gate(built, ground, known))


def _instead(
    tried: _Candidate,
    part: Part,
    snapshot: Snapshot,
    found: Findings,
    ground: Ground,
    *,
    learned: tuple[LearnedRanking, ...] = (),
) -> _Candidate:
    """Another candidate in the place of the one that was tried."""
    ground.services.index.delete(tried.manifest.version_id)
    return _built(part, snapshot, found, ground, learned=learned, known=tried.gate.scoring)


def _is_final(tried: _Candidate, attempt: Attempt) -> bool:
    """Whether less of what is new would fare no better."""
    if attempt.ruling.outcome is Outcome.PASSED or tried.gate.broken:
        return True
    shown = {result.finding for result in attempt.ruling.tested}
    return attempt.ruling.outcome is Outcome.UNDECIDED and Finding.UNCLEAR not in shown


def _less(tried: _Candidate, snapshot: Snapshot, ground: Ground, *, left: int) -> _Candidate | None:
    """What to try next, with as many attempts `left`. None where nothing is left to try."""
    control = ground.control
    if left < 1:
        return None
    if tried.part is Part.ALL:
        older = None if control is None else _until(control, snapshot)
        spared = 0 if older is None else len(Part) - 1
        if left > spared and tried.order + 1 < len(tried.gate.built.attempts):
            return replace(tried, order=tried.order + 1)
        if control is None or older is None:
            return None
        return _instead(tried, Part.LAST_NIGHT, older, NOTHING, ground, learned=(control.learned,))
    if tried.part is Part.LAST_NIGHT and tried.manifest.learned != LearnedRanking():
        return _instead(tried, Part.DOCUMENTS, tried.named, NOTHING, ground, learned=(LearnedRanking(),))
    return None


def _until(control: Manifest, snapshot: Snapshot) -> Snapshot | None:
    """Tonight's documents with the corrections and confirmations of the control. None where that is the control."""
    held, confirmed = set(control.corrections), set(control.confirmed)
    older = without(
        snapshot,
        corrections={entry.correction.correction_id for entry in snapshot.reviewed} - held,
        questions={asked.interaction_id for asked in snapshot.confirmed} - confirmed,
    )
    return None if older.inputs == control.inputs else older
