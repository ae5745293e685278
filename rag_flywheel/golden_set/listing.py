"""What the golden set holds: every judged question, where it comes from, its role in the gate, and its state."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from eval.questions import golden, splits
from eval.questions.golden import Case, Slice
from eval.questions.splits import Role
from ingest import build
from ingest.build import Corpus
from ingest.corrections import accepted
from ingest.reading.sources import fingerprint, list_files
from rag_flywheel.config import Config
from rag_flywheel.domain import (
    DocumentId,
    Followed,
    Interaction,
    InteractionId,
    ReviewedCorrection,
    questions_left_out,
)
from rag_flywheel.domain.readers import ANYBODY, Reader
from rag_flywheel.feedback import reviewers
from rag_flywheel.feedback.intake import confirmed
from rag_flywheel.golden_set.anchoring import Anchored, Named, anchored
from rag_flywheel.ports import Ledger
from rag_flywheel.services import Services


class Origin(StrEnum):
    """Where a judged question comes from."""

    FOLDER = "folder"  # the BEIR folder of the setting `golden`
    ADDED = "added"  # by a person, one at a time
    IMPORTED = "imported"  # by a person, a whole folder
    CORRECTION = "correction"  # an accepted correction
    CONFIRMED = "confirmed"  # an answer that people praised


class State(StrEnum):
    IN_USE = "in_use"
    RETIRED = "retired"  # by a person
    STALE = "stale"  # what answers it is gone


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedQuestion:
    """A judged question with its part in the gate."""

    case: Case
    origin: Origin
    role: Role
    state: State
    reason: str | None  # why it is not in use
    followed: tuple[Followed, ...] = ()  # its spans that do not stand where they were named


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusRead:
    """The sources as they are now."""

    corpus: Corpus
    digests: Mapping[str, str]  # of the files


def overview(services: Services, reader: Reader = ANYBODY) -> list[JudgedQuestion]:
    """Every judged question that is for the reader: the golden set's, then those of corrections, then those of
    confirmed answers.

    Reads the sources, as a reindex does: what has not changed comes from the cache. Raises InvalidInput for a bad line
    in the folder.
    """
    judged = judged_questions(services, read_corpus(services))
    if reader.groups is None:
        return judged
    corrections = {entry.correction.document_id: entry for entry in services.ledger.corrections()}

    def is_for(question: JudgedQuestion) -> bool:
        case = question.case
        if question.origin is Origin.CORRECTION:
            made = [corrections[name] for name in case.documents if name in corrections]
            return bool(made) and all(reviewers.is_for(entry, reader, services.ledger) for entry in made)
        if question.origin is Origin.CONFIRMED:
            name = InteractionId(case.case_id.removeprefix("confirmed:"))
            return reader.reads_interaction(services.ledger.interaction(name))
        return reads_case(case, reader)

    return [question for question in judged if is_for(question)]


def reads_case(case: Case, reader: Reader) -> bool:
    """Whether the reader may read all that is judged to answer it."""
    return all(reader.reads(name) for name in case.relevant_documents)


def judged_questions(services: Services, read: CorpusRead) -> list[JudgedQuestion]:
    """Every judged question, at its places in the sources as they were `read`; stale are those of which nothing that
    answers them is there.
    """
    standing = _standing(services, read)
    origins = _cases(standing.reviewed, standing.judged, standing.confirmed, services)
    settings = services.config.gate
    cases = splits.seal(
        splits.clustered([case for case, _ in origins]),
        seed=settings.seed,
        sealed=settings.sealed,
        epoch=splits.epoch(services.ledger.count_decisions(), settings),
    )
    retirements = {retirement.case_id: retirement for retirement in services.ledger.retirements()}
    _, out_of_use = golden.settled(
        cases, document_ids=held_documents(services, read).keys(), retired=retirements, lost=standing.lost
    )
    retired = {out.case.case_id: out for out in out_of_use}
    followed: dict[str, list[Followed]] = defaultdict(list)
    for moved in standing.followed:
        followed[moved.of].append(moved)
    return [
        JudgedQuestion(
            case=case,
            origin=origin,
            role=_role(case, seed=settings.seed),
            state=_state(retired.get(case.case_id)),
            reason=retired[case.case_id].reason if case.case_id in retired else None,
            followed=tuple(followed[case.case_id]),
        )
        for case, (_, origin) in zip(cases, origins, strict=True)
    ]


def judged_cases(services: Services) -> list[tuple[Case, Origin]]:
    """Every case that is not made, ungrouped, at the places where it was named, and where it comes from."""
    ledger = services.ledger
    judged = golden.collected(folder_cases(services.config)[0], ledger.golden_cases())
    return _cases(ledger.corrections(), judged, _praised(ledger), services)


def _cases(
    reviewed: Sequence[ReviewedCorrection],
    judged: Sequence[Case],
    confirmed: Sequence[Interaction],
    services: Services,
) -> list[tuple[Case, Origin]]:
    origins = {stored.case_id: Origin(stored.origin) for stored in services.ledger.golden_cases()}
    origins |= {case.case_id: Origin.FOLDER for case in folder_cases(services.config)[0]}
    standing = {document.document_id for document in accepted(reviewed).documents}
    corrections = [entry for entry in reviewed if entry.correction.document_id in standing]
    return [
        *((case, origins[case.case_id]) for case in judged),
        *((case, Origin.CORRECTION) for case in golden.from_corrections(corrections, slice=Slice.CONFIRMED)),
        *((case, Origin.CONFIRMED) for case in golden.from_confirmed(confirmed)),
    ]


def _standing(services: Services, read: CorpusRead) -> Anchored:
    ledger = services.ledger
    named = Named(
        reviewed=ledger.corrections(),
        judged=golden.collected(folder_cases(services.config)[0], ledger.golden_cases()),
        confirmed=_praised(ledger),
    )
    return anchored(named, read.corpus, read.digests, services)


def folder_cases(config: Config) -> tuple[list[Case], list[str]]:
    """The cases of the folder that the settings name, and the ids of its questions without a judgement."""
    return golden.read_beir(config.resolve(config.golden)) if config.golden else ([], [])


def read_corpus(services: Services) -> CorpusRead:
    """Read the sources, as a reindex does: what has not changed comes from the cache."""
    files = list_files(services.config).files
    digests = fingerprint(files)
    corpus = build.collect(
        files,
        digests,
        settings=services.config.ingest,
        cache=services.cache,
        redactor=services.document_redactor,
        on_step=lambda done, total: None,
    )
    return CorpusRead(corpus=corpus, digests=digests)


def held_documents(services: Services, read: CorpusRead) -> dict[DocumentId, str | None]:
    """Every document that the sources hold and every standing correction, with its text.

    Documents that were left out when they were read are there too, without a text, as a judgement of them may count
    for the one that says the same.
    """
    texts: dict[DocumentId, str | None] = {DocumentId(omitted.name): None for omitted in read.corpus.skipped}
    corrections = accepted(services.ledger.corrections()).documents
    return texts | {document.document_id: document.text for document in (*read.corpus.documents, *corrections)}


def _praised(ledger: Ledger) -> list[Interaction]:
    """Those whose answers people confirmed, but for questions that are set aside: a version is built without them."""
    out = questions_left_out(ledger.asides())
    return [ledger.interaction(name) for name in confirmed(ledger.feedback()) if name not in out]


def _role(case: Case, *, seed: int) -> Role:
    if case.sealed:
        return "sealed"
    return "tuning" if splits.is_tuning(case.cluster, seed=seed) else "test"


def _state(retired: golden.Retired | None) -> State:
    if retired is None:
        return State.IN_USE
    return State.STALE if retired.stale else State.RETIRED
