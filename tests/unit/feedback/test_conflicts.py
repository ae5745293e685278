"""Which corrections stand, which replaced which, and which contradict one another."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_flywheel.domain import CorrectionId, Evidence, ReviewedCorrection, Verdict
from rag_flywheel.domain.supersession import predecessors, replaced
from rag_flywheel.feedback.conflicts import Standing, disagreements, survey
from tests.fakes.samples import NOON, correction, review, span

TEN = "Hold the reset button for ten seconds."
UNPLUG = "Unplug the set and wait an hour."


def reviewed(
    name: str,
    question: str = "How do I reset it?",
    answer: str = TEN,
    *,
    verdict: Verdict | None = Verdict.ACCEPT,
    hour: int = 0,
    wording: str | None = None,
    supersedes: Sequence[Evidence] = (),
) -> ReviewedCorrection:
    """A correction, reviewed `hour` hours after noon; without a verdict it is pending."""
    at = NOON + timedelta(hours=hour)
    return ReviewedCorrection(
        correction=correction(name, question=question, answer=answer, supersedes=supersedes),
        review=None if verdict is None else review(name, verdict, answer=wording, reviewed=at),
    )


def conflicts(some: Sequence[ReviewedCorrection], name: str) -> list[tuple[str, bool]]:
    found = disagreements(CorrectionId(name), survey(some))
    return [(disagreement.other.correction.correction_id, disagreement.same_question) for disagreement in found]


# --- who replaced whom ----------------------------------------------------------------------------------------------


def test_the_newest_accepted_one_wins_whatever_the_order_of_submission() -> None:
    assert replaced([reviewed("c1", hour=3), reviewed("c2", hour=1), reviewed("c3", hour=2)]) == {
        "c2": "c3",
        "c3": "c1",
    }


def test_of_two_accepted_at_one_instant_the_greater_id_wins() -> None:
    assert replaced([reviewed("c2"), reviewed("c1")]) == {"c1": "c2"}


@pytest.mark.parametrize("verdict", [None, Verdict.REJECT, Verdict.QUARANTINE])
def test_what_is_not_accepted_replaces_nothing_and_is_not_replaced(verdict: Verdict | None) -> None:
    assert replaced([reviewed("c1"), reviewed("c2", hour=1, verdict=verdict)]) == {}
    assert replaced([reviewed("c1", verdict=verdict), reviewed("c2", hour=1)]) == {}


def test_nearly_the_same_question_is_another_one_and_replaces_nothing() -> None:
    assert replaced([reviewed("c1", "How do I reset it"), reviewed("c2", "How do I reset it now", hour=1)]) == {}


def test_a_correction_of_another_question_is_replaced_by_one_that_names_it_and_was_accepted_later() -> None:
    named = [span("correction:c1")]
    other = reviewed("c2", "Another question?", hour=1, supersedes=named)
    assert replaced([reviewed("c1"), other]) == {"c1": "c2"}
    assert replaced([reviewed("c1", hour=2), other]) == {}, "accepting it again puts it back"


@given(st.permutations(range(5)), st.lists(st.integers(0, 4), min_size=5, max_size=5))
def test_of_the_accepted_answers_to_one_question_exactly_the_latest_stands(hours: list[int], named: list[int]) -> None:
    """Also where they name one another, in a circle or themselves."""
    some = [reviewed(f"c{at}", hour=hours[at], supersedes=[span(f"correction:c{named[at]}")]) for at in range(5)]
    assert {f"c{at}" for at in range(5)} - replaced(some).keys() == {f"c{hours.index(4)}"}


def test_predecessors_are_followed_through_others_the_latest_first() -> None:
    replaced_by = replaced([reviewed("c1", hour=1), reviewed("c2", hour=2), reviewed("c3", hour=3)])
    assert predecessors(CorrectionId("c3"), replaced_by) == ("c2", "c1")
    assert predecessors(CorrectionId("c1"), replaced_by) == ()


# --- who contradicts whom -------------------------------------------------------------------------------------------


def test_standing_answers_to_one_question_that_disagree_contradict_each_other() -> None:
    some = [reviewed("c1"), reviewed("c2", "how do I reset it", UNPLUG, verdict=None)]
    assert conflicts(some, "c1") == [("c2", True)]
    assert conflicts(some, "c2") == [("c1", True)]


def test_nearly_the_same_question_conflicts_too_and_is_told_apart() -> None:
    some = [
        reviewed("c1", "How can I reset the remote of my set?"),
        reviewed("c2", "How can I reset the remote of my set now?", UNPLUG, hour=1),
        reviewed("c3", "How can I clean the screen of my set?", UNPLUG, hour=2),
    ]
    assert [conflicts(some, name) for name in ("c1", "c2", "c3")] == [[("c2", False)], [("c1", False)], []]


def test_answers_that_agree_do_not_conflict() -> None:
    assert conflicts([reviewed("c1"), reviewed("c2", answer=TEN.upper(), verdict=None)], "c1") == []


def test_the_reviewers_wording_is_the_one_that_is_compared() -> None:
    some = [reviewed("c1", wording=UNPLUG), reviewed("c2", answer=UNPLUG, verdict=None)]
    assert conflicts(some, "c2") == []
    assert conflicts([reviewed("c1", answer=UNPLUG, wording=TEN), some[1]], "c2") == [("c1", True)]


def test_the_latest_of_two_accepted_answers_to_one_question_settles_the_conflict() -> None:
    some = [reviewed("c1"), reviewed("c2", answer=UNPLUG, hour=1)]
    assert (conflicts(some, "c1"), conflicts(some, "c2")) == ([], [])


@pytest.mark.parametrize("verdict", [Verdict.REJECT, Verdict.QUARANTINE])
def test_what_is_rejected_or_quarantined_contradicts_nothing(verdict: Verdict) -> None:
    some = [reviewed("c1"), reviewed("c2", answer=UNPLUG, verdict=verdict)]
    assert (conflicts(some, "c1"), conflicts(some, "c2")) == ([], [])


def test_the_accepted_answer_is_named_before_pending_ones_and_equal_answers_are_all_named() -> None:
    some = [
        reviewed("c1", answer=UNPLUG, verdict=None),
        reviewed("c2", answer=UNPLUG, verdict=None),
        reviewed("c3", answer="Ask the vendor."),
        reviewed("c4", verdict=None),
    ]
    assert [name for name, _ in conflicts(some, "c4")] == ["c3", "c1", "c2"]


def test_an_unknown_correction_has_no_conflicts() -> None:
    assert conflicts([reviewed("c1")], "c9") == []


WORDINGS = st.builds(
    "{} {} the remote of the {} tv".format,
    st.sampled_from(["pair", "reset"]),
    st.sampled_from(["now", "then"]),
    st.sampled_from(["old", "new", "blue"]),
)
GIVEN = st.tuples(WORDINGS, st.sampled_from(["Hold A.", "Press the red key twice.", "Call us."]))
RULED = st.tuples(st.integers(0, 24), st.sampled_from([Verdict.ACCEPT, Verdict.REJECT, Verdict.QUARANTINE]))


@given(st.lists(GIVEN, min_size=20, max_size=25), st.lists(RULED, max_size=3))
def test_what_is_known_from_before_saves_time_and_changes_nothing(
    given: list[tuple[str, str]], ruled: list[tuple[int, Verdict]]
) -> None:
    entries = [
        ReviewedCorrection(correction=correction(f"c{number}", question=question, answer=answer), review=None)
        for number, (question, answer) in enumerate(given)
    ]
    known = survey(entries[:-1])
    for hours, (number, verdict) in enumerate([(0, Verdict.REJECT), *ruled]):
        at = number % len(entries)
        ruling = review(f"c{at}", verdict, reviewed=NOON + timedelta(hours=hours))
        entries[at] = replace(entries[at], review=ruling)
        known, anew = survey(entries, known), survey(entries)
        assert replace(known, near=anew.near) == anew
        assert {name: _against(name, known) for name in anew.corrections} == {
            name: _against(name, anew) for name in anew.corrections
        }
        assert known.contested == {name for name in anew.corrections if _against(name, anew)}


def _against(name: CorrectionId, known: Standing) -> set[CorrectionId]:
    return {found.other.correction.correction_id for found in disagreements(name, known)}
