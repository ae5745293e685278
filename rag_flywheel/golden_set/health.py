"""What is wrong with the golden set: leaks from tuning to test, contradictions, lost evidence, missing judgements."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from eval.questions import golden, splits
from eval.questions.golden import Case, Slice
from eval.questions.splits import Role
from rag_flywheel.domain import CORRECTION_PREFIX, DocumentId
from rag_flywheel.domain.equivalence import normalised
from rag_flywheel.golden_set.changes import masked
from rag_flywheel.golden_set.listing import (
    JudgedQuestion,
    State,
    folder_cases,
    held_documents,
    judged_questions,
    read_corpus,
)
from rag_flywheel.ports import Encoder, GoldenCases, Redactor
from rag_flywheel.services import Services


class Fault(StrEnum):
    """What `check` finds."""

    LEAK = "leak"  # near questions of which tuning sees one and the gate the other
    CONTRADICTION = "contradiction"  # one question, judged differently
    STALE = "stale"  # what answers it is gone
    PAST_END = "past_end"  # a span goes past the end of its document
    UNJUDGED = "unjudged"  # a question of the folder without a judgement
    TOO_FEW = "too_few"  # fewer questions than the gate wants for a decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    fault: Fault
    cases: tuple[str, ...]
    detail: str  # names ids and numbers, never texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """What is wrong with the golden set. Too few questions are no fault of those that are there."""

    outcome: Literal["sound", "faulty", "undecided"]
    roles: Mapping[Role, int]  # questions in use, by role
    stale_share: float  # of the judged questions that nobody retired, 0..1
    findings: tuple[Finding, ...]


def check(services: Services) -> Checkup:
    """What is wrong with the golden set. Raises InvalidInput for a bad line in the folder, with file and line."""
    read = read_corpus(services)
    in_folder, unjudged = folder_cases(services.config)
    judged = judged_questions(services, read)
    used = [question for question in judged if question.state is State.IN_USE]
    cases = [question.case for question in used]
    lost = [
        golden.Retired(case=question.case, reason=str(question.reason), stale=True)
        for question in judged
        if question.state is State.STALE
    ]
    roles: dict[Role, int] = {"tuning": 0, "test": 0, "sealed": 0}
    roles.update(Counter(question.role for question in used))
    findings = [
        *(_leaks(used, services.encoders(services.config.embedder)) if used else ()),
        *_contradictions(cases),
        *_twofold(in_folder, services.ledger, services.redactor),
        *(Finding(fault=Fault.STALE, cases=(retired.case.case_id,), detail=retired.reason) for retired in lost),
        *_past_end(cases, held_documents(services, read)),
        *_unjudged(unjudged),
    ]
    faulty = bool(findings)
    wanted = services.config.gate.minimum_cases
    if roles["test"] < wanted:
        detail = f"{roles['test']} open test questions, where gate.minimum_cases wants {wanted}; made ones fill the gap"
        findings.append(Finding(fault=Fault.TOO_FEW, cases=(), detail=detail))
    return Checkup(
        outcome="faulty" if faulty else "undecided" if findings else "sound",
        roles=roles,
        stale_share=golden.stale_share(cases, lost),
        findings=tuple(findings),
    )


def _leaks(used: Sequence[JudgedQuestion], encoder: Encoder) -> Iterator[Finding]:
    cases = [question.case for question in used]
    vectors = encoder.encode_queries([case.question for case in cases])
    for leak in splits.leaks(cases, {question.case.cluster: question.role for question in used}, vectors):
        near = "nearly the same words" if leak.cosine is None else f"a cosine of {leak.cosine:.2f}"
        detail = (
            f"tuning sees the first and the gate the second, and they have {near}: give both one cluster, or retire one"
        )
        yield Finding(fault=Fault.LEAK, cases=(leak.tuning.case_id, leak.test.case_id), detail=detail)


def _contradictions(cases: Sequence[Case]) -> Iterator[Finding]:
    """Cases of the very same words whose judgements cannot all hold.

    Two people who judge a question should name the same; confirmed answers may each cite another part of what answers.
    """
    same: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        same[normalised(case.question)].append(case)
    for first, *repeated in same.values():
        others = [case for case in repeated if _differ(first, case)]
        if others:
            ids = (first.case_id, *(case.case_id for case in others))
            detail = "the same question with different judgements: retire all but one, or make them agree"
            yield Finding(fault=Fault.CONTRADICTION, cases=ids, detail=detail)


def _differ(first: Case, second: Case) -> bool:
    if first.answerable != second.answerable:
        return True
    if first.slice is second.slice is Slice.GOLDEN:
        return set(golden.judgements(first)) != set(golden.judgements(second))
    documents, others = (
        {name for name in case.relevant_documents if not name.startswith(CORRECTION_PREFIX)} for case in (first, second)
    )
    return bool(documents and others) and not documents & others


def _twofold(in_folder: Sequence[Case], ledger: GoldenCases, redactor: Redactor) -> Iterator[Finding]:
    """Ids under which folder and ledger say different things."""
    recorded = {stored.case_id: golden.from_record(stored) for stored in ledger.golden_cases()}
    for case in in_folder:
        other = recorded.get(case.case_id)
        if other is not None and golden.content(masked(case, redactor)[0]) != golden.content(other):
            detail = (
                "the folder and the ledger say different things under this id; the folder's counts: rename it there"
            )
            yield Finding(fault=Fault.CONTRADICTION, cases=(case.case_id,), detail=detail)


def _past_end(cases: Sequence[Case], texts: Mapping[DocumentId, str | None]) -> Iterator[Finding]:
    for case in cases:
        for span in case.evidence:
            text = texts.get(span.document_id)
            if text is not None and span.end > len(text):
                detail = f"{golden.judgement_id(span)} goes past the end: the document has {len(text)} characters"
                yield Finding(fault=Fault.PAST_END, cases=(case.case_id,), detail=detail)


def _unjudged(names: Sequence[str]) -> Iterator[Finding]:
    for name in names:
        detail = "no document is judged to answer it: judge one in qrels/test.tsv, or set answerable to false"
        yield Finding(fault=Fault.UNJUDGED, cases=(name,), detail=detail)
