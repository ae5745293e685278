"""What a question may be kept and used for: by the settings, and by what its asker said. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from rag_flywheel.domain import Interaction
from rag_flywheel.domain.consent import EVERY_PURPOSE, ConsentEvent, ConsentState, Means, Purpose

Policy = Literal["assumed", "required", "off"]
NOTHING: frozenset[Purpose] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """What the texts of one question may be used for, and by whose word."""

    purposes: frozenset[Purpose]  # none: no text is kept
    how: Means


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What came with a question about consent."""

    purposes: frozenset[Purpose]  # none: a no
    how: Means


def agreed(policy: Policy, said: Said | None, events: Sequence[ConsentEvent], *, session: str | None) -> Agreed:
    """What a question asked now may be used for; `events` are its asker's, oldest first.

    What is said with a question is about that question alone. A no counts always; a yes does not undo what its asker
    withdrew: they have to give that again.
    """
    standing = {purpose: holds(purpose, events, session=session) for purpose in Purpose}
    if said is not None:
        asked = {purpose for purpose in said.purposes if standing[purpose] is not False}
        how = said.how
    else:
        assumed = policy == "assumed"
        asked = {purpose for purpose, stands in standing.items() if stands or (stands is None and assumed)}
        how = Means.ASSUMED if any(standing[purpose] is None for purpose in asked) else Means.RECORD
    kept = policy != "off" and Purpose.ANSWER in asked
    return Agreed(purposes=frozenset(asked) if kept else NOTHING, how=how)


def holds(
    purpose: Purpose, events: Sequence[ConsentEvent], *, session: str | None, at: datetime | None = None
) -> bool | None:
    """What one person's word is, now or at a moment; None where they said nothing.

    What they said of a conversation counts in it before what they said of all, and the newest of each. But whoever
    withdraws all of it has withdrawn it in every conversation of before.
    """
    known = events if at is None else [event for event in events if event.at <= at]
    return list(_words(purpose, known, session))[-1][1]


def _words(
    purpose: Purpose, events: Sequence[ConsentEvent], session: str | None
) -> Iterator[tuple[datetime | None, bool | None]]:
    """Their word from each moment on at which they said something about it, the first from ever."""
    whole = own = None
    yield None, None
    for event in events:
        if purpose not in event.purposes or event.session not in (None, session):
            continue
        given = event.state is ConsentState.GIVEN
        if event.session is None:
            whole = given
            own = own if given else None
        else:
            own = given
        yield event.at, whole if own is None else own


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreements:
    """What everybody had said at an instant, as far as later versions have to heed it."""

    events: Mapping[tuple[str | None, str | None], Sequence[ConsentEvent]]  # by whose they are, oldest first
    assuming: bool  # whether silence is taken for a yes

    def allow(self, purpose: Purpose, asked: Interaction) -> bool:
        """Whether a question with its answer may be used so: that was agreed to when it was asked, and at no moment
        since did its asker say no. What was only assumed counts only while that is assumed.
        """
        if not asked.consent or purpose not in (EVERY_PURPOSE if asked.purposes is None else asked.purposes):
            return False
        events = self._of(asked.user, asked.session)
        only_assumed = asked.agreed is Means.ASSUMED and not holds(
            purpose, events, session=asked.session, at=asked.asked
        )
        if only_assumed and not self.assuming:
            return False
        return self._stayed(purpose, events, asked.session, asked.asked)

    def allow_from(self, purpose: Purpose, user: str | None, *, at: datetime) -> bool:
        """Whether what a person handed in at that moment, such as a signal or a correction, may be used so. Who hands
        it in wants it heard, so that only a no of theirs forbids it.
        """
        return self._stayed(purpose, self._of(user, None), None, at)

    def refusing(self, purpose: Purpose) -> Iterator[str]:
        """The people who said no to it at some time."""
        for (user, _), events in self.events.items():
            no = (event.state is ConsentState.WITHDRAWN and purpose in event.purposes for event in events)
            if user is not None and any(no):
                yield user

    def ended(self, user: str | None, session: str | None, *, at: datetime) -> datetime | None:
        """The last moment, after that one, at which the person withdrew that anything is learned from them."""
        withdrawn = (
            event.at
            for event in self._of(user, session)
            if event.at >= at
            and event.state is ConsentState.WITHDRAWN
            and Purpose.LEARN in event.purposes
            and event.session in (None, session)
        )
        return max(withdrawn, default=None)

    def _of(self, user: str | None, session: str | None) -> Sequence[ConsentEvent]:
        return self.events.get((user, None) if user is not None else (None, session), ())

    def _stayed(self, purpose: Purpose, events: Sequence[ConsentEvent], session: str | None, since: datetime) -> bool:
        """Whether there was no no at that moment, nor after it."""
        at_first: bool | None = None
        for at, word in _words(purpose, events, session):
            if at is None or at <= since:
                at_first = word
            elif word is False:
                return False
        return at_first is not False


def agreements(events: Iterable[ConsentEvent], *, policy: Policy) -> Agreements:
    """`events`: of everybody, oldest first."""
    found: dict[tuple[str | None, str | None], list[ConsentEvent]] = defaultdict(list)
    for event in events:
        found[(event.user, None) if event.user is not None else (None, event.session)].append(event)
    return Agreements(events=dict(found), assuming=policy == "assumed")
