"""Answers in counts: the same from a ledger in memory and from databases."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from rag_flywheel.domain import (
    Citation,
    Confidence,
    DocumentId,
    FeedbackKind,
    Interaction,
    Json,
    Shown,
    Stage,
    VersionId,
)
from rag_flywheel.domain.conversation import IMPORTED
from rag_flywheel.domain.erasures import Scope, Theirs
from rag_flywheel.domain.insights import Answers, Chosen, Cited, Judged, Trait, TraitKind
from rag_flywheel.domain.retention import Kind
from rag_flywheel.domain.topics import AnswerState
from rag_flywheel.ports import Ledger
from tests.contract.rows import NOON, SECOND, a_correction, a_feedback, an_interaction
from tests.fakes.samples import shown

DAY = timedelta(days=1)
FIRST = NOON.date()


def asked(
    name: str,
    *,
    at: datetime = NOON,
    version: str = "v1",
    cites: tuple[str, ...] = ("d1",),
    sees: tuple[Shown, ...] = (),
    answered: bool = True,
    low: bool = False,
    user: str = "ann",
    group: str | None = None,
) -> Interaction:
    citations = tuple(
        Citation(number=at, document_id=DocumentId(document), title="", text="x", start=0, end=1, score=1.0)
        for at, document in enumerate(cites, start=1)
    )
    return replace(
        an_interaction(name, asked=at, user=user),
        version_id=VersionId(version),
        answered=answered,
        confidence=Confidence.LOW if low else None,
        ranking=sees,
        shown=len(sees),
        citations=citations if answered else (),
        group=group,
        groups=None,
    )


def say(ledger: Ledger, name: str, of: str, value: Json, kind: FeedbackKind = FeedbackKind.THUMB) -> None:
    stage = Stage.MIS_RANKED if value == "down" else None
    ledger.add_feedback(replace(a_feedback(name, of=of, value=value), kind=kind, stage=stage))


@pytest.fixture
def filled(ledger: Ledger) -> Ledger:
    ledger.add_interaction(asked("i1", cites=("d1", "d2")))
    ledger.add_interaction(asked("i2", low=True, group="beta", user="bob"))
    ledger.add_interaction(asked("i3", answered=False))
    ledger.add_interaction(asked("i4", at=NOON + DAY, version="v2", cites=("correction:k1",)))
    say(ledger, "f1", "i1", "up")
    say(ledger, "f2", "i2", "up")
    say(ledger, "f3", "i2", 3, FeedbackKind.STARS)
    say(ledger, "f4", "i4", "down")
    say(ledger, "f5", "i3", "as it was", FeedbackKind.COMMENT)
    return ledger


def test_answers_are_counted_by_day_version_and_how_surely_they_were_given(filled: Ledger) -> None:
    first = {"day": FIRST, "version_id": VersionId("v1"), "count": 1}
    assert filled.answers(Chosen()) == [
        Answers(state=AnswerState.SURE, **first),  # type: ignore[arg-type]
        Answers(state=AnswerState.DOUBTFUL, **first),  # type: ignore[arg-type]
        Answers(state=AnswerState.REFUSED, **first),  # type: ignore[arg-type]
        Answers(day=FIRST + DAY, version_id=VersionId("v2"), state=AnswerState.SURE, count=1),
    ]
    assert [found.count for found in filled.answers(Chosen(first=FIRST + DAY))] == [1]
    assert sum(found.count for found in filled.answers(Chosen(last=FIRST))) == 3
    assert [found.state for found in filled.answers(Chosen(group="beta"))] == [AnswerState.DOUBTFUL]
    assert sum(found.count for found in filled.answers(Chosen(without_groups=frozenset({"beta"})))) == 3
    assert filled.asker_groups(Chosen()) == ["beta"]
    assert filled.asker_groups(Chosen(first=FIRST + DAY)) == []


def test_an_answer_that_anybody_called_bad_is_bad_whoever_else_called_it_good(filled: Ledger) -> None:
    assert filled.judged(Chosen()) == [
        Judged(day=FIRST, version_id=VersionId("v1"), good=1, bad=1),
        Judged(day=FIRST + DAY, version_id=VersionId("v2"), good=0, bad=1),
    ]
    assert filled.judged(Chosen(group="beta")) == [Judged(day=FIRST, version_id=VersionId("v1"), good=0, bad=1)]


def test_how_another_service_answered_counts_for_no_version_and_its_corrections_count(filled: Ledger) -> None:
    before = (filled.answers(Chosen()), filled.judged(Chosen()), filled.failed_stages(Chosen()))
    filled.add_interaction(replace(asked("i9", cites=()), arm=IMPORTED))
    say(filled, "f9", "i9", "down")
    filled.add_correction(a_correction("k9", of="i9"))
    assert (filled.answers(Chosen()), filled.judged(Chosen()), filled.failed_stages(Chosen())) == before
    assert filled.corrected(Chosen()) == {"k9"}


def test_documents_are_counted_that_answers_cite_with_what_was_said_of_these_answers(filled: Ledger) -> None:
    assert filled.cited(Chosen()) == [
        Cited(document_id=DocumentId("d1"), answers=2, good=1, bad=1),
        Cited(document_id=DocumentId("correction:k1"), answers=1, bad=1),
        Cited(document_id=DocumentId("d2"), answers=1, good=1),
    ]
    assert filled.cited(Chosen(group="beta")) == [Cited(document_id=DocumentId("d1"), answers=1, bad=1)]


def test_an_answer_that_cites_several_corrections_is_one_that_corrections_gave(filled: Ledger) -> None:
    filled.add_interaction(asked("i5", cites=("correction:k1", "correction:k2", "d1")))
    assert filled.answers_by_corrections(Chosen()) == 2
    assert filled.answers_by_corrections(Chosen(last=FIRST)) == 1


def test_a_failed_answer_counts_once_by_the_latest_stage_that_was_found(filled: Ledger) -> None:
    later = replace(a_feedback("f9", of="i4", given=NOON + 5 * SECOND, value="down"), stage=Stage.MISSING)
    filled.add_feedback(later)
    assert filled.failed_stages(Chosen()) == {Stage.MISSING: 1}
    assert filled.failed_stages(Chosen(last=FIRST)) == {}


def test_corrections_are_those_of_the_answers_that_are_counted(filled: Ledger) -> None:
    filled.add_correction(a_correction("k1", of="i2"))
    filled.add_correction(a_correction("k2", of="i4"))
    assert filled.corrected(Chosen()) == {"k1", "k2"}
    assert filled.corrected(Chosen(group="beta")) == {"k1"}


def test_answers_with_a_trait_that_somebody_may_not_count_are_left_out_of_every_count(ledger: Ledger) -> None:
    apart = replace(shown("d9", 1), groups=("hr",))
    ledger.add_interaction(asked("i1"))
    ledger.add_interaction(asked("i2", sees=(apart,)))
    ledger.add_interaction(replace(asked("i3", answered=False), groups=frozenset({"hr"})))
    for number, name in enumerate(("i1", "i2", "i3")):
        say(ledger, f"f{number}", name, "down")
        ledger.add_correction(a_correction(f"k{number}", of=name))
    secret = Trait(kind=TraitKind.DOCUMENT, name="d9", groups=("hr",))
    nothing = Trait(kind=TraitKind.NOTHING, groups=("hr",))
    others = {Trait(kind=TraitKind.BARE), Trait(kind=TraitKind.ASKERS, groups=("hr",))}
    assert {secret, nothing, *others} <= ledger.traits()
    some = Chosen(without=frozenset({secret, nothing, Trait(kind=TraitKind.DOCUMENT, name="of no answer")}))
    assert sum(found.count for found in ledger.answers(some)) == 1
    assert sum(found.bad for found in ledger.judged(some)) == 1
    assert ledger.failed_stages(some) == {Stage.MIS_RANKED: 1}
    assert [found.answers for found in ledger.cited(some)] == [1]
    assert ledger.corrected(some) == {"k0"}


def test_who_is_forgotten_is_counted_nowhere_and_their_correction_is_named_nowhere(filled: Ledger) -> None:
    filled.add_correction(a_correction("k1", of="i2", user="bob"))
    filled.erase(Scope(user="bob"))
    filled.scrub(
        Theirs(names=lambda text: text in ("i2", "k1", "correction:k1"), wrote=lambda text: False), manifests=True
    )
    assert sum(found.count for found in filled.answers(Chosen())) == 3
    assert filled.asker_groups(Chosen()) == []
    rows = [row for table, row in filled.records() if table in ("traits", "feedback")]
    assert not [row for row in rows if "i2" in row.values()]
    assert not [row for row in rows if "correction:k1" in row.values()]


def test_what_expires_is_counted_no_more(filled: Ledger) -> None:
    assert sum(filled.expire(Kind.INTERACTIONS, before=NOON + SECOND)) == 3
    assert [found.day for found in filled.answers(Chosen())] == [FIRST + DAY]
    assert [found.document_id for found in filled.cited(Chosen())] == ["correction:k1"]


def test_a_day_is_one_of_utc_wherever_the_question_was_asked(ledger: Ledger) -> None:
    zone = datetime.fromisoformat("2026-03-29T00:30:00+02:00")
    ledger.add_interaction(asked("i1", at=zone))
    assert [found.day for found in ledger.answers(Chosen())] == [zone.astimezone(UTC).date()] == [date(2026, 3, 28)]


def test_a_day_of_an_early_year_is_a_date_as_any_other(ledger: Ledger) -> None:
    """From a clock that is wrong."""
    ledger.add_interaction(asked("i1", at=datetime(999, 5, 1, tzinfo=UTC)))
    assert [found.day for found in ledger.answers(Chosen(first=date(999, 4, 30)))] == [date(999, 5, 1)]


def test_the_earliest_day_is_told_of_which_anything_was_said_or_corrected_since(filled: Ledger) -> None:
    def touched() -> date | None:
        return filled.first_touched(before, filled.marks())

    before = filled.marks()
    assert touched() is None
    filled.add_interaction(asked("i5", at=NOON + 2 * DAY))
    assert touched() == FIRST + 2 * DAY
    say(filled, "f6", "i4", "up")
    assert touched() == FIRST + DAY
    filled.add_correction(a_correction("c1", of="i1"))
    assert touched() == FIRST
    before = filled.marks()
    assert touched() is None


def test_where_anything_is_gone_any_day_may_have_changed(filled: Ledger) -> None:
    before = filled.marks()
    filled.erase(Scope(user="bob"))
    assert filled.first_touched(before, filled.marks()) == date.min
