"""Questions that another service answered, with what people said of the answers: kept as if they had been asked here.

The answer is that of the other service, so it cites nothing of ours; the ranking is what the live version finds for the
question now, by which it is told what would have failed here.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Literal

from rag_flywheel.answering.chat import RECORDED, Chat, as_shown
from rag_flywheel.domain import (
    AuditEntry,
    CorrectionId,
    Evidence,
    Interaction,
    InteractionId,
    Json,
    Passage,
    VersionId,
)
from rag_flywheel.domain.consent import EVERY_PURPOSE, Means
from rag_flywheel.domain.conversation import IMPORTED
from rag_flywheel.domain.readers import Reader
from rag_flywheel.domain.stand_ins import unnumbered
from rag_flywheel.errors import Conflict, InvalidInput, NotFound, NothingLive
from rag_flywheel.feedback import corrections, intake
from rag_flywheel.privacy.consent import Agreed, Said
from rag_flywheel.privacy.masking_out import taken_out
from rag_flywheel.privacy.numbering import masking
from rag_flywheel.privacy.pseudonyms import pseudonym
from rag_flywheel.services import Services

Source = Literal["langfuse", "phoenix"]
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
FORGOTTEN, NO_CONSENT = "forgotten", "no consent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A signal, or with kind None a corrected answer, as it comes in."""

    name: str  # its id there
    kind: str | None
    value: Json
    given: datetime
    user: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A question with its answer and what was said of that, as it comes in: neither checked nor masked."""

    name: str  # its id there
    asked: datetime
    question: str
    answer: str  # empty: there was none
    user: str | None
    session: str | None
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On what terms they are taken in."""

    source: Source
    said: Said | None  # what those people agreed to there; None: by the settings, and by what they said here
    reader: Reader  # who sends them
    sender: str | None
    erased: Callable[[str | None, str | None, datetime], bool]  # whether a person, a conversation was, of a moment
    find: Callable[[str], Sequence[Passage]]
    quoted: Callable[[Sequence[Evidence], VersionId | None], tuple[Evidence, ...]]


@dataclass(slots=True, kw_only=True)
class TakenIn:
    """What came of it."""

    added: Counter[str] = field(default_factory=Counter)  # interactions, feedback, corrections
    skipped: int = 0  # marks that were there already
    left_out: Counter[str] = field(default_factory=Counter)  # by reason
    refused: list[tuple[str, str]] = field(default_factory=list)  # the id of a trace or a mark, and why
    masked: Counter[str] = field(default_factory=Counter)  # pieces of personal data in questions and answers


def take_in(traces: Sequence[Trace], terms: Terms, *, who: str, chat: Chat, services: Services) -> TakenIn:
    """Keep them, masked. What is there already is skipped, so that an import may be repeated; what one of them is
    refused for keeps no other one out.
    """
    taken = TakenIn()
    try:
        for trace in traces:
            try:
                _take(trace, terms, taken, chat, services)
            except InvalidInput as error:
                taken.refused.append((trace.name, str(error)))
    finally:  # what was added stays, whatever keeps the others out
        if taken.added.total():
            detail: dict[str, Json] = {**taken.added, "masked": {**taken.masked}}
            services.ledger.add_audit(
                AuditEntry(at=services.now(), who=who, action="feedback: import", subject=terms.source, detail=detail)
            )
    return taken


def _take(trace: Trace, terms: Terms, taken: TakenIn, chat: Chat, services: Services) -> None:
    ledger, salt = services.ledger, services.ledger.salt()
    if not EARLIEST <= trace.asked <= services.now():
        raise InvalidInput(
            "it was asked before 1970 or in the future: its time names no zone, or another clock goes wrong"
        )
    user, session = pseudonym(trace.user, salt), pseudonym(trace.session, salt, of="session")
    agreed = chat.agreed(terms.said, user=trace.user, session=trace.session)
    if terms.erased(user, session, trace.asked) or not agreed.purposes:
        taken.left_out[FORGOTTEN if agreed.purposes else NO_CONSENT] += 1
        return
    name = InteractionId(_id(trace.name, terms.source, salt))
    if not _is_there(partial(ledger.interaction, name)):
        made = _interaction(name, trace, agreed, terms, taken, (chat, services))
        taken.added["interactions"] += _is_new(partial(ledger.add_interaction, made))
    there = {str(signal.feedback_id) for signal in ledger.feedback(interaction_id=name)}
    for mark in trace.marks:
        mark_id = _id(mark.name, terms.source, salt)
        if mark_id in there or _is_there(partial(ledger.correction, CorrectionId(mark_id))):
            taken.skipped += 1
        elif reason := _unheard(mark, terms, chat, salt):
            taken.left_out[reason] += 1
        else:
            try:
                _keep(mark, mark_id, (name, trace.asked), terms, taken, services)
            except NothingLive:
                raise
            except (InvalidInput, Conflict) as error:  # a conflict: the texts of its question were not kept
                taken.refused.append((mark.name, str(error)))
            else:
                there.add(mark_id)


