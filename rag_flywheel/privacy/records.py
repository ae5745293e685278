"""Consent as records of ISO/IEC TS 27560:2023: what is shown of it. Pure."""

from collections.abc import Mapping, Sequence

from rag_flywheel.config import PrivacyNotice
from rag_flywheel.domain import Json
from rag_flywheel.domain.consent import ConsentEvent, ConsentState, Purpose
from rag_flywheel.privacy.consent import Policy, agreed, holds

SCHEMA = "ISO/IEC TS 27560:2023"
MEANT: Mapping[Purpose, str] = {
    Purpose.ANSWER: "keep questions and answers, so that they can be looked at, explained, rated and corrected",
    Purpose.LEARN: "make later versions of questions, ratings and corrections",
    Purpose.EVALUATE: "ask versions the same questions, and compare what people met",
}


def standing(events: Sequence[ConsentEvent], policy: Policy, *, session: str | None) -> dict[str, Json]:
    """For each purpose what the person said, null where nothing, and whether a question asked now is used for it."""
    used = agreed(policy, None, events, session=session).purposes
    return {
        purpose.value: {"said": holds(purpose, events, session=session), "in_force": purpose in used}
        for purpose in Purpose
    }


def records(events: Sequence[ConsentEvent], notice: PrivacyNotice) -> list[Json]:
    """A record for the person, and one for each conversation that they spoke of, each with its events, oldest first."""
    scopes = dict.fromkeys(event.session for event in events)
    return [_record([event for event in events if event.session == scope], notice) for scope in scopes]


def _record(events: Sequence[ConsentEvent], notice: PrivacyNotice) -> dict[str, Json]:
    first = events[0]
    purposes = [purpose for purpose in Purpose if any(purpose in event.purposes for event in events)]
    return {
        "schema_version": SCHEMA,
        "record_id": first.event_id,
        "pii_principal_id": first.user,
        "scope": "person" if first.session is None else "conversation",
        "conversation": first.session,
        "pii_controller": notice.controller,
        "privacy_notice": {"version": notice.version, "url": notice.url},
        "purposes": [
            {"purpose": purpose.value, "description": MEANT[purpose], "lawful_basis": "consent"} for purpose in purposes
        ],
        "events": [_event(event) for event in events],
    }


def _event(event: ConsentEvent) -> dict[str, Json]:
    return {
        "event_id": event.event_id,
        "event_time": event.at.isoformat(),
        "event_state": event.state.value,
        "purposes": [purpose.value for purpose in Purpose if purpose in event.purposes],
        "collection_method": event.how.value,
        "notice_version": event.notice,
        "entity": event.said_by,
    }


def changes(
    wanted: Mapping[Purpose, bool], events: Sequence[ConsentEvent], *, session: str | None
) -> list[tuple[ConsentState, frozenset[Purpose]]]:
    """What is to be recorded so that these become the person's word: none where it is that already, in that scope.

    What is withdrawn comes first, as giving any purpose gives `answer` with it.
    """
    scope = [event for event in events if event.session == session]
    found = []
    for state in (ConsentState.WITHDRAWN, ConsentState.GIVEN):
        given = state is ConsentState.GIVEN
        named = frozenset(purpose for purpose, word in wanted.items() if word is given)
        if any(holds(purpose, scope if session is None else events, session=session) is not given for purpose in named):
            found.append((state, named))
    return found
