"""What the gate asks both versions: judged and made questions, by what they are for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eval.questions import breakdown, golden, splits
from eval.questions.golden import GUARDS, Case, Retired, Slice
from eval.questions.known_items import Nearby, Rephrase
from rag_flywheel.cycle import candidate_cases
from rag_flywheel.cycle.snapshot import Built, Snapshot
from rag_flywheel.domain import Chunk, DocumentId, Manifest
from rag_flywheel.search.retrieval import retrieve
from rag_flywheel.services import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """What both versions are asked."""

    open: tuple[Case, ...]
    sealed: tuple[Case, ...]
    retired: tuple[Retired, ...]
    parts: Mapping[str, frozenset[str]]
    possible: int | None  # guard questions there are, where the corpus gives no more; None where it could
    stale: float  # share of the judged questions whose evidence is gone


def gather(
    built: Built,
    control: Manifest | None,
    before: Sequence[Chunk],
    snapshot: Snapshot,
    services: Services,
    rephrase: Rephrase | None,
) -> Questions:
    """The questions about a candidate, with the live version as `control`, whose chunks are those of `before`."""
    manifest, settings = built.manifest, services.config.gate
    lived = set(before)
    shared = built.chunks if control is None else [chunk for chunk in built.chunks if chunk in lived]
    found = candidate_cases.cases(
        corrections=snapshot.held(manifest),
        confirmed=snapshot.confirmed,
        judged=snapshot.golden,
        known=shared,
        known_at_most=settings.known_items,
        control=control,
        skipped=built.skipped,
        seed=settings.seed,
        rephrase=rephrase,
        near=() if control is None else _near(control, snapshot, manifest, services),
        neighbours_at_most=settings.neighbours,
        reworded=True,
    )
    if control is not None:
        found = candidate_cases.widened(
            found, candidate_cases.moved(before, built.chunks, sources=(control.sources, manifest.sources))
        )
    groups = breakdown.asker_groups(snapshot.confirmed, snapshot.held(manifest), snapshot.corrected.__getitem__)
    found = breakdown.with_parts(found, [*built.chunks, *before], groups)
    epoch = splits.epoch(services.ledger.count_decisions(), settings)
    found = splits.seal(found, seed=settings.seed, sealed=settings.sealed, epoch=epoch)
    held = {chunk.document_id for chunk in built.chunks} | {DocumentId(left_out.name) for left_out in built.skipped}
    asked, retired = golden.settled(
        candidate_cases.asked_by_the_gate(found, seed=settings.seed), document_ids=held, retired=snapshot.retired
    )
    made = sum(case.slice is Slice.KNOWN_ITEM for case in found)
    guards = [case for case in asked if case.slice in GUARDS]
    return Questions(
        open=tuple(case for case in asked if not case.sealed),
        sealed=tuple(case for case in asked if case.sealed),
        retired=tuple(retired),
        parts=breakdown.parts(guards, settings.minimum_slice),
        possible=sum(not case.sealed for case in guards) if made < settings.known_items else None,
        stale=golden.stale_share(asked, retired),
    )


def _near(control: Manifest, snapshot: Snapshot, manifest: Manifest, services: Services) -> list[Nearby]:
    """What the live version finds for each new correction's question."""
    searcher = services.open(control)
    new = [
        reviewed
        for reviewed in snapshot.held(manifest)
        if reviewed.correction.correction_id not in set(control.corrections)
    ]
    return [
        Nearby(
            question=reviewed.correction.question,
            answer=reviewed.answer,
            spans=(*reviewed.correction.evidence, *reviewed.correction.supersedes),
            chunks=tuple(found.chunk.chunk_id for found in retrieve(reviewed.correction.question, searcher=searcher)),
        )
        for reviewed in new
    ]
