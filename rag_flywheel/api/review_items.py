"""Corrections as replies to reviewers, with what is known of each now."""

from collections.abc import Sequence
from dataclasses import replace

from rag_flywheel.api.review_models import FoundReply, ReviewDetail, ReviewItem, found_reply, review_item
from rag_flywheel.api.review_work_models import SecondItem, second_item
from rag_flywheel.api.state import State
from rag_flywheel.domain import CorrectionId, Interaction, Person, ReviewedCorrection
from rag_flywheel.feedback import assigning, review_queue
from rag_flywheel.feedback.reviewers import is_own

FOUND = 10
"""Passages that are shown of what was found for a question, unless more were shown to the asker."""


def items(found: Sequence[review_queue.Progress], asking: Person, state: State) -> list[ReviewItem]:
    ledger, live = state.services.ledger, state.services.index.live()
    now, reader, people = state.services.now(), state.reader(asking), state.people(asking)
    asked = ledger.interactions_named([progress.reviewed.correction.interaction_id for progress in found])
    look, wordings = state.look(reader, asked), state.known(reader).standing.wordings
    followed = () if live is None else ledger.version(live).manifest.followed
    waits_for = state.waits_for([progress.reviewed for progress in found])
    held = assigning.in_hand(ledger, now)
    return [
        review_item(
            progress,
            asked[progress.reviewed.correction.interaction_id],
            followed,
            look(progress.reviewed, progress.reviewed.answer),
            waits_for=waits_for.get(name),
            worth=review_queue.worth(
                progress.reviewed,
                in_conflict=bool(progress.conflicts),
                people=people.get(wordings[name], 0) if name in wordings else 0,
                now=now,
            ),
            held=held.get(name),
        )
        for progress in found
        for name in (progress.reviewed.correction.correction_id,)
        if progress.reviewed.correction.interaction_id in asked  # else both were deleted just now
    ]


def one(correction_id: CorrectionId, asking: Person, state: State) -> ReviewItem:
    """Raises NotFound, also for one that is not for whoever asks."""
    reader = state.reader(asking)
    progress = review_queue.progress(
        correction_id, known=state.known(reader), ledger=state.services.ledger, reader=reader
    )
    [found] = items([progress], asking, state)
    return found


def detail(correction_id: CorrectionId, asking: Person, state: State) -> ReviewDetail:
    """With what was found for the question. Raises NotFound, also for one that is not for whoever asks."""
    item = one(correction_id, asking, state)
    entry = state.services.ledger.correction(correction_id)
    asked = state.services.ledger.interaction(entry.correction.interaction_id)
    return ReviewDetail(**item.model_dump(), ranking=_found(entry, asked, asking, state))


def may_accept(correction_id: CorrectionId, asking: Person, state: State) -> bool:
    """Whether it is somebody else's, for who may not accept their own."""
    ledger = state.services.ledger
    return state.services.config.access.own_reviews or not is_own(
        asking.signed, ledger.correction(correction_id), ledger
    )


def blind_item(entry: ReviewedCorrection, asking: Person, state: State) -> SecondItem:
    """As it was before anybody decided on it."""
    unseen = replace(entry, review=None)
    asked = state.services.ledger.interaction(entry.correction.interaction_id)
    concerns = state.look(state.reader(asking))(unseen, unseen.answer)
    return second_item(unseen, asked, concerns, ranking=_found(unseen, asked, asking, state))


def _found(entry: ReviewedCorrection, asked: Interaction, asking: Person, state: State) -> list[FoundReply]:
    """What was found for the question, with the texts of passages that are in the live version still."""
    reader, chunks = state.reader(asking), state.live_passages().chunks
    return [
        found_reply(place, entry.correction, shown=place.rank <= asked.shown, chunk=chunks.get(place.chunk_id))
        for place in asked.ranking[: max(FOUND, asked.shown)]
        if reader.reads(place.document_id, place.groups)
    ]
