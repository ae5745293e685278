"""Changes of the golden set that people make: adding a judged question, importing a folder of them, retiring one."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from eval.questions import golden
from eval.questions.golden import Case, Slice
from rag_flywheel.domain import AuditEntry, DocumentId, Evidence, GoldenCase, Retirement
from rag_flywheel.domain.equivalence import normalised
from rag_flywheel.domain.readers import ANYBODY, Reader
from rag_flywheel.errors import Conflict, InvalidInput, NotFound
from rag_flywheel.feedback.intake import checked_text
from rag_flywheel.golden_set.listing import folder_cases, held_documents, judged_cases, read_corpus, reads_case
from rag_flywheel.ports import Redactor
from rag_flywheel.privacy.pseudonyms import pseudonym
from rag_flywheel.search.texts import document_texts
from rag_flywheel.services import Services

NAMED_AT_MOST = 5
"""Ids that an error names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewQuestion:
    """A question, and what a person judges to answer it."""

    question: str
    answer: str | None
    documents: tuple[DocumentId, ...]  # whole documents that answer it
    evidence: tuple[Evidence, ...] = ()  # spans that answer it
    answerable: bool  # false: the right answer is a refusal
    cluster: str | None  # wordings of one question share it; None: there is this wording alone
    reader: Reader = ANYBODY  # who judges


@dataclass(frozen=True, slots=True, kw_only=True)
class Additions:
    """What became of the cases that were given."""

    added: tuple[str, ...]
    skipped: tuple[str, ...]  # there already, with the same content
    masked: Mapping[str, int]  # pieces of personal data that were masked, by kind


def add(new: NewQuestion, *, who: str, services: Services) -> Additions:
    """Add one question, masked. Its id is made of its content, so the same one given again is skipped.

    Raises InvalidInput for an unusable text, for a document or span that the sources do not hold or that is not for
    whoever judges, and where a question
    that nothing answers names what does; Conflict where the very same one was retired.
    """
    spans = _quoted(new, services)
    answer = None if new.answer is None else checked_text(new.answer, "the answer")
    question = checked_text(new.question, "the question")
    case = Case(
        case_id="golden:added",
        question=question,
        cluster=new.cluster or normalised(question),
        slice=Slice.GOLDEN,
        answer=answer if new.answerable else None,
        documents=frozenset(new.documents),
        evidence=tuple(golden.sorted_spans(spans)),
        answerable=new.answerable,
        made=False,
    )
    clean, found = masked(case, services.redactor)
    digest = hashlib.sha256(json.dumps(golden.content(clean)).encode()).hexdigest()
    named = replace(clean, case_id=f"golden:added-{digest[:12]}")
    if any(retirement.case_id == named.case_id for retirement in services.ledger.retirements()):
        raise Conflict(f"{named.case_id}, which says the very same, was retired for good: import it under another id")
    return _record([named], found, origin="added", who=who, services=services)


def import_cases(cases: Sequence[Case], *, who: str, services: Services) -> Additions:
    """Import cases, masked, all or none; those that are there with the same content, in folder or ledger, are skipped.

    Raises InvalidInput for an id that comes twice, and Conflict for ids under which something else is there.
    """
    twice = [name for name, times in Counter(case.case_id for case in cases).items() if times > 1]
    if twice:
        raise InvalidInput(f"{_named(twice)} came more than once; ids are used once")
    clean: list[Case] = []
    found: Counter[str] = Counter()
    for case in cases:
        masked_case, kinds = masked(case, services.redactor)
        clean.append(replace(masked_case, case_id=_kept_id(case.case_id, services)))
        found.update(kinds)
    return _record(clean, found, origin="imported", who=who, services=services)


def retire(case_id: str, *, why: str, who: str, services: Services, reader: Reader = ANYBODY) -> Retirement:
    """Take a case of any origin out of use, for good. Raises NotFound, also for one that is not for the reader, and
    Conflict where it is retired already.
    """
    if not any(case.case_id == case_id and reads_case(case, reader) for case, _ in judged_cases(services)):
        raise NotFound(f"no case {case_id}: `rag-flywheel golden list` shows their ids")
    for earlier in services.ledger.retirements():
        if earlier.case_id == case_id:
            raise Conflict(f"{case_id} was retired by {earlier.who} on {earlier.retired:%Y-%m-%d} already")
    reason = services.redactor.redact(checked_text(why, "the reason")).text
    retirement = Retirement(case_id=case_id, retired=services.now(), who=_checked_who(who), why=reason)
    with services.ledger.transaction():
        services.ledger.add_retirement(retirement)
        services.ledger.add_audit(
            AuditEntry(
                at=retirement.retired,
                who=retirement.who,
                action="golden: retire",
                subject=case_id,
                detail={"why": retirement.why},
            )
        )
    return retirement


def imported_case(name: str, new: NewQuestion) -> Case:
    """A case as `import_cases` takes it, of the id that `name` has in a BEIR folder. Raises InvalidInput.

    It is the case that `golden.read_beir` makes of the same line, so that the two can be compared.
    """
    judged = len(new.documents) + len(new.evidence)
    if new.answerable != bool(judged):
        verb = "has an answer" if new.answerable else "nothing answers"
        raise InvalidInput(
            f"golden:{name}: the question {verb}, and {judged} documents and spans are judged to hold it"
        )
    return Case(
        case_id=f"golden:{name}",
        question=new.question,
        cluster=new.cluster or normalised(new.question),
        slice=Slice.GOLDEN,
        answer=(new.answer or None) if new.answerable else None,
        documents=frozenset(new.documents),
        evidence=tuple(golden.sorted_spans(new.evidence)),
        answerable=new.answerable,
        made=False,
    )


