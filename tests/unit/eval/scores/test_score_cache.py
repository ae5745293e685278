"""Scores from one cycle to the next."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from eval.questions.golden import Case, Slice
from eval.scores import score_cache
from eval.scores.ragas_metrics import Score
from eval.scores.scorecard import Scorecard
from rag_flywheel.domain import Json, VersionId
from tests.fakes.evaluation import case
from tests.fakes.rankings import MemoryCache

A, B = case("a", "d1", answer="One."), case("b", "d2")


class Asked:
    """Scores cases, and remembers which."""

    def __init__(self, values: Mapping[str, Score]) -> None:
        self.values = values
        self.cases: list[str] = []

    def __call__(self, cases: Sequence[Case]) -> Scorecard:
        self.cases += [asked.case_id for asked in cases]
        return Scorecard(cases=tuple(cases), values={asked.case_id: self.values for asked in cases})


def scored(
    cases: Sequence[Case],
    cache: MemoryCache,
    asked: Asked,
    *,
    version: str = "v1",
    settings: Mapping[str, Json] | None = None,
    references: Mapping[str, Sequence[str]] | None = None,
) -> Scorecard:
    return score_cache.scored(
        cases,
        version=VersionId(version),
        settings=settings or {},
        references=references or {},
        cache=cache,
        score=asked,
    )


def test_a_version_is_asked_once_and_new_cases_join_what_is_kept() -> None:
    cache, asked = MemoryCache(), Asked({"hit_at_1": 1.0, "rouge_l": 0.1 + 0.2})
    first = scored([A], cache, asked)
    both = scored([B, A], cache, asked)
    assert asked.cases == ["a", "b"]
    assert both == Scorecard(cases=(B, A), values={"b": asked.values, "a": asked.values})
    assert both.values["a"] == first.values["a"]


def test_what_only_sorts_a_case_changes_nothing() -> None:
    cache, asked = MemoryCache(), Asked({"hit_at_1": 1.0})
    scored([A], cache, asked)
    sorted_otherwise = replace(A, case_id="z", slice=Slice.CONFIRMED, cluster="other", made=True)
    assert scored([sorted_otherwise], cache, asked).values == {"z": {"hit_at_1": 1.0}}
    assert asked.cases == ["a"]


def test_whatever_could_change_a_score_is_scored_again() -> None:
    cache, asked = MemoryCache(), Asked({"hit_at_1": 1.0})
    scored([A], cache, asked)
    for other in (
        replace(A, question="Another?"),
        replace(A, answer="Two."),
        replace(A, documents=A.documents | B.documents),
        replace(A, sources_only=True),
    ):
        scored([other], cache, asked)
    scored([A], cache, asked, version="v2")
    scored([A], cache, asked, settings={"judge": "another"})
    scored([A], cache, asked, references={"a": ["Another text."]})
    assert asked.cases == ["a"] * 8


def test_a_case_of_which_a_score_failed_is_scored_again() -> None:
    cache, asked = MemoryCache(), Asked({"hit_at_1": 1.0, "faithfulness": None})
    assert scored([A], cache, asked) == scored([A], cache, asked)
    assert asked.cases == ["a", "a"]
    assert cache.values == {}


def test_no_text_is_kept() -> None:
    cache = MemoryCache()
    scored([A], cache, Asked({"hit_at_1": 1.0}), references={"a": ["A text of a source."]})
    [(key, value)] = cache.values.items()
    assert (len(key), value) == (len("scores:") + 64, b'{"hit_at_1": 1.0}')
