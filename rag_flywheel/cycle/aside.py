"""What was set aside: recorded by the cycle, listed, and ruled on by people.

A text that is released passes the guardrail for as long as it does not change, wherever it stands; one that is dropped
stays out and is told no more. Of corrections the review decides: to release one is to accept it again, with a reason.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from eval.guardrails import suspects
from eval.report.night import SetAside
from rag_flywheel.cycle.findings import Findings
from rag_flywheel.domain import (
    Aside,
    AsideState,
    AuditEntry,
    CorrectionId,
    CorrectionState,
    DocumentId,
    InteractionId,
    ItemKind,
    Json,
    ReviewedCorrection,
    Suspicion,
    Verdict,
    VersionId,
)
from rag_flywheel.domain.readers import ANYBODY, EVERYTHING, Reader
from rag_flywheel.errors import Conflict, InvalidInput, NotFound
from rag_flywheel.feedback import review
from rag_flywheel.feedback.review import Look
from rag_flywheel.feedback.reviewers import is_for
from rag_flywheel.privacy.numbering import masking
from rag_flywheel.services import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """Something that was set aside, as it stands."""

    aside: Aside
    state: AsideState  # of a correction what its review says


# --- by the cycle ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a version was built from."""

    reviewed: Sequence[ReviewedCorrection]
    documents: AbstractSet[DocumentId]  # all that the sources hold


def record(found: Findings, version: VersionId | None, seen: Seen, services: Services) -> None:
    """Write down what a version was built without, and send corrections back to their reviewers.

    What a person ruled meanwhile stays as they said, and of what was set aside before that is gone which is not found
    any more.
    """
    ledger, at = services.ledger, services.now()
    known = {aside.aside_id: aside for aside in ledger.asides()}
    tonight = {suspicion.aside_id: suspicion for suspicion in found.told}
    ruled = _decided_meanwhile(found.told, seen.reviewed, services)
    for aside_id, suspicion in tonight.items():
        before = known.get(aside_id)
        state = AsideState.ASIDE if suspicion.left_out else AsideState.REPORTED
        stays = before is not None and before.state in (state, AsideState.RELEASED, AsideState.DROPPED)
        if (
            suspicion.item not in ruled
            and _is_kept(suspicion, services)
            and (suspicion.kind is ItemKind.CORRECTION or not stays)
        ):
            ledger.add_aside(Aside(suspicion=suspicion, state=state, at=at, version_id=version))
    for aside in known.values():
        if _is_gone(aside, tonight.keys(), seen.documents):
            ledger.add_aside(replace(aside, state=AsideState.GONE, at=at, version_id=version, who=None, why=None))


def _decided_meanwhile(
    told: Sequence[Suspicion], reviewed: Sequence[ReviewedCorrection], services: Services
) -> set[str]:
    """Send the corrections back; those on which somebody ruled since the night began are left as they are."""
    entries = {str(entry.correction.correction_id): entry for entry in reviewed}
    against: dict[str, list[Suspicion]] = {}
    for suspicion in told:
        if suspicion.kind is ItemKind.CORRECTION:
            against.setdefault(suspicion.item, []).append(suspicion)
    return {
        item
        for item, those in against.items()
        if not review.send_back(
            entries[item],
            guardrail=", ".join(suspicion.guardrail for suspicion in those),
            reason="; ".join(suspicion.reason for suspicion in those),
            ledger=services.ledger,
            at=services.now(),
            new_id=services.new_id,
        )
    }


def _is_kept(suspicion: Suspicion, services: Services) -> bool:
    """Whether a question is still there: its asker may have been erased since the night began."""
    if suspicion.kind is ItemKind.QUESTION:
        try:
            services.ledger.interaction(InteractionId(suspicion.item))
        except NotFound:
            return False
    return True


def _is_gone(aside: Aside, tonight: AbstractSet[str], documents: AbstractSet[DocumentId]) -> bool:
    suspicion = aside.suspicion
    if suspicion.kind is not ItemKind.DOCUMENT or aside.aside_id in tonight:
        return False
    if aside.state is AsideState.REPORTED:  # it is live, and looked at no more
        return suspicion.item not in documents
    return aside.state is AsideState.ASIDE


def told(suspicion: Suspicion) -> dict[str, Json]:
    """As commands, API and report name it: without its text."""
    return {
        "id": suspicion.aside_id,
        "kind": str(suspicion.kind),
        "item": suspicion.item,
        "place": None if suspicion.place is None else str(suspicion.place),
        "guardrail": str(suspicion.guardrail),
        "reason": suspicion.reason,
        "do": _what_to_do(suspicion),
        "official": not suspicion.left_out,
    }


def in_report(suspicion: Suspicion) -> SetAside:
    """As the gate's report names it."""
    return SetAside(
        kind=suspicion.kind.value,
        item=suspicion.item,
        place=None if suspicion.place is None else str(suspicion.place),
        guardrail=str(suspicion.guardrail),
        reason=suspicion.reason,
        do=_what_to_do(suspicion),
        official=not suspicion.left_out,
    )


def _what_to_do(suspicion: Suspicion) -> str:
    return _DO[suspicion.kind] if suspicion.left_out else _ACKNOWLEDGE


