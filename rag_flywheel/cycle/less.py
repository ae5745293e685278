"""What a night tries: all that is new, and then less and less of it."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from enum import StrEnum

from eval.comparison import ALL_GUARDS, Comparison
from eval.gate import ATTEMPTS, confidence
from eval.guardrails import invariants, suspects
from eval.guardrails.checks import Invariant
from eval.lone_losses import stay_lost
from eval.questions.golden import GUARDS, Slice
from eval.scores.scorecard import HIT
from ingest.learning.tuning import Tuned
from rag_flywheel.config import Gate
from rag_flywheel.cycle import blame, findings, lost_questions, probing, what_if
from rag_flywheel.cycle.blame import Blamed
from rag_flywheel.cycle.candidate import Built, Ground, build_version
from rag_flywheel.cycle.findings import NOTHING, Findings
from rag_flywheel.cycle.gate_run import Attempt, GateRun, Losses, open_gate
from rag_flywheel.cycle.lost_questions import Cause, Kind
from rag_flywheel.cycle.probing import Making, People, Plan
from rag_flywheel.cycle.scoring_run import ScoringRun
from rag_flywheel.cycle.snapshot import Snapshot, without
from rag_flywheel.domain import (
    CORRECTION_PREFIX,
    NOBODY,
    CorrectionId,
    Groups,
    Guardrail,
    LearnedRanking,
    Manifest,
)
from rag_flywheel.domain.probes import Probe

_HIDING = frozenset({Invariant.STALE, Invariant.SHRINK})  # what a correction breaks that supersedes too much
_HIDERS = 3  # of such corrections as many are left out, one by one
_ROUNDS = 2  # times that corrections which their own question does not find are left out before the gate is asked
_CAUTION = "a more cautious ranking, which leaves nobody's correction out, comes first"
_UNFOUND = "its own question does not find it"
_LATE = "its own question does not find it first, and neither do too many others"
_TOOK = "it took the place of what answers {questions}, and the gate said no"


class Part(StrEnum):
    """How much of what is new is tried."""

    ALL = "all that is new"
    LAST_NIGHT = "tonight's documents with what was learned until last night"
    DOCUMENTS = "tonight's documents in the order of a version that learned nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A part of what is new, in the index and before the gate."""

    part: Part
    snapshot: Snapshot  # what it is built from, but for what was found
    people: Findings  # what was left out for it of corrections and confirmed questions
    gate: GateRun
    plan: Plan  # how its corrections are probed
    order: int = 0  # which of its rankings is tried
    because: tuple[str, ...] = ()  # what was found out about the attempt before it
    left_out_for_it: tuple[str, ...] = ()  # ids of what that attempt had and this one has not
    still_lost: Losses = field(default_factory=dict)
    unfound: tuple[Probe, ...] = ()  # of corrections that went back to review

    @property
    def manifest(self) -> Manifest:
        return replace(self.gate.built.manifest, learned=self.gate.built.tuned.attempts[self.order])

    @property
    def found(self) -> Findings:
        return self.people + self.gate.built.findings

    @property
    def what(self) -> str:
        """In words."""
        rankings = len(self.gate.built.tuned.attempts)
        return f"{self.part}, ranking {self.order + 1} of {rankings}" if rankings > 1 else str(self.part)


# --- before the gate ------------------------------------------------------------------------------------------------


def everything(snapshot: Snapshot, ground: Ground) -> Tried:
    """All that is new but for what guardrails point at."""
    tried = _built(Part.ALL, snapshot, NOTHING, ground)
    if tried.gate.built.unread.told:
        tried = _instead(tried, tried.people + tried.gate.built.unread, ground)
    found = tried.people
    hiders = findings.hiding_most(tried.gate.built.snapshot, ground.control)[:_HIDERS]
    for number in range(1, len(hiders) + 1):
        if not _hides_too_much(tried):
            return tried
        tried = _instead(tried, found + Findings(told=tuple(hiders[:number])), ground)
    if hiders and _hides_too_much(tried):
        return _instead(tried, found, ground)  # it is something else
    return tried


