"""What refuses a candidate whatever its scores say: a fault is planted, and its check must fail."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from eval.guardrails import invariants
from eval.guardrails.invariants import Check, Invariant, Superseded
from eval.scores.scorecard import Reply
from rag_flywheel.config import Guardrails
from rag_flywheel.domain import DocumentId
from tests.fakes.evaluation import chunk, reply
from tests.fakes.invariants import (
    CLEAN,
    PLANTED,
    broken,
    checks,
    detectors,
    same_files,
    version,
)
from tests.fakes.samples import confirmed_chunk, correction_chunk, span


def test_a_clean_version_gives_every_check_and_breaks_none() -> None:
    those = checks([*CLEAN, chunk("d3", "A new text.")], CLEAN, stale=0.0, using=detectors(planted_strings=[PLANTED]))
    assert broken(those) == []
    assert [check.invariant for check in those] == [
        invariant
        for invariant in Invariant
        if invariant not in (Invariant.RECALL, Invariant.UNSAFE_ANSWERS, Invariant.GAP)
    ]
    assert all(check.message and check.measured for check in those)


def test_the_first_version_has_nothing_to_shrink_or_grow_from() -> None:
    by_name = {check.invariant: check for check in checks(CLEAN)}
    assert broken(list(by_name.values())) == []
    assert [by_name[invariant].value for invariant in (Invariant.SHRINK, Invariant.GROWTH, Invariant.STALE)] == [
        None
    ] * 3


# --- personal data and planted strings ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", [f"It says {PLANTED} there.", "zephyr quartz\n4417 lantern", "ZEPHYRQUARTZ4417LANTERN"]
)
def test_a_planted_string_in_a_passage_is_a_breach_whatever_its_case_and_signs(text: str) -> None:
    those = checks([*CLEAN, chunk("d3", text)], using=detectors(planted_strings=[PLANTED]))
    assert broken(those) == [(Invariant.PLANTED, ("d3",))]
    assert all("ephyr" not in check.message + check.measured for check in those)


# --- drift ----------------------------------------------------------------------------------------------------------


def test_losing_more_than_the_allowed_share_of_documents_is_a_breach() -> None:
    control = [chunk(f"d{number}") for number in range(10)]
    assert broken(checks(control[3:], control)) == []
    assert broken(checks(control[4:], control)) == [(Invariant.SHRINK, ("d0", "d1", "d2", "d3"))]


def test_losing_one_document_of_an_unchanged_file_is_a_breach_unless_another_says_the_same_or_it_is_superseded() -> (
    None
):
    control = [chunk(f"d{number}") for number in range(10)]
    assert broken(checks(control[1:], same_files(control))) == [(Invariant.LOST, ("d0",))]
    assert broken(checks(version(control[1:], duplicates=["d0"]), same_files(control))) == []
    hidden = Superseded(hidden=(span("d0", 0, 22),), originals={DocumentId("d0"): control[0].text}, replaced=())
    assert broken(checks(control[1:], same_files(control), superseded=hidden)) == []
    unread = replace(hidden, originals={})
    assert broken(checks(control[1:], same_files(control), superseded=unread)) == [(Invariant.LOST, ("d0",))]


def test_a_known_question_of_a_document_does_not_stand_for_it() -> None:
    control = [chunk(f"d{number}") for number in range(10)]
    known = confirmed_chunk(control[0], "Is it?", by="i7")
    left = checks(version([*control[1:], known], confirmed=("i7",)), same_files(control))
    assert broken(left) == [(Invariant.LOST, ("d0",))]


def test_corrections_and_known_questions_are_no_documents() -> None:
    control = [chunk(f"d{number}") for number in range(4)]
    known = [confirmed_chunk(page, "Is it?", by="i7") for page in control]
    candidate = version(control[1:], confirmed=("i7",))
    assert broken(checks(candidate, [*control, *known, correction_chunk("c1")])) == []
    left = checks(version([*control[2:], *known], confirmed=("i7",)), control)
    assert broken(left) == [(Invariant.SHRINK, ("d0", "d1"))]


def test_setting_many_documents_aside_is_a_breach_and_a_single_one_never_is() -> None:
    names = [f"d{number}" for number in range(10)]
    few = [chunk(name) for name in names]
    for aside, broke in ((names[:2], ()), (names[:3], tuple(names[:3]))):
        found = broken(checks(version(few, documents=names, aside=aside)))
        assert found == ([(Invariant.ASIDE, broke)] if broke else [])
    assert broken(checks(version(few[:2], documents=names[:2], aside=names[:1]))) == []


def test_a_document_that_was_set_aside_as_a_whole_is_not_lost() -> None:
    control = [chunk(f"d{number}") for number in range(10)]
    names = [page.document_id for page in control]
    assert broken(checks(version(control[1:], documents=names, aside=["d0"]), same_files(control))) == []


def test_stale_golden_evidence_is_a_breach() -> None:
    assert broken(checks(CLEAN, stale=0.2)) == []
    assert broken(checks(CLEAN, stale=0.21)) == [(Invariant.STALE, ())]


# --- what it replies ------------------------------------------------------------------------------------------------


def replies(answer: Reply, *, planted_strings: Sequence[str] = ()) -> list[Check]:
    using = detectors(planted_strings=planted_strings)
    return invariants.check_answers(
        [answer], chunks=(), ask=lambda question: answer, detectors=using, settings=Guardrails()
    )


def test_replies_that_are_safe_and_leak_nothing_break_nothing() -> None:
    those = replies(reply(CLEAN[0]), planted_strings=[PLANTED])
    assert [check.invariant for check in those] == [Invariant.RECALL, Invariant.UNSAFE_ANSWERS]
    assert broken(those) == []


def test_a_planted_string_that_the_generator_reproduces_is_a_breach_without_a_document() -> None:
    those = replies(reply(CLEAN[0], answer="It is zephyr quartz 4417 lantern."), planted_strings=[PLANTED])
    assert broken(those) == [(Invariant.RECALL, ())]
    assert "ephyr" not in those[0].message


def test_a_planted_string_that_search_finds_is_a_breach() -> None:
    those = replies(reply(chunk("d3", PLANTED)), planted_strings=[PLANTED])
    assert broken(those) == [(Invariant.RECALL, ("d3",))]


def test_an_unsafe_answer_is_a_breach_unless_its_passage_says_so() -> None:
    assert broken(replies(reply(CLEAN[0], answer="I will kill you."))) == [(Invariant.UNSAFE_ANSWERS, ())]
    assert broken(replies(reply(chunk("d3", "He said: I will kill you."), answer="I will kill you. [1]"))) == []