_DO = {
    ItemKind.DOCUMENT: "see it with `aside show`; release it where it is harmless, else mend the document or drop it",
    ItemKind.CORRECTION: "it is back in review with this reason: mend its wording, reject it, or accept it with a note",
    ItemKind.QUESTION: "see it with `aside show`; release it where it is harmless, else drop it",
}
_ACKNOWLEDGE = "it is in the version, for its source is official: acknowledge it with `aside release`, or drop it"


# --- by people ------------------------------------------------------------------------------------------------------


def overview(services: Services, reader: Reader = ANYBODY) -> list[Listed]:
    """Everything that was ever set aside or reported and is for the reader, the latest first."""
    asides = services.ledger.asides()
    about = {CorrectionId(each.suspicion.item) for each in asides if each.suspicion.kind is ItemKind.CORRECTION}
    entries = services.ledger.corrections() if about else []
    reviewed = {entry.correction.correction_id: entry for entry in entries if entry.correction.correction_id in about}
    return [
        Listed(aside=aside, state=_state(aside, reviewed.get(CorrectionId(aside.suspicion.item))))
        for aside in reversed(asides)
        if _is_for(aside.suspicion, reader, reviewed, services)
    ]


def _is_for(
    suspicion: Suspicion,
    reader: Reader,
    reviewed: Mapping[CorrectionId, ReviewedCorrection],
    services: Services,
) -> bool:
    if reader.groups is None:
        return True
    if suspicion.kind is ItemKind.DOCUMENT:
        return reader.reads(DocumentId(suspicion.item), suspicion.groups)
    entry = reviewed.get(CorrectionId(suspicion.item))
    try:
        if suspicion.kind is ItemKind.QUESTION:
            return reader.reads_interaction(services.ledger.interaction(InteractionId(suspicion.item)))
        return entry is not None and is_for(entry, reader, services.ledger)
    except NotFound:
        return False


def find(aside_id: str, services: Services, reader: Reader = ANYBODY) -> Listed:
    """Raises NotFound, also for what is not for the reader."""
    for listed in overview(services, reader):
        if listed.aside.aside_id == aside_id:
            return listed
    raise NotFound(f"nothing is set aside by the id {aside_id[:40]!r}: `rag-flywheel aside list` prints them")


def text(listed: Listed, services: Services) -> str | None:
    """What it says, for a person who decides; None where it is not kept any more."""
    suspicion = listed.aside.suspicion
    try:
        if suspicion.kind is ItemKind.CORRECTION:
            return services.ledger.correction(CorrectionId(suspicion.item)).answer
        if suspicion.kind is ItemKind.QUESTION:
            return services.ledger.interaction(InteractionId(suspicion.item)).query or None
    except NotFound:
        return None
    return suspicion.excerpt


def rule(
    aside_id: str,
    state: AsideState,
    *,
    who: str,
    why: str,
    services: Services,
    look: Look | None,
    reader: Reader = ANYBODY,
) -> Listed:
    """Release it or drop it. The latest ruling counts, from the next version on. For corrections it is a review, with
    `look` as `review.decide` takes it.

    Raises NotFound, InvalidInput without a name or a reason, and what the review raises for a correction.
    """
    if state not in (AsideState.RELEASED, AsideState.DROPPED):
        raise ValueError(f"a ruling releases or drops, got {state}")
    if not who.strip() or not why.strip():
        raise InvalidInput("a ruling needs who rules and why; found an empty one")
    ledger = services.ledger
    with ledger.transaction():
        listed = find(aside_id, services, reader)
        suspicion = listed.aside.suspicion
        if suspicion.kind is ItemKind.CORRECTION:
            if listed.state is AsideState.GONE:
                raise Conflict(
                    f"{aside_id} is about a wording that is not there any more: see `rag-flywheel review list`"
                )
            _review(CorrectionId(suspicion.item), state, who=who, why=why, services=services, look=look)
        else:
            at, reason, who = services.now(), services.redactor.redact(why).text, services.redactor.redact(who).text
            ledger.add_aside(replace(listed.aside, state=state, at=at, who=who, why=reason))
            ledger.add_audit(
                AuditEntry(
                    at=at,
                    who=who,
                    action=f"aside: {state}",
                    subject=aside_id,
                    detail={"guardrail": str(suspicion.guardrail), "item": suspicion.item},
                )
            )
    return find(aside_id, services, reader)


def _review(
    correction: CorrectionId, state: AsideState, *, who: str, why: str, services: Services, look: Look | None
) -> None:
    verdict = Verdict.ACCEPT if state is AsideState.RELEASED else Verdict.REJECT
    review.decide(
        correction,
        review.Ruling(
            verdict=verdict,
            reviewer=who,
            note=why,
            own=services.config.access.own_reviews,
            reader=EVERYTHING,  # it was found for them
        ),
        ledger=services.ledger,
        masking=masking(services),
        look=look,
        at=services.now(),
        new_id=services.new_id,
    )


def _state(aside: Aside, entry: ReviewedCorrection | None) -> AsideState:
    if aside.suspicion.kind is not ItemKind.CORRECTION:
        return aside.state
    if entry is None or suspects.of_correction(entry, aside.suspicion.guardrail, "").digest != aside.suspicion.digest:
        return AsideState.GONE  # erased, or in other words by now
    if entry.verdict_state is CorrectionState.ACCEPTED:
        return AsideState.RELEASED
    return AsideState.DROPPED if entry.verdict_state is CorrectionState.REJECTED else AsideState.ASIDE