def _hides_too_much(tried: Tried) -> bool:
    return any(breach.invariant in _HIDING for breach in invariants.broken(tried.gate.checks))


def without_unfound(tried: Tried, ground: Ground) -> tuple[Tried, tuple[Probe, ...]]:
    """The same without new corrections that their own question does not find, and the probes of those it holds."""
    for _ in range(_ROUNDS):
        probes = _probed(tried)
        missing = probing.not_found(probes, tried.manifest, control=ground.control)
        if not missing:
            return tried, probes
        entries = {entry.correction.correction_id: entry for entry in tried.snapshot.reviewed}
        against = [suspects.of_correction(entries[name], Guardrail.DISCOVERABILITY, _UNFOUND) for name in missing]
        unfound = tuple(probe for probe in probes if probe.correction_id in missing)
        fewer = _without(tried, Findings(told=tuple(against)), ground)
        tried = replace(
            fewer,
            because=tried.because,
            unfound=(*tried.unfound, *unfound),
            left_out_for_it=(*tried.left_out_for_it, *missing),
        )
    return tried, _probed(tried)


def _probed(tried: Tried) -> tuple[Probe, ...]:
    """Each correction is asked for by somebody whom it is for: others may have one of their own of the same words."""
    readership, plan = tried.manifest.readership, tried.plan
    apart = readership is not None and bool(readership.groups)
    probes: dict[CorrectionId, Probe] = {}
    for groups in dict.fromkeys(entry.correction.groups or () for entry in plan.probed):
        theirs = [entry for entry in plan.probed if (entry.correction.groups or ()) == groups]
        some = replace(plan, probed=tuple(theirs))
        asker: Groups = frozenset(groups) if apart and groups != (NOBODY,) else None
        ask = tried.gate.scoring.asker(tried.manifest, some.questions, as_new=False, groups=asker)
        probes |= {probe.correction_id: probe for probe in probing.probe(some, ask=ask)}
    return tuple(probes[entry.correction.correction_id] for entry in plan.probed)


# --- after the gate said no -----------------------------------------------------------------------------------------


def next_to_try(tried: Tried, attempt: Attempt, ground: Ground, *, left: int) -> Tried | None:
    """What to try next, with as many attempts `left`: None where nothing is left to try."""
    control = ground.control
    if left < 1 or control is None:
        return None
    if tried.part is Part.ALL:
        older = _until(control, tried.snapshot)
        spared = 0 if older is None else len(Part) - 1
        smaller = _smaller(tried, attempt, ground) if left > spared else None
        if smaller is not None or older is None:
            return smaller
        return _part_of(tried, Part.LAST_NIGHT, older, ground, learned=ground.inherited or ground.unlearned)
    if tried.part is Part.LAST_NIGHT and tried.manifest.learned != ground.unlearned:
        return _part_of(tried, Part.DOCUMENTS, tried.snapshot, ground, learned=ground.unlearned)
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


def _smaller(tried: Tried, attempt: Attempt, ground: Ground) -> Tried | None:
    """In a more cautious ranking, which costs nobody's correction; then without what took guard questions; then in the
    rankings that are left; at last without corrections that do not come first.
    """
    more = tried.order + 1 < len(tried.gate.built.tuned.attempts)
    because: tuple[str, ...] = (_CAUTION,)
    blamed = None if tried.order == 0 and more else _blamed(tried, attempt, ground)
    if blamed is not None:
        lone = _lone(blamed, tried, ground)
        guilty = _guilty(blamed, tried) if _helps(blamed, lone) else NOTHING
        because = tuple(blame.sentences(blamed, {found.item for found in guilty.told}))
        if guilty.told:
            losses = {name: attempt.mine.card.values[name] for name in lone}
            fewer = _without(tried, guilty, ground)
            return replace(fewer, because=because, still_lost={**tried.still_lost, **losses})
    if more:
        return replace(tried, order=tried.order + 1, because=because, left_out_for_it=())
    late = _late(tried, attempt)
    return replace(_without(tried, late, ground), because=because) if late.told else None


