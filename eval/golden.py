"""Questions with a judgement of what answers them: judged by people or confirmed in use.

`known_items` makes more of them from the corpus.
"""

import json
import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from rag_flywheel.domain import (
    CORRECTION_PREFIX,
    Chunk,
    CorrectionState,
    DocumentId,
    Evidence,
    Interaction,
    ReviewedCorrection,
)
from rag_flywheel.errors import InvalidInput
from rag_flywheel.wording import normalised

_log = logging.getLogger(__name__)


class Slice(StrEnum):
    """A named part of the questions. The first is the target, the others are guards."""

    CORRECTED = "corrected"  # corrected since the control version was made
    GOLDEN = "golden"  # judged by people, untouched by this version's corrections
    CONFIRMED = "confirmed"  # asked by real people, so that the passage that answers is known
    KNOWN_ITEM = "known_item"  # made from the corpus


GUARDS = (Slice.GOLDEN, Slice.CONFIRMED, Slice.KNOWN_ITEM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A question and what is known to answer it. Wordings of one question share a `group`."""

    case_id: str
    question: str
    group: str
    slice: Slice
    answer: str | None  # the reference answer, where there is one
    documents: frozenset[DocumentId]  # whole documents that answer it
    evidence: tuple[Evidence, ...]  # spans that answer it
    answerable: bool  # false: the right answer is a refusal
    made: bool  # made from the corpus; false: asked or judged by people
    sources_only: bool = False  # whether the ranking is judged as if it had no corrections

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
    queries_file, qrels_file = folder / "queries.jsonl", folder / "qrels" / "test.tsv"
    queries = dict(read_queries(queries_file))
    judged = read_qrels(qrels_file, queries.keys())
    cases = []
    for query_id, query in queries.items():
        answerable = query.get("answerable", True)
        if answerable and query_id not in judged:
            continue
        cases.append(
            Case(
                case_id=f"golden:{query_id}",
                question=query["text"],
                group=query.get("cluster") or normalised(query["text"]),
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
    if len(cases) < len(queries):
        _log.warning("golden set: %d of %d questions are not judged: left out", len(queries) - len(cases), len(queries))
    return cases


def read_queries(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(id, fields) of each line of a BEIR folder's queries.jsonl. Raises InvalidInput with file and line."""
    seen = set()
    for number, line in read_lines(file):
        where = f"{file}:{number}"
        try:
            query = json.loads(line)
        except json.JSONDecodeError as error:
            raise InvalidInput(f"{where}: not JSON: {error.msg} at character {error.pos}") from None
        if not isinstance(query, dict):
            raise InvalidInput(f"{where}: expected an object with _id and text, found a {type(query).__name__}")
        query_id = query.get("_id")
        if not isinstance(query_id, str | int) or isinstance(query_id, bool) or query_id == "":
            raise InvalidInput(f"{where}: _id should be a text that is not empty, found a {type(query_id).__name__}")
        if not isinstance(query.get("text"), str) or not query["text"].strip():
            raise InvalidInput(f"{where}: text should be a question, found none")
        for name, kind in (("answer", str), ("cluster", str), ("answerable", bool)):
            if query.get(name) is not None and not isinstance(query[name], kind):
                found = type(query[name]).__name__
                raise InvalidInput(f"{where}: {name} should be {kind.__name__}, found {found}")
        if str(query_id) in seen:
            raise InvalidInput(f"{where}: _id {query_id} came before; ids are used once")
        seen.add(str(query_id))
        yield str(query_id), {name: value for name, value in query.items() if value is not None}


def read_qrels(file: Path, known: AbstractSet[str]) -> Mapping[str, set[DocumentId]]:
    """The documents judged to answer each query, by a score above 0. Raises InvalidInput with file and line.

    A judged query has to be among the `known` ones.
    """
    judged: dict[str, set[DocumentId]] = defaultdict(set)
    for number, line in read_lines(file):
        columns = line.split("\t")
        if number == 1 and columns[0] == "query-id":
            continue
        try:
            query_id, document_id, score = columns[0], columns[1], int(columns[2])
        except (IndexError, ValueError):
            raise InvalidInput(f"{file}:{number}: expected query-id, corpus-id and a whole score, by tabs") from None
        if query_id not in known:
            raise InvalidInput(f"{file}:{number}: there is no query {query_id} in queries.jsonl")
        if score > 0:
            judged[query_id].add(DocumentId(document_id))
    return judged


def read_lines(file: Path) -> Iterator[tuple[int, str]]:
    """(number, text) of each line that is not blank, numbered from 1. Raises InvalidInput."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InvalidInput(
            f"{file} does not exist: judged questions are a folder with queries.jsonl and qrels/test.tsv"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{file} cannot be read as UTF-8 text: {type(error).__name__}") from error
    # Not splitlines: a JSON text may hold U+2028 and its like as they are.
    yield from ((number, line.rstrip("\r")) for number, line in enumerate(text.split("\n"), start=1) if line.strip())


def from_corrections(reviewed: Sequence[ReviewedCorrection], *, slice: Slice) -> list[Case]:
    """A case for each accepted correction: its own document and its evidence answer its question, as reviewed."""
    return [
        Case(
            case_id=f"correction:{one.correction.correction_id}",
            question=one.correction.question,
            group=normalised(one.correction.question),
            slice=slice,
            answer=one.answer,
            documents=frozenset({one.correction.document_id}),
            evidence=one.correction.evidence,
            answerable=True,
            made=False,
        )
        for one in reviewed
        if one.verdict_state is CorrectionState.ACCEPTED
    ]


def by_evidence(reviewed: Sequence[ReviewedCorrection]) -> list[Case]:
    """A guard for each accepted correction with evidence: does search rank what the documents say of its question?

    They stand beside the confirmed answers, which were right under the live version by selection: another ranking can
    only lose on those, and what it gains shows on questions that were answered badly. Corrections in the ranking do not
    count, or each of these cases would be won by the correction itself.
    """
    return [
        Case(
            case_id=f"asked:{one.correction.correction_id}",
            question=one.correction.question,
            group=normalised(one.correction.question),
            slice=Slice.CONFIRMED,
            answer=one.answer,
            documents=frozenset(),
            evidence=one.correction.evidence,
            answerable=True,
            made=False,
            sources_only=True,
        )
        for one in reviewed
        if one.verdict_state is CorrectionState.ACCEPTED and one.correction.evidence
    ]


def from_confirmed(interactions: Sequence[Interaction]) -> list[Case]:
    """A case for each confirmed answer that may be learned from and cites something: the cited spans answer it."""
    return [
        Case(
            case_id=f"confirmed:{one.interaction_id}",
            question=one.query,
            group=normalised(one.query),
            slice=Slice.CONFIRMED,
            answer=one.answer,
            documents=frozenset(),
            evidence=tuple(
                dict.fromkeys(
                    Evidence(document_id=cited.document_id, start=cited.start, end=cited.end) for cited in one.citations
                )
            ),
            answerable=True,
            made=False,
        )
        for one in interactions
        if one.answered and one.consent and one.citations and one.query.strip()
    ]


# --- the life of cases ----------------------------------------------------------------------------------------------


def with_corrections(cases: Sequence[Case]) -> list[Case]:
    """The cases, each with the corrections of its group among its documents: a correction answers every wording.

    Call it after `splits.regroup`; without it a correction that rightly comes first looks like a loss.
    """
    answers: dict[str, set[DocumentId]] = defaultdict(set)
    for case in cases:
        answers[case.group].update(one for one in case.documents if one.startswith(CORRECTION_PREFIX))
    return [
        replace(case, documents=case.documents | answers[case.group])
        if case.answerable and not case.sources_only
        else case
        for case in cases
    ]


def stale(cases: Sequence[Case], document_ids: AbstractSet[DocumentId]) -> tuple[list[Case], list[Case]]:
    """(kept, retired): a case is retired when none of the documents that answer it is among `document_ids`.

    Questions that nothing answers are kept. Give the documents that the sources hold and not those that happened to
    reach the index, or documents that a fault lost would take the questions about them along.
    """
    kept = [case for case in cases if not case.answerable or case.relevant_documents & document_ids]
    retired = [case for case in cases if case.answerable and not case.relevant_documents & document_ids]
    return kept, retired
