"""A candidate before the gate: both versions are asked the same questions, scored, and compared.

The gate decides on each of the candidate's rankings until one passes. Questions that are sealed are asked only where
the open ones would let it pass: they have the last word.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from eval import comparison, gate
from eval.guardrails import drift, invariants, memorisation, origin, safety
from eval.guardrails.checks import Check
from eval.questions import golden
from eval.questions.golden import Case
from eval.questions.known_items import Rephrase
from eval.report import churn, report
from eval.report.lineage import Lineage, ReadSources, TakenOut
from eval.scores import agreement, scorecard
from eval.scores.judge import Judge, open_judge
from rag_flywheel.config import Embedder, Source
from rag_flywheel.cycle import gate_questions
from rag_flywheel.cycle.candidate import Built
from rag_flywheel.cycle.gate_questions import GateQuestions
from rag_flywheel.cycle.scoring_run import ScoredReplies, ScoringRun, Steps
from rag_flywheel.cycle.snapshot import Snapshot
from rag_flywheel.domain import Chunk, Decision, DocumentId, Interaction, InteractionId, Manifest, Outcome
from rag_flywheel.domain.equivalence import same_question
from rag_flywheel.errors import NotFound
from rag_flywheel.ports import Conversations, Ledger
from rag_flywheel.services import Services

AGREEMENT_AT_MOST = 50  # recorded answers that the judge is compared with people on
RECENT = 5  # times as many interactions are read as are replayed, for many repeat a question
LIVE = "live version"
CANDIDATE = "candidate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """The gate's word on a candidate."""

    manifest: Manifest  # with the ranking of the last attempt
    decision: Decision
    report: Path  # the report's folder


