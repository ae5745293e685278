"""Feedback, corrections, and suspicious answers. Reviews are in `review`, gaps in `gaps`."""

import contextlib
import hashlib
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Header, Query
from pydantic import BaseModel

from rag_flywheel.access.who import asks_for, corrects_in, hands_in, sees, sees_others
from rag_flywheel.api import counted
from rag_flywheel.api.guard import GuardedRoute
from rag_flywheel.api.models import (
    CorrectionBody,
    CorrectionReceipt,
    CorrectionReply,
    FeedbackBody,
    FeedbackReply,
    SuspectReply,
    correction_reply,
    feedback_reply,
    suspect_reply,
)
from rag_flywheel.api.state import Asking, Once, Shared, State, once, own
from rag_flywheel.domain import (
    Correction,
    CorrectionId,
    CorrectionState,
    Feedback,
    FeedbackKind,
    InteractionId,
    Person,
)
from rag_flywheel.domain.consent import EVERY_PURPOSE, Means
from rag_flywheel.errors import Conflict, NotFound, no_correction
from rag_flywheel.feedback import corrections as correction_case
from rag_flywheel.feedback import gaps as gap_case
from rag_flywheel.feedback import intake as feedback_case
from rag_flywheel.feedback import review_queue
from rag_flywheel.privacy.consent import Said
from rag_flywheel.privacy.numbering import masking
from rag_flywheel.privacy.pseudonyms import pseudonym

routes = APIRouter(route_class=GuardedRoute)
Key = Annotated[str | None, Header(alias="Idempotency-Key", max_length=200)]


@routes.post("/feedback", status_code=201, tags=["feedback"])
def feedback(body: FeedbackBody, state: Shared, asking: Asking, key: Key = None) -> FeedbackReply:
    """Record a signal about an answer. A final edited text (`edited`) is taken as a correction too."""

    user = asks_for(asking, body.user_id)
    own(body.interaction_id, asking, user, state)
    if feedback_case.holds_text(body.kind, body.value):
        refuse_unkept(user, state)

    def prepare() -> Callable[[], FeedbackReply]:
        given = _given(body, user, asking, state)
        edited = given.kind is FeedbackKind.EDITED
        correction = corrected(_correction_of(body), user, asking, state, given) if edited else None

        def record() -> FeedbackReply:
            state.services.ledger.add_feedback(given)
            counted.feedback(given)
            if correction is not None:
                state.services.ledger.add_correction(correction)
                counted.correction(correction)
            return feedback_reply(given, correction)

        return record

    request = _once(key, "feedback", user, body, state)
    return once(request, prepare, kind=FeedbackReply, state=state)


@routes.post("/corrections", status_code=202, tags=["corrections"])
def correct(body: CorrectionBody, state: Shared, asking: Asking, key: Key = None) -> CorrectionReceipt:
    """Hand in a better answer. It is reviewed by a person, and goes live with an index version that passes the gate."""

    user = asks_for(asking, body.user_id)
    own(body.interaction_id, asking, user, state)
    refuse_unkept(user, state)

    def prepare() -> Callable[[], CorrectionReceipt]:
        correction = corrected(body, user, asking, state, None)

        def record() -> CorrectionReceipt:
            state.services.ledger.add_correction(correction)
            counted.correction(correction)
            return CorrectionReceipt(id=correction.correction_id, status=CorrectionState.PENDING)

        return record

    request = _once(key, "corrections", user, body, state)
    return once(request, prepare, kind=CorrectionReceipt, state=state)


@routes.get("/corrections/{correction_id}", tags=["corrections"])
def correction(correction_id: str, state: Shared, asking: Asking) -> CorrectionReply:
    """What became of a correction, up to the version in which it went live. Its author sees it, and who reviews."""
    author = pseudonym(asks_for(asking, None), state.services.ledger.salt())
    with contextlib.suppress(NotFound):  # told in the same words as what is somebody else's
        progress = _progress(CorrectionId(correction_id), asking, state)
        if sees(asking, theirs=progress.reviewed.correction.user == author):
            known, reviewed = asking.name is not None or sees_others(asking), progress.reviewed
            waits_for = state.waits_for([reviewed]).get(reviewed.correction.correction_id)
            return correction_reply(progress, known=known, waits_for=waits_for)
    raise no_correction(correction_id)


@routes.get("/triage", tags=["feedback"])
def triage(state: Shared, asking: Asking, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> list[SuspectReply]:
    """Questions whose answers people turned away from without a word, the most suspicious first."""
    found = gap_case.triage(
        ledger=state.services.ledger, limit=limit, reader=state.reader(asking), but=state.sensitive().hidden
    )
    return [suspect_reply(suspect) for suspect in found]


def refuse_unkept(user: str | None, state: State) -> None:
    """Raises Conflict where no text of theirs is kept, by the settings or by their own word. Whoever hands one in wants
    it kept, so nothing else forbids it.
    """
    said = Said(purposes=EVERY_PURPOSE, how=Means.API)
    if not state.chat.agreed(said, user=user, session=None).purposes:
        raise Conflict(
            "no text of this person is kept: `privacy.consent` is off, or they withdrew their consent; "
            "`rag-flywheel consent show` tells"
        )


def _given(body: FeedbackBody, user: str | None, asking: Person, state: State) -> Feedback:
    services = state.services
    return feedback_case.prepare(
        feedback_case.Signal(
            interaction_id=InteractionId(body.interaction_id),
            kind=body.kind,
            value=body.value,
            user=user,
            reader=state.reader(asking),
        ),
        ledger=services.ledger,
        masking=masking(services),
        minimum_similarity=services.config.generator.minimum_similarity,
        at=services.now(),
        new_id=services.new_id,
    )


def _correction_of(body: FeedbackBody) -> CorrectionBody:
    return CorrectionBody(interaction_id=body.interaction_id, answer=str(body.value))


def corrected(
    body: CorrectionBody, user: str | None, asking: Person, state: State, feedback: Feedback | None
) -> Correction:
    """What somebody hands in, checked and masked, to be recorded. Raises as `corrections.prepare` does."""
    services, name = state.services, InteractionId(body.interaction_id)
    groups = corrects_in(asking, services.ledger.interaction(name).groups)
    return correction_case.prepare(
        correction_case.Submission(
            interaction_id=name,
            answer=body.answer,
            evidence=tuple(span.evidence() for span in body.evidence),
            supersedes=tuple(span.evidence() for span in body.supersedes),
            user=user,
            reader=state.chat.readers.reader(groups),
            sender=hands_in(asking, user),
            feedback_id=None if feedback is None else feedback.feedback_id,
        ),
        ledger=services.ledger,
        masking=masking(services),
        find=lambda text: state.find(text, groups),
        quoted=state.quoted,
        at=services.now(),
        new_id=services.new_id,
    )


def _progress(correction_id: CorrectionId, asking: Person, state: State) -> review_queue.Progress:
    reader = state.reader(asking)
    return review_queue.progress(correction_id, known=state.known(reader), ledger=state.services.ledger, reader=reader)


def _pseudonym(user: str | None, state: State) -> str | None:
    return pseudonym(user, state.services.ledger.salt())


def _once(key: str | None, route: str, user: str | None, body: BaseModel, state: State) -> Once:
    digest = hashlib.sha256(body.model_dump_json().encode()).hexdigest()
    kept = pseudonym(key, state.services.ledger.salt(), of="key")
    return Once(key=key, kept=kept, route=route, user=_pseudonym(user, state), digest=digest)
