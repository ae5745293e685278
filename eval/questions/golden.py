"""Questions with a judgement of what answers them: where they come from, and when they are retired.

`known_items` makes more of them from the corpus.
"""

import logging
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from eval.questions.beir import read_qrels, read_queries
from rag_flywheel.domain import (
    CORRECTION_PREFIX,
    Chunk,
    CorrectionState,
    DocumentId,
    Evidence,
    GoldenCase,
    Interaction,
    Json,
    Retirement,
    ReviewedCorrection,
)
from rag_flywheel.domain.equivalence import normalised
from rag_flywheel.errors import InvalidInput

_log = logging.getLogger(__name__)


class Slice(StrEnum):
    """A named part of the questions. The first two are the target, the others are guards."""

    CORRECTED = "corrected"  # corrected since the control version was made
    PARAPHRASE = "paraphrase"  # made: other wordings of those
    NEIGHBOUR = "neighbour"  # made from passages near the new corrections, which these must leave alone
    GOLDEN = "golden"  # judged by people, untouched by this version's corrections
    CONFIRMED = "confirmed"  # asked by real people, so that the passage that answers is known
    KNOWN_ITEM = "known_item"  # made from the corpus


TARGETS = (Slice.CORRECTED, Slice.PARAPHRASE)
GUARDS = (Slice.NEIGHBOUR, Slice.GOLDEN, Slice.CONFIRMED, Slice.KNOWN_ITEM)

ASKED = "asked"
"""What stands before a correction's id in the id of the guard that `by_evidence` makes of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A question and what is known to answer it. Wordings of one question share a `cluster`."""

    case_id: str
    question: str
    cluster: str
    slice: Slice
    answer: str | None  # the reference answer, where there is one
    documents: frozenset[DocumentId]  # whole documents that answer it
    evidence: tuple[Evidence, ...]  # spans that answer it
    answerable: bool  # false: the right answer is a refusal
    made: bool  # made from the corpus; false: asked or judged by people
    sources_only: bool = False  # whether the ranking is judged as if it had no corrections
    sealed: bool = False  # whether only the gate's last word may use it
    source: str | None = None  # the file that the answer is in, None where there is none or several
    language: str | None = None  # of that source's text, as an ISO 639-1 code
    asker_group: str | None = None  # the group of people that the asker belongs to, where the application says so

    def __post_init__(self) -> None:
        if not self.question.strip():
            raise ValueError(f"case {self.case_id} needs a question, got an empty one")
        if self.answerable != bool(self.documents or self.evidence):
            raise ValueError(f"case {self.case_id}: an answerable question, and only that, names what answers it")

    @property
    def relevant_documents(self) -> frozenset[DocumentId]:
        """Every document that it names, as a whole or by a span."""
        return self.documents | {span.document_id for span in self.evidence}


def relevant(case: Case, chunk: Chunk) -> bool:
    """Whether the chunk is known to answer: it lies in a named document, overlaps a named span, or replaced one.

    A correction that supersedes the evidence takes its place, so that no judgement is lost when knowledge changes.
    """
    return bool(satisfied(case, chunk))


def satisfied(case: Case, chunk: Chunk) -> list[str]:
    """Which judgements of the case the chunk meets, as ids: a document's, or `document#start-end` of a span."""
    replaced = () if chunk.provenance is None else chunk.provenance.supersedes
    met = [str(chunk.document_id)] if chunk.document_id in case.documents else []
    return met + [
        judgement_id(span)
        for span in case.evidence
        if span.overlaps(chunk.span) or any(span.overlaps(old) for old in replaced)
    ]


def judgement_id(span: Evidence) -> str:
    return f"{span.document_id}#{span.start}-{span.end}"


def judgements(case: Case) -> list[str]:
    """The ids of all its judgements, in a fixed order."""
    return sorted(case.documents) + [judgement_id(span) for span in case.evidence]


# --- judged by people -----------------------------------------------------------------------------------------------


def load_beir(folder: Path) -> list[Case]:
    """The golden set of a BEIR folder (Thakur et al., 2021, arXiv:2104.08663), in the order of its queries.

    `queries.jsonl` holds {_id, text, answer?, answerable?, cluster?} lines, `qrels/test.tsv` the document-level
    judgements; scores above 0 count. As in BEIR, queries without a judgement belong to another split and are left out
    (the log says how many), unless `answerable` is false. Raises InvalidInput with file and line.
    """
    cases, unjudged = read_beir(folder)
    if unjudged:
        total = len(cases) + len(unjudged)
        _log.warning("golden set: %d of %d questions are not judged: left out", len(unjudged), total)
    return cases


