"""Counts that go on where the last ones ended say what counting all of it anew says."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_flywheel.domain import DocumentId, Feedback, FeedbackId, FeedbackKind, InteractionId, Stage, VersionId
from rag_flywheel.domain.erasures import Scope
from rag_flywheel.domain.insights import Chosen
from rag_flywheel.ports import Insights, Ledger
from rag_flywheel.rollout.counts import RECENT, Continued, Settled, settled
from tests.fakes.ledger import MemoryLedger
from tests.fakes.samples import NOON, correction, interaction, shown

TODAY = NOON.astimezone(UTC).date()
AGES = st.integers(min_value=0, max_value=20)  # days
COUNTS: tuple[Callable[[Insights, Chosen], object], ...] = (
    Insights.answers,
    Insights.judged,
    Insights.failed_stages,
    Insights.cited,
    Insights.answers_by_corrections,
    Insights.corrected,
    Insights.asker_groups,
)
CHOSEN = (
    Chosen(),
    Chosen(first=TODAY - timedelta(days=12), last=TODAY),
    Chosen(first=TODAY - timedelta(days=3), last=TODAY),
    Chosen(first=TODAY - timedelta(days=12), last=TODAY - timedelta(days=9), group="beta"),
)


def ask(ledger: Ledger, number: int, age: int) -> None:
    made = interaction(
        f"i{number}",
        asked=NOON - timedelta(days=age),
        user=f"p{number % 3}",
        ranking=[shown(f"d{number % 2}", 1)],
        citations=1,
        answered=number % 4 != 0,
    )
    cited = tuple(replace(each, document_id=DocumentId(f"d{number % 2}")) for each in made.citations)
    group = "beta" if number % 2 else None
    ledger.add_interaction(replace(made, citations=cited, shown=1, version_id=VersionId("v1"), group=group))


def say(ledger: Ledger, number: int, of: int) -> None:
    down = number % 3 == 0
    ledger.add_feedback(
        Feedback(
            feedback_id=FeedbackId(f"f{number}"),
            interaction_id=InteractionId(f"i{of}"),
            given=NOON,
            user=None,
            kind=FeedbackKind.THUMB,
            value="down" if down else "up",
            stage=Stage.MIS_RANKED if down else None,
        )
    )


def told(counts: Insights) -> list[object]:
    return [count(counts, chosen) for count in COUNTS for chosen in CHOSEN]


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(st.tuples(st.sampled_from(("ask", "say", "correct", "erase")), AGES), max_size=12))
def test_counts_are_those_of_counting_all_of_it_anew_whatever_was_written_or_erased(
    steps: list[tuple[str, int]],
) -> None:
    ledger, known = MemoryLedger(), None
    for number in range(4):
        ask(ledger, number, 4 * number)
    asked = 4
    for number, (what, age) in enumerate(steps):
        those = sorted(ledger.interactions_named([InteractionId(f"i{each}") for each in range(asked)]))
        of = None if not those else int(those[age % len(those)].removeprefix("i"))
        if what == "ask":
            ask(ledger, asked, age)
            asked += 1
        elif what == "say" and of is not None:
            say(ledger, number, of)
        elif what == "correct" and of is not None:
            ledger.add_correction(correction(f"c{number}", of=f"i{of}"))
        elif what == "erase":
            ledger.erase(Scope(user=f"p{age % 3}"))
        known = settled(known, ledger=ledger, marks=ledger.marks(), today=TODAY)
        assert told(Continued(ledger=ledger, settled=known)) == told(ledger)


class Watched(MemoryLedger):
    """A ledger that knows the earliest day from which answers were counted."""

    def answers(self, chosen: Chosen) -> list[object]:  # type: ignore[override]
        self.counted_from = min(getattr(self, "counted_from", date.max), chosen.first or date.min)
        return list(super().answers(chosen))


@pytest.mark.parametrize(("age", "first"), [(1, TODAY - RECENT), (9, date.min)])
def test_older_days_are_counted_again_only_where_something_was_written_of_them(age: int, first: date) -> None:
    ledger = Watched()
    ask(ledger, 1, 1)
    ask(ledger, 9, 9)
    known: Settled | None = None
    for number in range(2):
        known = settled(known, ledger=ledger, marks=ledger.marks(), today=TODAY)
        ledger.counted_from = date.max
        Continued(ledger=ledger, settled=known).answers(Chosen())
        if number == 0:
            assert ledger.counted_from == date.min
            say(ledger, 1, age)
    assert ledger.counted_from == first
