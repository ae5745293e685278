"""One seed of a replay: people who are played here ask, correct and confirm, and the real cycle runs.

Everything between is real: the chat, the ledger, the reviews, the index, the gate. The probes are asked of the flywheel
and of its rivals alike and leave no trace, so that nothing learns from them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from eval.replay.plan import Ask, Plan
from eval.replay.rivals import APPENDED, RIVALS, Base, Reply, Rival, Signal
from eval.replay.trial import Probe, Seen, Trial
from ingest import build
from ingest.reading.sources import fingerprint, list_files
from rag_flywheel.answering.chat import Chat, open_chat
from rag_flywheel.cycle.reindex import reindex
from rag_flywheel.cycle.result import CycleDecision
from rag_flywheel.cycle.scoring_run import Steps
from rag_flywheel.domain import (
    Correction,
    DocumentId,
    Draft,
    Evidence,
    Interaction,
    InteractionId,
    LearnedRanking,
    Passage,
    Question,
    ReviewedCorrection,
    Searched,
    Verdict,
    untuned,
)
from rag_flywheel.domain.equivalence import agree
from rag_flywheel.domain.readers import EVERYTHING
from rag_flywheel.errors import Conflict
from rag_flywheel.feedback import corrections, intake, review
from rag_flywheel.ports import Vectors
from rag_flywheel.privacy.numbering import masking
from rag_flywheel.search.retrieval import retrieve_by_vector
from rag_flywheel.services import Services

FLYWHEEL = "flywheel"
METHODS = (FLYWHEEL, *RIVALS)
RANKED = 100  # places of a ranking that are kept
WHO = "replay"


def simulate(plan: Plan, *, methods: Sequence[str], services: Services, steps: Steps) -> list[Trial]:
    """Play the plan on empty services whose sources are in place; a trial for each method, all on the same probes.

    Raises Conflict when the first version does not go live, and what the cycle raises.
    """
    first = reindex(services, force=False, steps=steps)
    if first.decision is not CycleDecision.PROMOTED:
        reasons = "; ".join(first.reasons)
        raise Conflict(f"the first version of a replay did not go live ({reasons}): make the gate's settings milder")
    game = _begin(plan, services, steps)
    before = {method: game.probe(method) for method in methods}
    after: list[dict[str, dict[str, Seen]]] = []
    notes = []
    for turn in range(1, plan.turns + 1):
        notes.append(game.play(turn))
        after.append({method: game.probe(method) for method in methods})
    probes = game.judged_probes()
    return [
        Trial(
            seed=plan.seed,
            method=method,
            probes=probes,
            before=before[method],
            turns=tuple(seen[method] for seen in after),
            notes=tuple(notes) if method == FLYWHEEL else (),
            hostile=game.hostile(),
        )
        for method in methods
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Simulation:
    """A seed while it is played. What grows: what people said, and answers that were made once."""

    plan: Plan
    services: Services
    chat: Chat
    base: Base
    vectors: Vectors  # of the probes, (probes, dimension)
    same: Mapping[DocumentId, DocumentId]  # a document that was dropped -> the one that says the same
    steps: Steps
    signals: list[Signal] = field(default_factory=list)
    taught: dict[str, tuple[Ask, ReviewedCorrection]] = field(default_factory=dict)  # by cluster
    answers: dict[tuple[object, ...], str] = field(default_factory=dict)

    def play(self, turn: int) -> str:
        """Everybody whose turn it is asks and answers back, and the cycle runs; returns what came of it, in words."""
        asks = [ask for ask in self.plan.asks if ask.turn == turn]
        said, corrected = len(self.signals), len(self.taught)
        for done, ask in enumerate(asks):
            self.steps("asking, correcting and confirming", done, len(asks))
            self._ask(ask)
        result = reindex(self.services, force=False, steps=self.steps)
        corrections = len(self.taught) - corrected
        confirmed = len(self.signals) - said - corrections
        reasons = " ".join(result.reasons)
        aside = len({found.item for found in result.aside})
        taken = f"turn {turn}: {corrections} corrections, {confirmed} confirmed answers"
        left = f", {aside} set aside" if aside else ""
        return f"{taken}{left}; {result.decision}: {reasons}"

    def probe(self, method: str) -> dict[str, Seen]:
        """What the method finds and answers now, by query id."""
        ask = self._method(method)
        seen = {}
        for done, (probe, vector) in enumerate(zip(self.plan.probes, self.vectors, strict=True)):
            self.steps(f"probing {method}", done, len(self.plan.probes))
            seen[probe.query_id] = self._seen(probe.question, ask(probe.question, vector))
        self.services.index.delete(APPENDED)
        return seen

    def judged_probes(self) -> tuple[Probe, ...]:
        """The probes, with the corrections that answer them by now beside their judgements."""
        return tuple(
            replace(
                probe,
                relevant=self._relevant(probe.relevant) | self._own(probe),
                agreeing=frozenset(
                    reviewed.correction.document_id
                    for _, reviewed in self.taught.values()
                    if agree(reviewed.answer, probe.answer)
                ),
            )
            for probe in self.plan.probes
        )

    def hostile(self) -> frozenset[DocumentId]:
        """The accepted corrections that are."""
        return frozenset(
            reviewed.correction.document_id for ask, reviewed in self.taught.values() if ask.hostile is not None
        )

    def _method(self, method: str) -> Rival:
        if method != FLYWHEEL:
            return RIVALS[method](self.base, self.signals)
        live = self.chat.searcher()
        return lambda question, vector: Reply(passages=tuple(retrieve_by_vector(question, vector, searcher=live)))

    def _seen(self, question: str, reply: Reply) -> Seen:
        """The same passages for the same question give the same answer, so it is made once."""
        ranking = _documents(reply.passages)[:RANKED]
        if reply.answer is not None:
            return Seen(ranking=ranking, answer=reply.answer)
        read = reply.passages[: self.base.searcher.shown]
        key = (question, *((passage.chunk.chunk_id, passage.chunk.text) for passage in read))
        if key not in self.answers:
            pieces = self.services.generator.answer(question, read, searched=Searched(ranking=reply.passages))
            self.answers[key] = next(piece for piece in pieces if isinstance(piece, Draft)).text
        return Seen(ranking=ranking, answer=self.answers[key])

    def _relevant(self, judged: frozenset[DocumentId]) -> frozenset[DocumentId]:
        return judged | {self.same[document_id] for document_id in judged if document_id in self.same}

    def _own(self, probe: Probe) -> frozenset[DocumentId]:
        """The accepted correction of the probe's own question, unless it is hostile."""
        if probe.cluster not in self.taught:
            return frozenset()
        ask, reviewed = self.taught[probe.cluster]
        return frozenset({reviewed.correction.document_id}) if ask.hostile is None else frozenset()

    def _ask(self, ask: Ask) -> None:
        """One person asks, and says what the answer was worth: an answer that does not agree with gold is bad."""
        services = self.services
        question = Question(text=ask.query.text, asked=services.now(), user=_name(ask), groups=None)
        interaction = self.chat.answer(question, interaction_id=InteractionId(services.new_id()))
        if ask.kind == "confirm":
            right = interaction.answered and _first_document(interaction) in self._relevant(ask.query.relevant)
        else:
            right = ask.hostile is None and agree(interaction.answer, ask.query.answer)
        if ask.implicit is not None:
            kind, value = ask.implicit
            self._say(ask, interaction, kind, value)
        if right:
            self._confirm(ask, interaction)
        elif ask.kind == "correct":
            self._correct(ask, interaction)

    def _confirm(self, ask: Ask, interaction: Interaction) -> None:
        self._say(ask, interaction, "thumb", "up")
        document = _first_document(interaction)
        if document is not None:
            self._remember(interaction, interaction.answer, document, corrected=False)

    def _say(self, ask: Ask, interaction: Interaction, kind: str, value: str | bool) -> None:
        services = self.services
        signal = intake.prepare(
            intake.Signal(
                interaction_id=interaction.interaction_id, kind=kind, value=value, user=_name(ask), reader=EVERYTHING
            ),
            ledger=services.ledger,
            masking=masking(services),
            minimum_similarity=services.config.generator.minimum_similarity,
            at=services.now(),
            new_id=services.new_id,
        )
        services.ledger.add_feedback(signal)

    def _correct(self, ask: Ask, interaction: Interaction) -> None:
        services = self.services
        correction = corrections.prepare(
            corrections.Submission(
                interaction_id=interaction.interaction_id, answer=ask.answer, user=_name(ask), reader=EVERYTHING
            ),
            ledger=services.ledger,
            masking=masking(services),
            find=lambda text: self.chat.search(text, groups=None)[1].passages,
            quoted=lambda spans, seen: tuple(spans),  # the documents of a replay never change
            at=services.now(),
            new_id=services.new_id,
        )
        services.ledger.add_correction(correction)
        reviewed = self._accept(correction)
        self.taught[ask.query.cluster] = (ask, reviewed)
        self._remember(interaction, reviewed.answer, correction.document_id, corrected=True)

    def _accept(self, correction: Correction) -> ReviewedCorrection:
        services = self.services
        return review.decide(
            correction.correction_id,
            review.Ruling(verdict=Verdict.ACCEPT, reviewer=WHO, reader=EVERYTHING),
            ledger=services.ledger,
            masking=masking(services),
            look=None,  # one reviewer, who accepts everything
            at=services.now(),
            new_id=services.new_id,
        )

    def _remember(self, interaction: Interaction, answer: str, document: DocumentId, *, corrected: bool) -> None:
        """For the rivals, who learn from the same people."""
        spans = [
            Evidence(document_id=citation.document_id, start=citation.start, end=citation.end)
            for citation in interaction.citations
        ]
        cited = [shown for shown in interaction.ranking if any(shown.span.overlaps(span) for span in spans)]
        best = max(cited, key=lambda shown: shown.score, default=None)
        self.signals.append(
            Signal(
                question=interaction.query,
                answer=answer,
                document_id=document,
                cited=None if best is None else best.chunk_id,
                corrected=corrected,
            )
        )


