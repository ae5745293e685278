"""Real versions for `gate_power`: a data set through the real cycle, and candidates made of it.

Only what a rule of the gate asks for is scored (hit@1, reciprocal rank, refusals, RAGAS's ID-based precision and
recall), so that hundreds of questions take seconds.
"""

import functools
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from gate_runs import Guards, Table, Targets

from eval.guardrails import invariants, origin
from eval.guardrails.checks import Check
from eval.questions import golden
from eval.questions.golden import Case, Retired, Slice
from eval.scores import scorecard
from ingest import build
from ingest.corrections import accepted
from rag_flywheel.cli.progress import Steps
from rag_flywheel.config import Config, Embedder, Source
from rag_flywheel.cycle import candidate_cases, findings
from rag_flywheel.cycle.candidate import Built, Ground, build_version, prepare
from rag_flywheel.cycle.candidate_cases import FromCorpus, FromPeople
from rag_flywheel.cycle.snapshot import Snapshot, take_snapshot
from rag_flywheel.domain import (
    Chunk,
    Correction,
    CorrectionId,
    DocumentId,
    Draft,
    Guardrail,
    Interaction,
    InteractionId,
    LearnedRanking,
    Manifest,
    Passage,
    Review,
    ReviewedCorrection,
    Stage,
    Verdict,
    VersionId,
)
from rag_flywheel.domain.masked import NOTHING_MASKED
from rag_flywheel.ports import Encoder, Entry, Vectors
from rag_flywheel.search.retrieval import retrieve
from rag_flywheel.search.versions import Searcher
from rag_flywheel.services import Services

Rearranged = Callable[[Case, list[Passage]], list[Passage]]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A live version of the data set. `drafts` grows: the same passages for a question give the same answer."""

    services: Services
    snapshot: Snapshot
    live: Manifest
    ground: Ground  # what candidates have in common
    drafts: dict[tuple[object, ...], Draft] = field(default_factory=dict)

    @property
    def encoder(self) -> Encoder:
        return self.services.encoders(self.services.config.embedder)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A candidate with a fault in it, and the services that it is judged with."""

    built: Built
    snapshot: Snapshot
    services: Services


def settings_for(folder: Path, work: Path) -> Config:
    """The default settings over a copy of the data set's corpus, its questions as the golden set."""
    work.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(folder / "corpus.jsonl", work / "corpus.jsonl")
    return Config(file=work / "config.yaml", sources=(Source(path="corpus.jsonl"),), golden=str(folder.resolve()))


def begin(services: Services, steps: Steps) -> World:
    """The first version, as the cycle builds it and tunes its ranking. There is nothing for the gate to compare."""
    known = services.encoders
    services = replace(services, encoders=functools.cache(lambda settings: Remembering(known(settings))))
    snapshot = take_snapshot(services)
    ground = prepare(snapshot, services, live=None, anew=True, rephrase=None, steps=steps)
    built = build_version(snapshot, ground)
    services.ledger.add_version(built.manifest)
    live, before = with_first(built), tuple(services.index.chunks(built.manifest.version_id))
    return World(services=services, snapshot=snapshot, live=live, ground=replace(ground, control=live, before=before))


# --- values ---------------------------------------------------------------------------------------------------------


def guards(world: World) -> Guards:
    """Every judged question under the learned and the untuned ranking, and what each loses with a wrong passage first.

    Where nothing was learned, the ranking by BM25 alone stands for the learned one.
    """
    cases = world.snapshot.golden
    learned = world.live.learned
    if learned.fusion == LearnedRanking().fusion:
        learned = LearnedRanking(fusion={"sparse_share": 1.0})
    rankings = [replace(world.live, learned=learned_ranking) for learned_ranking in (learned, LearnedRanking())]
    tables = [
        values(world, world.services, ranking, cases, rearranged)
        for rearranged in (_as_ranked, wrong_first)
        for ranking in rankings
    ]
    return Guards(
        cases=tuple(case for case in cases if case.answerable),
        learned=tables[0],
        untuned=tables[1],
        learned_harmed=tables[2],
        untuned_harmed=tables[3],
    )


def _as_ranked(case: Case, passages: list[Passage]) -> list[Passage]:
    return passages


def wrong_first(case: Case, passages: list[Passage]) -> list[Passage]:
    """The ranking with its best passage that does not answer in the first place: the smallest loss that there is."""
    wrong = next((passage for passage in passages if not golden.relevant(case, passage.chunk)), None)
    return passages if wrong is None else [wrong, *(passage for passage in passages if passage is not wrong)]