def read_beir(folder: Path) -> tuple[list[Case], list[str]]:
    """The cases of a BEIR folder, as `load_beir` tells, and the case ids of its questions without a judgement.

    Raises InvalidInput with file and line, also where no question is judged.
    """
    queries_file, qrels_file = folder / "queries.jsonl", folder / "qrels" / "test.tsv"
    queries = dict(read_queries(queries_file))
    judged = read_qrels(qrels_file, queries.keys())
    cases, unjudged = [], []
    for query_id, query in queries.items():
        answerable = query.get("answerable", True)
        if answerable and query_id not in judged:
            unjudged.append(f"golden:{query_id}")
            continue
        cases.append(
            Case(
                case_id=f"golden:{query_id}",
                question=query["text"],
                cluster=query.get("cluster") or normalised(query["text"]),
                slice=Slice.GOLDEN,
                answer=(query.get("answer") or None) if answerable else None,
                documents=frozenset(judged[query_id]) if answerable else frozenset(),
                evidence=(),
                answerable=answerable,
                made=False,
            )
        )
    if not cases:
        raise InvalidInput(f"{folder}: none of {len(queries)} queries is judged in {qrels_file.name}; add judgements")
    return cases, unjudged


def collected(folder: Sequence[Case], recorded: Sequence[GoldenCase]) -> list[Case]:
    """The golden set: the folder's cases, then those that the ledger has besides.

    Where both have an id, the folder's counts: it is what people edit.
    """
    known = {case.case_id for case in folder}
    return [*folder, *(from_record(stored) for stored in recorded if stored.case_id not in known)]


def from_record(recorded: GoldenCase) -> Case:
    return Case(
        case_id=recorded.case_id,
        question=recorded.question,
        cluster=recorded.cluster,
        slice=Slice.GOLDEN,
        answer=recorded.answer,
        documents=frozenset(recorded.documents),
        evidence=recorded.evidence,
        answerable=recorded.answerable,
        made=False,
    )


def content(case: Case) -> list[Json]:
    """All that a case of the golden set says, in a fixed order: equal for equal cases, and part of a digest."""
    documents: list[Json] = [*sorted(case.documents)]
    spans: list[Json] = [[span.document_id, span.start, span.end] for span in sorted_spans(case.evidence)]
    return [case.case_id, case.question, case.cluster, case.answer, documents, spans, case.answerable]


def sorted_spans(spans: Iterable[Evidence]) -> list[Evidence]:
    return sorted(set(spans), key=lambda span: (span.document_id, span.start, span.end))


def from_corrections(reviewed: Sequence[ReviewedCorrection], *, slice: Slice) -> list[Case]:
    """A case for each accepted correction: its own document and its evidence answer its question, as reviewed."""
    return [
        Case(
            case_id=f"correction:{entry.correction.correction_id}",
            question=entry.correction.question,
            cluster=normalised(entry.correction.question),
            slice=slice,
            answer=entry.answer,
            documents=frozenset({entry.correction.document_id}),
            evidence=entry.correction.evidence,
            answerable=True,
            made=False,
        )
        for entry in reviewed
        if entry.verdict_state is CorrectionState.ACCEPTED
    ]


def by_evidence(reviewed: Sequence[ReviewedCorrection]) -> list[Case]:
    """A guard for each accepted correction with evidence: does search rank what the documents say of its question?

    They stand beside the confirmed answers, which were right under the live version by selection: another ranking can
    only lose on those, and what it gains shows on questions that were answered badly. Corrections in the ranking do not
    count, or each of these cases would be won by the correction itself.
    """
    return [
        Case(
            case_id=f"{ASKED}:{entry.correction.correction_id}",
            question=entry.correction.question,
            cluster=normalised(entry.correction.question),
            slice=Slice.CONFIRMED,
            answer=entry.answer,
            documents=frozenset(),
            evidence=entry.correction.evidence,
            answerable=True,
            made=False,
            sources_only=True,
        )
        for entry in reviewed
        if entry.verdict_state is CorrectionState.ACCEPTED and entry.correction.evidence
    ]


def from_confirmed(interactions: Sequence[Interaction]) -> list[Case]:
    """A case for each confirmed answer that may be learned from and cites something: the cited spans answer it."""
    return [
        Case(
            case_id=f"confirmed:{interaction.interaction_id}",
            question=interaction.query,
            cluster=normalised(interaction.query),
            slice=Slice.CONFIRMED,
            answer=interaction.answer,
            documents=frozenset(),
            evidence=tuple(
                dict.fromkeys(
                    Evidence(document_id=cited.document_id, start=cited.start, end=cited.end)
                    for cited in interaction.citations
                )
            ),
            answerable=True,
            made=False,
        )
        for interaction in interactions
        if interaction.answered and interaction.consent and interaction.citations and interaction.query.strip()
    ]


