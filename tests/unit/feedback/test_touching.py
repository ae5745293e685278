"""What a correction would touch, before it is accepted."""

from dataclasses import replace
from pathlib import Path

import pytest

from rag_flywheel.domain import Admission, LearnedRanking, ReviewedCorrection, VersionId
from rag_flywheel.feedback.touching import NEAREST, Touched, touched
from rag_flywheel.ports import Vectors
from rag_flywheel.services import Services
from tests.fakes.samples import correction, span
from tests.fakes.services import publish, services

ADMITS = LearnedRanking(admission=Admission(threshold=0.5, words=0.0))
BOLD = LearnedRanking(admission=Admission(threshold=-9.0, words=0.0))
QUESTION = "How do I put the previous version back?"
NEW = "How long does a backup of the previous version take?"


@pytest.fixture
def made(tmp_path: Path) -> Services:
    return services(tmp_path)


def proposed(question: str = QUESTION, **more: object) -> ReviewedCorrection:
    return ReviewedCorrection(correction=replace(correction("c1", question=question), **more), review=None)


def touch(made: Services, others: list[str], of: ReviewedCorrection | None = None) -> Touched:
    live = made.index.live()
    assert live is not None
    searcher = made.open(made.ledger.version(live).manifest)
    return touched(of or proposed(), others, searcher=searcher, vectors={})


def test_its_own_question_finds_it_first_and_what_stood_there_before_is_told(made: Services) -> None:
    publish(made, "v1", learned=ADMITS)
    found = touch(made, [])
    assert (found.place, found.threshold, found.version) == (1, 0.5, "v1")
    assert found.fit == pytest.approx(1.0)
    assert found.before is not None
    assert found.before.chunk.document_id == "rollback"
    assert (found.questions, found.changed) == ((), 0)


def test_a_version_that_admits_no_corrections_would_not_find_it(made: Services) -> None:
    publish(made, "v1")
    found = touch(made, [QUESTION, NEW])
    assert (found.place, found.threshold, found.changed) == (None, None, 0)


def test_questions_near_it_that_would_be_shown_something_else_are_counted_and_its_own_wordings_are_not(
    made: Services,
) -> None:
    publish(made, "v1", learned=BOLD)
    wording = "How do I put the previous version back, please?"
    found = touch(made, ["How is the service installed on Linux?", wording, NEW, QUESTION])
    told = {near.question: (near.wording, near.changed) for near in found.questions}
    assert told[wording] == (True, True)
    assert QUESTION not in told
    changed = [near for near in found.questions if near.changed and not near.wording]
    assert found.changed == len(changed)
    assert all(near.after is not None and near.after.chunk.text == "Run rag-flywheel rollback." for near in changed)
    assert [near.cosine for near in found.questions] == sorted((near.cosine for near in found.questions), reverse=True)


def test_where_it_hides_the_passage_that_answered_another_question_that_is_a_change(made: Services) -> None:
    publish(made, "v1", learned=ADMITS)
    asked = "What does rag-flywheel rollback take?"
    untouched = touch(made, [asked])
    assert not untouched.questions[0].changed
    hiding = touch(made, [asked], proposed(supersedes=(span("rollback", 0, 80),)))
    [near] = hiding.questions
    assert near.changed
    assert near.before is not None
    assert near.before.chunk.document_id == "rollback"


def test_one_that_is_live_already_is_compared_with_the_version_without_it(made: Services) -> None:
    publish(made, "v1", corrections={"c1": (QUESTION, "Run rag-flywheel rollback.")}, learned=ADMITS)
    found = touch(made, [])
    assert found.place == 1
    assert found.before is not None
    assert found.before.chunk.document_id == "rollback"


def test_only_the_nearest_questions_are_asked_and_each_is_encoded_once(made: Services) -> None:
    publish(made, "v1", learned=ADMITS)
    searcher = made.open(made.ledger.version(VersionId("v1")).manifest)
    vectors: dict[bytes, Vectors] = {}
    others = [f"How do I put version {number} back?" for number in range(NEAREST + 10)] * 2
    found = touched(proposed(), others, searcher=searcher, vectors=vectors)
    assert (len(found.questions), len(vectors)) == (NEAREST, NEAREST + 10)
    assert touched(proposed(), others, searcher=searcher, vectors=vectors) == found
    assert not any(b"version" in key for key in vectors)