def _id(name: str, source: Source, salt: bytes) -> str:
    """Always the same one, which tells nobody without the salt what it was there: an id there may be anything."""
    return f"{source}-{pseudonym(f'{source}:{name}', salt, of='case')}"


def _is_there(look: Callable[[], object]) -> bool:
    try:
        look()
    except NotFound:
        return False
    return True


def _is_new(add: Callable[[], object]) -> bool:
    """Whether it was added, and not there already."""
    try:
        add()
    except Conflict:
        return False
    return True


def _interaction(
    name: InteractionId, trace: Trace, agreed: Agreed, terms: Terms, taken: TakenIn, by: tuple[Chat, Services]
) -> Interaction:
    chat, services = by
    salt = services.ledger.salt()
    session = pseudonym(trace.session, salt, of="session")
    talk = chat.masking.within(session, services.ledger, of=name)
    question, answer = talk.redact(intake.checked_text(trace.question, "the question")), talk.redact(trace.answer)
    taken.masked.update(question.found)
    taken.masked.update(answer.found)
    searcher, ranking = chat.search(unnumbered(question.text), groups=frozenset())
    return Interaction(
        interaction_id=name,
        asked=trace.asked,
        user=pseudonym(trace.user, salt),
        session=session,
        question=question.text,
        masked=taken_out(question, salt),
        stand_ins=talk.stand_ins(question.text, answer.text),
        query=question.text,
        answer=answer.text,
        answered=bool(answer.text.strip()),
        version_id=searcher.version,
        arm=IMPORTED,
        generator=terms.source,
        ranking=tuple(as_shown(passage) for passage in ranking.passages[:RECORDED]),
        shown=min(searcher.shown, len(ranking.passages)),
        citations=(),
        consent=True,
        seconds=0.0,
        groups=frozenset(),
        purposes=agreed.purposes,
        agreed=agreed.how,
    )


def _unheard(mark: Mark, terms: Terms, chat: Chat, salt: bytes) -> str | None:
    """Why nothing of whoever said it is kept, None where it may be."""
    if terms.erased(pseudonym(mark.user, salt), None, mark.given):
        return FORGOTTEN
    wanted = Said(purposes=EVERY_PURPOSE, how=Means.COMMAND)
    return None if chat.agreed(wanted, user=mark.user, session=None).purposes else NO_CONSENT


def _keep(
    mark: Mark, mark_id: str, asked: tuple[InteractionId, datetime], terms: Terms, taken: TakenIn, services: Services
) -> None:
    """Record a signal, or a correction that waits for its review; one that is there, of whatever question, is skipped.
    Raises InvalidInput, and Conflict where the texts of its question were not kept.
    """
    (of, since), ledger, masked = asked, services.ledger, masking(services)
    if not since <= mark.given <= services.now():
        raise InvalidInput("it was given before its question was asked, or in the future")
    if mark.kind is None:
        made = corrections.prepare(
            corrections.Submission(
                interaction_id=of, answer=str(mark.value), user=mark.user, reader=terms.reader, sender=terms.sender
            ),
            ledger=ledger,
            masking=masked,
            find=terms.find,
            quoted=terms.quoted,
            at=mark.given,
            new_id=lambda: mark_id,
        )
        _count(taken, "corrections", new=_is_new(partial(ledger.add_correction, made)))
        return
    signal = intake.Signal(interaction_id=of, kind=mark.kind, value=mark.value, user=mark.user, reader=terms.reader)
    given = intake.prepare(
        signal,
        ledger=ledger,
        masking=masked,
        minimum_similarity=services.config.generator.minimum_similarity,
        at=mark.given,
        new_id=lambda: mark_id,
    )
    _count(taken, "feedback", new=_is_new(partial(ledger.add_feedback, given)))


def _count(taken: TakenIn, what: str, *, new: bool) -> None:
    taken.added[what] += new
    taken.skipped += not new
