"""A candidate: a snapshot built into the index, and its ranking learned."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from eval.questions import golden
from eval.questions.known_items import Rephrase
from ingest import build
from ingest.answer_spans import with_evidence, with_holders
from ingest.build import Corpus
from ingest.corrections import accepted
from ingest.known_questions import known_questions
from ingest.learning import tuning
from ingest.reading.raw import Skipped
from rag_flywheel.cycle import candidate_cases
from rag_flywheel.cycle.candidate_cases import FromCorpus, FromPeople
from rag_flywheel.cycle.scoring_run import Steps
from rag_flywheel.cycle.snapshot import Snapshot
from rag_flywheel.domain import Chunk, Counts, DocumentId, LearnedRanking, Manifest, VersionId
from rag_flywheel.errors import Damaged, InvalidInput
from rag_flywheel.golden_set.anchoring import Anchored, Named, anchored
from rag_flywheel.ports import Encoder
from rag_flywheel.services import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A candidate in the index."""

    manifest: Manifest  # with the ranking of the first attempt
    attempts: tuple[LearnedRanking, ...]  # rankings for the gate to decide on, the boldest first
    chunks: tuple[Chunk, ...]  # all that was indexed
    originals: Mapping[DocumentId, str]  # the whole texts of the documents of which a part is hidden
    skipped: tuple[Skipped, ...]  # what was left out
    corpus: Corpus  # how the sources were read
    snapshot: Snapshot  # what people named stands in it where it stands in the corpus
    anchored: Anchored


@dataclass(frozen=True, slots=True, kw_only=True)
class _Contents:
    """What a version is to hold."""

    snapshot: Snapshot  # at the places of the corpus
    anchored: Anchored

    chunks: tuple[Chunk, ...]  # of documents and corrections
    known: tuple[Chunk, ...]  # some of them once more, as a confirmed question finds them
    counts: Counts
    originals: Mapping[DocumentId, str]  # the whole texts of the documents of which a part is hidden
    corpus: Corpus
    skipped: tuple[Skipped, ...]  # what was left out


def build_version(
    snapshot: Snapshot,
    services: Services,
    *,
    parent: VersionId | None,
    rephrase: Rephrase | None,
    steps: Steps,
) -> Built:
    """Write a candidate to the index and learn its ranking. The ledger hears of it when it is decided on.

    Raises InvalidInput when there is nothing to index, and Damaged when the index does not hold what was written.
    """
    encoder = services.encoders(services.config.embedder)
    contents = _contents(snapshot, services, steps)
    snapshot, found = contents.snapshot, contents.anchored
    manifest = Manifest(
        version_id=VersionId(f"v{snapshot.cutoff:%Y%m%dT%H%M%S}-{services.new_id()[:6]}"),
        parent=parent,
        created=snapshot.cutoff,
        inputs=snapshot.inputs,
        sources=snapshot.digests,
        feedback_cutoff=snapshot.cutoff,
        corrections=tuple(chunk.provenance.correction_id for chunk in contents.chunks if chunk.provenance is not None),
        confirmed=tuple(interaction.interaction_id for interaction in snapshot.confirmed),
        embedder=encoder.name,
        learned=LearnedRanking(),
        settings=snapshot.settings,
        counts=contents.counts,
        notes=(),
        followed=found.followed,
        renamed=found.renamed,
    )
    _write(manifest.version_id, contents, services, encoder, steps)
    tuned = _tune(manifest, contents, snapshot, services, rephrase, steps)
    return Built(
        manifest=replace(manifest, learned=tuned.attempts[0], notes=tuned.notes),
        attempts=tuned.attempts,
        chunks=(*contents.chunks, *contents.known),
        originals=contents.originals,
        skipped=contents.skipped,
        corpus=contents.corpus,
        snapshot=snapshot,
        anchored=found,
    )


def _contents(snapshot: Snapshot, services: Services, steps: Steps) -> _Contents:
    config = services.config
    corpus = build.collect(
        snapshot.files,
        snapshot.digests,
        settings=config.ingest,
        cache=services.cache,
        redactor=services.document_redactor,
        on_step=lambda done, total: steps("reading files (kB)", done, total),
    )
    skipped = (*snapshot.problems, *corpus.skipped)
    steps("finding what people named", 0, 1)
    people = Named(reviewed=snapshot.reviewed, judged=snapshot.golden, confirmed=snapshot.confirmed)
    found = anchored(people, corpus, snapshot.digests, services)
    snapshot = replace(
        snapshot,
        reviewed=found.reviewed,
        accepted=accepted(found.reviewed),
        golden=found.judged,
        confirmed=found.confirmed,
    )
    cut, counts = build.cut(
        corpus.documents,
        snapshot.accepted,
        skipped=len(skipped),
        settings=config.ingest,
        counter=services.encoders(config.embedder),
    )
    if not cut:
        reasons = "; ".join(f"{omitted.name}: {omitted.reason}" for omitted in skipped[:10])
        named = [source.label for source in config.sources]
        raise InvalidInput(f"there is nothing to index in {named}{': ' + reasons if reasons else ''}")
    chunks = with_holders(cut, snapshot.reviewed, snapshot.corrected.__getitem__)
    known = known_questions(found.leading, chunks)
    if len(known) < config.reranker.minimum_groups:
        known = []  # too few to tell when one is meant
    hidden = {span.document_id for span in snapshot.accepted.hidden}
    return _Contents(
        snapshot=snapshot,
        anchored=found,
        chunks=tuple(chunks),
        known=tuple(known),
        counts=counts,
        originals={
            document.document_id: document.text for document in corpus.documents if document.document_id in hidden
        },
        corpus=corpus,
        skipped=skipped,
    )


def _write(version: VersionId, contents: _Contents, services: Services, encoder: Encoder, steps: Steps) -> None:
    chunks = (*contents.chunks, *contents.known)
    written = services.index.build(
        version,
        dimension=encoder.dimension,
        batches=build.entries(
            chunks,
            encoder=encoder,
            titles=services.config.ingest.embed_titles,
            on_step=lambda done, total: steps("embedding passages", done, total),
        ),
    )
    if written != len(chunks):
        raise Damaged(f"version {version} holds {written} entries, expected {len(chunks)}: run reindex again")


def _tune(
    manifest: Manifest,
    contents: _Contents,
    snapshot: Snapshot,
    services: Services,
    rephrase: Rephrase | None,
    steps: Steps,
) -> tuning.Tuned:
    config = services.config
    steps("learning", 0, 1)
    corrections = snapshot.held(manifest)
    cases = candidate_cases.cases(
        FromPeople(
            corrections=corrections,
            confirmed=snapshot.confirmed,
            judged=snapshot.golden,
        ),
        FromCorpus(
            chunks=contents.chunks, known_items=config.gate.known_items, seed=config.gate.seed, rephrase=rephrase
        ),
        control=None,
        skipped=contents.skipped,
    )
    lessons = candidate_cases.lessons(
        golden.in_use(cases, snapshot.retired),
        corrections=corrections,
        interaction=snapshot.corrected.__getitem__,
        weights=snapshot.weights,
        seed=config.gate.seed,
    )
    return tuning.learn(
        replace(lessons, ranking=tuple(with_evidence(lessons.ranking, contents.chunks))),
        searcher=services.open(manifest),
        training=tuning.RerankerTraining(
            store=services.rerankers,
            cache=services.cache,
            settings=config.reranker,
            on_step=lambda done, total: steps("tuning the reranker", done, total),
        ),
        admission_error=config.retrieval.admission_error,
        live=None if manifest.parent is None else services.ledger.version(manifest.parent).manifest.learned,
    )