def values(
    world: World, services: Services, version: Manifest, cases: Sequence[Case], rearranged: Rearranged = _as_ranked
) -> Table:
    """The version's scores of the cases."""
    searcher = services.open(version)
    searcher.encoder.encode_queries([case.question for case in cases])  # at once, and remembered
    replies = {}
    for done, case in enumerate(cases, start=1):
        world.ground.steps("answering", done, len(cases))
        replies[case.case_id] = _reply(
            world, case, rearranged(case, retrieve(case.question, searcher=searcher)), searcher
        )
    card = scorecard.scorecard(
        [replace(case, answer=None) for case in cases],
        replies,
        references={},
        encoder=world.encoder,
        judge=None,
        on_step=lambda done, total: world.ground.steps("scoring", done, total),
    )
    return card.values


def _reply(world: World, case: Case, passages: list[Passage], searcher: Searcher) -> scorecard.Reply:
    seen = passages[: searcher.shown]
    key = (case.question, *((passage.chunk.chunk_id, passage.chunk.text) for passage in seen))
    if key not in world.drafts:
        pieces = world.services.generator.answer(case.question, seen)
        world.drafts[key] = next(piece for piece in pieces if isinstance(piece, Draft))
    return scorecard.Reply(passages=tuple(passages), shown=searcher.shown, draft=world.drafts[key])


def questions(world: World, built: Built, snapshot: Snapshot) -> list[Case]:
    """Judged and corrected questions, as the cycle makes cases of them, without those whose evidence is gone."""
    return _settled(world, built, snapshot)[0]


def _settled(world: World, built: Built, snapshot: Snapshot) -> tuple[list[Case], list[Retired]]:
    found = candidate_cases.cases(
        FromPeople(corrections=snapshot.held(built.manifest), confirmed=snapshot.confirmed, judged=snapshot.golden),
        FromCorpus(chunks=(), known_items=0, seed=0, rephrase=None),
        control=world.live,
        skipped=built.skipped,
    )
    held = {chunk.document_id for chunk in built.chunks} | {DocumentId(left_out.name) for left_out in built.skipped}
    return golden.settled(found, document_ids=held, retired=snapshot.retired)


# --- candidates -----------------------------------------------------------------------------------------------------


def built_from(world: World, snapshot: Snapshot) -> Planted:
    """A candidate without a fault, with its boldest ranking alone."""
    built = build_version(snapshot, world.ground)
    return Planted(
        built=replace(built, tuned=replace(built.tuned, attempts=built.tuned.attempts[:1])),
        snapshot=snapshot,
        services=world.services,
    )


def corrected(world: World, some: Sequence[tuple[Case, str]], *, supersede: bool = False) -> Snapshot:
    """The snapshot with an accepted correction of each case, by a person of its own."""
    services, chunks = world.services, list(world.services.index.chunks(world.live.version_id))
    reviewed, origins = [], {}
    for case, answer in some:
        name, at = services.new_id(), services.now()
        spans = tuple(chunk.span for chunk in chunks if chunk.document_id in case.documents)
        asked = Interaction(
            interaction_id=InteractionId(f"i{name}"),
            asked=at,
            user=f"u{name}",
            session=None,
            question=case.question,
            query=case.question,
            answer="",
            answered=False,
            version_id=world.live.version_id,
            arm="control",
            generator=services.generator.name,
            ranking=(),
            shown=0,
            citations=(),
            consent=True,
            seconds=0.0,
        )
        services.ledger.add_interaction(asked)
        origins[asked.interaction_id] = asked
        correction = Correction(
            correction_id=CorrectionId(name),
            interaction_id=asked.interaction_id,
            submitted=at,
            user=asked.user,
            question=case.question,
            answer=answer,
            evidence=() if supersede else spans,
            supersedes=spans if supersede else (),
            stage=Stage.MIS_RANKED,
        )
        review = Review(
            review_id=f"r{name}",
            correction_id=correction.correction_id,
            reviewed=at,
            reviewer="reviewer",
            verdict=Verdict.ACCEPT,
            answer=None,
            note=None,
        )
        reviewed.append(ReviewedCorrection(correction=correction, review=review))
    return replace(
        world.snapshot,
        cutoff=services.now(),
        reviewed=tuple(reviewed),
        accepted=accepted(reviewed),
        corrected=origins,
    )


def targets(world: World, known: Table, wanted: int) -> tuple[Targets, Planted]:
    """Up to `wanted` questions that the live version answers badly, corrected, and the version that holds these."""
    planted = built_from(world, corrected(world, [(case, case.answer or "") for case in _wrong(world, known)[:wanted]]))
    cases = [case for case in questions(world, planted.built, planted.snapshot) if case.slice is Slice.CORRECTED]
    sides = [values(world, world.services, manifest, cases) for manifest in (world.live, with_first(planted.built))]
    return Targets(cases=tuple(cases), before=sides[0], after=sides[1]), planted