def decide_on(built: Built, services: Services, *, rephrase: Rephrase | None, steps: Steps) -> Decided:
    """Let the gate decide on each attempt until one passes; the last one counts.

    The boldest attempt comes first, and the report of the last one tells of the others. What the candidate holds is the
    same in all: where that breaks an invariant, the first attempt is the last.
    """
    run = _prepare(built, services, rephrase, steps)
    broken = invariants.broken(run.checks)
    notes = built.manifest.notes
    for number, learned in enumerate(built.attempts, start=1):
        manifest = replace(built.manifest, learned=learned, notes=notes)
        decision = run.decide(manifest, confidence=gate.confidence(number))
        if decision.outcome is Outcome.PASSED or broken:
            break
        notes = (*notes, f"attempt {number} of {len(built.attempts)} was {decision.outcome}: {decision.reasons[0]}")
    folder = services.reports / manifest.version_id
    report.write(decision.report, folder)
    return Decided(manifest=manifest, decision=decision, report=folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class _GateRun:
    """What does not depend on the candidate's ranking, worked out once."""

    built: Built
    snapshot: Snapshot
    services: Services
    control: Manifest | None
    before: Sequence[Chunk]  # the control's
    questions: GateQuestions
    scoring: ScoringRun
    live: ScoredReplies | None  # the control's, on the open questions
    recent: Sequence[Interaction]
    detectors: invariants.Detectors
    checks: Sequence[Check]  # of what the candidate holds
    sealed: list[ScoredReplies] = field(default_factory=list)  # the control's, once the sealed ones are asked

    def decide(self, manifest: Manifest, *, confidence: float) -> Decision:
        """The gate's word on the candidate with one ranking, and the report."""
        control, services = self.control, self.services
        live, mine = self.live, self.scoring.score(manifest, self.questions.open, name=CANDIDATE)
        self.scoring.steps("deciding", 0, 1)
        ruling = self._ruling(manifest, live, mine, confidence)
        if ruling.outcome is Outcome.PASSED and control is not None and live is not None and self.questions.sealed:
            if not self.sealed:
                self.sealed.append(self.scoring.score(control, _before(self.built, self.questions.sealed), name=LIVE))
            live = live.with_more(self.sealed[0])
            mine = mine.with_more(self.scoring.score(manifest, self.questions.sealed, name=CANDIDATE))
            ruling = self._ruling(manifest, live, mine, confidence)
        judge = self.scoring.judge
        decided = services.now()
        told = report.assemble(
            ruling,
            Lineage(
                manifest=manifest,
                parent=control,
                reviewed=self.snapshot.held(manifest),
                sources=_read_sources(self.built),
            ),
            report.Scored(
                control=None if live is None else live.card,
                treatment=mine.card,
                retired=self.questions.retired,
                replies=None if live is None else (live.replies, mine.replies),
            ),
            decided=decided,
            settings=services.config.gate,
            churn=None if control is None else self._churn(control, manifest),
            judging=None
            if judge is None
            else report.Judging(model=judge.model, agreement=self._agreement(judge), costs=asdict(judge.costs)),
        )
        return Decision(
            version_id=manifest.version_id,
            control=manifest.parent,
            decided=decided,
            outcome=ruling.outcome,
            reasons=ruling.reasons,
            report=told,
        )

    def _ruling(
        self, manifest: Manifest, live: ScoredReplies | None, mine: ScoredReplies, confidence: float
    ) -> gate.Ruling:
        config = self.services.config
        compared = comparison.compare(
            None if live is None else live.card,
            mine.card,
            parts=self.questions.parts,
            confidence=confidence,
            resamples=config.gate.resamples,
            seed=config.gate.seed,
        )
        gap = drift.gap(_served(compared), maximum=config.guardrails.maximum_gap, minimum=config.gate.minimum_slice)
        return gate.decide(
            compared,
            [*self.checks, *self._answered(manifest, mine), gap],
            first=live is None,
            possible=self.questions.possible,
            confidence=confidence,
            settings=config.gate,
        )

    def _answered(self, manifest: Manifest, mine: ScoredReplies) -> list[Check]:
        return invariants.check_answers(
            mine.replies.values(),
            chunks=[*self.built.chunks, *self.before],
            ask=self.scoring.asker(manifest, as_new=False),
            detectors=self.detectors,
            settings=self.services.config.guardrails,
        )

    def _churn(self, control: Manifest, manifest: Manifest) -> churn.Churn:
        replies = [self.scoring.replay(version, self.recent) for version in (control, manifest)]
        return churn.churn(self.recent, *replies)

    def _agreement(self, judge: Judge) -> agreement.Agreement | None:
        """Of judge and people, by the metric that most answers have a value of."""
        config, snapshot = self.services.config, self.snapshot
        reviewed = snapshot.held(self.built.manifest)
        answers = agreement.recorded(
            confirmed=snapshot.confirmed,
            corrected=[(entry, snapshot.corrected[entry.correction.interaction_id]) for entry in reviewed],
            cases=[*self.questions.open, *self.questions.sealed],
        )
        found = agreement.with_people(
            agreement.chosen(answers, limit=AGREEMENT_AT_MOST),
            judge=judge,
            encoder=self.services.encoders(config.embedder),
            resamples=config.gate.resamples,
            seed=config.gate.seed,
            on_step=lambda done, total: self.scoring.steps("comparing the judge with people", done, total),
        )
        return max(found, key=lambda agreed: agreed.n, default=None)


def _read_sources(built: Built) -> ReadSources:
    return ReadSources(
        left_out=tuple((left_out.name, left_out.reason) for left_out in built.skipped),
        taken_out=tuple(
            TakenOut(document_id=of.document_id, what=removal.what, count=removal.count, lines=removal.lines)
            for of in built.corpus.removed
            for removal in of.removed
        ),
        alike=tuple(group.documents for group in built.corpus.alike),
    )


def _masked_least(sources: Sequence[Source]) -> Source:
    least_first = ("nothing", "dangerous", "full")
    return min(sources, key=lambda source: least_first.index(source.policy), default=Source(path="."))


def _prepare(built: Built, services: Services, rephrase: Rephrase | None, steps: Steps) -> _GateRun:
    config, ledger, parent, snapshot = services.config, services.ledger, built.manifest.parent, built.snapshot
    control = None if parent is None else ledger.version(parent).manifest
    before = [] if control is None else list(services.index.chunks(control.version_id))
    asked = gate_questions.gather(built, control, before, services, rephrase)
    sources = [chunk for chunk in built.chunks if chunk.confirmed is None]
    scoring = ScoringRun(
        services=services,
        references=scorecard.reference_texts([*asked.open, *asked.sealed], sources),
        judge=open_judge(config.judge, key=services.secrets.judge_api_key, cache=services.cache),
        steps=steps,
    )
    limits = config.guardrails
    planted_strings = memorisation.read_planted(config.resolve(limits.canaries)) if limits.canaries else ()
    detectors = invariants.Detectors(
        redactor=services.redactor,
        document_redactor=services.document_redactor(_masked_least(config.sources)),
        entities=config.privacy.entities if config.privacy.redact else (),
        planted_strings=planted_strings,
        rate=safety.trained(services.encoders(Embedder())),  # whose figures are known, whatever embeds the passages
        seed=config.gate.seed,
    )
    steps("checking the guardrails", 0, 1)
    version = built.manifest.version_id
    encoder = services.encoders(Embedder.model_validate(built.manifest.settings["embedder"]))
    checks = invariants.check(
        invariants.Candidate(
            manifest=built.manifest,
            chunks=built.chunks,
            stored=services.index.chunks(version),
            find=origin.by_own_vector(services.index, version, encoder, titles=config.ingest.embed_titles),
            duplicates={DocumentId(left_out.name) for left_out in built.skipped if left_out.same_as is not None},
        ),
        None if control is None else invariants.Control(manifest=control, chunks=before),
        held=_held(built.manifest, snapshot, ledger),
        superseded=invariants.Superseded(
            hidden=snapshot.accepted.hidden, originals=built.originals, replaced=snapshot.accepted.superseded
        ),
        stale=asked.stale,
        detectors=detectors,
        settings=limits,
    )
    return _GateRun(
        built=built,
        snapshot=snapshot,
        services=services,
        control=control,
        before=before,
        questions=asked,
        scoring=scoring,
        live=None if control is None else scoring.score(control, _before(built, asked.open), name=LIVE),
        recent=_recent(asked, ledger, limit=config.gate.replayed),
        detectors=detectors,
        checks=checks,
    )


def _before(built: Built, cases: Sequence[Case]) -> list[Case]:
    """As the control is judged: what people named has its places there."""
    return golden.as_before(cases, built.anchored.before, built.anchored.documents_before)


def _recent(asked: GateQuestions, ledger: Conversations, *, limit: int) -> list[Interaction]:
    """The newest real questions, but for sealed ones: of these the report may tell nothing."""
    if not limit:
        return []
    sealed = {same_question(case.question) for case in asked.sealed}
    lately = ledger.interactions(limit=RECENT * limit)
    return churn.recent(
        [interaction for interaction in lately if same_question(interaction.query) not in sealed], limit=limit
    )


def _held(manifest: Manifest, snapshot: Snapshot, ledger: Ledger) -> invariants.Held:
    return invariants.Held(
        reviewed=tuple(ledger.corrections(until=snapshot.cutoff)),
        interactions={name for name in manifest.confirmed if _is_there(name, ledger)},
    )


def _is_there(name: InteractionId, ledger: Conversations) -> bool:
    try:
        return bool(ledger.interaction(name).query)
    except NotFound:
        return False


def _served(compared: Sequence[comparison.Comparison]) -> list[drift.Part]:
    parts = [
        on_metric
        for on_metric in compared
        if on_metric.role is comparison.Role.PART and on_metric.metric == scorecard.HIT
    ]
    return [
        drift.Part(
            kind=part.slice.partition(" ")[0],
            name=part.slice.partition(" ")[2],
            n=part.n,
            before=part.before,
            after=part.after,
            better=part.better,
            worse=part.worse,
        )
        for part in parts
        if part.before is not None and part.after is not None
    ]