def masked(case: Case, redactor: Redactor) -> tuple[Case, Counter[str]]:
    """The case with its texts trimmed and masked, and how many pieces of personal data of each kind there were."""
    question = redactor.redact(case.question.strip())
    answer = None if case.answer is None else redactor.redact(case.answer.strip())
    found = Counter(question.found) + Counter({} if answer is None else answer.found)
    cluster = normalised(question.text)
    if case.cluster != normalised(case.question):
        named = redactor.redact(case.cluster)
        cluster, found = named.text, found + Counter(named.found)
    clean = replace(case, question=question.text, answer=None if answer is None else answer.text, cluster=cluster)
    return clean, found


def _kept_id(case_id: str, services: Services) -> str:
    """The id as it is, or a stand-in where there is personal data in it: the same one whenever it is imported again."""
    if not services.redactor.redact(case_id).found:
        return case_id
    return f"golden:{pseudonym(case_id, services.ledger.salt(), of='case')}"


def _record(
    cases: Sequence[Case],
    found: Mapping[str, int],
    *,
    origin: Literal["added", "imported"],
    who: str,
    services: Services,
) -> Additions:
    """Append the masked cases that are new. Raises Conflict where an id stands for something else."""
    by, at = _checked_who(who), services.now()
    ledger = services.ledger
    ids = {case.case_id for case in cases}
    in_folder = {
        case.case_id: masked(case, services.redactor)[0]
        for case in folder_cases(services.config)[0]
        if case.case_id in ids
    }
    with ledger.transaction():
        known = {recorded.case_id: golden.from_record(recorded) for recorded in ledger.golden_cases()} | in_folder
        same = [case for case in cases if case.case_id in known]
        other = [case.case_id for case in same if golden.content(known[case.case_id]) != golden.content(case)]
        if other:
            raise Conflict(f"{_named(other)} is in the golden set with other content: give the new one another id")
        new = [case for case in cases if case.case_id not in known]
        for case in new:
            ledger.add_golden_case(_golden_case(case, added=at, who=by, origin=origin))
        if new:
            ledger.add_audit(
                AuditEntry(
                    at=at,
                    who=by,
                    action=f"golden: {origin}",
                    subject=new[0].case_id if origin == "added" else "golden set",
                    detail={"added": len(new), "skipped": len(same), "masked": dict(found)},
                )
            )
    return Additions(
        added=tuple(case.case_id for case in new),
        skipped=tuple(case.case_id for case in same),
        masked=dict(found),
    )


def _golden_case(case: Case, *, added: datetime, who: str, origin: Literal["added", "imported"]) -> GoldenCase:
    return GoldenCase(
        case_id=case.case_id,
        added=added,
        who=who,
        origin=origin,
        question=case.question,
        cluster=case.cluster,
        answer=case.answer,
        documents=tuple(sorted(case.documents)),
        evidence=case.evidence,
        answerable=case.answerable,
    )


def _quoted(new: NewQuestion, services: Services) -> list[Evidence]:
    """The spans that answer it, with their quotes: from the live version, where people read them, else from the
    sources.
    """
    given: list[DocumentId | Evidence] = [*new.documents, *new.evidence]
    if new.answerable != bool(given):
        raise InvalidInput(
            "name the document or the span that answers the question, or say that nothing does; "
            f"got {len(given)} of them and a question that {'has an answer' if new.answerable else 'nothing answers'}"
        )
    texts = held_documents(services, read_corpus(services)) if given else {}
    for judged in given:
        name = judged.document_id if isinstance(judged, Evidence) else judged
        if name not in texts or not new.reader.reads(name):
            raise InvalidInput(f"the sources hold no document {name!r}; name one as a citation or `explain` names it")
    named, live = {span.document_id for span in new.evidence}, services.index.live()
    chunks = services.index.chunks(live) if live is not None and named else ()
    shown = document_texts(chunk for chunk in chunks if chunk.document_id in named)
    return [_from(span, [shown.get(span.document_id), texts[span.document_id]]) for span in new.evidence]


def _from(span: Evidence, texts: Sequence[str | None]) -> Evidence:
    """With the words of the first text that reaches as far. Raises InvalidInput where all that are known end before."""
    known = [text for text in texts if text is not None]
    text = next((text for text in known if span.end <= len(text)), None)
    if text is None and known:
        raise InvalidInput(
            f"the span {span.start}..{span.end} goes past the end of document {span.document_id!r}, which has "
            f"{len(known[-1])} characters"
        )
    return span if text is None else span.quoted(text)


def _checked_who(who: str) -> str:
    if not who.strip():
        raise InvalidInput("a change of the golden set needs the name of who makes it, got an empty one")
    return who.strip()


def _named(ids: Sequence[str]) -> str:
    more = len(ids) - NAMED_AT_MOST
    return ", ".join(ids[:NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")
