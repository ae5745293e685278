"""Feedback and corrections for other tools: masked, by pseudonyms, of people who agreed to such a use."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from rag_flywheel.domain import DocumentId, Feedback, Interaction, InteractionId, ReviewedCorrection
from rag_flywheel.domain.consent import Purpose
from rag_flywheel.domain.readers import Reader
from rag_flywheel.errors import NotFound
from rag_flywheel.ports import Conversations, Corrections
from rag_flywheel.privacy.consent import Agreements
from rag_flywheel.privacy.sensitive import Sensitive


class ExportLedger(Conversations, Corrections, Protocol):
    """What was asked, and what was said of the answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A question with its answer and what was said of it."""

    asked: Interaction
    feedback: tuple[Feedback, ...]
    corrections: tuple[ReviewedCorrection, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """What may be told, and of whom."""

    use: Purpose
    consents: Agreements
    reader: Reader
    sensitive: Sensitive  # what is told with noise alone
    leaving: AbstractSet[str]  # pseudonyms of those who asked to be forgotten, and still are
    left_out: Counter[str] = field(default_factory=Counter)  # questions, signals and corrections, by reason


def judged(ledger: ExportLedger, leave: Leave, *, since: datetime | None, until: datetime | None) -> Iterator[Judged]:
    """Of each question with something said of it in that time, the earliest first; what is left out counts in `leave`.

    A question is there with the consent of who asked, what is said of it with that of who said it.
    """
    signals: dict[InteractionId, list[Feedback]] = defaultdict(list)
    better: dict[InteractionId, list[ReviewedCorrection]] = defaultdict(list)
    for signal in ledger.feedback(since=since, until=until):
        signals[signal.interaction_id].append(signal)
    for entry in ledger.corrections(until=until):
        if since is None or entry.correction.submitted >= since:
            better[entry.correction.interaction_id].append(entry)
    for name in dict.fromkeys((*signals, *better)):
        try:
            asked = ledger.interaction(name)
        except NotFound:  # it was deleted just now
            continue
        found = _told(asked, signals[name], better[name], leave)
        if found is not None:
            yield found


def _told(
    asked: Interaction, signals: Sequence[Feedback], better: Sequence[ReviewedCorrection], leave: Leave
) -> Judged | None:
    """What is not for the reader, or told with noise alone, is not counted either: how much there is of it, no exact
    number may tell.
    """
    if not leave.reader.reads_interaction(asked) or leave.sensitive.hidden(asked):
        return None
    signals = [signal for signal in signals if _for_reader(signal, asked, leave)]
    better = [
        entry
        for entry in better
        if leave.reader.reads_correction(entry.correction) and not leave.sensitive.correction(entry.correction, asked)
    ]
    if not signals and not better:
        return None
    if not leave.consents.allow(leave.use, asked) or asked.user in leave.leaving:
        leave.left_out["no consent"] += 1
        return None
    feedback = tuple(signal for signal in signals if _may(signal.user, signal.given, leave))
    corrections = tuple(entry for entry in better if _may(entry.correction.user, entry.correction.submitted, leave))
    leave.left_out["no consent"] += len(signals) + len(better) - len(feedback) - len(corrections)
    return Judged(asked=asked, feedback=feedback, corrections=corrections) if feedback or corrections else None


def _for_reader(signal: Feedback, asked: Interaction, leave: Leave) -> bool:
    """Whether they may read the document that it names, where it names one."""
    name = signal.value.get("document_id") if isinstance(signal.value, dict) else None
    if not isinstance(name, str):
        return True
    document = DocumentId(name)
    then = next((shown.groups for shown in asked.ranking if shown.document_id == document), None)
    return leave.reader.reads(document, then) and not leave.sensitive.names(document)


def _may(user: str | None, at: datetime, leave: Leave) -> bool:
    return user not in leave.leaving and leave.consents.allow_from(leave.use, user, at=at)
