"""Which stage failed, from a recorded ranking and what is known of the answer."""

import pytest

from rag_flywheel.domain import ChunkId, DocumentId, Evidence, Scores, Shown, Stage
from rag_flywheel.domain.equivalence import supports
from rag_flywheel.feedback.attribution import attribute, attribute_without_evidence, first_rank


def shown(rank: int, document: str, *, start: int = 0, end: int = 100, scores: Scores | None = None) -> Shown:
    return Shown(
        chunk_id=ChunkId(f"{document}:{start}"),
        document_id=DocumentId(document),
        start=start,
        end=end,
        rank=rank,
        score=1 / rank,
        scores=scores or Scores(dense=0.5),
    )


def span(document: str, start: int, end: int) -> Evidence:
    return Evidence(document_id=DocumentId(document), start=start, end=end)


RANKING = [shown(1, "a"), shown(2, "b", start=0), shown(3, "b", start=100, end=200), shown(4, "c")]


@pytest.mark.parametrize(
    ("evidence", "stage"),
    [
        ([], Stage.MISSING),
        ([span("z", 0, 10)], Stage.NOT_RETRIEVED),
        ([span("c", 0, 10)], Stage.MIS_RANKED),
        ([span("b", 150, 160)], Stage.MIS_RANKED),
        ([span("b", 90, 110)], Stage.MIS_GENERATED),
        ([span("z", 0, 10), span("a", 99, 300)], Stage.MIS_GENERATED),
        ([span("a", 100, 300)], Stage.NOT_RETRIEVED),
    ],
)
def test_the_stage_follows_from_where_the_evidence_stood(evidence: list[Evidence], stage: Stage) -> None:
    assert attribute(RANKING, evidence, shown=2) is stage


def test_the_first_rank_is_the_best_one_that_overlaps() -> None:
    assert first_rank(RANKING, [span("c", 0, 5), span("b", 120, 130)]) == 3
    assert first_rank(RANKING, [span("a", 100, 101)]) is None
    assert first_rank([], [span("a", 0, 1)]) is None


@pytest.mark.parametrize(
    ("ranking", "answered", "stage"),
    [
        ([shown(1, "a", scores=Scores(dense=0.2)), shown(2, "b", scores=Scores(dense=0.6))], True, Stage.MIS_GENERATED),
        ([shown(1, "a", scores=Scores(dense=0.6))], False, Stage.MISSING),
        ([shown(1, "a", scores=Scores(dense=0.2))], True, Stage.MISSING),
        ([shown(1, "a", scores=Scores(question=0.9))], True, Stage.MIS_GENERATED),
        ([shown(1, "a", scores=Scores(sparse=12.0))], True, Stage.MISSING),
        ([], True, Stage.MISSING),
    ],
)
def test_without_evidence_the_nearest_passage_decides(ranking: list[Shown], answered: bool, stage: Stage) -> None:
    assert attribute_without_evidence(ranking, answered=answered, minimum_similarity=0.35) is stage


@pytest.mark.parametrize(
    ("text", "answer", "expected"),
    [
        ("Press the HOME button, then choose Settings.", "press the home button", True),
        ("Press the red button.", "press the home button", True),  # 3 of 4
        ("Press the home key.", "Press home or hold power.", False),  # 2 of 4
        ("Press something red.", "press the home button", False),
        ("Anything at all.", "?!", False),
        ("", "word", False),
        ("alpha bravo delta hotel india kilo lima", "alpha bravo delta hotel india kilo lima nine zero four", True),
        ("Yes.", "Yes.", False),  # any passage might hold so short an answer
    ],
)
def test_a_passage_supports_an_answer_when_it_holds_most_of_its_words(text: str, answer: str, expected: bool) -> None:
    assert supports(text, answer) is expected
