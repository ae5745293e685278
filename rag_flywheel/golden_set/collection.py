"""The golden set as people see it: what it holds, adding to it, importing, retiring. Its faults are `golden_check`."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Literal

from eval.guardrails.injection import Place, signs
from eval.questions import golden, splits
from eval.questions.golden import Case, Slice
from eval.questions.splits import Role
from ingest import build
from ingest.corrections import accepted
from ingest.reading.sources import fingerprint, list_files
from rag_flywheel.domain import (
    AuditEntry,
    DocumentId,
    Evidence,
    GoldenCase,
    Json,
    Retirement,
)
from rag_flywheel.domain.equivalence import normalised
from rag_flywheel.errors import Conflict, InvalidInput, NotFound
from rag_flywheel.feedback.intake import checked_text, confirmed
from rag_flywheel.ports import Redactor
from rag_flywheel.services import Services

NAMED_AT_MOST = 5
"""Ids that an error names."""


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
class Listed:
    """A judged question with its part in the gate."""

    case: Case
    origin: Origin
    role: Role
    state: State
    reason: str | None  # why it is not in use


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenIn:
    """What became of cases that were given."""

    added: tuple[str, ...]
    skipped: tuple[str, ...]  # there already, with the same content
    masked: Mapping[str, int]  # pieces of personal data that were masked, by kind


# --- looking --------------------------------------------------------------------------------------------------------


def overview(services: Services) -> list[Listed]:
    """Every judged question: the golden set's, then those of corrections, then those of confirmed answers.

    Reads the sources, as a reindex does: what has not changed comes from the cache. Raises InvalidInput for a bad line
    in the folder.
    """
    return listed(services, held_documents(services).keys())


def judged(services: Services) -> list[tuple[Case, Origin]]:
    """Every case that is not made, ungrouped, and where it comes from."""
    ledger = services.ledger
    own, records = folder(services)[0], ledger.golden_cases()
    origins = {recorded.case_id: Origin(recorded.origin) for recorded in records} | {
        member.case_id: Origin.FOLDER for member in own
    }
    reviewed = ledger.corrections()
    standing = {document.document_id for document in accepted(reviewed).documents}
    corrections = [entry for entry in reviewed if entry.correction.document_id in standing]
    praised = [ledger.interaction(interaction_id) for interaction_id in confirmed(ledger.feedback())]
    praised = [
        interaction for interaction in praised if not signs(interaction.query, place=Place.QUESTION)
    ]  # as `snapshot` leaves them out
    return [
        *((case, origins[case.case_id]) for case in golden.collected(own, records)),
        *((case, Origin.CORRECTION) for case in golden.from_corrections(corrections, slice=Slice.CONFIRMED)),
        *((case, Origin.CONFIRMED) for case in golden.from_confirmed(praised)),
    ]


def listed(services: Services, held: Set[DocumentId]) -> list[Listed]:
    """Every judged question; stale are those of which none of the documents that answer them is `held`."""
    origins = judged(services)
    settings = services.config.gate
    cases = splits.seal(
        splits.regroup([case for case, _ in origins]),
        seed=settings.seed,
        sealed=settings.sealed,
        epoch=splits.epoch(services.ledger.count_decisions(), settings),
    )
    retired = {retirement.case_id: retirement for retirement in services.ledger.retirements()}
    _, out = golden.settled(cases, document_ids=held, retired=retired)
    why = {gone.case.case_id: gone for gone in out}
    return [
        Listed(
            case=case,
            origin=origin,
            role=_role(case, seed=settings.seed),
            state=_state(why.get(case.case_id)),
            reason=why[case.case_id].reason if case.case_id in why else None,
        )
        for case, (_, origin) in zip(cases, origins, strict=True)
    ]


def _role(case: Case, *, seed: int) -> Role:
    if case.sealed:
        return "sealed"
    return "tuning" if splits.is_tuning(case.group, seed=seed) else "test"


def _state(out: golden.Retired | None) -> State:
    if out is None:
        return State.IN_USE
    return State.STALE if out.stale else State.RETIRED


def folder(services: Services) -> tuple[list[Case], list[str]]:
    """The cases of the folder that the settings name, and the ids of its questions without a judgement."""
    config = services.config
    return golden.read_beir(config.resolve(config.golden)) if config.golden else ([], [])


def held_documents(services: Services) -> dict[DocumentId, int | None]:
    """Every document that the sources hold and every standing correction, with its length in characters.

    Documents that were left out when they were read are there too, of unknown length, as a judgement of them may count
    for the one that says the same.
    """
    files = list_files(services.config).files
    found, left_out = build.collect(
        files,
        fingerprint(files),
        config=services.config,
        cache=services.cache,
        redactor=services.redactor,
        on_step=lambda done, total: None,
    )
    lengths: dict[DocumentId, int | None] = {DocumentId(omitted.name): None for omitted in left_out}
    corrections = accepted(services.ledger.corrections()).documents
    return lengths | {document.document_id: len(document.text) for document in (*found, *corrections)}


# --- changing -------------------------------------------------------------------------------------------------------


def add(
    question: str,
    *,
    answer: str | None,
    documents: Sequence[DocumentId],
    evidence: Sequence[Evidence],
    answerable: bool,
    group: str | None,
    who: str,
    services: Services,
) -> TakenIn:
    """Add one question, masked. Its id is made of its content, so the same one given again is skipped.

    Raises InvalidInput for an unusable text, for a document or span that the sources do not hold, and where a question
    that nothing answers names what does; Conflict where the very same one was retired.
    """
    _check_evidence([*documents, *evidence], answerable=answerable, services=services)
    said = None if answer is None else checked_text(answer, "the answer")
    asked = checked_text(question, "the question")
    case = Case(
        case_id="golden:added",
        question=asked,
        group=group or normalised(asked),
        slice=Slice.GOLDEN,
        answer=said if answerable else None,
        documents=frozenset(documents),
        evidence=tuple(golden.sorted_spans(evidence)),
        answerable=answerable,
        made=False,
    )
    clean, found = masked(case, services.redactor)
    digest = hashlib.sha256(json.dumps(golden.content(clean)).encode()).hexdigest()
    named = replace(clean, case_id=f"golden:added-{digest[:12]}")
    if any(retirement.case_id == named.case_id for retirement in services.ledger.retirements()):
        raise Conflict(f"{named.case_id}, which says the very same, was retired for good: import it under another id")
    return _record([named], found, origin="added", who=who, services=services)


def take_in(cases: Sequence[Case], *, who: str, services: Services) -> TakenIn:
    """Import cases, masked, all or none; those that are there with the same content, in folder or ledger, are skipped.

    Raises InvalidInput for an id that comes twice, and Conflict for ids under which something else is there.
    """
    twice = [name for name, times in Counter(case.case_id for case in cases).items() if times > 1]
    if twice:
        raise InvalidInput(f"{_named(twice)} came more than once; ids are used once")
    clean: list[Case] = []
    found: Counter[str] = Counter()
    for case in cases:
        member, kinds = masked(case, services.redactor)
        clean.append(member)
        found.update(kinds)
    return _record(clean, found, origin="imported", who=who, services=services)


def retire(case_id: str, *, why: str, who: str, services: Services) -> Retirement:
    """Take a case of any origin out of use, for good. Raises NotFound, and Conflict where it is retired already."""
    if all(case.case_id != case_id for case, _ in judged(services)):
        raise NotFound(f"no case {case_id}: `rag-flywheel golden list` shows their ids")
    for one in services.ledger.retirements():
        if one.case_id == case_id:
            raise Conflict(f"{case_id} was retired by {one.who} on {one.retired:%Y-%m-%d} already")
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


def imported(
    name: str,
    question: str,
    *,
    answer: str | None,
    documents: Sequence[DocumentId],
    answerable: bool,
    group: str | None,
) -> Case:
    """A case as `take_in` takes it, of the id that `name` has in a BEIR folder. Raises InvalidInput.

    It is the case that `golden.read_beir` makes of the same line, so that the two can be compared.
    """
    if answerable != bool(documents):
        verb = "has an answer" if answerable else "nothing answers"
        raise InvalidInput(f"golden:{name}: the question {verb}, and {len(documents)} documents are judged to hold it")
    return Case(
        case_id=f"golden:{name}",
        question=question,
        group=group or normalised(question),
        slice=Slice.GOLDEN,
        answer=(answer or None) if answerable else None,
        documents=frozenset(documents),
        evidence=(),
        answerable=answerable,
        made=False,
    )


def read(path: Path) -> tuple[list[dict[str, Json]], list[str]]:
    """The questions of a BEIR folder as `POST /golden/import` takes them, and the ids of those without a judgement,
    which are left out. Raises InvalidInput with file and line.
    """
    cases, unjudged = golden.read_beir(path)
    bodies: list[dict[str, Json]] = [
        {
            "id": case.case_id.removeprefix("golden:"),
            "question": case.question,
            "answer": case.answer,
            "documents": [*sorted(case.documents)],
            "answerable": case.answerable,
            "cluster": None if case.group == normalised(case.question) else case.group,
        }
        for case in cases
    ]
    return bodies, unjudged


def _record(
    cases: Sequence[Case],
    found: Mapping[str, int],
    *,
    origin: Literal["added", "imported"],
    who: str,
    services: Services,
) -> TakenIn:
    """Append the masked cases that are new. Raises Conflict where an id stands for something else."""
    by, at = _checked_who(who), services.now()
    ids = {case.case_id for case in cases}
    own = {case.case_id: masked(case, services.redactor)[0] for case in folder(services)[0] if case.case_id in ids}
    with services.ledger.transaction():
        known = {recorded.case_id: golden.from_record(recorded) for recorded in services.ledger.golden_cases()} | own
        same = [case for case in cases if case.case_id in known]
        other = [case.case_id for case in same if golden.content(known[case.case_id]) != golden.content(case)]
        if other:
            raise Conflict(f"{_named(other)} is in the golden set with other content: give the new one another id")
        new = [case for case in cases if case.case_id not in known]
        for case in new:
            services.ledger.add_golden_case(
                GoldenCase(
                    case_id=case.case_id,
                    added=at,
                    who=by,
                    origin=origin,
                    question=case.question,
                    cluster=case.group,
                    answer=case.answer,
                    documents=tuple(sorted(case.documents)),
                    evidence=case.evidence,
                    answerable=case.answerable,
                )
            )
        if new:
            services.ledger.add_audit(
                AuditEntry(
                    at=at,
                    who=by,
                    action=f"golden: {origin}",
                    subject=new[0].case_id if origin == "added" else "golden set",
                    detail={"added": len(new), "skipped": len(same), "masked": dict(found)},
                )
            )
    return TakenIn(
        added=tuple(case.case_id for case in new),
        skipped=tuple(case.case_id for case in same),
        masked=dict(found),
    )


def masked(case: Case, redactor: Redactor) -> tuple[Case, Counter[str]]:
    """The case with its texts trimmed and masked, and how many pieces of personal data of each kind there were."""
    question = redactor.redact(case.question.strip())
    answer = None if case.answer is None else redactor.redact(case.answer.strip())
    found = Counter(question.found) + Counter({} if answer is None else answer.found)
    group = normalised(question.text)
    if case.group != normalised(case.question):
        cluster = redactor.redact(case.group)
        group, found = cluster.text, found + Counter(cluster.found)
    clean = replace(case, question=question.text, answer=None if answer is None else answer.text, group=group)
    return clean, found


def _check_evidence(given: Sequence[DocumentId | Evidence], *, answerable: bool, services: Services) -> None:
    if answerable != bool(given):
        raise InvalidInput(
            "name the document or the span that answers the question, or say that nothing does; "
            f"got {len(given)} of them and a question that {'has an answer' if answerable else 'nothing answers'}"
        )
    lengths = held_documents(services) if given else {}
    for span in given:
        name = span.document_id if isinstance(span, Evidence) else span
        if name not in lengths:
            raise InvalidInput(f"the sources hold no document {name!r}; name one as a citation or `explain` names it")
        length = lengths[name]
        if isinstance(span, Evidence) and length is not None and span.end > length:
            raise InvalidInput(
                f"the span {span.start}..{span.end} goes past the end of document {name!r}, which has {length} "
                "characters"
            )


def _checked_who(who: str) -> str:
    if not who.strip():
        raise InvalidInput("a change of the golden set needs the name of who makes it, got an empty one")
    return who.strip()


def _named(ids: Sequence[str]) -> str:
    more = len(ids) - NAMED_AT_MOST
    return ", ".join(ids[:NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")
