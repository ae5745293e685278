"""A candidate in the index is asked again as if some of it were left out, or not adopted."""

from pathlib import Path

from rag_flywheel.cycle.lost_questions import Again, Kind
from rag_flywheel.cycle.scoring_run import ScoringRun
from rag_flywheel.cycle.what_if import asked_again
from rag_flywheel.domain import Admission, Chunk, LearnedRanking, VersionId
from rag_flywheel.search.fusion import SPARSE
from tests.fakes.services import publish, services

TEXTS = {
    "volume": "Press the plus key for more volume.",
    "screen": "Clean the screen with a cloth, and never the keys for volume.",
}
QUESTION = "Which key gives more volume?"
BOLD = Admission(threshold=0.1, words=0.0, passage=0.0)
NONE_IS_MEANT = Admission(threshold=2.0, words=0.0, passage=0.0)
CORRECTION = ("Which key gives more volume again?", "The red one.")


def begin(folder: Path) -> Again:
    """The live version ranks by the fewest shared words, and takes no known question for a query."""
    made = services(folder)
    publish(
        made,
        "v1",
        TEXTS,
        corrections={"c1": CORRECTION},
        confirmed={"i1": (QUESTION, "screen")},
        learned=LearnedRanking(admission=BOLD),
    )
    run = ScoringRun(services=made, references={}, judge=None, steps=lambda what, done, total: None)
    live = LearnedRanking(admission=NONE_IS_MEANT, fusion={SPARSE: -9.0})
    return asked_again(made.ledger.version(VersionId("v1")).manifest, live, run)


def first(again: Again, *as_live: Kind, without: str = "") -> str:
    def left_out(chunk: Chunk) -> bool:
        return chunk.document_id == without

    return again.rank(QUESTION, as_live=frozenset(as_live), left_out=left_out).passages[0].chunk.document_id


def test_a_confirmed_answer_to_the_very_question_does_not_count(tmp_path: Path) -> None:
    assert first(begin(tmp_path)) == "correction:c1"


def test_what_is_left_out_is_not_found(tmp_path: Path) -> None:
    assert first(begin(tmp_path), without="correction:c1") == "volume"


def test_the_order_and_the_rule_of_the_live_version_are_taken_one_by_one_or_both(tmp_path: Path) -> None:
    again = begin(tmp_path)
    assert first(again, Kind.ADMISSION) == "volume"
    assert first(again, Kind.ORDER) == "correction:c1"
    assert first(again, Kind.ORDER, Kind.ADMISSION) == "screen"


def test_it_tells_whether_a_ranking_answers(tmp_path: Path) -> None:
    again = begin(tmp_path)
    found = again.rank(QUESTION, as_live=frozenset(), left_out=lambda chunk: False).passages
    assert again.answers(QUESTION, found)
    assert not again.answers(QUESTION, [])