def _blamed(tried: Tried, attempt: Attempt, ground: Ground) -> Blamed | None:
    """What took the guard questions that were lost; None where none was."""
    control, live, settings = ground.control, attempt.live, _settings(ground)
    if control is None or live is None:
        return None
    asked = [case for case in tried.gate.questions.open if case.case_id not in tried.still_lost]
    lost = lost_questions.lost(asked, live, attempt.mine)
    if not lost:
        return None
    chunks, learned = tried.gate.built.chunks, attempt.manifest.learned
    before = ground.inherited or ground.unlearned
    narrower = [ranking.admission for ranking in tried.gate.built.tuned.attempts[tried.order + 1 :]]
    other = next((admission for admission in narrower if admission != learned.admission), before.admission)
    instead = replace(before, admission=other)
    return blame.blame(
        lost,
        chunks,
        lost_questions.differences(chunks, ground.before, learned=learned, live=instead),
        what_if.asked_again(attempt.manifest, instead, tried.gate.scoring),
        bearable=0 if tried.people != tried.people.before_the_gate else _bearable(attempt, len(lost), settings),
        seed=settings.seed,
    )


def _bearable(attempt: Attempt, lost: int, settings: Gate) -> int:
    """Half of the losses that a stricter attempt may have, since what is left out may not be enough; and less than half
    of those that this one has, which were too many.
    """
    hits = _hits(attempt)
    most = blame.bearable(hits.n, hits.better, margin=settings.margin, confidence=confidence(ATTEMPTS))
    return min(most // 2, (lost - 1) // 2)


def _helps(blamed: Blamed, lone: Collection[str]) -> bool:
    """Whether more than `lone` questions, which stay lost, would be back without all that is to be left out."""
    out = {*blamed.corrections, *blamed.confirmed}
    return any(
        case_id not in lone and any(cause.name in out for cause in causes)
        for case_id, causes in blamed.by_question.items()
    )


def _guilty(blamed: Blamed, tried: Tried) -> Findings:
    entries = {entry.correction.correction_id: entry for entry in tried.snapshot.reviewed}
    asked = {interaction.interaction_id: interaction for interaction in tried.snapshot.confirmed}
    told = [
        suspects.of_correction(entries[name], Guardrail.LOST_QUESTIONS, _took(blamed, Kind.CORRECTION, name))
        for name in blamed.corrections
    ]
    told += [
        suspects.of_question(asked[name], Guardrail.LOST_QUESTIONS, _took(blamed, Kind.CONFIRMED, name))
        for name in blamed.confirmed
    ]
    return Findings(told=tuple(told))


def _took(blamed: Blamed, kind: Kind, name: str) -> str:
    number = len(blamed.taken_by(Cause(kind=kind, name=name)))
    return _TOOK.format(questions=f"{number} other question{'' if number == 1 else 's'}")


def _lone(blamed: Blamed, tried: Tried, ground: Ground) -> frozenset[str]:
    """The questions that count as lost whatever is left out, since nothing but they tells of what took them."""
    out = {*blamed.corrections, *blamed.confirmed}
    causes = {
        case_id: frozenset(cause for cause in those if cause.name in out)
        for case_id, those in blamed.by_question.items()
    }
    return stay_lost(
        {case_id: those for case_id, those in causes.items() if those},
        [case for case in tried.gate.questions.open if case.slice in GUARDS],
        minimum=_settings(ground).minimum_slice,
    )


def _hits(attempt: Attempt, slice: str = ALL_GUARDS) -> Comparison:
    """The comparison of first hits, of all guard questions or of a slice."""
    [found] = [
        result.comparison
        for result in attempt.ruling.tested
        if (result.comparison.slice, result.comparison.metric) == (slice, HIT)
    ]
    return found


def _late(tried: Tried, attempt: Attempt) -> Findings:
    """The new corrections that do not come first for their own question, where the gate's target asks for more."""
    if attempt.ruling.target_met:
        return NOTHING
    entries = {entry.correction.correction_id: entry for entry in tried.snapshot.reviewed}
    late = [
        case.case_id.removeprefix(CORRECTION_PREFIX)
        for case in tried.gate.questions.open
        if case.slice is Slice.CORRECTED and attempt.mine.card.values[case.case_id].get(HIT) == 0.0
    ]
    return Findings(
        told=tuple(
            suspects.of_correction(entries[CorrectionId(name)], Guardrail.DISCOVERABILITY, _LATE) for name in late
        )
    )


# --- candidates -----------------------------------------------------------------------------------------------------


def _without(tried: Tried, found: Findings, ground: Ground) -> Tried:
    """In the rankings that are learned already: blame looked at these, and others would take other questions."""
    fewer = _instead(tried, tried.people + found, ground, learned=tried.gate.built.tuned)
    return replace(
        fewer,
        order=tried.order,
        still_lost=tried.still_lost,
        unfound=tried.unfound,
        left_out_for_it=tuple(left.item for left in found.told),
    )


def _instead(tried: Tried, found: Findings, ground: Ground, *, learned: Tuned | None = None) -> Tried:
    """As much, but for what was found, in the place of what was tried."""
    ground.services.index.delete(tried.manifest.version_id)
    return _built(tried.part, tried.snapshot, found, ground, learned=learned, known=tried.gate.scoring)


def _part_of(tried: Tried, part: Part, snapshot: Snapshot, ground: Ground, *, learned: LearnedRanking) -> Tried:
    """A smaller part, in the place of what was tried, in a ranking that is known."""
    ground.services.index.delete(tried.manifest.version_id)
    tuned = Tuned(attempts=(learned,), notes=())
    people = tried.people.before_the_gate
    fewer = _built(part, snapshot, people, ground, learned=tuned, known=tried.gate.scoring)
    return replace(fewer, unfound=tried.unfound)


def _built(
    part: Part,
    snapshot: Snapshot,
    found: Findings,
    ground: Ground,
    *,
    learned: Tuned | None = None,
    known: ScoringRun | None = None,
) -> Tried:
    found = _looked_through(snapshot, found, ground)
    named = without(snapshot, corrections=found.corrections, questions=found.questions)
    built = build_version(named, ground, learned=learned)
    gate = open_gate(built, ground, known)
    return Tried(part=part, snapshot=snapshot, people=found, gate=gate, plan=_plan(built, ground))


def _looked_through(snapshot: Snapshot, found: Findings, ground: Ground) -> Findings:
    """With what speaks against the corrections that have their place back where others are left out."""
    limits = ground.services.config.guardrails
    while True:
        named = without(snapshot, corrections=found.corrections, questions=found.questions)
        more = findings.of_people(named, ground.control, ground.detectors, limits)
        if not more.left_out:
            return found
        found = found + more


def _plan(built: Built, ground: Ground) -> Plan:
    services, snapshot = ground.services, built.snapshot
    return probing.plan(
        snapshot.held(built.manifest),
        control=ground.control,
        people=People(
            interactions=[*filter(snapshot.may_ask, services.ledger.interactions(limit=probing.ASKED))],
            corrected=snapshot.corrected,
            judged=snapshot.golden,
            retired=snapshot.retired.keys() | snapshot.unasked,
        ),
        making=Making(chunks=built.chunks, seed=_settings(ground).seed, rephrase=ground.rephrase),
    )


def _settings(ground: Ground) -> Gate:
    return ground.services.config.gate
