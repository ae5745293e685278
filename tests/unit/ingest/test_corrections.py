"""Accepted corrections to documents, and what they hide."""

from datetime import timedelta

import pytest

from ingest.corrections import accepted
from rag_flywheel.domain import Correction, Review, ReviewedCorrection, Verdict
from tests.fakes.samples import NOON, correction, review, span


def reviewed(
    given: Correction, verdict: Verdict | None = Verdict.ACCEPT, answer: str | None = None
) -> ReviewedCorrection:
    decided: Review | None = None if verdict is None else review(given.correction_id, verdict, answer=answer)
    return ReviewedCorrection(correction=given, review=decided)


def test_an_accepted_correction_becomes_a_document_with_its_provenance() -> None:
    better = correction("c1", feedback="f1", supersedes=[span("guide", 5, 9)])
    [document] = accepted([reviewed(better)]).documents
    assert document.document_id == "correction:c1"
    assert (document.title, document.question, document.text) == (better.question, better.question, better.answer)
    assert document.source == "correction"
    provenance = document.provenance
    assert provenance is not None
    assert (provenance.correction_id, provenance.interaction_id, provenance.feedback_ids) == ("c1", "i1", ("f1",))
    assert (provenance.reviewer, provenance.reviewed, provenance.supersedes) == ("grace", NOON, better.supersedes)


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
    assert [document.document_id for document in found.documents] == ["correction:c2"]
    assert found.superseded == ("c1",)


def test_of_three_answers_to_one_question_the_newest_stands() -> None:
    found = accepted([reviewed(correction(f"c{at}")) for at in (1, 2, 3)])
    assert [document.document_id for document in found.documents] == ["correction:c3"]
    assert found.superseded == ("c1", "c2")


def test_a_correction_replaces_one_that_it_names_and_hides_no_source_by_that() -> None:
    first = correction("c1", question="One?")
    second = correction("c2", question="Two?", supersedes=[span("correction:c1", 0, 5)])
    found = accepted([reviewed(first), reviewed(second)])
    assert [document.document_id for document in found.documents] == ["correction:c2"]
    assert (found.hidden, found.superseded) == ((), ("c1",))


def test_a_newer_answer_that_was_rejected_replaces_nothing() -> None:
    second = reviewed(correction("c2", supersedes=[span("correction:c1")]), Verdict.REJECT)
    found = accepted([reviewed(correction("c1")), second])
    assert [document.document_id for document in found.documents] == ["correction:c1"]


def test_what_a_replaced_correction_hid_stays_hidden() -> None:
    first = correction("c1", supersedes=[span("guide")])
    assert accepted([reviewed(first), reviewed(correction("c2"))]).hidden == (span("guide"),)


def test_naming_an_unknown_correction_is_not_reported_as_superseded() -> None:
    found = accepted([reviewed(correction("c1", supersedes=[span("correction:gone")]))])
    assert (len(found.documents), found.superseded) == (1, ())


def test_of_two_answers_the_one_accepted_last_stands_whichever_was_handed_in_first() -> None:
    first = ReviewedCorrection(correction=correction("c1"), review=review("c1", reviewed=NOON + timedelta(hours=2)))
    second = ReviewedCorrection(
        correction=correction("c2", submitted=NOON + timedelta(hours=1)),
        review=review("c2", reviewed=NOON + timedelta(hours=1)),
    )
    found = accepted([first, second])
    assert [document.document_id for document in found.documents] == ["correction:c1"]
    assert found.superseded == ("c2",)


def test_the_provenance_of_the_winner_names_every_correction_whose_place_it_took() -> None:
    named = span("guide", 5, 9)
    first, second = correction("c1", answer="Twelve chars"), correction("c2", answer="Four")
    [document] = accepted([reviewed(first), reviewed(second), reviewed(correction("c3", supersedes=[named]))]).documents
    assert document.provenance is not None
    assert document.provenance.supersedes == (named, span("correction:c2", 0, 4), span("correction:c1", 0, 12))


def test_where_the_winner_is_rejected_later_the_one_before_it_stands_again() -> None:
    first, second = correction("c1"), correction("c2")
    found = accepted([reviewed(first), reviewed(second, Verdict.REJECT)])
    assert ([document.document_id for document in found.documents], found.superseded) == (["correction:c1"], ())
    assert found.documents[0].provenance is not None
    assert found.documents[0].provenance.supersedes == ()
