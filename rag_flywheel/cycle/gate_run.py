"""A candidate before the gate: both versions are asked the same questions, scored, and compared.

Questions that are sealed are asked only where the open ones would let it pass: they have the last word.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from eval import comparison, gate
from eval.guardrails import drift, invariants, origin, recall
from eval.guardrails.checks import Check
from eval.questions import golden
from eval.questions.golden import Case
from eval.report import churn, report
from eval.report.lineage import Lineage, ReadSources, TakenOut
from eval.report.night import Night
from eval.scores import agreement, scorecard
from eval.scores.judge import Judge, open_judge
from eval.scores.ragas_metrics import Score
from ingest.build import Corpus
from rag_flywheel.config import Embedder
from rag_flywheel.cycle import gate_questions
from rag_flywheel.cycle.candidate import Built, Ground
from rag_flywheel.cycle.gate_questions import GateQuestions
from rag_flywheel.cycle.scoring_run import ScoredReplies, ScoringRun
from rag_flywheel.cycle.snapshot import Snapshot
from rag_flywheel.domain import Decision, DocumentId, Interaction, InteractionId, Manifest, Outcome
from rag_flywheel.domain.equivalence import same_question
from rag_flywheel.errors import NotFound
from rag_flywheel.ports import Conversations, Ledger
from rag_flywheel.privacy.sensitive import sensitive

AGREEMENT_AT_MOST = 50  # recorded answers that the judge is compared with people on
RECENT = 5  # times as many interactions are read as are replayed, for many repeat a question
Losses = Mapping[str, Mapping[str, Score]]
"""By case id, the values of a candidate that lost the question."""

LIVE = "live version"
CANDIDATE = "candidate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What came of asking the gate once."""

    manifest: Manifest  # with the ranking that was tried
    ruling: gate.Ruling
    live: ScoredReplies | None  # the control's; None where there is no control
    mine: ScoredReplies


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRun:
    """What does not depend on the candidate's ranking, worked out once."""

    built: Built
    ground: Ground
    questions: GateQuestions
    scoring: ScoringRun
    live: ScoredReplies | None  # the control's, on the open questions
    recent: Sequence[Interaction]
    detectors: invariants.Detectors
    checks: Sequence[Check]  # of what the candidate holds
    sealed: list[ScoredReplies] = field(default_factory=list)  # the control's, once the sealed ones are asked

    @property
    def broken(self) -> bool:
        """Whether what the candidate holds refuses it, whatever its ranking."""
        return bool(invariants.broken(self.checks))

    def ask(self, manifest: Manifest, *, confidence: float, still_lost: Losses) -> Attempt:
        """The gate's word on the candidate with one ranking, by intervals of this confidence.

        Questions that are `still_lost` count as they did in an earlier attempt of the night, whatever they do now.
        """
        live, mine = self.live, self.scoring.score(manifest, self.questions.open, name=CANDIDATE)
        mine = _still_lost(mine, still_lost)
        self.scoring.steps("deciding", 0, 1)
        ruling = self._ruling(manifest, live, mine, confidence)
        control, sealed = self.ground.control, self.questions.sealed
        if ruling.outcome is Outcome.PASSED and control is not None and live is not None and sealed:
            if not self.sealed:
                self.sealed.append(self.scoring.score(control, _before(self.built, sealed), name=LIVE))
            live = live.with_more(self.sealed[0])
            mine = mine.with_more(self.scoring.score(manifest, sealed, name=CANDIDATE))
            ruling = self._ruling(manifest, live, mine, confidence)
        return Attempt(manifest=manifest, ruling=ruling, live=live, mine=mine)

    def decision(self, attempt: Attempt, night: Night) -> Decision:
        """The gate's word as it is recorded, with the report, which also tells of the rest of the night."""
        manifest, live, mine = attempt.manifest, attempt.live, attempt.mine
        control, services, judge = self.ground.control, self.ground.services, self.scoring.judge
        decided = services.now()
        told = report.assemble(
            attempt.ruling,
            Lineage(
                manifest=manifest,
                parent=control,
                reviewed=self.built.snapshot.held(manifest),
                sources=_read_sources(self.built, self.ground.corpus),
            ),
            report.Scored(
                control=None if live is None else live.card,
                treatment=mine.card,
                retired=self.questions.retired,
                replies=None if live is None else (live.replies, mine.replies),
                churn=None if control is None else self._churn(control, manifest),
            ),
            decided=decided,
            settings=services.config.gate,
            judging=None
            if judge is None
            else report.Judging(model=judge.model, agreement=self._agreement(judge), costs=asdict(judge.costs)),
            night=night,
        )
        return Decision(
            version_id=manifest.version_id,
            control=manifest.parent,
            decided=decided,
            outcome=attempt.ruling.outcome,
            reasons=attempt.ruling.reasons,
            report=told,
        )

    def _ruling(
        self, manifest: Manifest, live: ScoredReplies | None, mine: ScoredReplies, confidence: float
    ) -> gate.Ruling:
        config = self.ground.services.config
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
            must_go=self.ground.must_go,
            possible=self.questions.possible,
            confidence=confidence,
            settings=config.gate,
        )

    def _answered(self, manifest: Manifest, mine: ScoredReplies) -> list[Check]:
        return invariants.check_answers(
            mine.replies.values(),
            chunks=[*self.built.chunks, *self.ground.before],
            ask=self.scoring.asker(manifest, as_new=False),
            detectors=self.detectors,
            settings=self.ground.services.config.guardrails,
        )

    def _churn(self, control: Manifest, manifest: Manifest) -> churn.Churn:
        replies = [self.scoring.replay(version, self.recent) for version in (control, manifest)]
        return churn.churn(self.recent, *replies)

    def _agreement(self, judge: Judge) -> agreement.Agreement | None:
        """Of judge and people, by the metric that most answers have a value of."""
        config, snapshot = self.ground.services.config, self.built.snapshot
        reviewed, unasked = snapshot.held(self.built.manifest), snapshot.unasked
        answers = agreement.recorded(
            confirmed=[asked for asked in snapshot.confirmed if snapshot.may_ask(asked)],
            corrected=[
                (entry, snapshot.corrected[entry.correction.interaction_id])
                for entry in reviewed
                if entry.correction.document_id not in unasked
            ],
            cases=[*self.questions.open, *self.questions.sealed],
        )
        found = agreement.with_people(
            agreement.chosen(answers, limit=AGREEMENT_AT_MOST),
            judge=judge,
            encoder=self.ground.services.encoders(config.embedder),
            resamples=config.gate.resamples,
            seed=config.gate.seed,
            on_step=lambda done, total: self.scoring.steps("comparing the judge with people", done, total),
        )
        return max(found, key=lambda agreed: agreed.n, default=None)


