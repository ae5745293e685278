"""Accepted corrections to documents, and what they hide."""

import pytest

from ingest.corrections import accepted, same_question
from rag_flywheel.domain import Correction, Review, ReviewedCorrection, Verdict
from tests.fakes.samples import NOON, correction, review, span


def reviewed(
    one: Correction, verdict: Verdict | None = Verdict.ACCEPT, answer: str | None = None
) -> ReviewedCorrection:
    given: Review | None = None if verdict is None else review(one.correction_id, verdict, answer=answer)
    return ReviewedCorrection(correction=one, review=given)


def test_an_accepted_correction_becomes_a_document_with_its_provenance() -> None:
    one = correction("c1", feedback="f1", supersedes=[span("guide", 5, 9)])
    [document] = accepted([reviewed(one)]).documents
    assert document.document_id == "correction:c1"
    assert (document.title, document.question, document.text) == (one.question, one.question, one.answer)
    assert document.source == "correction"
    provenance = document.provenance
    assert provenance is not None
    assert (provenance.correction_id, provenance.interaction_id, provenance.feedback_ids) == ("c1", "i1", ("f1",))
    assert (provenance.reviewer, provenance.reviewed, provenance.supersedes) == ("grace", NOON, one.supersedes)


@pytest.mark.parametrize("verdict", [None, Verdict.REJECT, Verdict.QUARANTINE])
def test_what_was_not_accepted_gives_nothing_and_hides_nothing(verdict: Verdict | None) -> None:
    found = accepted([reviewed(correction(supersedes=[span("guide")]), verdict)])
    assert (found.documents, found.hidden, found.superseded) == ((), (), ())


def test_the_reviewers_wording_is_the_one_that_counts() -> None:
    [document] = accepted([reviewed(correction(answer="About right."), answer="Exactly right.")]).documents
    assert document.text == "Exactly right."


def test_superseded_spans_of_sources_are_hidden() -> None:
    first = correction("c1", question="One?", supersedes=[span("guide", 1, 2), span("faq", 3, 4)])
    second = correction("c2", question="Two?", supersedes=[span("guide", 7, 8)])
    found = accepted([reviewed(first), reviewed(second)])
    assert found.hidden == (span("guide", 1, 2), span("faq", 3, 4), span("guide", 7, 8))


def test_a_newer_answer_to_the_same_question_replaces_the_older_one() -> None:
    first, second = correction("c1", question="How do I roll back?"), correction("c2", question="how do I  roll back")
    found = accepted([reviewed(first), reviewed(second)])
    assert [one.document_id for one in found.documents] == ["correction:c2"]
    assert found.superseded == ("c1",)


def test_of_three_answers_to_one_question_the_newest_stands() -> None:
    found = accepted([reviewed(correction(f"c{at}")) for at in (1, 2, 3)])
    assert [one.document_id for one in found.documents] == ["correction:c3"]
    assert found.superseded == ("c1", "c2")


def test_a_correction_replaces_one_that_it_names_and_hides_no_source_by_that() -> None:
    first = correction("c1", question="One?")
    second = correction("c2", question="Two?", supersedes=[span("correction:c1", 0, 5)])
    found = accepted([reviewed(first), reviewed(second)])
    assert [one.document_id for one in found.documents] == ["correction:c2"]
    assert (found.hidden, found.superseded) == ((), ("c1",))


def test_a_newer_answer_that_was_rejected_replaces_nothing() -> None:
    second = reviewed(correction("c2", supersedes=[span("correction:c1")]), Verdict.REJECT)
    found = accepted([reviewed(correction("c1")), second])
    assert [one.document_id for one in found.documents] == ["correction:c1"]


def test_what_a_replaced_correction_hid_stays_hidden() -> None:
    first = correction("c1", supersedes=[span("guide")])
    assert accepted([reviewed(first), reviewed(correction("c2"))]).hidden == (span("guide"),)


def test_naming_an_unknown_correction_is_not_reported_as_superseded() -> None:
    found = accepted([reviewed(correction("c1", supersedes=[span("correction:gone")]))])
    assert (len(found.documents), found.superseded) == (1, ())


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Who?", "who", True),
        ("  What  is\tthis ?! ", "what is this.", True),
        ("Straße", "STRASSE", True),
        ("Is it 1.5?", "Is it 15?", False),
        ("who", "whom", False),
    ],
)
def test_one_question_is_known_in_other_case_spacing_and_final_punctuation(one: str, other: str, same: bool) -> None:
    assert (same_question(one) == same_question(other)) is same
