"""The gate's rules, one by one, and at the sizes where chance and harm are hard to tell apart."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.comparison import Comparison, compare
from eval.gate import decide
from eval.golden import GUARDS, Slice
from eval.invariants import Breach, Invariant
from eval.ragas_metrics import Score
from eval.scoring import Scorecard
from rag_flywheel.config import Gate
from rag_flywheel.domain import DocumentId, Outcome
from tests.fakes.evaluation import case

Values = dict[Slice, list[tuple[float, float]]]


def compared(hits: Values, *, faithful: list[tuple[Score, Score]] | None = None) -> list[Comparison]:
    """Comparisons of hit_at_1 pairs by slice; every refusal was right. `faithful` pairs go with the golden slice."""
    cases = tuple(case(f"{slice}{at}", "d", slice=slice) for slice, pairs in hits.items() for at in range(len(pairs)))
    sides: list[Scorecard] = []
    for side in (0, 1):
        values: dict[str, dict[str, Score]] = {
            f"{slice}{at}": {"hit_at_1": pair[side], "refusal_correct": 1.0}
            for slice, pairs in hits.items()
            for at, pair in enumerate(pairs)
        }
        for at, scores in enumerate(faithful or []):
            values[f"{Slice.GOLDEN}{at}"]["faithfulness"] = scores[side]
        sides.append(Scorecard(cases=cases, values=values))
    return compare(sides[0], sides[1], resamples=2000, seed=0)


def pairs(n: int, *, lost: int = 0, won: int = 0) -> list[tuple[float, float]]:
    return [(1.0, 0.0)] * lost + [(0.0, 1.0)] * won + [(1.0, 1.0)] * (n - lost - won)


def outcome(hits: Values, *, possible: int | None = None) -> Outcome:
    return decide(compared(hits), [], first=False, possible=possible, settings=Gate())[0]


def test_a_candidate_that_harms_nothing_and_helps_its_target_passes_with_the_numbers() -> None:
    hits = {Slice.CORRECTED: pairs(5, won=4), Slice.GOLDEN: pairs(30)}
    decided, reasons = decide(compared(hits), [], first=False, possible=None, settings=Gate())
    assert decided is Outcome.PASSED
    assert "5 of 5 newly corrected questions" in reasons[0]
    assert "before it were 1" in reasons[0]
    assert "30 guard questions" in reasons[1]


def test_any_breach_refuses_even_a_first_version() -> None:
    breach = Breach(invariant=Invariant.SHRINK, message="3 of 4 documents are gone.", documents=(DocumentId("d"),))
    told = decide(compared({Slice.GOLDEN: pairs(40)}), [breach], first=True, possible=None, settings=Gate())
    assert told == (Outcome.REFUSED, ("3 of 4 documents are gone.",))


def test_a_first_version_passes_with_nothing_to_compare_it_with() -> None:
    decided, [reason] = decide([], [], first=True, possible=0, settings=Gate())
    assert decided is Outcome.PASSED
    assert "first version" in reason


@pytest.mark.parametrize("slice", GUARDS)
@pytest.mark.parametrize("n", [20, 25, 29, 39, 50, 100, 333])
def test_a_harm_of_a_tenth_is_refused_from_twenty_questions_on(slice: Slice, n: int) -> None:
    assert outcome({slice: pairs(n, lost=n // 10)}) is Outcome.REFUSED


@pytest.mark.parametrize("n", [1, 5, 20, 30, 100])
def test_one_question_that_flips_does_not_refuse_and_is_named_where_it_is_a_large_share(n: int) -> None:
    told = decide(compared({Slice.GOLDEN: pairs(n, lost=1)}), [], first=False, possible=n, settings=Gate())
    assert told[0] is Outcome.PASSED
    assert any("too little to tell from chance" in reason for reason in told[1]) is (1 / n > 0.03)


def test_ups_and_downs_that_nearly_cancel_out_do_not_refuse() -> None:
    assert outcome({Slice.GOLDEN: pairs(30, lost=3, won=2)}) is Outcome.PASSED
    assert outcome({Slice.GOLDEN: pairs(100, lost=14, won=10)}) is Outcome.PASSED


def test_small_harm_on_many_questions_is_refused_by_its_interval() -> None:
    assert outcome({Slice.GOLDEN: pairs(500, lost=22)}) is Outcome.REFUSED
    assert outcome({Slice.GOLDEN: pairs(500, lost=14)}) is Outcome.PASSED


def test_a_small_slice_that_is_ruined_is_refused() -> None:
    assert outcome({Slice.GOLDEN: pairs(40), Slice.KNOWN_ITEM: pairs(3, lost=3)}) is Outcome.REFUSED


def test_gains_on_one_guard_do_not_pay_for_harm_on_another() -> None:
    assert outcome({Slice.GOLDEN: pairs(50, won=20), Slice.CONFIRMED: pairs(50, lost=6)}) is Outcome.REFUSED


def test_a_refusal_names_slice_metric_and_numbers() -> None:
    _, [reason] = decide(
        compared({Slice.KNOWN_ITEM: pairs(20, lost=4)}), [], first=False, possible=None, settings=Gate()
    )
    assert reason.startswith("hit_at_1 of the known item questions fell from 1.000 to 0.800 (20 questions: 4 worse, 0")


@pytest.mark.parametrize(
    ("corrected", "expected"),
    [
        (pairs(1, won=1), Outcome.PASSED),
        ([(0.0, 0.0)], Outcome.REFUSED),
        ([(0.0, 0.0)] * 2 + pairs(8, won=8), Outcome.PASSED),
        ([(0.0, 0.0)] * 3 + pairs(7, won=7), Outcome.REFUSED),
        (pairs(10, lost=1), Outcome.REFUSED),
        ([], Outcome.PASSED),
    ],
    ids=["one found", "one not found", "eight of ten", "seven of ten", "fewer than before", "no new corrections"],
)
def test_the_target_asks_for_its_share_of_corrections_ranked_first(
    corrected: list[tuple[float, float]], expected: Outcome
) -> None:
    assert outcome({Slice.CORRECTED: corrected, Slice.GOLDEN: pairs(30)}) is expected


def test_too_few_guard_questions_are_undecided_unless_no_more_can_be_made() -> None:
    hits = {Slice.CORRECTED: pairs(1, won=1), Slice.KNOWN_ITEM: pairs(6)}
    assert outcome(hits) is Outcome.UNDECIDED
    assert outcome(hits, possible=7) is Outcome.UNDECIDED
    assert outcome(hits, possible=6) is Outcome.PASSED
    assert outcome({Slice.GOLDEN: pairs(10), Slice.KNOWN_ITEM: pairs(10)}) is Outcome.PASSED


def test_harm_on_few_questions_is_refused_and_not_left_undecided() -> None:
    assert outcome({Slice.GOLDEN: pairs(6, lost=3)}) is Outcome.REFUSED


@pytest.mark.parametrize(("failed", "expected"), [(1, Outcome.PASSED), (2, Outcome.UNDECIDED)])
def test_a_judge_that_fails_for_too_many_questions_leaves_it_undecided(failed: int, expected: Outcome) -> None:
    faithful: list[tuple[Score, Score]] = [(None, 0.9)] * failed + [(0.9, 0.9)] * (30 - failed)
    comparisons = compared({Slice.GOLDEN: pairs(30)}, faithful=faithful)
    decided, reasons = decide(comparisons, [], first=False, possible=None, settings=Gate())
    assert decided is expected
    assert any("faithfulness failed for 2 of 30" in reason for reason in reasons) is (failed == 2)


@settings(deadline=None, max_examples=50)
@given(st.integers(20, 120), st.integers(0, 30), st.integers(0, 30))
def test_a_candidate_that_is_worse_still_is_never_judged_better(n: int, lost: int, won: int) -> None:
    lost, won = min(lost, n // 2), min(won, n // 2 - 1)
    before = outcome({Slice.GOLDEN: pairs(n, lost=lost, won=won)})
    after = outcome({Slice.GOLDEN: pairs(n, lost=lost + 1, won=won)})
    assert (before, after) != (Outcome.REFUSED, Outcome.PASSED)


@settings(deadline=None, max_examples=50)
@given(st.integers(20, 200), st.integers(0, 60))
def test_a_guard_that_did_not_fall_by_more_than_the_margin_never_refuses(n: int, won: int) -> None:
    won = min(won, n // 2)
    lost = min(n // 2, won + int(0.03 * n))
    assert outcome({Slice.GOLDEN: pairs(n, lost=lost, won=won)}) is Outcome.PASSED