def _still_lost(scored: ScoredReplies, losses: Losses) -> ScoredReplies:
    kept = {case_id: values for case_id, values in losses.items() if case_id in scored.card.values}
    return replace(scored, card=replace(scored.card, values={**scored.card.values, **kept}))


def _read_sources(built: Built, corpus: Corpus) -> ReadSources:
    return ReadSources(
        left_out=tuple((left_out.name, left_out.reason) for left_out in built.skipped),
        taken_out=tuple(
            TakenOut(document_id=of.document_id, what=removal.what, count=removal.count, lines=removal.lines)
            for of in corpus.removed
            for removal in of.removed
        ),
        alike=tuple(group.documents for group in corpus.alike),
    )


def open_gate(built: Built, ground: Ground, known: ScoringRun | None) -> GateRun:
    """The gate before a candidate. `known`: what an earlier one of the same night was asked and scored by."""
    services = ground.services
    config, ledger, control = services.config, services.ledger, ground.control
    asked = gate_questions.gather(built, ground)
    scoring = _scoring(built, asked, ground, known)
    limits = config.guardrails
    detectors = invariants.Detectors(
        redactor=services.redactor,
        entities=config.privacy.entities if config.privacy.redact else (),
        planted_strings=ground.detectors.planted_strings,
        rate=ground.detectors.rate,
        seed=config.gate.seed,
        masked=ground.detectors.masked,
        probes=recall.NUMBER if config.generator.kind == "extractive" else limits.model_probes,
        drawn_by=f"{config.gate.seed}|{built.manifest.version_id}",
    )
    ground.steps("checking the guardrails", 0, 1)
    version = built.manifest.version_id
    encoder = services.encoders(Embedder.model_validate(built.manifest.settings["embedder"]))
    checks = invariants.check(
        invariants.Candidate(
            manifest=built.manifest,
            chunks=built.chunks,
            others=built.others,
            stored=services.index.chunks(version),
            find=origin.by_own_vector(services.index, version, encoder, titles=config.ingest.embed_titles),
            left_out={DocumentId(left_out.name) for left_out in built.skipped if left_out.same_as is not None}
            | built.findings.documents,
            documents={document.document_id for document in ground.corpus.documents},
            aside=built.findings.undecided,
        ),
        None if control is None else invariants.Control(manifest=control, chunks=ground.before),
        held=_held(built.manifest, built.snapshot, ledger),
        superseded=invariants.Superseded(
            hidden=built.snapshot.accepted.hidden,
            originals=built.originals,
            replaced=built.snapshot.accepted.superseded,
        ),
        stale=asked.stale,
        detectors=detectors,
        settings=limits,
    )
    return GateRun(
        built=built,
        ground=ground,
        questions=asked,
        scoring=scoring,
        live=None if control is None else scoring.score(control, _before(built, asked.open), name=LIVE),
        recent=_recent(
            asked,
            built.snapshot,
            ledger,
            limit=config.gate.replayed,
            but=sensitive(config, lambda: ground.before).hidden,
        ),
        detectors=detectors,
        checks=checks,
    )


def _scoring(built: Built, asked: GateQuestions, ground: Ground, known: ScoringRun | None) -> ScoringRun:
    services = ground.services
    sources = [chunk for chunk in built.chunks if chunk.confirmed is None]
    references = scorecard.reference_texts([*asked.open, *asked.sealed], sources)
    documents = (chunk for chunk in (*ground.before, *sources) if chunk.confirmed is None)
    readers = {chunk.document_id: chunk.groups for chunk in documents}
    if known is not None:
        return replace(known, references=references, readers=readers)
    return ScoringRun(
        services=services,
        references=references,
        readers=readers,
        judge=open_judge(services.config.judge, key=services.secrets.judge_api_key, cache=services.cache),
        steps=ground.steps,
    )


def _before(built: Built, cases: Sequence[Case]) -> list[Case]:
    """As the control is judged: what people named has its places there."""
    return golden.as_before(cases, built.anchored.before, built.anchored.documents_before)


def _recent(
    asked: GateQuestions,
    snapshot: Snapshot,
    ledger: Conversations,
    *,
    limit: int,
    but: Callable[[Interaction], bool],
) -> list[Interaction]:
    """The newest real questions that may be asked again, but for sealed and sensitive ones: of these the report may
    tell nothing.
    """
    if not limit:
        return []
    sealed = {same_question(case.question) for case in asked.sealed}
    lately = filter(snapshot.may_ask, ledger.interactions(limit=RECENT * limit))
    return churn.recent(
        [each for each in lately if same_question(each.query) not in sealed and not but(each)], limit=limit
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
