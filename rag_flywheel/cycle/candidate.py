"""A candidate: a snapshot built into the index, and its ranking learned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from eval.guardrails import suspects
from eval.guardrails.suspects import Detectors
from eval.questions import golden
from eval.questions.known_items import Rephrase
from ingest import build, elsewhere
from ingest.answer_spans import with_evidence, with_holders
from ingest.build import Corpus
from ingest.corrections import accepted, with_groups, without_readers
from ingest.known_questions import known_questions
from ingest.learning import tuning
from ingest.learning.tuning import Tuned
from ingest.reading.raw import Skipped
from rag_flywheel.cycle import candidate_cases, erasing, findings, taking_over
from rag_flywheel.cycle.aside import Seen, record
from rag_flywheel.cycle.candidate_cases import FromCorpus, FromPeople
from rag_flywheel.cycle.findings import Findings
from rag_flywheel.cycle.refusals import refusal
from rag_flywheel.cycle.scoring_run import Steps
from rag_flywheel.cycle.snapshot import Snapshot
from rag_flywheel.domain import (
    Chunk,
    Counts,
    DocumentId,
    Guardrail,
    LearnedRanking,
    Manifest,
    Readership,
    VersionId,
    untuned,
)
from rag_flywheel.domain.consent import Purpose
from rag_flywheel.errors import Damaged, InvalidInput
from rag_flywheel.golden_set.anchoring import Anchored, Named, anchored
from rag_flywheel.ports import Encoder
from rag_flywheel.services import Services

_UNREAD = "the documents that it rests on and that it replaces share no group, so nobody could be shown it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What all candidates of a night have in common."""

    services: Services
    control: Manifest | None  # the live version
    before: tuple[Chunk, ...]  # what it holds
    corpus: Corpus  # the sources, as they were read
    detectors: Detectors
    rephrase: Rephrase | None
    steps: Steps
    must_go: bool = False  # whether the live version holds what somebody asked to be forgotten, or takes back
    anew: bool = False  # whether all of it is to be written again
    inherited: LearnedRanking | None = None  # of the live version; None: none, or it may not be learned from

    @property
    def unlearned(self) -> LearnedRanking:
        """What a version ranks by that has learned nothing."""
        encoder = self.services.encoders(self.services.config.embedder)
        return LearnedRanking(fusion=dict(untuned(tokens=encoder.token_dimension > 0)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A candidate in the index."""

    manifest: Manifest  # with the ranking of the first attempt
    tuned: Tuned  # rankings for the gate to decide on, in turn
    chunks: tuple[Chunk, ...]  # all that operators find
    others: tuple[Chunk, ...]  # what was indexed, too: other forms of them, for those who read what others do not
    originals: Mapping[DocumentId, str]  # the whole texts of the documents of which a part is hidden
    skipped: tuple[Skipped, ...]  # what was left out
    findings: Findings  # what speaks against pieces of documents
    unread: Findings  # corrections that nobody could be shown; they are not in it
    snapshot: Snapshot  # what people named stands in it where it stands in the corpus
    anchored: Anchored


@dataclass(frozen=True, slots=True, kw_only=True)
class _Contents:
    """What a version is to hold."""

    snapshot: Snapshot  # at the places of the corpus
    anchored: Anchored

    chunks: tuple[Chunk, ...]  # of documents and corrections
    known: tuple[Chunk, ...]  # some of them once more, as a confirmed question finds them
    others: tuple[Chunk, ...]  # other forms of them, for those who may not read all corrections
    counts: Counts
    findings: Findings
    unread: Findings
    originals: Mapping[DocumentId, str]  # the whole texts of the documents of which a part is hidden
    skipped: tuple[Skipped, ...]  # what was left out


def prepare(
    snapshot: Snapshot,
    services: Services,
    *,
    live: VersionId | None,
    anew: bool,
    rephrase: Rephrase | None,
    steps: Steps,
) -> Ground:
    """Read the sources, and what the live version holds; `anew`: nothing of it is taken over."""
    config = services.config
    corpus = build.collect(
        snapshot.files,
        snapshot.digests,
        settings=config.ingest,
        cache=services.cache,
        redactor=services.document_redactor,
        on_step=lambda done, total: steps("reading files (kB)", done, total),
        ahead=lambda pieces, cache: _read_elsewhere(pieces, services, steps),
    )
    control = None if live is None else services.ledger.version(live).manifest
    must_go = control is not None and (erasing.bars(control, services) or snapshot.is_outdated(control))
    return Ground(
        services=services,
        control=control,
        must_go=must_go,
        anew=anew,
        inherited=None if control is None or must_go else control.learned,
        before=() if live is None else tuple(services.index.chunks(live)),
        corpus=corpus,
        detectors=findings.detectors(services),
        rephrase=rephrase,
        steps=steps,
    )


def _read_elsewhere(pieces: Sequence[build.Piece], services: Services, steps: Steps) -> None:
    if services.elsewhere is not None:
        elsewhere.read(
            pieces,
            workers=services.elsewhere.workers,
            cache=services.cache,
            on_step=lambda done, total: steps("reading files elsewhere", done, total),
        )


def build_version(snapshot: Snapshot, ground: Ground, *, learned: Tuned | None = None) -> Built:
    """Write a candidate to the index and learn its ranking, or take what is `learned` already. The ledger hears of it
    when it is decided on.

    Raises InvalidInput when there is nothing to index, and Damaged when the index does not hold what was written.
    """
    services = ground.services
    encoder = services.encoders(services.config.embedder)
    inputs = snapshot.inputs
    contents = _contents(snapshot, ground)
    snapshot, found = contents.snapshot, contents.anchored
    manifest = Manifest(
        version_id=VersionId(f"v{snapshot.cutoff:%Y%m%dT%H%M%S}-{services.new_id()[:6]}"),
        parent=None if ground.control is None else ground.control.version_id,
        created=snapshot.cutoff,
        inputs=inputs,
        sources=snapshot.digests,
        feedback_cutoff=snapshot.cutoff,
        corrections=tuple(chunk.provenance.correction_id for chunk in contents.chunks if chunk.provenance is not None),
        confirmed=tuple(interaction.interaction_id for interaction in snapshot.confirmed),
        embedder=encoder.name,
        learned=ground.unlearned,
        settings=snapshot.settings,
        counts=contents.counts,
        notes=(),
        languages=tuple(sorted({chunk.language for chunk in contents.chunks if not chunk.by_question})),
        followed=found.followed,
        renamed=found.renamed,
        readership=Readership.of(document.groups for document in ground.corpus.documents),
    )
    _write(manifest.version_id, contents, ground, encoder)
    tuned = _tune(manifest, contents, ground) if learned is None else learned
    return Built(
        manifest=replace(manifest, learned=tuned.attempts[0], notes=tuned.notes),
        tuned=tuned,
        chunks=(*contents.chunks, *contents.known),
        others=contents.others,
        originals=contents.originals,
        skipped=contents.skipped,
        findings=contents.findings,
        unread=contents.unread,
        snapshot=snapshot,
        anchored=found,
    )


def _contents(snapshot: Snapshot, ground: Ground) -> _Contents:
    services, corpus = ground.services, ground.corpus
    skipped = (*snapshot.problems, *corpus.skipped)
    snapshot, found, unread = _placed(snapshot, ground)
    forms, counts = build.cut(
        corpus.documents,
        snapshot.accepted,
        skipped=len(skipped),
        settings=services.config.ingest,
        counter=services.encoders(services.config.embedder),
        cache=services.cache,
    )
    ground.steps("looking at new texts", 0, 1)
    cut = (*forms.chunks, *forms.others)
    aside = findings.of_documents(cut, ground.before, snapshot, ground.detectors)
    shown = findings.kept(forms.chunks, aside)
    if not shown:
        documents = {document.document_id for document in corpus.documents}
        seen = Seen(reviewed=snapshot.reviewed, documents=documents)
        record(aside, None, seen, services)  # so that it can be released
        raise _nothing(snapshot, services, skipped, aside)
    chunks = with_holders(shown, snapshot.reviewed, snapshot.corrected.__getitem__)
    known = known_questions(found.leading, chunks)
    if len(known) < services.config.reranker.minimum_groups:
        known = []  # too few to tell when one is meant
    hidden = {span.document_id for span in snapshot.accepted.hidden}
    return _Contents(
        snapshot=snapshot,
        anchored=found,
        chunks=tuple(chunks),
        known=tuple(known),
        others=tuple(findings.kept(forms.others, aside)),
        counts=replace(counts, passages=counts.passages - (len(forms.chunks) - len(shown))),
        findings=aside,
        unread=unread,
        originals={
            document.document_id: document.text for document in corpus.documents if document.document_id in hidden
        },
        skipped=skipped,
    )


def _placed(snapshot: Snapshot, ground: Ground) -> tuple[Snapshot, Anchored, Findings]:
    """What people named, where it stands tonight and for whom, and the corrections that nobody could be shown."""
    corpus = ground.corpus
    ground.steps("finding what people named", 0, 1)
    people = Named(reviewed=snapshot.reviewed, judged=snapshot.golden, confirmed=snapshot.confirmed)
    found = anchored(people, corpus, snapshot.digests, ground.services)
    documents = {document.document_id: document.groups for document in corpus.documents}
    documents |= {
        DocumentId(left_out.name): documents[left_out.same_as]
        for left_out in corpus.skipped
        if left_out.same_as is not None
    }
    moved = {(followed.of, followed.was): [span.document_id for span in followed.now] for followed in found.followed}
    grouped = with_groups(
        snapshot.reviewed,
        documents,
        now=lambda entry, span: moved.get((entry.correction.document_id, span.place)) or [span.document_id],
        asked=snapshot.corrected.__getitem__,
    )
    reviewed = tuple(
        replace(entry, correction=replace(entry.correction, groups=own.correction.groups))
        for entry, own in zip(found.reviewed, grouped, strict=True)
    )
    unread = without_readers(reviewed)
    told = tuple(suspects.of_correction(entry, Guardrail.GROUPS, _UNREAD) for entry in unread)
    placed = replace(
        snapshot,
        reviewed=reviewed,
        accepted=accepted([entry for entry in reviewed if entry not in unread]),
        golden=found.judged,
        confirmed=found.confirmed,
    )
    return placed, found, Findings(told=told)


def _nothing(snapshot: Snapshot, services: Services, skipped: Sequence[Skipped], aside: Findings) -> InvalidInput:
    reasons = [f"{omitted.name}: {omitted.reason}" for omitted in skipped]
    reasons += [f"{found.item} is set aside ({found.guardrail}): {found.reason}" for found in aside.left_out]
    told = f": {'; '.join(reasons[:10])}" if reasons else ""
    return InvalidInput(f"there is nothing to index in {[source.label for source in services.config.sources]}{told}")


def _write(version: VersionId, contents: _Contents, ground: Ground, encoder: Encoder) -> None:
    services = ground.services
    chunks: Sequence[Chunk] = (*contents.chunks, *contents.known, *contents.others)
    titles = services.config.ingest.embed_titles
    recipe, expected = taking_over.recipe(services), len(chunks)
    like = None
    if ground.control is not None and not (ground.must_go or ground.anew):
        live = ground.control.version_id
        if services.index.takes_over(live, recipe=recipe):
            like = taking_over.most_of(live, ground.before, chunks)
    if like is not None:
        chunks = taking_over.new(chunks, ground.before)
    if services.elsewhere is not None:
        elsewhere.embed(
            chunks,
            titles=titles,
            elsewhere=services.elsewhere,
            on_step=lambda done, total: ground.steps("embedding elsewhere", done, total),
        )
    written = services.index.build(
        version,
        dimension=encoder.dimension,
        token_dimension=encoder.token_dimension,
        recipe=recipe,
        like=like,
        batches=build.entries(
            chunks,
            encoder=encoder,
            titles=titles,
            on_step=lambda done, total: ground.steps("embedding passages", done, total),
        ),
    )
    if written != expected:
        raise Damaged(f"version {version} holds {written} entries, expected {expected}: run reindex again")


def _tune(manifest: Manifest, contents: _Contents, ground: Ground) -> Tuned:
    services, snapshot = ground.services, contents.snapshot
    config = services.config
    ground.steps("learning", 0, 1)
    corrections = snapshot.held(manifest)
    cases = candidate_cases.cases(
        FromPeople(
            corrections=corrections,
            confirmed=snapshot.confirmed,
            judged=snapshot.golden,
        ),
        FromCorpus(
            chunks=contents.chunks, known_items=config.gate.known_items, seed=config.gate.seed, rephrase=ground.rephrase
        ),
        control=None,
        skipped=contents.skipped,
    )
    asked = golden.in_use(cases, snapshot.retired.keys() | snapshot.private[Purpose.LEARN])
    lessons = candidate_cases.lessons(
        asked,
        corrections=corrections,
        interaction=snapshot.corrected.__getitem__,
        weights=snapshot.weights,
        seed=config.gate.seed,
    )
    tuned = tuning.learn(
        replace(lessons, ranking=tuple(with_evidence(lessons.ranking, contents.chunks))),
        searcher=services.open(manifest),
        training=tuning.RerankerTraining(
            store=services.rerankers,
            cache=services.cache,
            settings=config.reranker,
            on_step=lambda done, total: ground.steps("tuning the reranker", done, total),
        ),
        admission_error=config.retrieval.admission_error,
        live=ground.inherited,
    )
    first = services.open(replace(manifest, learned=tuned.attempts[0]))
    moved, note = refusal(asked, searcher=first, services=services)
    return Tuned(
        attempts=tuple(replace(learned, refusal=moved) for learned in tuned.attempts), notes=(*tuned.notes, note)
    )