def _begin(plan: Plan, services: Services, steps: Steps) -> _Simulation:
    live = services.index.live()
    assert live is not None  # a version was promoted just now
    # Not what it learned from questions of its own making: the rivals have nothing of the flywheel's.
    tokens = services.encoders(services.config.embedder).token_dimension > 0
    learned = LearnedRanking(fusion=dict(untuned(tokens=tokens)))
    manifest = replace(services.ledger.version(live).manifest, learned=learned)
    searcher = services.open(manifest)
    return _Simulation(
        plan=plan,
        services=services,
        chat=open_chat(services),
        base=Base(searcher=searcher, titles=services.config.ingest.embed_titles),
        vectors=searcher.encoder.encode_queries([probe.question for probe in plan.probes]),
        same=_duplicates(services),
        steps=steps,
    )


def _documents(passages: Iterable[Passage]) -> tuple[tuple[DocumentId, ...], ...]:
    """The documents that passages are of, best first, each once; at one place those of passages that say the same."""
    before: set[DocumentId] = set()
    places = []
    for passage in passages:
        new = tuple(dict.fromkeys(chunk.document_id for chunk in passage.chunks if chunk.document_id not in before))
        before.update(new)
        places.append(new)
    return tuple(place for place in places if place)


def _name(ask: Ask) -> str:
    return f"asker of {ask.query.query_id}"


def _first_document(interaction: Interaction) -> DocumentId | None:
    """What the answer cites first, or else the first passage's; None where nothing was found."""
    named = [citation.document_id for citation in interaction.citations] + [
        shown.document_id for shown in interaction.ranking
    ]
    return named[0] if named else None


def _duplicates(services: Services) -> dict[DocumentId, DocumentId]:
    """Each document that was left out as a duplicate, with the one that says the same. Files come from the cache."""
    files = list_files(services.config).files
    corpus = build.collect(
        files,
        fingerprint(files),
        settings=services.config.ingest,
        cache=services.cache,
        redactor=services.document_redactor,
        on_step=lambda done, total: None,
    )
    return {DocumentId(left_out.name): left_out.same_as for left_out in corpus.skipped if left_out.same_as is not None}
