"""What became of a person's corrections."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Request
from fastapi.responses import Response
from markupsafe import Markup

from rag_flywheel.api.state import Asking, Shared
from rag_flywheel.domain import CorrectionId, CorrectionState
from rag_flywheel.domain.probes import Found
from rag_flywheel.feedback import review_queue
from rag_flywheel.privacy.pseudonyms import pseudonym
from rag_flywheel.web.markdown import rendered
from rag_flywheel.web.page import PageRoute, page
from rag_flywheel.web.who import user_of

routes = APIRouter(route_class=PageRoute, include_in_schema=False)
SHOWN = 30  # the newest
STATES: Mapping[CorrectionState, tuple[str, str, str]] = {
    CorrectionState.PENDING: ("doubt", "Waiting", "A reviewer will look at it."),
    CorrectionState.HELD: ("doubt", "Waiting for a second reviewer", "One reviewer accepted it, and it takes two."),
    CorrectionState.ACCEPTED: ("good", "Accepted", "It goes live with the next version."),
    CorrectionState.LIVE: ("good", "Live", "People who ask so get it."),
    CorrectionState.REJECTED: ("bad", "Not taken", "A reviewer decided against it."),
    CorrectionState.QUARANTINED: ("bad", "Set aside", "Something in it has to be looked at first."),
    CorrectionState.SUPERSEDED: ("", "Replaced", "A newer correction has its place."),
    CorrectionState.ERASED: ("", "Erased", "Nothing of it is kept."),
}
"""The look, the name, and what it means."""
PROBED: Mapping[Found, str] = {
    Found.AND_USED: "found and used",
    Found.NOT_USED: "found, and the answer rests on something else",
    Found.NOT_FOUND: "not found",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mine:
    """One correction, and how far it is."""

    id: CorrectionId
    question: str
    answer: Markup
    reworded: bool  # whether a reviewer put it in other words
    submitted: datetime
    look: str
    state: str
    meaning: str
    reviewed: datetime | None
    note: str | None
    live: bool
    version: str | None  # the first in which it was live
    live_since: datetime | None
    probed: str | None  # what the latest version made of it when it was asked for
    others: str | None  # the same, in other words


@routes.get("/my-corrections")
def show(request: Request, state: Shared, asking: Asking) -> Response:
    """The newest first: waiting, accepted, live since which version, and whether it is found."""
    services = state.services
    who = pseudonym(user_of(request, asking), services.ledger.salt())
    live, reader = services.index.live(), state.reader(asking)
    found = [] if who is None else review_queue.of_author(who, ledger=services.ledger, live=live, reader=reader)
    waits = state.waits_for([each.reviewed for each in found[:SHOWN]])
    mine = [_mine(each, waits.get(each.reviewed.correction.correction_id)) for each in found[:SHOWN]]
    return page(request, "my_corrections.html.jinja", {"corrections": mine, "more": len(found) - SHOWN})


def _mine(progress: review_queue.Progress, waits_for: str | None) -> Mine:
    correction, last = progress.reviewed.correction, progress.reviewed.review
    look, state, meaning = STATES[progress.state]
    if progress.state is CorrectionState.ACCEPTED and progress.live_since is not None:
        meaning = "It is not live any more, and comes again with the next version."
    probe = progress.probe
    reworded = [] if probe is None else [each.found for each in probe.rewordings]
    used = sum(1 for found in reworded if found is Found.AND_USED)
    return Mine(
        id=correction.correction_id,
        question=correction.question,
        answer=rendered(progress.reviewed.answer),
        reworded=progress.reviewed.answer != correction.answer,
        submitted=correction.submitted,
        look=look,
        state=state,
        meaning=waits_for or meaning,
        reviewed=None if last is None else last.reviewed,
        note=None if last is None else last.note,
        live=progress.state is CorrectionState.LIVE,
        version=progress.version,
        live_since=progress.live_since,
        probed=None if probe is None else PROBED[probe.own],
        others=f"{used} of {len(reworded)} other wordings find and use it" if reworded else None,
    )
