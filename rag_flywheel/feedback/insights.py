"""What people did in a month with what is sensitive, told with noise alone: satisfaction, gaps in knowledge, usage.

Whether a record counts depends on the records of the same person alone, since the noise covers one person's records: of
what was said about an answer that is what its own asker said, and a question of nobody named counts nowhere.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Protocol

from rag_flywheel.domain import Feedback, Interaction, InteractionId
from rag_flywheel.domain.equivalence import same_question
from rag_flywheel.domain.releases import Measure, Release, month_of
from rag_flywheel.errors import Conflict
from rag_flywheel.feedback.gaps import is_gap
from rag_flywheel.feedback.intake import confirmed, judged_bad
from rag_flywheel.ports import Conversations
from rag_flywheel.privacy import releases
from rag_flywheel.privacy.releases import Asked, Contribution, ReleaseLedger
from rag_flywheel.privacy.sensitive import Sensitive
from rag_flywheel.services import Services

MOST = 500_000
"""Questions since a month began that are read at most: a count of only the newest ones would depend on others."""
OTHERS = "others"
GOOD, BAD = "good", "bad"


class InsightLedger(Conversations, ReleaseLedger, Protocol):
    """What people did, and what was released of it."""


def ask(asked: Asked, services: Services, sensitive: Sensitive) -> Release:
    """The release, made now or before. Raises BudgetSpent, and Conflict where nothing is marked as sensitive, the
    month has not begun, or there is more to count than can be.
    """
    refuse_unmarked(sensitive)
    ledger, config = services.ledger, services.config
    made = releases.known(asked, ledger)
    if made is not None:
        return made
    releases.price(asked, config.releases, ledger)  # before what takes long
    named = config.privacy.sensitive_groups
    return releases.release(
        asked,
        _contributions(asked, ledger, sensitive, near=config.generator.on_topic, groups=named),
        cells=_cells(asked, named),
        smallest=config.privacy.supporters,
        settings=config.releases,
        noise=services.noise,
        ledger=ledger,
    )


def refuse_unmarked(sensitive: Sensitive) -> None:
    """Raises Conflict."""
    if not sensitive.anything:
        raise Conflict(
            "nothing is marked as sensitive: say `sensitive: true` of a source, or name groups of askers in "
            "privacy.sensitive_groups"
        )


def _cells(asked: Asked, groups: Sequence[str]) -> list[str] | None:
    """All that there can be, whatever people do; None: they name them."""
    if asked.measure is Measure.GAPS:
        return None
    if asked.measure is Measure.SATISFACTION:
        return [GOOD, BAD]
    first, end = month_of(asked.month)
    days = [first + timedelta(days=number) for number in range((end - first).days)]
    return [f"{day:%Y-%m-%d} {group}" for day in days for group in (*groups, OTHERS)]


def _contributions(
    asked: Asked, ledger: InsightLedger, sensitive: Sensitive, *, near: float, groups: Sequence[str]
) -> Iterator[Contribution]:
    start, end = month_of(asked.month)
    end = min(end, asked.at)
    read = ledger.interactions(since=start, limit=MOST + 1)
    if len(read) > MOST:
        raise Conflict(f"more than {MOST} questions came since {asked.month} began: too many to count")
    of = {each.interaction_id: each for each in read if each.asked < end and each.user and sensitive.interaction(each)}
    said: dict[InteractionId, list[Feedback]] = {name: [] for name in of}
    for signal in ledger.feedback(since=start, until=asked.at):
        about = of.get(signal.interaction_id)
        if about is not None and signal.user == about.user:
            said[signal.interaction_id].append(signal)
    cell = _CELL[asked.measure]
    for name, each in of.items():
        found = cell(each, said[name], near, groups)
        if found is not None and each.user is not None:
            yield Contribution(person=each.user, of=name, cell=found)


def _satisfaction(of: Interaction, said: Sequence[Feedback], near: float, groups: Sequence[str]) -> str | None:
    if judged_bad(said):
        return BAD
    return GOOD if confirmed(said) else None


def _gap(of: Interaction, said: Sequence[Feedback], near: float, groups: Sequence[str]) -> str | None:
    return same_question(of.query) or None if is_gap(of, said, near=near) else None


def _usage(of: Interaction, said: Sequence[Feedback], near: float, groups: Sequence[str]) -> str | None:
    return f"{of.asked:%Y-%m-%d} {of.group if of.group in groups else OTHERS}"


_CELL: Mapping[Measure, Callable[[Interaction, Sequence[Feedback], float, Sequence[str]], str | None]] = {
    Measure.SATISFACTION: _satisfaction,
    Measure.GAPS: _gap,
    Measure.USAGE: _usage,
}