def with_first(built: Built) -> Manifest:
    """The candidate as the first of its attempts ranks."""
    return replace(built.manifest, learned=built.tuned.attempts[0])


def _wrong(world: World, known: Table) -> list[Case]:
    """One question of each cluster that was answered badly and has a known answer."""
    wrong = [
        case
        for case in world.snapshot.golden
        if case.answer and case.answerable and not known[case.case_id]["hit_at_1"]
    ]
    return list({case.cluster: case for case in reversed(wrong)}.values())


def rebuilt(
    world: World, planted: Planted, chunks: Sequence[Chunk], change: Callable[[list[Entry]], list[Entry]]
) -> Planted:
    """The candidate, its index written again from the chunks, with what `change` makes of the entries."""
    built, services = planted.built, planted.services
    version = VersionId(f"v{services.now():%Y%m%dT%H%M%S}-{services.new_id()[:6]}")
    batches = build.entries(
        chunks,
        encoder=world.encoder,
        titles=services.config.ingest.embed_titles,
        on_step=lambda done, total: None,
    )
    entries = change([entry for batch in batches for entry in batch])
    services.index.build(version, dimension=world.encoder.dimension, batches=[entries])
    return replace(
        planted, built=replace(built, manifest=replace(built.manifest, version_id=version), chunks=tuple(chunks))
    )


def as_built(entries: list[Entry]) -> list[Entry]:
    """No change of the entries."""
    return entries


def checked(world: World, planted: Planted) -> list[Check]:
    """The invariants that look at what a version holds, as the cycle asks for them."""
    services, snapshot, built = world.services, planted.snapshot, planted.built
    config = services.config
    kept, gone = _settled(world, built, snapshot)
    version = built.manifest.version_id
    encoder = services.encoders(Embedder.model_validate(built.manifest.settings["embedder"]))
    return invariants.check(
        invariants.Candidate(
            manifest=built.manifest,
            chunks=built.chunks,
            stored=services.index.chunks(version),
            find=origin.by_own_vector(services.index, version, encoder, titles=config.ingest.embed_titles),
            left_out={DocumentId(left_out.name) for left_out in built.skipped if left_out.same_as is not None},
            documents={document.document_id for document in world.ground.corpus.documents},
            aside=built.findings.documents,
        ),
        invariants.Control(manifest=world.live, chunks=world.ground.before),
        held=invariants.Held(reviewed=snapshot.reviewed, interactions=frozenset(built.manifest.confirmed)),
        superseded=invariants.Superseded(
            hidden=snapshot.accepted.hidden, originals=built.originals, replaced=snapshot.accepted.superseded
        ),
        stale=golden.stale_share(kept, gone),
        detectors=invariants.Detectors(
            redactor=services.redactor,
            entities=config.privacy.entities if config.privacy.redact else (),
            planted_strings=(),
            rate=world.ground.detectors.rate,
            seed=config.gate.seed,
            masked=NOTHING_MASKED,
            probes=0,
            drawn_by="",
        ),
        settings=config.guardrails,
    )


def suspected(world: World, planted: Planted) -> list[Guardrail]:
    """What would set an item of it aside before the gate is asked."""
    ground, snapshot = world.ground, planted.snapshot
    found = findings.of_people(snapshot, ground.control, ground.detectors, world.services.config.guardrails)
    found += findings.of_documents(planted.built.chunks, ground.before, snapshot, ground.detectors)
    return sorted({suspicion.guardrail for suspicion in found.left_out})


class Remembering:
    """An encoder that encodes no query twice: every fault's version is asked the same questions."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._known: dict[str, Vectors] = {}

    @property
    def name(self) -> str:
        return self._encoder.name

    @property
    def dimension(self) -> int:
        return self._encoder.dimension

    @property
    def token_dimension(self) -> int:
        return self._encoder.token_dimension

    @property
    def longest(self) -> int:
        return self._encoder.longest

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._encoder.count_tokens(texts)

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        return self._encoder.encode_documents(texts)

    def encode_documents_by_token(self, texts: Sequence[str]) -> tuple[Vectors, list[Vectors]]:
        return self._encoder.encode_documents_by_token(texts)

    def encode_queries_by_token(self, texts: Sequence[str]) -> tuple[Vectors, list[Vectors]]:
        return self.encode_queries(texts), self._encoder.encode_queries_by_token(texts)[1]

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            self._known.update(zip(new, self._encoder.encode_queries(new), strict=True))
        found = [self._known[text] for text in texts]
        return np.stack(found) if found else np.zeros((0, self.dimension), dtype=np.float32)
