"""What the gate asks both versions: judged and made questions, by what they are for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eval.questions import breakdown, golden, splits
from eval.questions.golden import GUARDS, Case, Retired, Slice
from eval.questions.known_items import Nearby
from rag_flywheel.config import Config
from rag_flywheel.cycle import candidate_cases
from rag_flywheel.cycle.candidate import Built, Ground
from rag_flywheel.cycle.candidate_cases import FromCorpus, FromPeople
from rag_flywheel.domain import DocumentId, Manifest, ReviewedCorrection
from rag_flywheel.search.retrieval import retrieve
from rag_flywheel.search.versions import Searcher


@dataclass(frozen=True, slots=True, kw_only=True)
class GateQuestions:
    """What both versions are asked."""

    open: tuple[Case, ...]
    sealed: tuple[Case, ...]
    retired: tuple[Retired, ...]
    parts: Mapping[str, frozenset[str]]
    possible: int | None  # guard questions there are, where the corpus gives no more; None where it could
    stale: float  # share of the judged questions whose evidence is gone


def gather(built: Built, ground: Ground) -> GateQuestions:
    """The questions about a candidate."""
    services, control, before = ground.services, ground.control, ground.before
    manifest, settings, snapshot = built.manifest, services.config.gate, built.snapshot
    lived = set(before)
    shared = built.chunks if control is None else [chunk for chunk in built.chunks if chunk in lived]
    corrections = snapshot.held(manifest)
    cases = candidate_cases.cases(
        FromPeople(corrections=corrections, confirmed=snapshot.confirmed, judged=snapshot.golden),
        FromCorpus(
            chunks=shared,
            known_items=settings.known_items,
            neighbours=settings.neighbours,
            near=() if control is None else _near(control, corrections, services.open(control)),
            reworded=True,
            seed=settings.seed,
            rephrase=ground.rephrase,
        ),
        control=control,
        skipped=built.skipped,
    )
    groups = breakdown.asker_groups(snapshot.confirmed, corrections, snapshot.corrected.__getitem__)
    cases = breakdown.with_parts(cases, [*built.chunks, *before], groups)
    epoch = splits.epoch(services.ledger.count_decisions(), settings)
    cases = golden.in_use(cases, snapshot.unasked)
    cases = splits.seal(cases, seed=settings.seed, sealed=settings.sealed, epoch=epoch)
    shown = {chunk.document_id for chunk in built.chunks}
    held = {document.document_id for document in ground.corpus.documents} - built.findings.documents | shown
    held |= {DocumentId(left_out.name) for left_out in built.skipped}
    asked, retired = golden.settled(
        candidate_cases.asked_by_the_gate(cases, seed=settings.seed),
        document_ids=held,
        retired=snapshot.retired,
        lost=built.anchored.lost,
    )
    made = sum(case.slice is Slice.KNOWN_ITEM for case in cases)
    guards = [case for case in asked if case.slice in GUARDS]
    return GateQuestions(
        open=tuple(case for case in asked if not case.sealed),
        sealed=tuple(case for case in asked if case.sealed),
        retired=tuple(retired),
        parts=_told(breakdown.parts(guards, settings.minimum_slice), services.config),
        possible=sum(not case.sealed for case in guards) if made < settings.known_items else None,
        stale=golden.stale_share(asked, retired),
    )


def _told(parts: Mapping[str, frozenset[str]], config: Config) -> dict[str, frozenset[str]]:
    """Without groups of askers that are sensitive: how many of their questions there are is told with noise alone."""
    hidden = {f"group {name}" for name in config.privacy.sensitive_groups}
    return {name: ids for name, ids in parts.items() if name not in hidden}


def _near(control: Manifest, corrections: Sequence[ReviewedCorrection], searcher: Searcher) -> list[Nearby]:
    """What the live version, which `searcher` searches, finds for each question that is newly corrected."""
    held = set(control.corrections)
    return [
        Nearby(
            question=reviewed.correction.question,
            answer=reviewed.answer,
            spans=(*reviewed.correction.evidence, *reviewed.correction.supersedes),
            chunks=tuple(found.chunk.chunk_id for found in retrieve(reviewed.correction.question, searcher=searcher)),
        )
        for reviewed in corrections
        if reviewed.correction.correction_id not in held
    ]
