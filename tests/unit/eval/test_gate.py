"""The gate's rules, one by one, and at the sizes where chance and harm are hard to tell apart."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.comparison import ALL_GUARDS, Comparison, compare
from eval.gate import ATTEMPTS, Finding, Ruling, check_metrics, confidence, decide, holm
from eval.guardrails.checks import Invariant, check
from eval.questions.golden import GUARDS, Slice
from eval.scores.ragas_metrics import Score
from eval.scores.scorecard import Scorecard
from rag_flywheel.config import Gate
from rag_flywheel.domain import Outcome
from rag_flywheel.errors import ConfigError
from tests.fakes.evaluation import case

Pairs = Sequence[tuple[float, float]]
Values = Mapping[Slice, Pairs]


def compared(
    hits: Values,
    *,
    faithful: Sequence[tuple[Score, Score]] = (),
    parts: Mapping[str, frozenset[str]] | None = None,
    level: float = 0.95,
) -> list[Comparison]:
    """Comparisons of hit_at_1 pairs by slice; every refusal was right. `faithful` pairs go with the golden slice."""
    cases = tuple(case(f"{slice}{at}", "d", slice=slice) for slice, pairs in hits.items() for at in range(len(pairs)))
    sides: list[Scorecard] = []
    for side in (0, 1):
        values: dict[str, dict[str, Score]] = {
            f"{slice}{at}": {"hit_at_1": pair[side], "refusal_correct": 1.0}
            for slice, pairs in hits.items()
            for at, pair in enumerate(pairs)
        }
        for at, scores in enumerate(faithful):
            values[f"{Slice.GOLDEN}{at}"]["faithfulness"] = scores[side]
        sides.append(Scorecard(cases=cases, values=values))
    return compare(sides[0], sides[1], parts=parts or {}, confidence=level, resamples=2000, seed=0)


def pairs(n: int, *, lost: int = 0, won: int = 0) -> Pairs:
    """So many pairs of hits, the lost ones first."""
    return [(1.0, 0.0)] * lost + [(0.0, 1.0)] * won + [(1.0, 1.0)] * (n - lost - won)


def ruled(
    hits: Values,
    *,
    attempt: int = 1,
    faithful: Sequence[tuple[Score, Score]] = (),
    parts: Mapping[str, frozenset[str]] | None = None,
    possible: int | None = None,
    config: Gate | None = None,
) -> Ruling:
    level = confidence(attempt)
    comparisons = compared(hits, faithful=faithful, parts=parts, level=level)
    return decide(comparisons, [], first=False, possible=possible, confidence=level, settings=config or Gate())


def outcome(hits: Values, *, possible: int | None = None) -> Outcome:
    return ruled(hits, possible=possible).outcome


def findings(ruling: Ruling, metric: str = "hit_at_1") -> dict[str, Finding]:
    return {result.comparison.slice: result.finding for result in ruling.tested if result.comparison.metric == metric}


# --- what comes first -----------------------------------------------------------------------------------------------


def test_any_breach_refuses_even_a_first_version() -> None:
    breach = check(Invariant.SHRINK, "share that is gone", value=0.75, limit=0.3, breach="3 of 4 documents are gone.")
    fine = check(Invariant.AUTHORS, "share of one author", value=0.1, limit=0.5, breach="Too many.")
    told = decide(
        compared({Slice.GOLDEN: pairs(40)}), [fine, breach], first=True, possible=None, confidence=0.95, settings=Gate()
    )
    assert (told.outcome, told.reasons) == (Outcome.REFUSED, ("3 of 4 documents are gone.",))
    assert told.checks == (fine, breach)


def test_a_first_version_passes_with_nothing_to_compare_it_with() -> None:
    alone = Scorecard(cases=(case("a", "d"),), values={"a": {"hit_at_1": 0.0}})
    comparisons = compare(None, alone, parts={}, confidence=0.95, resamples=100, seed=0)
    told = decide(comparisons, [], first=True, possible=0, confidence=0.95, settings=Gate())
    assert (told.outcome, told.better) == (Outcome.PASSED, False)
    assert "first version" in told.reasons[0]
    assert {result.finding for result in told.tested} == {Finding.NOT_TESTED}


def test_doubts_do_not_keep_a_live_version_that_must_go_and_harm_does() -> None:
    for hits, kept, gone in (
        (pairs(100, lost=14, won=14), Outcome.UNDECIDED, Outcome.PASSED),
        (pairs(100, lost=30), Outcome.REFUSED, Outcome.REFUSED),
        (pairs(100), Outcome.PASSED, Outcome.PASSED),
    ):
        comparisons = compared({Slice.GOLDEN: hits})
        told = [
            decide(
                comparisons, [], first=False, possible=None, confidence=0.95, settings=Gate(), must_go=must_go
            ).outcome
            for must_go in (False, True)
        ]
        assert told == [kept, gone]


# --- better, or not worse -------------------------------------------------------------------------------------------


def test_a_rise_on_the_target_that_is_shown_passes_as_better_with_the_numbers() -> None:
    told = ruled({Slice.CORRECTED: pairs(8, won=7), Slice.GOLDEN: pairs(220)})
    assert (told.outcome, told.better) == (Outcome.PASSED, True)
    assert "8 of 8 newly corrected questions" in told.reasons[0]
    assert "before it were 1: shown to be better" in told.reasons[0]
    assert told.reasons[1] == (  # of two populations
        "Of 220 other questions 0 got worse and 0 better by what stands first: none of 4 comparisons is worse than is "
        "allowed."
    )
    assert findings(told) == {
        Slice.CORRECTED: Finding.BETTER,
        Slice.GOLDEN: Finding.NOT_WORSE,
        ALL_GUARDS: Finding.NOT_WORSE,
    }


def test_a_rise_of_too_few_questions_passes_as_not_worse() -> None:
    told = ruled({Slice.CORRECTED: pairs(4, won=4), Slice.GOLDEN: pairs(30)})
    assert (told.outcome, told.better) == (Outcome.PASSED, False)
    assert "too few to show that it is better; it passes since nothing else is worse" in told.reasons[0]


def test_questions_that_a_version_lost_within_the_margin_are_counted_where_it_passes() -> None:
    told = ruled({Slice.GOLDEN: pairs(400, lost=1)})
    assert told.outcome is Outcome.PASSED
    assert "Of 400 other questions 1 got worse and 0 better by what stands first" in told.reasons[1]


@pytest.mark.parametrize(("won", "expected"), [(5, True), (4, False)])
def test_better_is_shown_from_five_questions_that_were_all_won(won: int, expected: bool) -> None:
    """1/32 is below 0.05, and 1/16 is not."""
    assert ruled({Slice.CORRECTED: pairs(won, won=won), Slice.GOLDEN: pairs(30)}).better is expected


def test_rewordings_that_rise_are_better_too() -> None:
    hits = {Slice.CORRECTED: pairs(1, won=1), Slice.PARAPHRASE: pairs(8, won=8), Slice.GOLDEN: pairs(30)}
    assert findings(ruled(hits))[Slice.PARAPHRASE] is Finding.BETTER
    assert ruled(hits).better


def test_each_target_that_is_tested_makes_it_harder_to_be_shown_better() -> None:
    alone = {Slice.CORRECTED: pairs(5, won=5), Slice.GOLDEN: pairs(30)}
    assert ruled(alone).better
    assert not ruled({**alone, Slice.PARAPHRASE: pairs(5)}).better


def test_a_rise_of_a_metric_that_is_no_target_does_not_count() -> None:
    hits = {Slice.CORRECTED: pairs(20, won=20), Slice.GOLDEN: pairs(30)}
    told = ruled(hits, config=Gate(target_metrics=("reciprocal_rank",)))
    assert not told.better
    assert findings(told)[Slice.CORRECTED] is Finding.NOT_TESTED


def test_gains_on_guards_are_no_reason_to_be_called_better() -> None:
    assert not ruled({Slice.GOLDEN: pairs(200, won=50)}).better


# --- guards ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slice", GUARDS)
@pytest.mark.parametrize("n", [200, 333])
def test_a_fall_of_a_tenth_is_refused_where_a_slice_has_to_hold_on_its_own(slice: Slice, n: int) -> None:
    told = ruled({slice: pairs(n, lost=n // 10)})
    assert told.outcome is Outcome.REFUSED
    assert findings(told) == {slice: Finding.WORSE, ALL_GUARDS: Finding.WORSE}


@pytest.mark.parametrize("n", [20, 30, 50])
def test_a_fall_of_a_tenth_never_passes(n: int) -> None:
    assert outcome({Slice.GOLDEN: pairs(n, lost=n // 10)}) is not Outcome.PASSED


@pytest.mark.parametrize(("lost", "expected"), [(1, Outcome.PASSED), (4, Outcome.PASSED), (10, Outcome.REFUSED)])
def test_of_two_hundred_questions_a_few_may_flip_and_one_in_twenty_may_not(lost: int, expected: Outcome) -> None:
    assert outcome({Slice.GOLDEN: pairs(200, lost=lost)}) is expected


def test_a_fall_that_is_shown_and_lies_within_the_margin_passes() -> None:
    told = ruled({Slice.GOLDEN: pairs(1000, lost=20)})
    assert told.outcome is Outcome.PASSED
    assert findings(told)[Slice.GOLDEN] is Finding.NOT_WORSE


def test_the_margin_is_how_far_a_guard_may_fall() -> None:
    hits = {Slice.GOLDEN: pairs(1000, lost=20)}
    assert ruled(hits, config=Gate(margin=0.02)).outcome is Outcome.REFUSED


def test_a_fall_that_is_neither_shown_nor_ruled_out_is_undecided_and_told_with_its_numbers() -> None:
    told = ruled({Slice.GOLDEN: pairs(200, lost=16, won=10)})
    assert told.outcome is Outcome.UNDECIDED
    assert set(findings(told).values()) == {Finding.UNCLEAR}
    assert told.reasons[0].startswith(
        "hit_at_1 of the golden questions fell from 0.950 to 0.920 (200 questions: 16 worse"
    )
    assert "a fall of gate.margin (0.05) is not ruled out" in told.reasons[0]
    assert told.reasons[-1] == "No decision keeps the live version."


def test_ups_and_downs_that_cancel_out_are_undecided_while_they_are_too_wild_and_pass_on_enough_questions() -> None:
    assert outcome({Slice.GOLDEN: pairs(100, lost=14, won=14)}) is Outcome.UNDECIDED
    assert outcome({Slice.GOLDEN: pairs(2000, lost=140, won=140)}) is Outcome.PASSED


def test_gains_on_one_guard_do_not_pay_for_harm_on_another() -> None:
    hits = {Slice.GOLDEN: pairs(200, won=60), Slice.CONFIRMED: pairs(200, lost=20)}
    told = ruled(hits)
    assert told.outcome is Outcome.REFUSED
    assert findings(told)[ALL_GUARDS] is Finding.NOT_WORSE
    assert findings(told)[Slice.CONFIRMED] is Finding.WORSE


def test_a_refusal_names_slice_metric_and_numbers() -> None:
    [first, _] = ruled({Slice.KNOWN_ITEM: pairs(200, lost=40)}).reasons
    assert first.startswith("hit_at_1 of the known item questions fell from 1.000 to 0.800 (200 questions: 40 worse, 0")


def test_a_metric_that_is_not_guarded_refuses_nothing() -> None:
    hits = {Slice.GOLDEN: pairs(200, lost=40)}
    told = ruled(hits, config=Gate(guarded_metrics=("refusal_correct",)))
    assert told.outcome is Outcome.PASSED
    assert findings(told)[Slice.GOLDEN] is Finding.NOT_TESTED


def test_a_slice_with_too_few_questions_counts_among_all_guards_only() -> None:
    told = ruled({Slice.GOLDEN: pairs(400), Slice.KNOWN_ITEM: pairs(199, lost=8)})
    assert told.outcome is Outcome.PASSED
    assert findings(told) == {
        Slice.GOLDEN: Finding.NOT_WORSE,
        Slice.KNOWN_ITEM: Finding.TOO_FEW,
        ALL_GUARDS: Finding.NOT_WORSE,
    }
    assert outcome({Slice.GOLDEN: pairs(400), Slice.KNOWN_ITEM: pairs(200, lost=8)}) is Outcome.REFUSED


def test_a_small_slice_that_is_ruined_shows_among_all_guards() -> None:
    assert outcome({Slice.GOLDEN: pairs(40), Slice.KNOWN_ITEM: pairs(8, lost=8)}) is Outcome.REFUSED


@pytest.mark.parametrize(
    ("size", "expected", "finding"), [(200, Outcome.REFUSED, Finding.WORSE), (199, Outcome.PASSED, Finding.TOO_FEW)]
)
def test_a_part_that_is_large_enough_has_to_hold_on_its_own(size: int, expected: Outcome, finding: Finding) -> None:
    """20 of its questions are lost, of 1,000 in all."""
    own = frozenset(f"{Slice.GOLDEN}{at}" for at in range(size))
    told = ruled({Slice.GOLDEN: pairs(1000, lost=20)}, parts={"source docs/a.md": own})
    assert told.outcome is expected
    assert findings(told)["source docs/a.md"] is finding
    assert findings(told)[ALL_GUARDS] is Finding.NOT_WORSE
    assert any("of the source docs/a.md questions fell" in reason for reason in told.reasons) is (
        expected is Outcome.REFUSED
    )


# --- correction for many tests --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "corrected"),
    [
        ([], []),
        ([0.04], [0.04]),
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),  # 0.005 x 4, 0.01 x 3, 0.03 x 2, and 0.04 not below
        ([0.5, 0.9], [1.0, 1.0]),
        ([0.02, 0.02, 0.02], [0.06, 0.06, 0.06]),
    ],
)
def test_holm_multiplies_each_p_value_by_the_tests_not_rejected_before(
    raw: list[float], corrected: list[float]
) -> None:
    assert holm(raw) == pytest.approx(corrected)


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_only_raises_p_values_and_keeps_their_order(raw: list[float]) -> None:
    corrected = holm(raw)
    assert all(before <= after <= 1.0 for before, after in zip(raw, corrected, strict=True))
    order = sorted(range(len(raw)), key=lambda at: raw[at])
    assert [corrected[at] for at in order] == sorted(corrected)


def test_a_fall_that_is_shown_alone_may_not_be_shown_among_several_metrics() -> None:
    """5 of 5 changes are losses, which has a probability of 1/32: below 0.05, and twice that is not."""
    hits = {Slice.GOLDEN: pairs(40, lost=5)}
    assert ruled(hits, config=Gate(guarded_metrics=("hit_at_1",))).outcome is Outcome.REFUSED
    assert ruled(hits, config=Gate(guarded_metrics=("hit_at_1", "refusal_correct"))).outcome is Outcome.UNDECIDED


# --- the share of corrections ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("corrected", "expected"),
    [
        (pairs(1, won=1), Outcome.PASSED),
        ([(0.0, 0.0)], Outcome.REFUSED),
        ([*[(0.0, 0.0)] * 2, *pairs(8, won=8)], Outcome.PASSED),
        ([*[(0.0, 0.0)] * 3, *pairs(7, won=7)], Outcome.REFUSED),
        (pairs(10, lost=1), Outcome.REFUSED),
        ([], Outcome.PASSED),
    ],
    ids=["one found", "one not found", "eight of ten", "seven of ten", "fewer than before", "no new corrections"],
)
def test_the_target_asks_for_its_share_of_corrections_ranked_first(corrected: Pairs, expected: Outcome) -> None:
    assert outcome({Slice.CORRECTED: corrected, Slice.GOLDEN: pairs(30)}) is expected


# --- attempts of one night ------------------------------------------------------------------------------------------


def test_the_risks_of_all_attempts_of_a_night_add_up_to_five_percent() -> None:
    levels = [confidence(attempt) for attempt in range(1, ATTEMPTS + 1)]
    assert sum((1.0 - level) / 2.0 for level in levels) == pytest.approx(0.05)
    assert levels == sorted(levels)
    assert levels[0] == 0.95


@pytest.mark.parametrize("attempt", [0, ATTEMPTS + 1])
def test_a_night_has_no_other_attempts(attempt: int) -> None:
    with pytest.raises(ValueError, match="attempts 1 to 8"):
        confidence(attempt)


@pytest.mark.parametrize(("attempt", "most"), [(1, 4), (2, 3), (3, 2), (8, 2)])
def test_a_later_attempt_may_lose_less(attempt: int, most: int) -> None:
    """Of 200 questions that each lose with 5%, at most 4 are lost in 2.6% of cases, 3 in 0.9%, and 2 in 0.2%."""
    assert ruled({Slice.GOLDEN: pairs(200, lost=most)}, attempt=attempt).outcome is Outcome.PASSED
    assert ruled({Slice.GOLDEN: pairs(200, lost=most + 1)}, attempt=attempt).outcome is not Outcome.PASSED


@pytest.mark.parametrize("attempt", [1, 2, 3])
def test_few_questions_pass_in_any_attempt_where_all_are_as_before(attempt: int) -> None:
    assert ruled({Slice.GOLDEN: pairs(20)}, attempt=attempt).outcome is Outcome.PASSED


@pytest.mark.parametrize(("attempt", "level"), [(1, "95%"), (2, "98%"), (3, "99.5%")])
def test_reasons_name_the_level_of_their_attempt(attempt: int, level: str) -> None:
    told = ruled({Slice.GOLDEN: pairs(200, lost=20)}, attempt=attempt)
    assert f"{level} interval of the change" in told.reasons[0]
    assert told.confidence == confidence(attempt)


# --- enough to decide -----------------------------------------------------------------------------------------------


def test_too_few_guard_questions_are_undecided_unless_no_more_can_be_made() -> None:
    hits = {Slice.CORRECTED: pairs(1, won=1), Slice.KNOWN_ITEM: pairs(6)}
    assert outcome(hits) is Outcome.UNDECIDED
    assert outcome(hits, possible=7) is Outcome.UNDECIDED
    assert outcome(hits, possible=6) is Outcome.PASSED
    assert outcome({Slice.GOLDEN: pairs(10), Slice.KNOWN_ITEM: pairs(10)}) is Outcome.PASSED


def test_harm_on_few_questions_is_refused_and_not_left_undecided() -> None:
    assert outcome({Slice.GOLDEN: pairs(8, lost=8)}) is Outcome.REFUSED


@pytest.mark.parametrize(("failed", "expected"), [(1, Outcome.PASSED), (2, Outcome.UNDECIDED)])
def test_a_judge_that_fails_for_too_many_questions_leaves_it_undecided(failed: int, expected: Outcome) -> None:
    faithful: list[tuple[Score, Score]] = [(None, 0.9)] * failed + [(0.9, 0.9)] * (30 - failed)
    told = ruled({Slice.GOLDEN: pairs(30)}, faithful=faithful)
    assert told.outcome is expected
    assert any("faithfulness failed for 2 of 30" in reason for reason in told.reasons) is (failed == 2)


# --- properties -----------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=20)
@given(st.integers(20, 120), st.integers(0, 30), st.integers(0, 30))
def test_one_more_loss_never_turns_a_refusal_into_a_pass(n: int, lost: int, won: int) -> None:
    lost, won = min(lost, n // 2 - 1), min(won, n // 2)
    before = outcome({Slice.GOLDEN: pairs(n, lost=lost, won=won)})
    after = outcome({Slice.GOLDEN: pairs(n, lost=lost + 1, won=won)})
    assert (before, after) != (Outcome.REFUSED, Outcome.PASSED)


@settings(deadline=None, max_examples=20)
@given(st.integers(20, 300), st.integers(0, 100))
def test_a_guard_that_lost_nothing_passes(n: int, won: int) -> None:
    assert outcome({Slice.GOLDEN: pairs(n, won=min(won, n))}) is Outcome.PASSED


@settings(deadline=None, max_examples=20)
@given(st.integers(20, 300), st.integers(0, 60), st.integers(0, 60))
def test_a_guard_that_fell_by_the_margin_never_passes(n: int, won: int, more: int) -> None:
    won = min(won, n // 3)
    lost = min(n - won, won + -(-n // 20) + more)
    assert outcome({Slice.GOLDEN: pairs(n, lost=lost, won=won)}) is not Outcome.PASSED


def test_a_metric_that_there_is_not_is_an_error_that_names_those_there_are() -> None:
    check_metrics(Gate())
    with pytest.raises(ConfigError, match=r"gate\.guarded_metrics: found hit_at_2, expected some of hit_at_1, "):
        check_metrics(Gate(guarded_metrics=("hit_at_1", "hit_at_2")))