# --- the life of cases ----------------------------------------------------------------------------------------------


def with_corrections(cases: Sequence[Case]) -> list[Case]:
    """The cases, each with the corrections of its cluster among its documents: a correction answers every wording.

    Call it after `splits.clustered`; without it a correction that rightly comes first looks like a loss.
    """
    answers: dict[str, set[DocumentId]] = defaultdict(set)
    for case in cases:
        answers[case.cluster].update(
            document_id for document_id in case.documents if document_id.startswith(CORRECTION_PREFIX)
        )
    return [
        replace(case, documents=case.documents | answers[case.cluster])
        if case.answerable and not case.sources_only
        else case
        for case in cases
    ]


def stale(
    cases: Sequence[Case], document_ids: AbstractSet[DocumentId], lost: Container[str] = ()
) -> tuple[list[Case], list[Case]]:
    """(kept, retired): a case is retired when none of the documents that answer it is among `document_ids`, or its id
    is among the `lost` ones, whose spans were not found again.

    Questions that nothing answers are kept. Give the documents that the sources hold and not those that happened to
    reach the index, or documents that a fault lost would take the questions about them along.
    """
    gone = [case.answerable and (case.case_id in lost or not case.relevant_documents & document_ids) for case in cases]
    kept = [case for case, is_gone in zip(cases, gone, strict=True) if not is_gone]
    return kept, [case for case, is_gone in zip(cases, gone, strict=True) if is_gone]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retired:
    """A case that neither tuning nor the gate uses, and why."""

    case: Case
    reason: str
    stale: bool  # what answered it is gone; false: a person retired it


def settled(
    cases: Sequence[Case],
    *,
    document_ids: AbstractSet[DocumentId],
    retired: Mapping[str, Retirement],
    lost: Container[str] = (),
) -> tuple[list[Case], list[Retired]]:
    """(kept, retired): those that a person retired, and those that are stale, as `stale` tells, with their reasons.

    `retired` is by the id that `listed_as` gives.
    """
    kept, gone = stale(in_use(cases, retired), document_ids, lost)
    stood_down = [
        Retired(case=case, reason=f"retired by {by.who}: {by.why}", stale=False)
        for case in cases
        if (by := retired.get(listed_as(case.case_id))) is not None
    ]
    return kept, [*stood_down, *(Retired(case=case, reason=_gone(case, document_ids), stale=True) for case in gone)]


def in_use(cases: Sequence[Case], retired: Container[str]) -> list[Case]:
    """The cases that nobody retired. Call it after `splits.clustered`, or the others of a retired case's cluster might
    get another name and with it another role.
    """
    return [case for case in cases if listed_as(case.case_id) not in retired]


def listed_as(case_id: str) -> str:
    """The id by which people know a case and retire it: the guard and the wordings of a correction go with it."""
    kind, name, *_ = [*case_id.split(":"), ""]
    return f"{CORRECTION_PREFIX}{name}" if name and kind in (ASKED, Slice.PARAPHRASE) else case_id


def stale_share(kept: Sequence[Case], retired: Sequence[Retired]) -> float:
    """The share, 0..1, of the judged questions that are stale; made ones do not count, 0 where none is judged.

    What a person retired counts on neither side: the loss is known.
    """
    gone = sum(out.stale and not out.case.made for out in retired)
    return gone / (gone + sum(not case.made for case in kept)) if gone else 0.0


def as_before(
    cases: Sequence[Case], spans: Mapping[Evidence, Evidence], documents: Mapping[DocumentId, DocumentId]
) -> list[Case]:
    """The cases as an earlier version is to be judged: what answers them is where that version has it."""
    return [
        replace(
            case,
            documents=frozenset(documents.get(name, name) for name in case.documents),
            evidence=tuple(spans.get(span, span) for span in case.evidence),
        )
        for case in cases
    ]


def _gone(case: Case, document_ids: AbstractSet[DocumentId]) -> str:
    names = sorted(case.relevant_documents)
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    if any(name in document_ids for name in names):
        return f"its evidence is gone: the words are not found again that stood in {', '.join(names[:3])}{more}"
    return f"its evidence is gone: the sources no longer hold {', '.join(names[:3])}{more}"
